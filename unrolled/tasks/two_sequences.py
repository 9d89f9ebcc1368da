"""The two-sequence problem: say at the end how the sequence began."""

import numpy as np
from numpy.typing import DTypeLike


def two_sequences(
    T: int,
    N: int,
    rng: np.random.Generator,
    informative: int = 3,
    dtype: DTypeLike = np.float64,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw sequences of task 3a of Hochreiter and Schmidhuber (1997, section 5.3).

    The first elements are all 1 in class 1 and all −1 in class 0. Gaussian noise of mean 0 and
    variance 0.2 follows, on the same input. Lengths are drawn between T and T + T/10. The target,
    asked for at the end of the sequence, is the class; the paper calls an output in (0, 1) right if
    it is off by less than 0.2. (Bengio, Simard and Frasconi, 1994, allow shorter sequences too.)

    Args:
        T: the smallest length, more than `informative`.
        N: sequences.
        rng: what draws them.
        informative: elements that tell the class; 1 and 3 in the paper.
        dtype: of the inputs.

    Returns:
        x (T + T // 10, N, 1), zero beyond the end of a sequence, the lengths (N,) and the classes
        (N,), integers. The state to read out is h[lengths − 1, arange(N)].

    Raises:
        ValueError: `informative` or N is less than 1, or T is too small.
    """
    for name, size in (("informative", informative), ("N", N)):
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")
    if T <= informative:
        raise ValueError(f"T: expected more than the {informative} informative steps, got {T}")
    longest = T + T // 10
    classes, lengths = rng.integers(2, size=N), rng.integers(T, longest + 1, size=N)
    x = np.sqrt(0.2) * rng.normal(size=(longest, N))
    x[:informative] = 2 * classes - 1
    x[np.arange(longest)[:, None] >= lengths] = 0
    return x[..., None].astype(dtype), lengths, classes
