"""Where training may start: Gaussian, scaled Gaussian, orthogonal and identity weights.

With x_t W_xh + h_{t−1} W_hh, the gradient that reaches k steps back has met W_hhᵀ k times before
anything is learnt. What these matrices do to the length of a vector is told for each.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike


def gaussian(
    shape: Sequence[int], std: float, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> np.ndarray:
    """Return independent draws from N(0, std²).

    Times an (H, H) matrix of them, a vector has on average H std² times its squared length.

    Args:
        shape: of the array; every size at least 1.
        std: the standard deviation, not negative.
        rng: what draws them.
        dtype: a floating-point type; draws are made in float64 and rounded to it.

    Raises:
        ValueError: an argument is out of its range.
    """
    shape = tuple(shape)
    if not shape or any(size < 1 for size in shape):
        raise ValueError(f"shape: expected sizes of at least 1, got {shape}")
    _expect_scale("std", std)
    return _as_floats(std * rng.normal(size=shape), dtype)


def scaled_gaussian(
    H: int, rng: np.random.Generator, gain: float = 1.0, dtype: DTypeLike = np.float64
) -> np.ndarray:
    """Return an (H, H) matrix of draws from N(0, gain²/H), which keeps lengths on average.

    With gain 1 the mean squared length of a vector stays as it is (Glorot and Bengio, 2010). Under
    ReLU, which sets half of the entries to zero, that takes √2 (He et al., 2015). For large H the
    spectral radius tends to gain, and the largest singular value to 2 gain.

    Raises:
        ValueError: H is less than 1, or the gain is negative or not finite.
    """
    _expect_size(H)
    _expect_scale("gain", gain)
    return gaussian((H, H), gain / np.sqrt(H), rng, dtype)


def orthogonal(
    H: int, rng: np.random.Generator, gain: float = 1.0, dtype: DTypeLike = np.float64
) -> np.ndarray:
    """Return gain · Q with Q a random orthogonal matrix (H, H), which keeps every length.

    Q is drawn from the uniform (Haar) distribution: the factor Q of a Gaussian matrix, with the
    signs that make R's diagonal positive (Mezzadri, 2007, section 5; Saxe et al., 2014).

    Raises:
        ValueError: H is less than 1, or the gain is negative or not finite.
    """
    _expect_size(H)
    _expect_scale("gain", gain)
    Q, R = np.linalg.qr(rng.normal(size=(H, H)))
    return _as_floats(gain * Q * np.sign(np.diag(R)), dtype)


def identity(H: int, scale: float = 1.0, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Return scale · I (H, H), which keeps every vector (Le, Jaitly and Hinton, 2015).

    Raises:
        ValueError: H is less than 1, or the scale is negative or not finite.
    """
    _expect_size(H)
    _expect_scale("scale", scale)
    return _as_floats(scale * np.eye(H), dtype)


def _expect_size(H: int) -> None:
    if H < 1:
        raise ValueError(f"H: expected at least 1, got {H}")


def _expect_scale(name: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a finite number that is not negative, got {value}")


def _as_floats(array: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype: expected a floating-point type, got {np.dtype(dtype)}")
    return array.astype(dtype)
