"""Linear recurrences h_t = a_t h_{t−1} + b_t in PyTorch, as in `unrolled.nets.scan`.

PyTorch has an associative scan of its own, `torch._higher_order_ops.associative_scan`; it is
private, its fast mode needs CUDA and a compiler, and the other records each of its operations for
the backward pass. Here the backward pass is one more scan, so only a and h are kept.
"""

from typing import Any

import torch
from torch import Tensor


def linear_scan(a: Tensor, b: Tensor, h0: Tensor, how: str = "parallel") -> Tensor:
    """Return all states of h_t = a_t h_{t−1} + b_t, differentiable as often as one likes.

    Args:
        a: factors (T, …), with T at least 1, of any sign and size.
        b: what is added (T, …).
        h0: the state before step 1 (…).
        how: "parallel" composes pairs of steps, in 2 log₂ T rounds; "loop" goes step by step.

    Returns:
        h (T, …), the states h_1 … h_T.

    Raises:
        ValueError: shapes don't match, T is 0, or `how` is unknown.
    """
    if a.ndim == 0 or len(a) == 0:
        raise ValueError(f"a: expected shape (T, …) with T at least 1, got {tuple(a.shape)}")
    for name, tensor, shape in (("b", b, a.shape), ("h0", h0, a.shape[1:])):
        if tensor.shape != shape:
            raise ValueError(f"{name}: expected shape {tuple(shape)}, got {tuple(tensor.shape)}")
    if how == "parallel":
        return _LinearScan.apply(a, b, h0)
    if how == "loop":
        return _by_loop(a, b, h0)
    raise ValueError(f"how: expected 'parallel' or 'loop', got {how!r}")


class _LinearScan(torch.autograd.Function):
    """The scan by pairs, whose backward pass is the same scan from the end."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        h = _by_pairs(a, b, h0)
        ctx.save_for_backward(a, h, h0)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, h0 = ctx.saved_tensors
        # Backwards, step T comes first, and its factor meets the zero that lies behind the end.
        later = a.roll(-1, 0).flip(0)
        db = _LinearScan.apply(later, dh.flip(0), torch.zeros_like(h0)).flip(0)
        before = torch.cat([h0.unsqueeze(0), h[:-1]])
        return db * before, db, a[0] * db[0]


def _by_loop(a: Tensor, b: Tensor, h_t: Tensor) -> Tensor:
    h = []
    # unbind's backward is one stack. Indexing a[t] would make a zero (T, …) at every step.
    for a_t, b_t in zip(a.unbind(0), b.unbind(0), strict=True):
        h_t = torch.addcmul(b_t, a_t, h_t)
        h.append(h_t)
    return torch.stack(h)


def _by_pairs(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    T = len(a)
    h = torch.empty_like(b)
    torch.addcmul(b[0], a[0], h0, out=h[0])
    if T > 1:
        # Steps 1 and 2 as one, 3 and 4 as one …: their states are every second one, from h_2 on.
        a_1, a_2, b_1, b_2 = a[: T - 1 : 2], a[1::2], b[: T - 1 : 2], b[1::2]
        h[1::2] = _by_pairs(a_2 * a_1, torch.addcmul(b_2, a_2, b_1), h0)
        # h_3, h_5 … are one step further.
        torch.addcmul(b[2::2], a[2::2], h[1 : T - 1 : 2], out=h[2::2])
    return h
