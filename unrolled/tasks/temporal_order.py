"""Temporal order: two symbols far apart; which came first?"""

import numpy as np
from numpy.typing import DTypeLike


def temporal_order(
    T: int, N: int, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of the temporal order problem, as Pascanu et al. (2013, section 4.1) state it.

    Every step holds one of six symbols as a one-hot vector. Two steps hold A or B: the first
    between T/10 and 2T/10, the second between 4T/10 and 5T/10. All others hold one of four
    distractors. The class, asked for at the last step, is the ordered pair: AA, AB, BA, BB are
    0, 1, 2, 3. A blind guess is right once in four times. (Hochreiter and Schmidhuber, 1997,
    task 6a, came first.)

    Args:
        T: steps, at least 10.
        N: sequences.
        rng: what draws them.
        dtype: of the inputs.

    Returns:
        x (T, N, 6), whose first two features are A and B, and the targets (N,), integers.

    Raises:
        ValueError: T is less than 10 or N less than 1.
    """
    if T < 10:
        raise ValueError(f"T: expected at least 10 steps, got {T}")
    if N < 1:
        raise ValueError(f"N: expected at least 1, got {N}")
    symbols = rng.integers(2, 6, size=(T, N))
    pair, n = rng.integers(2, size=(2, N)), np.arange(N)
    symbols[rng.integers(T // 10, 2 * T // 10, size=N), n] = pair[0]
    symbols[rng.integers(4 * T // 10, 5 * T // 10, size=N), n] = pair[1]
    return np.eye(6, dtype=dtype)[symbols], 2 * pair[0] + pair[1]
