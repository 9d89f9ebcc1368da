"""The adding problem: marks, targets, the error of the mean, and what is refused."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.tasks import adding


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(T=st.integers(2, 40), N=st.integers(1, 20), seed=st.integers(0, 999))
def test_two_marks_one_in_each_half_and_their_sum(T, N, seed):
    x, target = adding(T, N, rng(seed), np.float64)
    assert x.shape == (T, N, 2) and target.shape == (N, 1)
    numbers, marks = x[:, :, 0], x[:, :, 1]
    assert set(np.unique(marks)) <= {0, 1}
    assert (marks[: T // 2].sum(axis=0) == 1).all() and (marks[T // 2 :].sum(axis=0) == 1).all()
    assert (numbers >= 0).all() and (numbers < 1).all()
    for n in range(N):
        first, second = np.flatnonzero(marks[:, n])
        assert target[n, 0] == numbers[first, n] + numbers[second, n]


def test_the_mean_has_an_error_of_one_sixth():
    _, target = adding(10, 200_000, rng(), np.float64)
    assert target.mean() == pytest.approx(1, abs=0.005)
    assert ((target - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.01)


def test_marks_fall_on_every_step_of_their_half_about_equally():
    x, _ = adding(7, 21_000, rng())
    share = x[:, :, 1].mean(axis=1)
    np.testing.assert_allclose(share, [1 / 3] * 3 + [1 / 4] * 4, atol=0.02)


def test_two_relu_units_solve_it_at_any_length():
    # Unit 1 is x + mark − 1 where that is positive, unit 2 the sum of what unit 1 was.
    for T in (2, 50, 400):
        x, target = adding(T, 30, rng(T), np.float64)
        h = np.zeros((30, 2))
        for x_t in x:
            into = np.column_stack([x_t.sum(axis=1) - 1, h.sum(axis=1)])
            h = np.maximum(into, 0)
        np.testing.assert_allclose(h.sum(axis=1, keepdims=True), target, rtol=0, atol=1e-14)


def test_dtype_and_seed():
    x, target = adding(6, 4, rng())
    assert x.dtype == target.dtype == np.float32
    again, _ = adding(6, 4, rng())
    np.testing.assert_array_equal(x, again)
    other, _ = adding(6, 4, rng(1))
    assert not np.array_equal(x, other)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((1, 3), "T: expected at least 2 steps for two marks, got 1"),
        ((2, 0), "N: expected at least 1, got 0"),
    ],
)
def test_what_is_refused(sizes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        adding(*sizes, rng())
