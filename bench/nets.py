"""Our layers in NumPy beside torch.nn's, forward and backward, alternating in one run.

    python -m bench nets                    the three sizes; about two minutes
    python -m bench nets --repeats 5        a quick look

One thread each. A row's figure is the median over all rounds of our time over torch's in the same
round, so that a busy moment of the machine counts for both. "Products" is our time over that of
the layer's matrix products alone. Absolute times belong to the machine and its load.
"""

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import torch
from tqdm import tqdm

from unrolled import nets

SIZES = ((50, 32, 64, 128), (100, 64, 128, 256), (500, 16, 64, 128))  # T, N, D, H
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def main(arguments: list[str]) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench nets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--repeats", type=int, default=25, help="rounds a row (default 25)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = [
        (sizes, dtype, cell)
        for sizes in SIZES
        for dtype in (np.float32, np.float64)
        for cell in GATES
    ]
    lines = []
    for sizes, dtype, cell in tqdm(rows, unit="row", dynamic_ncols=True):
        over_torch, over_products, allocated = compare(sizes, dtype, cell, options.repeats)
        T, N, D, H = sizes
        lines.append(
            f"{T:4} {N:4} {D:4} {H:4}  {np.dtype(dtype).name:8} {cell:5}"
            f"{over_torch:9.2f} {over_products:9.2f} {allocated / 1e6:10.1f}"
        )
    print("   T    N    D    H  dtype    cell   / torch  / products  MB a call")
    print("\n".join(lines))
    return 0


def compare(
    sizes: tuple[int, int, int, int], dtype: type, cell: str, repeats: int
) -> tuple[float, float, int]:
    """Return our time over torch's, over that of the products alone, and bytes allocated a call."""
    T, N, D, H = sizes
    rng = np.random.default_rng(0)
    x, dh = (rng.normal(size=(T, N, size)).astype(dtype) for size in (D, H))
    net = getattr(nets, cell).initialise(D, H, rng, dtype=dtype, keep_workspace=True)

    def ours() -> None:
        net.forward(x)
        net.backward(dh)

    contestants = {
        "ours": ours,
        "torch": torchs(cell, x, dh),
        "products": products(net, x, dh, GATES[cell]),
    }
    for run in contestants.values():
        run()
    rounds = []
    for _ in range(repeats):
        rounds.append({name: seconds(run) for name, run in contestants.items()})
    tracemalloc.start()
    ours()
    _, allocated = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    over_torch, over_products = (
        statistics.median(r["ours"] / r[peer] for r in rounds) for peer in ("torch", "products")
    )
    return over_torch, over_products, allocated


def torchs(cell: str, x: np.ndarray, dh: np.ndarray) -> Callable[[], None]:
    """Return torch.nn's forward and backward on these arrays, the gradient of x included."""
    (_, _, D), H = x.shape, dh.shape[2]
    layer = getattr(torch.nn, cell)(D, H).to(torch.from_numpy(x).dtype)
    x_, dh_ = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dh)
    leaves = [x_, *layer.parameters()]

    def run() -> None:
        torch.autograd.grad(layer(x_)[0], leaves, dh_)

    return run


def products(net: nets.RNN, x: np.ndarray, dh: np.ndarray, gates: int) -> Callable[[], None]:
    """Return the layer's matrix products without anything between them."""
    T, N, D = x.shape
    H = dh.shape[2]
    rows = np.tile(dh, gates)
    flat_x, flat_rows, flat_h = x.reshape(T * N, D), rows.reshape(T * N, -1), dh.reshape(T * N, H)
    W_hh_T = np.ascontiguousarray(net.W_hh.T)
    forward, backward = np.empty((N, gates * H), x.dtype), np.empty((N, H), x.dtype)
    dx, out = np.empty_like(flat_x), np.empty_like(flat_rows)
    dW_xh, dW_hh = np.empty_like(net.W_xh), np.empty_like(net.W_hh)

    def run() -> None:
        np.matmul(flat_x, net.W_xh, out=out)
        for t in range(T):
            np.dot(dh[t], net.W_hh, out=forward)
        for t in range(T):
            np.dot(rows[t], W_hh_T, out=backward)
        np.matmul(flat_rows, net.W_xh.T, out=dx)
        np.matmul(flat_x.T, flat_rows, out=dW_xh)
        np.matmul(flat_h.T, flat_rows, out=dW_hh)

    return run


def seconds(run: Callable[[], None]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
