"""Grading a class of ten thousand on Dask workers: as many as ten minutes allow, then arithmetic.

A scheduler, a worker for each core, and this process, the coordinator: it reads what was handed in,
hands out batches, writes files and the gradebook. CPU time is counted for each of the three. From
that follows what more workers would do: they share the judging, until the coordinator, of which
there is one, can't keep up.
"""

import contextlib
import itertools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from distributed import Client
from tqdm import tqdm

from autograder.batch.course import Course
from autograder.batch.run import Run
from bench import courses, record
from bench.classes import numpy_class

ALL, SECONDS = 10_000, 600
DATA = courses.ROOT / "book" / "_data" / "ten_thousand"
CLUSTERS = (2, 8, 32, 128)  # cores of workers, in the arithmetic


def rows(quick: bool) -> Iterator[dict]:
    """Give what was graded, then the cost of each part, then the times that follow."""
    students, seconds = (60, 30) if quick else (ALL, SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="bench-ten-thousand-"))
    try:
        course = courses.make(folder / "course", numpy_class(), students)
        (course / "nbgrader_config.py").write_text(courses.OURS)
        with cluster(course, os.cpu_count()) as (address, processes):
            graded, costs = grade(course, address, seconds, processes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    yield graded
    yield from costs
    each = {c["part"]: c["CPU_ms_a_submission"] / 1000 for c in costs if "part" in c}
    yield from (duration(cores, **each) for cores in CLUSTERS)


@contextlib.contextmanager
def cluster(course: Path, size: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Start a scheduler and `size` workers; give the address, and the number of each process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    program = [sys.executable, "-m"]
    scheduler = [*program, "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard"]
    workers = [*program, "distributed.cli.dask_worker", address, "--nworkers", str(size)]
    started: dict[str, subprocess.Popen] = {}
    try:
        started["scheduler"] = courses.start(course, scheduler)
        started["workers"] = courses.start(
            course, [*workers, "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"]
        )
        with Client(address, timeout=60) as client:
            client.wait_for_workers(size, timeout=60)
        yield address, {name: process.pid for name, process in started.items()}
    finally:
        for process in reversed(started.values()):
            process.terminate()
            process.wait(60)


def grade(
    course: Path, address: str, seconds: float, processes: dict[str, int]
) -> tuple[dict, list[dict]]:
    """Grade for so long at most; give the row about what was graded, and a row for each cost.

    `processes` names the parts of the cluster: each is a process and all that it started.
    """
    with contextlib.chdir(course):
        run = Run(Course.here(numpy_class().name))
    writing = timed(run.ledger, "save")
    before = {name: cpu(pid) for name, pid in processes.items()} | {"coordinator": own_cpu()}
    begin = time.perf_counter()
    with tqdm(unit="submission", dynamic_ncols=True) as bar:

        def progress(done: int, failed: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            if time.perf_counter() - begin > seconds:
                raise KeyboardInterrupt  # as Ctrl-C: what is graded is written

        report = run.grade(scheduler=address, progress=progress)
    took = time.perf_counter() - begin
    after = {name: cpu(pid) for name, pid in processes.items()} | {"coordinator": own_cpu()}
    run.close()
    graded = len(report.graded)
    database = course / "gradebook.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (marks,) = connection.execute("select count(*) from grade").fetchone()
    found = {
        "submissions_graded": graded,
        "of": bar.total,
        "seconds": took,
        "a_second": graded / took,
        "workers": os.cpu_count(),
        "marks_written": marks,
        "gradebook_kB_a_submission": database.stat().st_size / 1e3 / graded,
    }
    costs = [
        {"part": name, "CPU_ms_a_submission": 1000 * (after[name] - before[name]) / graded}
        for name in after
    ]
    return found, [
        *costs,
        {"writing": "the gradebook", "ms_a_submission": 1000 * writing() / graded},
    ]


def timed(thing: object, name: str) -> Callable[[], float]:
    """Let a method's calls be timed; return what tells the seconds that they took in all."""
    method, spent = getattr(thing, name), []

    def wrapped(*arguments: object) -> object:
        begin = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            spent.append(time.perf_counter() - begin)

    setattr(thing, name, wrapped)
    return lambda: sum(spent)


def own_cpu() -> float:
    """CPU time of this process alone, in seconds."""
    times = os.times()
    return times.user + times.system


def cpu(pid: int) -> float:
    """CPU time of a process and of all that it started, in seconds."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def duration(cores: int, workers: float, scheduler: float, coordinator: float) -> dict:
    """Return the time that ALL would take with so many cores of workers.

    `workers`, `scheduler` and `coordinator` are CPU-seconds a submission. Workers share theirs;
    scheduler and coordinator are one process each, with a core of its own.
    """
    slowest = {
        "the workers": workers / cores,
        "the scheduler": scheduler,
        "the coordinator": coordinator,
    }
    limit = max(slowest, key=slowest.get)
    return {
        "cores_of_workers": cores,
        f"minutes_for_{ALL:,}": ALL * slowest[limit] / 60,
        "limited_by": limit,
    }


def main() -> None:
    """Measure, and write the record and the table that the handbook shows."""
    found = list(rows(quick=False))
    result = record.begin(DATA.with_suffix(".json"), quick=False)
    result["command"] = "python -m bench.ten_thousand"
    result["rows"] = found
    del result["parts"], result["quick"]
    record.write(DATA.with_suffix(".json"), json.dumps(result, indent=1) + "\n")
    record.write(DATA.with_suffix(".md"), page(result))
    print(page(result))


def page(result: dict) -> str:
    """Return the tables, and where and when they were measured."""
    lines = []
    for keys, group in itertools.groupby(result["rows"], key=list):
        lines += [*record.table(keys, list(group)), ""]
    versions = ", ".join(f"{name} {v}" for name, v in result["versions"].items() if v)
    device = f"{result['device']['name']}, {result['device']['cores']} cores"
    lines.append(f"Measured by `{result['command']}` on {result['date']}: {device}; {versions}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
