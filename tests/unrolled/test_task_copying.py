"""Copying: targets are the sources, or the sources backwards, and symbols are independent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.tasks import copying


@settings(max_examples=40, deadline=None, derandomize=True)
@given(n=st.integers(1, 9), N=st.integers(1, 9), symbols=st.integers(2, 9), seed=st.integers(0, 99))
def test_targets_are_the_sources(n, N, symbols, seed):
    for backwards in (False, True):
        x, y = copying(n, N, np.random.default_rng(seed), symbols, backwards)
        assert x.shape == (n, N) and x.dtype.kind == "i"
        assert 1 <= x.min() and x.max() <= symbols
        for one, other in zip(x.T.tolist(), y.T.tolist(), strict=True):
            assert other == (one[::-1] if backwards else one)
        y[:] = 0  # what one does to the targets leaves the sources alone
        assert x.min() >= 1


def test_symbols_are_equally_frequent_and_do_not_depend_on_one_another():
    x, _ = copying(4, 20_000, np.random.default_rng(0), symbols=5)
    for t in range(4):
        share = np.bincount(x[t], minlength=6)[1:] / 20_000
        assert np.abs(share - 0.2).max() < 5 * 0.4 / np.sqrt(20_000)
    pairs = np.bincount(5 * (x[0] - 1) + x[1] - 1, minlength=25) / 20_000
    assert np.abs(pairs - 0.04).max() < 5 * 0.2 / np.sqrt(20_000)


def test_both_tasks_draw_the_same_sources():
    (x, _), (again, _) = (
        copying(5, 3, np.random.default_rng(1), backwards=b) for b in (False, True)
    )
    np.testing.assert_array_equal(x, again)


@pytest.mark.parametrize(
    "n, N, symbols, message",
    [
        (0, 1, 8, "n: expected at least 1, got 0"),
        (3, 0, 8, "N: expected at least 1, got 0"),
        (3, 1, 1, "symbols: expected at least 2, got 1"),
    ],
)
def test_wrong_argument_is_named(n, N, symbols, message):
    with pytest.raises(ValueError, match=message):
        copying(n, N, np.random.default_rng(0), symbols)
