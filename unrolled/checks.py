"""Checks that print one line when they hold and raise when they do not."""

from collections.abc import Callable
from typing import Any

import numpy as np


def check_close(name: str, ours: Any, theirs: Any, tolerance: float = 1e-10) -> None:
    """Print one line if two arrays agree everywhere to within `tolerance`, an absolute difference.

    Args:
        name: what the line calls them.
        ours: an array, or a tensor on any device.
        theirs: the same, of the same shape.
        tolerance: the largest difference allowed.

    Raises:
        AssertionError: shapes differ, a number is not finite, or one differs; it says where.
    """
    ours, theirs = _array(ours), _array(theirs)
    if ours.shape != theirs.shape:
        raise AssertionError(f"{name}: ours has shape {ours.shape}, theirs {theirs.shape}")
    _assert_finite(f"{name}, ours", ours)
    _assert_finite(f"{name}, theirs", theirs)
    difference = np.abs(ours - theirs)
    largest = difference.max(initial=0.0)
    if largest > tolerance:
        where = tuple(int(i) for i in np.unravel_index(difference.argmax(), difference.shape))
        raise AssertionError(
            f"{name}: differs by {largest:.1e} at {list(where)}: ours {ours[where]:.10g}, "
            f"theirs {theirs[where]:.10g} (tolerance {tolerance:.0e})"
        )
    print(f"{name}: equal, largest difference {largest:.1e}")


def numerical_gradient(
    loss_of: Callable[[], float], W: np.ndarray, eps: float = 1e-6
) -> np.ndarray:
    """Return the gradient of a loss by central differences, (L(w + eps) − L(w − eps)) / 2 eps.

    Args:
        loss_of: computes the loss from `W`, which it reads where it stands; takes no argument.
        W: a float64 array of any shape; nudged in place and restored, also when `loss_of` raises.
        eps: the size of a nudge.

    Returns:
        dW, with the shape of W.

    Raises:
        ValueError: `W` is not a float64 array, `eps` is not positive, or a loss is not finite.
    """
    _expect_nudgeable(W, eps)
    dW = np.empty(W.shape)
    for where in np.ndindex(W.shape):
        dW[where] = _slope_at(loss_of, W, where, eps)
    return dW


def check_gradient(
    name: str,
    loss_of: Callable[[], float],
    W: np.ndarray,
    dW: Any,
    eps: float = 1e-6,
    samples: int | None = None,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-6,
) -> float:
    """Print one line if a gradient agrees with central differences.

    The error is the largest difference, relative to the largest entry compared. Where all entries
    are below a thousandth of the loss, it is relative to that: the rounding of the loss, divided
    by 2 eps, leaves too few digits of smaller ones.

    Args:
        name: what the line calls the gradient.
        loss_of: computes the loss from `W`; takes no argument.
        W: a float64 array of any shape; nudged in place and restored.
        dW: the gradient to check, an array or a tensor with the shape of W.
        eps: the size of a nudge.
        samples: compare this many entries drawn at random rather than all.
        rng: where they are drawn from; `numpy.random.default_rng(0)` if None.
        tolerance: the largest relative error allowed.

    Returns:
        The relative error.

    Raises:
        AssertionError: dW has another shape, is not finite or is wrong; it says where.
        ValueError: as `numerical_gradient`, or `samples` is less than 1.
    """
    _expect_nudgeable(W, eps)
    if samples is not None and samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    dW = _array(dW)
    if dW.shape != W.shape:
        raise AssertionError(f"{name}: has shape {dW.shape}, what it is the gradient of {W.shape}")
    _assert_finite(name, dW)

    places = _places(W.shape, samples, rng)
    loss = _finite_loss(loss_of, "as W stands")
    numerical = np.array([_slope_at(loss_of, W, where, eps) for where in places])
    given = np.array([dW[where] for where in places])
    difference = np.abs(given - numerical)
    scale = max(np.abs(given).max(), np.abs(numerical).max(), abs(loss) / 1000)
    error = float(difference.max() / scale) if scale > 0 else 0.0
    if error > tolerance:
        i = int(difference.argmax())
        raise AssertionError(
            f"{name}: relative error {error:.1e} at {list(places[i])}: given {given[i]:.10g}, "
            f"by central differences {numerical[i]:.10g} (tolerance {tolerance:.0e})"
        )
    print(f"{name}: relative error {error:.1e} over {len(places)} entries")
    return error


def _places(
    shape: tuple[int, ...], samples: int | None, rng: np.random.Generator | None
) -> list[tuple[int, ...]]:
    """Return the indices of all entries, or of a sample of them."""
    places = list(np.ndindex(shape))
    if samples is None or samples >= len(places):
        return places
    rng = np.random.default_rng(0) if rng is None else rng
    return [places[i] for i in sorted(rng.choice(len(places), samples, replace=False))]


def _slope_at(
    loss_of: Callable[[], float], W: np.ndarray, where: tuple[int, ...], eps: float
) -> float:
    """Return the central difference at one entry, which is restored whatever happens."""
    before = W[where]
    try:
        W[where] = before + eps
        above = _finite_loss(loss_of, f"with W{list(where)} + {eps:g}")
        W[where] = before - eps
        below = _finite_loss(loss_of, f"with W{list(where)} - {eps:g}")
    finally:
        W[where] = before
    return (above - below) / (2 * eps)


def _finite_loss(loss_of: Callable[[], float], when: str) -> float:
    loss = float(loss_of())
    if not np.isfinite(loss):
        raise ValueError(f"loss_of: expected a finite loss {when}, got {loss}")
    return loss


def _expect_nudgeable(W: np.ndarray, eps: float) -> None:
    if not isinstance(W, np.ndarray) or W.dtype != np.float64:
        got = W.dtype if isinstance(W, np.ndarray) else type(W).__name__
        raise ValueError(f"W: expected a float64 array, which differences need, got {got}")
    if W.size == 0:
        raise ValueError(f"W: expected at least one entry, got shape {W.shape}")
    if not eps > 0:
        raise ValueError(f"eps: expected a positive number, got {eps}")


def _array(a: Any) -> np.ndarray:
    """Return a float64 array, also of a PyTorch tensor, without importing PyTorch to know one."""
    if hasattr(a, "detach"):
        a = a.detach().cpu().double().numpy()
    return np.asarray(a, dtype=np.float64)


def _assert_finite(name: str, a: np.ndarray) -> None:
    wrong = ~np.isfinite(a)
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise AssertionError(f"{name}: expected finite numbers, got {a[wrong][0]} at {where}")
