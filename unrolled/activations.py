"""Activation functions φ, and their slopes φ' written through the output h = φ(a).

All three slopes can be had from h alone, so a network need not keep a for its backward pass.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


def sigmoid(a: ArrayLike, out: np.ndarray | None = None) -> np.ndarray:
    """Return 1 / (1 + exp(−a)) elementwise, for any a, without a warning.

    Args:
        a: numbers of any shape; float32 gives float32.
        out: where to write the result; may be `a` itself.
    """
    # exp overflows to inf for a below about −709, and 1 / (1 + inf) = 0 is the right answer there.
    # Small results keep all their digits, which (1 + tanh(a/2)) / 2 would lose.
    with np.errstate(over="ignore"):
        e = np.exp(np.multiply(a, -1.0, out=out), out=out)
    return np.reciprocal(np.add(e, 1.0, out=out), out=out)


def relu(a: ArrayLike, out: np.ndarray | None = None) -> np.ndarray:
    """Return max(a, 0) elementwise; `out` may be `a` itself."""
    return np.maximum(a, 0, out=out)


def tanh_slope(h: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write φ'(a) = 1 − h² into `out`, where h = tanh(a)."""
    np.multiply(h, h, out=out)
    return np.subtract(1, out, out=out)


def sigmoid_slope(h: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write φ'(a) = h (1 − h) into `out`, where h = sigmoid(a)."""
    np.subtract(1, h, out=out)
    return np.multiply(h, out, out=out)


def relu_slope(h: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write φ'(a) = [h > 0] into `out`, where h = max(a, 0); the slope at the kink is 0."""
    return np.greater(h, 0, out=out)


class Activation(NamedTuple):
    """An activation: `apply(a, out)` writes h = φ(a), `slope(h, out)` writes φ'(a)."""

    apply: Callable[..., np.ndarray]
    slope: Callable[..., np.ndarray]


ACTIVATIONS = {
    "tanh": Activation(np.tanh, tanh_slope),
    "relu": Activation(relu, relu_slope),
    "sigmoid": Activation(sigmoid, sigmoid_slope),
}
