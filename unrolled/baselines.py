"""Forecasts that a network has to beat: naive, seasonal naive, autoregressive.

All take windows as `unrolled.batching.windows` cuts them, past values (length, M), and return
forecasts (ahead, M) in the same dtype.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from unrolled.batching import windows


def naive(past: ArrayLike, ahead: int = 1) -> np.ndarray:
    """Forecast that nothing changes: every value ahead is the last one seen.

    Args:
        past: values (length, M), the latest last.
        ahead: how many values to forecast.

    Returns:
        Forecasts (ahead, M).

    Raises:
        ValueError: `past` or `ahead` is wrong, or a value is not finite.
    """
    return seasonal_naive(past, 1, ahead)


def seasonal_naive(past: ArrayLike, period: int, ahead: int = 1) -> np.ndarray:
    """Forecast that the last period repeats: x_{t+i} = x_{t+i−period}, over and over.

    Args:
        past: values (length, M), length at least `period`, the latest last.
        period: steps after which the series is expected to repeat itself; 1 is the naive forecast.
        ahead: how many values to forecast.

    Returns:
        Forecasts (ahead, M).

    Raises:
        ValueError: `past`, `period` or `ahead` is wrong, or a value is not finite.
    """
    if period < 1:
        raise ValueError(f"period: expected at least 1, got {period}")
    past = _past(past, at_least=period, ahead=ahead)
    return past[len(past) - period + np.arange(ahead) % period]


@dataclass(frozen=True, eq=False)
class Autoregression:
    """The linear forecast x_{t+1} = intercept + Σ_i weights[i] x_{t−i} (Yule, 1927).

    Attributes:
        intercept: the constant, a number.
        weights: (order,), the weight of the latest value first.
    """

    intercept: float
    weights: np.ndarray

    @classmethod
    def fit(cls, series: ArrayLike, order: int) -> "Autoregression":
        """Return the forecast with the least squared error one step ahead within a series.

        Args:
            series: (L,), floating-point numbers; L at least 2 · order + 1, one equation an unknown.
            order: how many past values it looks at, at least 1.

        Raises:
            ValueError: the series or the order is wrong, or a value is not finite.
        """
        series = np.asarray(series)
        if series.ndim != 1 or series.dtype.kind != "f":
            raise ValueError(
                f"series: expected floating-point numbers of shape (L,), "
                f"got {series.dtype} of shape {series.shape}"
            )
        _expect_finite("series", series)
        if order < 1:
            raise ValueError(f"order: expected at least 1, got {order}")
        if len(series) < 2 * order + 1:
            raise ValueError(
                f"series: expected at least {2 * order + 1} values for order {order}, "
                f"got {len(series)}"
            )
        past, future = windows(series, order)
        # Around the mean the equations are well conditioned, also for values such as 350 ppm.
        centre = series.mean()
        design = np.vstack([np.ones_like(past[:1]), past[::-1] - centre]).T
        solution = np.linalg.lstsq(design, future[0] - centre, rcond=None)[0]
        weights = solution[1:]
        return cls(float(solution[0] + centre * (1 - weights.sum())), weights)

    def forecast(self, past: ArrayLike, ahead: int = 1) -> np.ndarray:
        """Return forecasts (ahead, M), each made from the values and forecasts before it.

        Args:
            past: values (length, M), length at least the order, the latest last.
            ahead: how many values to forecast.

        Raises:
            ValueError: `past` or `ahead` is wrong, or a value is not finite.
        """
        order = len(self.weights)
        past = _past(past, at_least=order, ahead=ahead)
        weights = self.weights[::-1].astype(past.dtype)
        blank = np.empty_like(past, shape=(ahead, past.shape[1]))
        seen = np.concatenate([past[len(past) - order :], blank])
        for i in range(ahead):
            seen[order + i] = self.intercept + weights @ seen[i : order + i]
        return seen[order:]


def _past(past: ArrayLike, at_least: int, ahead: int) -> np.ndarray:
    """Return the past as an array (length, M) of enough finite floating-point numbers."""
    past = np.asarray(past)
    if past.ndim != 2 or len(past) < at_least:
        raise ValueError(
            f"past: expected shape (length, M), length at least {at_least}, got {past.shape}"
        )
    if past.dtype.kind != "f":
        raise ValueError(f"past: expected floating-point numbers, got {past.dtype}")
    if ahead < 1:
        raise ValueError(f"ahead: expected at least 1, got {ahead}")
    _expect_finite("past", past)
    return past


def _expect_finite(name: str, array: np.ndarray) -> None:
    wrong = ~np.isfinite(array)
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(f"{name}: expected finite numbers, got {array[wrong][0]} at {where}")
