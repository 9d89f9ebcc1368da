"""The adding problem: remember two marked numbers among many, and add them."""

import numpy as np
from numpy.typing import DTypeLike


def adding(
    T: int, N: int, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of the adding problem, as Le, Jaitly and Hinton (2015, section 4.1) state it.

    Each step holds a number from U(0, 1) and a mark. Two steps are marked with 1, one in the first
    half and one in the second; the target is the sum of their numbers. Whoever always answers the
    mean, 1, has a mean squared error of 1/6. (Hochreiter and Schmidhuber, 1997, draw from U(−1, 1)
    and vary the length.)

    Args:
        T: steps, at least 2.
        N: sequences.
        rng: what draws them.
        dtype: of both arrays.

    Returns:
        x (T, N, 2), numbers and marks, and the targets (N, 1).

    Raises:
        ValueError: T is less than 2 or N less than 1.
    """
    if T < 2:
        raise ValueError(f"T: expected at least 2 steps for two marks, got {T}")
    if N < 1:
        raise ValueError(f"N: expected at least 1, got {N}")
    x = np.zeros((T, N, 2), dtype)
    x[:, :, 0] = rng.uniform(size=(T, N))
    half, n = T // 2, np.arange(N)
    x[rng.integers(half, size=N), n, 1] = 1
    x[rng.integers(half, T, size=N), n, 1] = 1
    return x, (x[:, :, 0] * x[:, :, 1]).sum(axis=0)[:, None]
