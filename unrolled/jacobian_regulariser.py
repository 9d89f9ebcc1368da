"""The regulariser Ω of Pascanu, Mikolov and Bengio (2013, section 3.3): keep gradients' lengths.

    Ω_k = (‖u_k‖ / ‖da_{k+1}‖ − 1)²,    u_k = da_{k+1} ∂a_{k+1}/∂a_k = (da_{k+1} W_hhᵀ) φ'(a_k)

It asks that the gradient of the loss neither shrinks nor grows from one step to the step before.
Their state is the pre-activation a. Where they write a sum over k, this is the mean over all k and
all sequences, as in their published code, so that its weight means the same for every length.
"""

import numpy as np
from numpy.typing import ArrayLike

from unrolled.activations import ACTIVATIONS


def jacobian_regulariser(
    W_hh: ArrayLike, h: ArrayLike, dh: ArrayLike, activation: str = "tanh"
) -> tuple[float, np.ndarray]:
    """Return Ω and its immediate derivative with respect to W_hh.

    Immediate means that a_k and da_{k+1} are held constant, although both depend on W_hh. A pair
    k, n whose da_{k+1} is zero has no length to keep and is not counted; one whose da_{k+1} is
    turned into zero counts 1, with the derivative 0.

    Args:
        W_hh: recurrent weights (H, H).
        h: states h_1 … h_T (T, N, H), as `RNN.forward` returns them.
        dh: ∂Loss/∂h_t (T, N, H), as `RNN.backward` takes it.
        activation: "tanh", "relu" or "sigmoid".

    Returns:
        Ω, a float, and dW_hh (H, H) in the type of W_hh; add it, times its weight, to the gradient
        of the loss. Both are 0 where no pair counts, with T = 1 for example.

    Raises:
        ValueError: a shape, a dtype or the activation is wrong.
        FloatingPointError: the gradient is not finite on its way back.
    """
    W_hh, h, dh = _checked(W_hh, h, dh, activation)
    slopes = ACTIVATIONS[activation].slope(h, out=np.empty_like(h))
    da = _backward(W_hh, slopes, dh)
    if not np.isfinite(da).all():
        step = int(np.argwhere(~np.isfinite(da))[:, 0].max()) + 1
        raise FloatingPointError(f"da: expected finite numbers, got others from step {step} back")

    later, before = _unit(da[1:]), slopes[:-1]
    counted = later.any(axis=-1)
    if not counted.any():
        return 0.0, np.zeros_like(W_hh)
    u = (later @ W_hh.T) * before
    ratio = np.linalg.norm(u, axis=-1)
    omega = float(np.mean((ratio[counted] - 1) ** 2))
    # d ratio / dW_hh[j, m] = (u_j / ratio) φ'(a_k)_j later_m; later has length 1.
    pull = 2 * (ratio - 1) / np.where(ratio > 0, ratio, 1) * counted / counted.sum()
    dW_hh = np.tensordot(pull[..., None] * u * before, later, axes=((0, 1), (0, 1)))
    return omega, dW_hh.astype(W_hh.dtype)


def _backward(W_hh: np.ndarray, slopes: np.ndarray, dh: np.ndarray) -> np.ndarray:
    """Return da (T, N, H), the gradient of the loss with respect to every pre-activation."""
    da = np.empty_like(dh)
    from_later = np.zeros_like(dh[0])
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at what comes out
        for t in range(len(dh) - 1, -1, -1):
            da[t] = (dh[t] + from_later) * slopes[t]
            from_later = da[t] @ W_hh.T
    return da


def _unit(rows: np.ndarray) -> np.ndarray:
    """Return the rows divided by their lengths, however small; rows of zeros stay."""
    largest = np.abs(rows).max(axis=-1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1)  # else squares of tiny numbers would be zero
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def _checked(
    W_hh: ArrayLike, h: ArrayLike, dh: ArrayLike, activation: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if activation not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"activation: expected one of {known}, got {activation!r}")
    W_hh, h, dh = np.asarray(W_hh), np.asarray(h), np.asarray(dh)
    if W_hh.ndim != 2 or W_hh.shape[0] != W_hh.shape[1] or not W_hh.size:
        raise ValueError(f"W_hh: expected shape (H, H), got {W_hh.shape}")
    if W_hh.dtype.kind != "f":
        raise ValueError(f"W_hh: expected floating-point numbers, got {W_hh.dtype}")
    if h.ndim != 3 or h.shape[2] != len(W_hh) or not h.size:
        raise ValueError(f"h: expected shape (T, N, {len(W_hh)}), got {h.shape}")
    if dh.shape != h.shape:
        raise ValueError(f"dh: expected shape {h.shape} as h has, got {dh.shape}")
    for name, array in (("h", h), ("dh", dh)):
        if array.dtype != W_hh.dtype:
            raise ValueError(f"{name}: expected {W_hh.dtype} as W_hh has, got {array.dtype}")
    return W_hh, h, dh
