"""Step Jacobians of a recurrent network, their products, and the numbers that describe a matrix.

    J_t = ∂h_t/∂h_{t−1} = diag(φ'(a_t)) W_hhᵀ,    ∂h_t/∂h_k = J_t J_{t−1} ⋯ J_{k+1}

How the norms of these products behave decides whether gradients vanish or explode (Bengio, Simard
and Frasconi, 1994; Pascanu, Mikolov and Bengio, 2013).
"""

import numpy as np
from numpy.typing import ArrayLike

from unrolled.activations import ACTIVATIONS
from unrolled.nets import RNN


def step_jacobians(net: RNN, h: ArrayLike) -> np.ndarray:
    """Return J (T, N, H, H), J[t, n, i, j] = ∂h[t, n, i] / ∂h[t − 1, n, j], of a run of a network.

    The first one is with respect to the initial state.

    Args:
        net: the network that made the run.
        h: its states h_1 … h_T (T, N, H), as `net.forward` returned them.

    Raises:
        ValueError: the shape or the dtype of `h` is wrong, or a number in it is not finite.
    """
    h = np.asarray(h)
    H = len(net.W_hh)
    if h.ndim != 3 or h.shape[-1] != H or 0 in h.shape:
        raise ValueError(f"h: expected shape (T, N, {H}) with T and N at least 1, got {h.shape}")
    if h.dtype != net.dtype:
        raise ValueError(f"h: expected {net.dtype} as the network has, got {h.dtype}")
    _expect_finite("h", h)
    slope = np.empty_like(h)
    ACTIVATIONS[net.activation].slope(h, out=slope)
    return slope[..., None] * net.W_hh.T


def products_to_last(J: ArrayLike) -> np.ndarray:
    """Return P (T + 1, N, H, H), P[k] = ∂h_T/∂h_k for k = 0 … T, the last one the identity.

    A product that leaves the range of the dtype becomes inf, or nan where inf meets zero;
    `product_norms` has no such limit.

    Args:
        J: step Jacobians (T, N, H, H), J[t] leading from h_t to h_{t+1}, counted from zero.

    Raises:
        ValueError: the shape or the dtype of `J` is wrong, or a number in it is not finite.
    """
    J = _stack(J)
    P = np.empty((len(J) + 1, *J.shape[1:]), J.dtype)
    P[-1] = np.eye(J.shape[-1], dtype=J.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(len(J) - 1, -1, -1):
            np.matmul(P[k + 1], J[k], out=P[k])
    return P


def product_norms(J: ArrayLike) -> np.ndarray:
    """Return the spectral norms ‖∂h_t/∂h_k‖ of all pairs k ≤ t.

    The products are rescaled on the way, so that a norm is right wherever the dtype can hold it; it
    is inf or 0 beyond. This takes T(T + 1)/2 · N singular value decompositions.

    Args:
        J: step Jacobians (T, N, H, H), as for `products_to_last`.

    Returns:
        norms (T + 1, T + 1, N) by t and k from 0 to T; nan where k > t.

    Raises:
        ValueError: the shape or the dtype of `J` is wrong, or a number in it is not finite.
    """
    J = _stack(J)
    T, N, H, _ = J.shape
    norms = np.full((T + 1, T + 1, N), np.nan, J.dtype)
    P = np.broadcast_to(np.eye(H, dtype=J.dtype), (T + 1, N, H, H)).copy()
    log_scale = np.zeros((T + 1, N))  # P[k] times its exponential is ∂h_t/∂h_k
    norms[0, 0] = 1
    for t in range(1, T + 1):
        P[:t] = J[t - 1] @ P[:t]
        largest = np.abs(P[:t]).max(axis=(-2, -1))
        factor = np.where(largest > 0, largest, 1)
        P[:t] /= factor[..., None, None]
        log_scale[:t] += np.log(factor)
        sigma = np.linalg.svd(P[:t], compute_uv=False)[..., 0]
        with np.errstate(over="ignore", under="ignore"):
            norms[t, :t] = sigma * np.exp(log_scale[:t])
        norms[t, t] = 1
    return norms


def spectral_radius(W: ArrayLike) -> float:
    """Return ρ(W), the largest absolute value of an eigenvalue of W (H, H).

    Raises:
        ValueError: the shape or the dtype of `W` is wrong, or a number in it is not finite.
    """
    return float(np.abs(np.linalg.eigvals(_square("W", W))).max())


def largest_singular_value(W: ArrayLike) -> float:
    """Return σ₁(W), the largest factor by which W (H, H) lengthens a vector: its spectral norm.

    Raises:
        ValueError: the shape or the dtype of `W` is wrong, or a number in it is not finite.
    """
    return float(np.linalg.svd(_square("W", W), compute_uv=False)[0])


def _square(name: str, W: ArrayLike) -> np.ndarray:
    W = np.asarray(W)
    if W.ndim != 2 or W.shape[0] != W.shape[1] or W.size == 0:
        raise ValueError(f"{name}: expected shape (H, H), got {W.shape}")
    if W.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, got {W.dtype}")
    _expect_finite(name, W)
    return W


def _stack(J: ArrayLike) -> np.ndarray:
    J = np.asarray(J)
    if J.ndim != 4 or J.shape[-1] != J.shape[-2] or 0 in J.shape:
        raise ValueError(f"J: expected shape (T, N, H, H) with T and N at least 1, got {J.shape}")
    if J.dtype.kind != "f":
        raise ValueError(f"J: expected floating-point numbers, got {J.dtype}")
    _expect_finite("J", J)
    return J


def _expect_finite(name: str, array: np.ndarray) -> None:
    wrong = ~np.isfinite(array)
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(f"{name}: expected finite numbers, got {array[wrong][0]} at {where}")
