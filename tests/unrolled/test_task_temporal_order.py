"""The temporal order task is what Pascanu et al. (2013, section 4.1) describe."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.tasks import temporal_order


@settings(max_examples=50, deadline=None, derandomize=True)
@given(T=st.integers(10, 120), N=st.integers(1, 20), seed=st.integers(0, 999))
def test_two_marks_in_their_places_name_the_class(T, N, seed):
    x, targets = temporal_order(T, N, np.random.default_rng(seed))
    assert x.shape == (T, N, 6) and targets.shape == (N,)
    assert set(np.unique(x)) == {0.0, 1.0} and (x.sum(axis=2) == 1).all()
    symbols = x.argmax(axis=2)
    for n in range(N):
        first, second = np.flatnonzero(symbols[:, n] < 2)
        assert T // 10 <= first < 2 * T // 10
        assert 4 * T // 10 <= second < 5 * T // 10
        assert targets[n] == 2 * symbols[first, n] + symbols[second, n]


def test_classes_places_and_distractors_are_drawn_evenly():
    x, targets = temporal_order(50, 40_000, np.random.default_rng(0))
    symbols = x.argmax(axis=2)
    np.testing.assert_allclose(np.bincount(targets) / 40_000, 0.25, atol=0.01)
    marked = (symbols < 2).mean(axis=1)
    places = [*range(5, 10), *range(20, 25)]
    np.testing.assert_allclose(marked[places], 0.2, atol=0.01)
    assert marked.sum() == pytest.approx(2)
    others = symbols[symbols >= 2]
    np.testing.assert_allclose(np.bincount(others)[2:] / others.size, 0.25, atol=0.01)


def test_the_same_seed_draws_the_same():
    a, b = (temporal_order(20, 5, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes(dtype):
    x, targets = temporal_order(10, 3, np.random.default_rng(0), dtype)
    assert x.dtype == dtype and targets.dtype.kind == "i"


@pytest.mark.parametrize(
    "T, N, message",
    [(9, 1, "T: expected at least 10 steps, got 9"), (10, 0, "N: expected at least 1, got 0")],
)
def test_sizes_that_cannot_be_are_refused(T, N, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        temporal_order(T, N, np.random.default_rng(0))
