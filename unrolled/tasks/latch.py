"""The latch: keep one bit under noise. Its inputs are learnt, so that one unit can be studied."""

import numpy as np
from numpy.typing import DTypeLike


def latch(
    T: int,
    N: int,
    rng: np.random.Generator,
    informative: int = 3,
    noise: float = 0.2,
    dtype: DTypeLike = np.float64,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of the minimal task of Bengio, Simard and Frasconi (1994, section III).

    Two classes; the class is known during the first steps only, after which there is noise. What a
    class feeds into the unit at each of its first steps is a free parameter of the network, trained
    with its recurrent weight. To make these parameters rows of W_xh, x holds a one-hot code of
    (class, step) while the class is known, and the noise in a last feature: keep that row of W_xh
    at 1 and the bias at 0.

    Args:
        T: steps, more than `informative`.
        N: sequences.
        rng: what draws them.
        informative: steps at which the class is known.
        noise: standard deviation of what comes after.
        dtype: of both arrays.

    Returns:
        x (T, N, 2 · informative + 1), where class c at step t < informative sets feature
        c · informative + t, and the targets (N, 1) for the last state: −0.8 or 0.8.

    Raises:
        ValueError: `informative` or N is less than 1, T too small, or the noise not 0 or more.
    """
    for name, size in (("informative", informative), ("N", N)):
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")
    if T <= informative:
        raise ValueError(f"T: expected more than the {informative} informative steps, got {T}")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise: expected a finite number of at least 0, got {noise}")
    classes = rng.integers(2, size=N)
    x = np.zeros((T, N, 2 * informative + 1), dtype)
    for t in range(informative):
        x[t, np.arange(N), classes * informative + t] = 1
    x[informative:, :, -1] = noise * rng.normal(size=(T - informative, N))
    return x, np.where(classes == 1, 0.8, -0.8).astype(dtype)[:, None]
