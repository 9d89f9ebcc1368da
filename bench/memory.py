"""Memory that forward and backward take, with a workspace that is kept and without.

"First call" is the most that a new layer allocates at a time in its first forward and backward,
what it returns included; "next call" the same for the second, beyond "held", what it held before.
Inputs and weights are not counted. In float32 at T, N, D, H = 100, 64, 128, 256.
"""

import tracemalloc
from collections.abc import Iterator

import numpy as np

from bench.nets import CELLS
from unrolled import nets

SIZES = (100, 64, 128, 256)  # T, N, D, H


def rows(quick: bool) -> Iterator[dict]:
    """Give a row for each cell, with and without a kept workspace; a quick run is as large."""
    for cell in CELLS:
        for keep in (True, False):
            yield used(cell, keep, SIZES)


def used(cell: str, keep: bool, sizes: tuple[int, int, int, int]) -> dict:
    """Return the row of one layer of T, N, D and H."""
    T, N, D, H = sizes
    rng = np.random.default_rng(0)
    x, dh = (rng.normal(size=(T, N, size)).astype(np.float32) for size in (D, H))
    net = getattr(nets, cell).initialise(D, H, rng, dtype=np.float32, keep_workspace=keep)
    most = []
    tracemalloc.start()
    try:
        for _ in range(2):
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            net.forward(x)
            net.backward(dh)
            most.append(tracemalloc.get_traced_memory()[1] - held)
    finally:
        tracemalloc.stop()
    return {
        "cell": cell,
        "workspace": "kept" if keep else "new for each call",
        "first_call_MB": most[0] / 1e6,
        "next_call_MB": most[1] / 1e6,
        "held_MB": held / 1e6,
    }
