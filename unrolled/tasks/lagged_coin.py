"""A coin whose bias depends on two earlier bits: what has a network learnt of either?"""

from itertools import product

import numpy as np
from numpy.typing import DTypeLike

BASE, NEAR, FAR = 0.5, 0.5, -0.25  # P(y = 1) and what each bit adds to it


def lagged_coin(
    T: int,
    N: int,
    rng: np.random.Generator,
    lags: tuple[int, int] = (2, 12),
    dtype: DTypeLike = np.float32,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw fair bits x, and at every step a coin y that two earlier bits have made unfair.

        P(y_t = 1) = 0.5 + 0.5 x_{t−near} − 0.25 x_{t−far}        (Pitis, 2016, with lags 3 and 8)

    The bits before the first step are drawn too and not shown, as if the stream had begun earlier.
    `coin_level` has the loss of whoever knows one of the bits, both or none.

    Args:
        T: steps, at least 1.
        N: sequences.
        rng: what draws them.
        lags: near and far, with 0 ≤ near < far.
        dtype: of the inputs.

    Returns:
        x (T, N, 1) of 0 and 1, and the targets (T, N), integers 0 and 1.

    Raises:
        ValueError: T or N is less than 1, or the lags are not as above.
    """
    for name, size in (("T", T), ("N", N)):
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")
    near, far = lags
    if not 0 <= near < far:
        raise ValueError(f"lags: expected 0 <= near < far, got {lags}")
    bits = rng.integers(2, size=(far + T, N))
    p = BASE + NEAR * bits[far - near : far - near + T] + FAR * bits[:T]
    targets = (rng.random(size=(T, N)) < p).astype(np.int64)
    return bits[far:, :, None].astype(dtype), targets


def coin_level(near: bool, far: bool) -> float:
    """Return the lowest mean cross-entropy, in nats, for whoever knows these of the two bits.

    With both 0.454, with the near one 0.519, with none 0.662.
    """
    known: dict[tuple, list[float]] = {}
    for bits in product((0, 1), repeat=2):
        p = BASE + NEAR * bits[0] + FAR * bits[1]
        known.setdefault((bits[0] if near else None, bits[1] if far else None), []).append(p)
    return float(np.mean([_entropy(np.mean(p)) for p in known.values()]))


def _entropy(p: float) -> float:
    return -sum(q * np.log(q) for q in (p, 1 - p) if q > 0)
