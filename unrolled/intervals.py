"""What a number of successes among a few runs says of the rate of success."""

import math
from statistics import NormalDist


def wilson_interval(successes: int, runs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of Wilson (1927) for a rate of success.

    It holds the rates p with |successes/runs − p| ≤ z √(p (1 − p) / runs), z being the normal
    distribution's quantile for the confidence: those that the count does not speak against. Brown,
    Cai and DasGupta (2001) recommend it for small numbers of runs, where the textbook's interval
    p̂ ± z √(p̂ (1 − p̂) / runs) holds the true rate far too rarely.

    Args:
        successes: how many runs succeeded, 0 to `runs`.
        runs: how many independent runs there were, at least 1.
        confidence: how often such an interval should hold the true rate, between 0 and 1.

    Returns:
        The lower and the upper end, both within [0, 1].

    Raises:
        ValueError: an argument is out of its range.
    """
    if runs < 1:
        raise ValueError(f"runs: expected at least 1, got {runs}")
    if not 0 <= successes <= runs:
        raise ValueError(f"successes: expected 0 to {runs}, got {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / runs
    centre = (rate + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * math.sqrt(rate * (1 - rate) / runs + (z / (2 * runs)) ** 2)
    # At 0 and at all runs an end is exactly 0 or 1; rounding may leave it a hair beside.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == runs else centre + half
    return low, high
