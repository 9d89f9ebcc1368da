"""Linear recurrences h_t = a_t h_{t−1} + b_t, entry by entry: step after step, or as a scan.

Two steps after each other are one step of the same form, with a = a_2 a_1 and b = a_2 b_1 + b_2,
and this composition is associative. So the steps may be composed in any grouping (Kogge and Stone,
1973; Blelloch, 1990). Here they are composed in pairs, which halves their number, until one is
left: about 2T compositions in all, in 2 log₂ T rounds, each of them one operation on whole arrays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class ScanGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    da: np.ndarray
    db: np.ndarray
    dh0: np.ndarray


def linear_scan(
    a: ArrayLike, b: ArrayLike, h0: ArrayLike | None = None, how: str = "parallel"
) -> np.ndarray:
    """Return all states of h_t = a_t h_{t−1} + b_t.

    Nothing is divided by and no logarithm is taken, so factors of zero, of either sign and of any
    size are as good as others.

    Args:
        a: factors (T, …), with T at least 1.
        b: what is added (T, …).
        h0: the state before step 1 (…); zeros if None.
        how: "parallel" composes pairs of steps, "loop" goes from step to step.

    Returns:
        h (T, …), the states h_1 … h_T, a new array.

    Raises:
        ValueError: shapes or dtypes don't match, T is 0, or `how` is unknown.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 0 or len(a) == 0:
        raise ValueError(f"a: expected shape (T, …) with T at least 1, got {a.shape}")
    h0 = np.zeros_like(a[0]) if h0 is None else np.asarray(h0)
    _expect_alike("b", b, a)
    _expect_alike("h0", h0, a[0])
    return _scan_of(how)(a, b, h0)


def linear_scan_backward(
    a: ArrayLike,
    h: ArrayLike,
    dh: ArrayLike,
    h0: ArrayLike | None = None,
    how: str = "parallel",
) -> ScanGradients:
    """Backpropagate through `linear_scan`: once more a linear recurrence, from the end backwards.

        δ_t = dh_t + a_{t+1} δ_{t+1},    db_t = δ_t,    da_t = δ_t h_{t−1},    dh0 = a_1 δ_1

    Args:
        a: the factors that `linear_scan` was given (T, …).
        h: the states that it returned (T, …).
        dh: ∂Loss/∂h_t (T, …) from what reads h_t; what reaches it from later steps is added here.
        h0: the state before step 1 that it was given (…).
        how: as in `linear_scan`.

    Raises:
        ValueError: shapes or dtypes don't match, T is 0, or `how` is unknown.
    """
    a, h, dh = np.asarray(a), np.asarray(h), np.asarray(dh)
    _expect_alike("h", h, a)
    _expect_alike("dh", dh, a)
    # Backwards, step T comes first, and its factor meets the zero that lies behind the end.
    db = linear_scan(np.roll(a, -1, axis=0)[::-1], dh[::-1], how=how)[::-1]
    da = np.empty_like(a)
    np.multiply(db[1:], h[:-1], out=da[1:])
    da[0] = 0 if h0 is None else db[0] * h0
    return ScanGradients(da, db, a[0] * db[0])


def _by_loop(a: np.ndarray, b: np.ndarray, h0: np.ndarray) -> np.ndarray:
    h = np.empty_like(b)
    h_before = h0
    for t in range(len(a)):
        h_t = h[t, ...]  # an array also where a state is one number
        np.multiply(a[t], h_before, out=h_t)
        h_t += b[t]
        h_before = h_t
    return h


def _by_pairs(a: np.ndarray, b: np.ndarray, h0: np.ndarray) -> np.ndarray:
    T = len(a)
    h = np.empty_like(b)
    h[0] = a[0] * h0 + b[0]
    if T > 1:
        # Steps 1 and 2 as one, 3 and 4 as one …: their states are every second one, from h_2 on.
        first, second = slice(0, T - 1, 2), slice(1, T, 2)
        b_pair = a[second] * b[first]
        b_pair += b[second]
        h[second] = _by_pairs(a[second] * a[first], b_pair, h0)
        # h_3, h_5 … are one step further.
        np.multiply(a[2::2], h[1 : T - 1 : 2], out=h[2::2])
        h[2::2] += b[2::2]
    return h


_SCANS = {"parallel": _by_pairs, "loop": _by_loop}


def _scan_of(how: str):
    if how not in _SCANS:
        raise ValueError(f"how: expected 'parallel' or 'loop', got {how!r}")
    return _SCANS[how]


def _expect_alike(name: str, array: np.ndarray, like: np.ndarray) -> None:
    if array.shape != like.shape:
        raise ValueError(f"{name}: expected shape {like.shape}, got {array.shape}")
    if array.dtype != like.dtype:
        raise ValueError(f"{name}: expected {like.dtype} as a has, got {array.dtype}")
