"""Medians of interleaved repeats: what is compared has met the same busy moments."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def seconds(run: Callable[[], object], device: str) -> float:
    """Return how long one call takes until its results are there, by `clock`."""
    now = clock(device)
    wait(device)
    start = now()
    run()
    wait(device)
    return now() - start


def clock(device: str) -> Callable[[], float]:
    """Return the clock: of the processor on one thread of a CPU, which others may share; else time.

    Time that a process spends waiting for its turn says nothing about what it runs.
    """
    if device == "cpu" and torch.get_num_threads() == 1:
        return time.process_time
    return time.perf_counter


def wait(device: str) -> None:
    """Wait until the device has done what it was asked to."""
    if device == "cuda":
        torch.cuda.synchronize()


def interleaved(
    runs: Mapping[str, Callable[[], object]], device: str, limit: float, most: int = 15
) -> dict[str, list[float]]:
    """Time calls in turn, round by round, after one round that doesn't count.

    Args:
        runs: calls by name.
        device: "cpu" or "cuda".
        limit: seconds after which no further round begins; one round is always made.
        most: rounds.

    Returns:
        Seconds of every round by name.
    """
    for run in runs.values():
        run()
    begin, times = time.perf_counter(), {name: [] for name in runs}
    for _ in range(most):
        for name, run in runs.items():
            times[name].append(seconds(run, device))
        if time.perf_counter() - begin > limit:
            break
    return times


def ratio(times: list[float], others: list[float]) -> float:
    """Return the median over rounds of one call's time over another's."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))
