"""Numbers as a slider's figure takes them and writes them: checked, rounded, as text."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

SIGNIFICANT = 3  # digits of the numbers in the page


def finite(
    argument: str, values: ArrayLike, positive: bool = False, blank: bool = False
) -> np.ndarray:
    """Return float64 numbers; raise ValueError with the first that may not be drawn."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{argument}: expected numbers, got {values!r}") from None
    wrong = ~np.isfinite(numbers) & ~(blank & np.isnan(numbers))
    wrong |= positive & (numbers <= 0)
    if wrong.any():
        where = tuple(map(int, np.argwhere(wrong)[0]))
        kind = "positive finite" if positive else "finite"
        raise ValueError(f"{argument}: expected {kind} numbers, got {numbers[where]} at {where}")
    return numbers


def rising(argument: str, values: ArrayLike) -> np.ndarray:
    """Return a row of numbers; raise ValueError unless there are two or more and they rise."""
    numbers = finite(argument, values)
    if numbers.ndim != 1 or numbers.size < 2 or not (np.diff(numbers) > 0).all():
        raise ValueError(f"{argument}: expected a row of two or more rising numbers, got {values}")
    return numbers


def limits_of(
    limits: tuple[float, float] | None, values: Iterable[float], log: bool
) -> tuple[float, float]:
    """Return the limits given, checked, or some that all values fit into."""
    if limits is not None:
        low, high = finite("limits", limits, positive=log)
        if not low < high:
            raise ValueError(f"limits: expected (low, high), got {limits}")
        return float(low), float(high)
    values = np.fromiter(values, dtype=np.float64)
    if not values.size:
        raise ValueError("cells: expected at least one number, got nan only")
    low, high = float(values.min()), float(values.max())
    if log:
        low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return 10.0**low, 10.0 ** max(high, low + 1)
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin


def rounded_number(value: float) -> float | int | None:
    """Return a number as the page has it; nan, which JSON lacks, as None."""
    if math.isnan(value):
        return None
    short = float(f"{value:.{SIGNIFICANT}g}")
    return int(short) if short.is_integer() and abs(short) < 1e6 else short


def rounded(values: np.ndarray) -> list:
    """Return an array's numbers as nested lists, as the page has them."""
    if values.ndim == 1:
        return [rounded_number(value) for value in values]
    return [rounded(row) for row in values]


def text_of(value: float | None) -> str:
    """Write a number as the page's script does, with a minus sign rather than a hyphen."""
    if value is None:
        return "no value"
    if value and not 1e-4 <= abs(value) < 1e6:
        written = np.format_float_scientific(value, trim="-", exp_digits=1)
    else:
        written = np.format_float_positional(value, trim="-")
    return written.replace("+", "").replace("-", "−")
