"""Recall: the first symbol and nothing else tells the target."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.tasks import recall


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    T=st.integers(1, 30), N=st.integers(1, 20), classes=st.integers(2, 9), seed=st.integers(0, 999)
)
def test_the_symbol_stands_at_the_first_step_and_noise_after_it(T, N, classes, seed):
    x, targets = recall(T, N, rng(seed), classes)
    assert x.shape == (T, N, classes + 1) and targets.shape == (N,)
    assert targets.dtype.kind == "i" and (targets >= 0).all() and (targets < classes).all()
    np.testing.assert_array_equal(x[0, :, :classes], np.eye(classes)[targets])
    assert not x[0, :, classes].any() and not x[1:, :, :classes].any()
    assert (np.abs(x[1:, :, classes]) == 1).all()


def test_symbols_and_signs_are_equally_likely_and_the_noise_tells_nothing():
    x, targets = recall(4, 40_000, rng())
    assert np.bincount(targets) / 40_000 == pytest.approx(np.full(8, 1 / 8), abs=0.01)
    noise = x[1:, :, -1]
    assert noise.mean(axis=1) == pytest.approx(np.zeros(3), abs=0.03)
    for symbol in range(8):
        assert noise[:, targets == symbol].mean(axis=1) == pytest.approx(np.zeros(3), abs=0.08)


def test_dtype_and_seed():
    assert recall(3, 2, rng())[0].dtype == np.float32
    assert recall(3, 2, rng(), dtype=np.float64)[0].dtype == np.float64
    for one, again in zip(recall(9, 5, rng(3)), recall(9, 5, rng(3)), strict=True):
        np.testing.assert_array_equal(one, again)
    assert not np.array_equal(recall(9, 5, rng(3))[0], recall(9, 5, rng(4))[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"T": 0, "N": 1}, "T: expected at least 1, got 0"),
        ({"T": 1, "N": 0}, "N: expected at least 1, got 0"),
        ({"T": 1, "N": 1, "classes": 1}, "classes: expected at least 2, got 1"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        recall(**arguments, rng=rng())
