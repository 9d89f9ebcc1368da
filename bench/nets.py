"""Forward and backward of our layers beside torch.nn's, alternating in one run.

A row's figure is the median over all rounds of our time over torch's in the same round, so that a
busy moment of the machine counts for both: below 1 we are faster. "Over products" is our time over
that of the layer's matrix products alone, the floor; "products of peak" is the speed of these
products, in their fastest round, as a share of that of one large square product.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from tqdm import tqdm

from unrolled import nets

SIZES = ((50, 32, 64, 128), (100, 64, 128, 256), (500, 16, 64, 128))  # T, N, D, H
CELLS = ("RNN", "GRU", "LSTM")
DTYPES = (np.float32, np.float64)


def rows(quick: bool) -> Iterator[dict]:
    """Give the speed of a large product in each dtype, then a row for each size, dtype and cell."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    peaks = {dtype: peak(dtype, 256 if quick else 2048) for dtype in DTYPES}
    for dtype, speed in peaks.items():
        yield {"dtype": np.dtype(dtype).name, "large_product_GFLOP/s": speed / 1e9}
    compared = [(sizes, dtype, cell) for sizes in SIZES for dtype in DTYPES for cell in CELLS]
    for sizes, dtype, cell in tqdm(compared, unit="row", dynamic_ncols=True):
        yield compare(sizes, dtype, cell, repeats=5 if quick else 25, peak=peaks[dtype])


def peak(dtype: type, n: int) -> float:
    """Return the multiplications and additions a second of an (n, n) product at its fastest."""
    a = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
    out = np.empty_like(a)
    return 2 * n**3 / min(seconds(lambda: np.matmul(a, a, out=out)) for _ in range(7))


def compare(
    sizes: tuple[int, int, int, int], dtype: type, cell: str, repeats: int, peak: float
) -> dict:
    """Return the row of one layer.

    Args:
        sizes: T, N, D and H.
        dtype: of all arrays.
        cell: "RNN", "GRU" or "LSTM".
        repeats: rounds in which ours, torch's and the products run one after the other.
        peak: floating-point operations a second of a large product.
    """
    T, N, D, H = sizes
    rng = np.random.default_rng(0)
    x, dh = (rng.normal(size=(T, N, size)).astype(dtype) for size in (D, H))
    net = getattr(nets, cell).initialise(D, H, rng, dtype=dtype, keep_workspace=True)

    def ours() -> None:
        net.forward(x)
        net.backward(dh)

    contestants = {"ours": ours, "torch": torchs(cell, x, dh), "products": products(net, x, dh)}
    for run in contestants.values():
        run()
    rounds = [{name: seconds(run) for name, run in contestants.items()} for _ in range(repeats)]
    # One product forward and two backward, for W_xh and for W_hh.
    operations = 3 * 2 * T * N * (net.W_xh.size + net.W_hh.size)
    return {
        **dict(zip("TNDH", sizes, strict=True)),
        "dtype": np.dtype(dtype).name,
        "cell": cell,
        "over_torch": statistics.median(r["ours"] / r["torch"] for r in rounds),
        "over_products": statistics.median(r["ours"] / r["products"] for r in rounds),
        "products_of_peak": operations / min(r["products"] for r in rounds) / peak,
    }


def torchs(cell: str, x: np.ndarray, dh: np.ndarray) -> Callable[[], None]:
    """Return torch.nn's forward and backward on these arrays, the gradient of x included."""
    (_, _, D), H = x.shape, dh.shape[2]
    layer = getattr(torch.nn, cell)(D, H).to(torch.from_numpy(x).dtype)
    x_, dh_ = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dh)
    leaves = [x_, *layer.parameters()]

    def run() -> None:
        torch.autograd.grad(layer(x_)[0], leaves, dh_)

    return run


def products(net: nets.RNN, x: np.ndarray, dh: np.ndarray) -> Callable[[], None]:
    """Return the layer's matrix products without anything between them."""
    T, N, D = x.shape
    H = dh.shape[2]
    rows = np.tile(dh, net.gate_count)
    flat_x, flat_rows, flat_h = x.reshape(T * N, D), rows.reshape(T * N, -1), dh.reshape(T * N, H)
    W_hh_T = np.ascontiguousarray(net.W_hh.T)
    forward, backward = np.empty_like(rows[0]), np.empty_like(dh[0])
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
