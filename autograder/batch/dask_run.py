"""Run batches on Dask: a cluster of this machine's processes, or one that runs elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed

from autograder.batch.errors import RefusedError
from autograder.batch.work import Batch, Result, alone, check_sources, grade_batch, why

CONNECT_S = 10
WORKERS_S = 60  # a cluster may be starting
# A batch whose worker dies is run again. A cluster of this machine's own allows many deaths;
# elsewhere the scheduler's setting counts, and then each submission is tried alone.
ALLOWED_DEATHS = 100
TRIES_ALONE = 2
WINDOW = 2  # batches in flight for each worker


@contextmanager
def connect(jobs: int, scheduler: str | None) -> Iterator[Client]:
    """Connect to a scheduler, or start a cluster of `jobs` processes here.

    For a tls:// address Dask's own settings name the certificates (distributed.comm.tls).

    Raises:
        RefusedError: there is no scheduler at the address, or it has no worker.
    """
    if scheduler is None:
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_DEATHS}),
            LocalCluster(
                n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=CONNECT_S)
        client.wait_for_workers(1, timeout=WORKERS_S)
    except Exception as error:
        raise RefusedError(
            f"no Dask scheduler with a worker answers at {scheduler}: "
            f"{' '.join(str(error).split())[:300] or type(error).__name__}"
        ) from error
    with client:
        yield client


def stream(client: Client, batches: Iterator[Batch]) -> Iterator[Result]:
    """Grade batches and give back what is done as it is done.

    Only a few batches a worker are under way at once; the next is made when one is done.

    Raises:
        RefusedError: the scheduler went away.
    """
    under_way: dict[Any, tuple[Batch, int]] = {}  # by key: a future compares by identity
    running = as_completed()

    def submit(batch: Batch, tries: int) -> None:
        future = client.submit(grade_batch, batch, pure=False)
        under_way[future.key] = (batch, tries)
        running.add(future)

    def fill() -> None:
        room = WINDOW * max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
        while len(under_way) < room:
            batch = next(batches, None)
            if batch is None:
                return
            submit(batch, 0)

    fill()
    for future in running:
        batch, tries = under_way.pop(future.key)
        error = future.exception() if future.status == "error" else None
        if future.status == "finished":
            found = future.result()
            yield from ((item, found[item.student]) for item in batch.items)
        elif future.status in ("cancelled", "lost"):
            raise RefusedError("the connection to the Dask scheduler was lost")
        elif isinstance(error, KilledWorker) and tries < TRIES_ALONE:
            for item in batch.items:
                submit(alone(batch, item), tries + 1)
        elif isinstance(error, RefusedError):
            raise error
        else:
            killed = isinstance(error, KilledWorker)
            reason = "every worker that tried it died" if killed else why(error)
            yield from ((item, reason) for item in batch.items)
        future.release()
        fill()


def check_there(client: Client, batch: Batch) -> None:
    """Let a worker check the sources of a batch.

    Raises:
        RefusedError: one of them is unusable.
    """
    client.submit(check_sources, batch, pure=False).result()
