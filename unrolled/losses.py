"""Losses over sequences, each with its gradient; masked positions count for nothing."""

import math

import numpy as np
from numpy.typing import ArrayLike


def softmax_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None
) -> tuple[float, np.ndarray]:
    """Return the mean of −log softmax(logits)[target] over counted positions, and its gradient.

    The gradient of one counted position among M is (softmax(logits) − onehot(target)) / M
    (Goodfellow, Bengio and Courville, 2016, section 6.2.2.3). Targets and logits of positions that
    are not counted are not read.

    Args:
        logits: scores (T, N, C).
        targets: classes (T, N), integers from 0 to C − 1.
        mask: (T, N) of 0 and 1, 1 where a position counts; all count if None.

    Returns:
        loss, a float, and dlogits (T, N, C) in the dtype of the logits.

    Raises:
        ValueError: a shape, a dtype, a target or the mask is wrong.
    """
    logits, targets = _floats("logits", logits), np.asarray(targets)
    positions, C = logits.shape[:-1], logits.shape[-1]
    if targets.shape != positions:
        raise ValueError(f"targets: expected shape {positions}, got {targets.shape}")
    if targets.dtype.kind not in "iu":
        raise ValueError(f"targets: expected integers, got {targets.dtype}")
    counted = _counted(mask, positions)
    wrong = counted & ((targets < 0) | (targets >= C))
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"targets: expected classes from 0 to {C - 1}, got {targets[wrong][0]} at {where}"
        )

    z, k = logits[counted], targets[counted]
    M = np.arange(len(z))
    z -= z.max(axis=-1, keepdims=True)  # softmax does not change, and exp cannot overflow
    p = np.exp(z)
    total = p.sum(axis=-1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - z[M, k]))

    p /= total
    p[M, k] -= 1
    p /= len(M)
    dlogits = np.zeros_like(logits)
    dlogits[counted] = p
    return loss, dlogits


def perplexity(loss: float) -> float:
    """Return e^loss: the number of equally likely classes that would be as hard to guess.

    Jelinek, Mercer, Bahl and Baker (1977) introduced it; a uniform guess among C has perplexity C.

    Args:
        loss: a mean cross-entropy in nats, as `softmax_cross_entropy` returns it; inf gives inf.

    Raises:
        ValueError: the loss is negative or nan.
    """
    loss = _mean_cross_entropy(loss)
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def bits_per_character(loss: float) -> float:
    """Return loss / ln 2, a mean cross-entropy in nats as bits: 2 to this power is the perplexity.

    Args:
        loss: a mean cross-entropy in nats over characters; inf gives inf.

    Raises:
        ValueError: the loss is negative or nan.
    """
    return _mean_cross_entropy(loss) / math.log(2)


def squared_error(
    y: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None
) -> tuple[float, np.ndarray]:
    """Return the mean of ½ Σ_o (y_o − target_o)² over counted positions, and its gradient.

    The gradient of one counted position among M is (y − target) / M. What stands at positions that
    are not counted is not read.

    Args:
        y: outputs (T, N, O).
        target: what they should be (T, N, O).
        mask: (T, N) of 0 and 1, 1 where a position counts; all count if None.

    Returns:
        loss, a float, and dy (T, N, O) in the dtype of y.

    Raises:
        ValueError: a shape, a dtype or the mask is wrong.
    """
    y, target = _floats("y", y), np.asarray(target)
    if target.shape != y.shape:
        raise ValueError(f"target: expected shape {y.shape}, got {target.shape}")
    counted = _counted(mask, y.shape[:-1])

    error = y[counted] - target[counted]
    loss = float(np.sum(error * error) / (2 * len(error)))
    dy = np.zeros_like(y)
    dy[counted] = error / len(error)
    return loss, dy


def _mean_cross_entropy(loss: float) -> float:
    loss = float(loss)
    if not loss >= 0:
        raise ValueError(f"loss: expected a mean cross-entropy, 0 or more, got {loss}")
    return loss


def _floats(name: str, array: ArrayLike) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim == 0 or 0 in array.shape:
        raise ValueError(
            f"{name}: expected at least one position and class, got shape {array.shape}"
        )
    if array.dtype.kind != "f":
        raise ValueError(f"{name}: expected floating-point numbers, got {array.dtype}")
    return array


def _counted(mask: ArrayLike | None, positions: tuple[int, ...]) -> np.ndarray:
    """Return the mask as booleans of the shape `positions`, with at least one True."""
    if mask is None:
        return np.ones(positions, dtype=bool)
    mask = np.asarray(mask)
    if mask.shape != positions:
        raise ValueError(f"mask: expected shape {positions}, got {mask.shape}")
    counted = mask == 1
    other = ~counted & (mask != 0)
    if other.any():
        where = np.argwhere(other)[0].tolist()
        raise ValueError(f"mask: expected 0 or 1, got {mask[other][0]} at {where}")
    if not counted.any():
        raise ValueError("mask: expected at least one 1, got 0 everywhere")
    return counted
