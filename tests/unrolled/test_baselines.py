"""Baseline forecasts against plain loops and statsmodels."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.ar_model import AutoReg

from unrolled.baselines import Autoregression, naive, seasonal_naive
from unrolled.batching import windows

every_shape = settings(max_examples=40, deadline=None, derandomize=True)


def series_of(L, seed=0):
    return 350 + np.random.default_rng(seed).normal(size=L).cumsum()


@every_shape
@given(st.integers(1, 5), st.integers(1, 12), st.integers(1, 4))
def test_seasonal_naive_repeats_the_last_period(period, ahead, M):
    past = np.random.default_rng(0).normal(size=(6, M))
    forecast = seasonal_naive(past, period, ahead)
    for m in range(M):
        values = list(past[:, m])
        for _ in range(ahead):
            values.append(values[-period])
        np.testing.assert_array_equal(forecast[:, m], values[6:])


def test_naive_is_the_last_value_whatever_the_horizon():
    past = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_array_equal(naive(past, 5), np.tile(past[-1], (5, 1)))


@every_shape
@given(st.integers(1, 6), st.integers(0, 99))
def test_autoregression_equals_statsmodels(order, seed):
    series = series_of(120, seed)
    ours = Autoregression.fit(series, order)
    theirs = AutoReg(series, order).fit()
    np.testing.assert_allclose([ours.intercept, *ours.weights], theirs.params, atol=1e-6)
    future = theirs.predict(120, 126)
    np.testing.assert_allclose(ours.forecast(series[:, None], 7)[:, 0], future, atol=1e-6)


def test_no_other_weights_fit_the_series_better():
    series = series_of(80)
    past, future = windows(series, 3)
    fitted = Autoregression.fit(series, 3)
    least = np.sum((fitted.forecast(past) - future) ** 2)
    rng = np.random.default_rng(1)
    for _ in range(20):
        other = Autoregression(
            fitted.intercept + 0.01 * rng.normal(), fitted.weights + 0.01 * rng.normal(size=3)
        )
        assert np.sum((other.forecast(past) - future) ** 2) > least
    assert np.sum((naive(past) - future) ** 2) > least


def test_an_exact_recurrence_is_found_and_continued():
    values = [1.0, 2.0]
    for _ in range(40):
        values.append(0.5 + 1.2 * values[-1] - 0.9 * values[-2])
    fitted = Autoregression.fit(np.array(values[:30]), 2)
    np.testing.assert_allclose([fitted.intercept, *fitted.weights], [0.5, 1.2, -0.9], atol=1e-10)
    forecast = fitted.forecast(np.array(values[:30])[:, None], 12)
    np.testing.assert_allclose(forecast[:, 0], values[30:42], atol=1e-8)


def test_float32_stays_float32():
    past = np.ones((5, 2), np.float32)
    fitted = Autoregression.fit(series_of(50).astype(np.float32), 2)
    for forecast in (naive(past, 2), seasonal_naive(past, 3, 2), fitted.forecast(past, 2)):
        assert forecast.dtype == np.float32


PAST = np.ones((3, 2))
FITTED = Autoregression(0.0, np.array([1.0, 0.0, 0.0, 0.0]))
HOLE = np.array([[1.0, 2.0], [np.nan, 3.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: naive(np.ones(3)),
            "past: expected shape (length, M), length at least 1, got (3,)",
        ),
        (lambda: naive(PAST, 0), "ahead: expected at least 1, got 0"),
        (lambda: naive(PAST.astype(int)), "past: expected floating-point numbers, got int64"),
        (lambda: naive(HOLE), "past: expected finite numbers, got nan at [1, 0]"),
        (
            lambda: naive(1 / (HOLE - 1 + 1e-320)),
            "past: expected finite numbers, got inf at [0, 0]",
        ),
        (lambda: seasonal_naive(PAST, 0), "period: expected at least 1, got 0"),
        (lambda: seasonal_naive(PAST, 4), "past: expected shape (length, M), length at least 4"),
        (lambda: FITTED.forecast(PAST), "past: expected shape (length, M), length at least 4"),
        (lambda: Autoregression.fit(PAST, 1), "series: expected floating-point numbers of shape"),
        (lambda: Autoregression.fit(np.arange(9), 1), "series: expected floating-point numbers"),
        (lambda: Autoregression.fit(np.ones(9), 0), "order: expected at least 1, got 0"),
        (lambda: Autoregression.fit(np.ones(8), 4), "series: expected at least 9 values for order"),
        (lambda: Autoregression.fit(HOLE[1], 1), "series: expected finite numbers, got nan at [0]"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:overflow")
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
