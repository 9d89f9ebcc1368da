"""Recall: name the first symbol of a sequence after noise."""

import numpy as np
from numpy.typing import DTypeLike


def recall(
    T: int, N: int, rng: np.random.Generator, classes: int = 8, dtype: DTypeLike = np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences that begin with a symbol, and go on with noise that has to be waited out.

    The first step holds the symbol as a one-hot vector. All later steps hold zeros there and a
    random ±1 in one further feature. The target, asked for at the last step, is the symbol. A blind
    guess is right once in `classes` times.

    Args:
        T: steps, at least 1; the symbol has to last over T − 1 of them.
        N: sequences.
        rng: what draws them.
        classes: number of symbols, at least 2.
        dtype: of the inputs.

    Returns:
        x (T, N, classes + 1) and the targets (N,), integers.

    Raises:
        ValueError: T or N is less than 1, or there are fewer than 2 classes.
    """
    for name, size, least in (("T", T, 1), ("N", N, 1), ("classes", classes, 2)):
        if size < least:
            raise ValueError(f"{name}: expected at least {least}, got {size}")
    targets = rng.integers(classes, size=N)
    x = np.zeros((T, N, classes + 1), dtype)
    x[0, np.arange(N), targets] = 1
    x[1:, :, -1] = rng.choice((-1.0, 1.0), size=(T - 1, N))
    return x, targets
