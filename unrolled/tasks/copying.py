"""Copying: write down again what was read, in the same order or backwards."""

import numpy as np


def copying(
    n: int, N: int, rng: np.random.Generator, symbols: int = 8, backwards: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences that are to be read to the end and then written.

    No symbol tells anything about another, so all of them have to be remembered. A blind guess is
    right once in `symbols` times at each position. (Sutskever, Vinyals and Le, 2014, found with
    sentences that the order of reading matters; this is their question without language.)

    Args:
        n: symbols of a sequence, at least 1.
        N: sequences.
        rng: what draws them.
        symbols: how many different ones there are, at least 2.
        backwards: whether the target is the source backwards.

    Returns:
        Sources and targets (n, N), integers from 1 to `symbols`. 0 is left free, for the decoder
        to begin with.

    Raises:
        ValueError: n or N is less than 1, or there are fewer than 2 symbols.
    """
    for name, size, least in (("n", n, 1), ("N", N, 1), ("symbols", symbols, 2)):
        if size < least:
            raise ValueError(f"{name}: expected at least {least}, got {size}")
    sources = rng.integers(1, symbols + 1, size=(n, N))
    return sources, sources[::-1].copy() if backwards else sources.copy()
