"""The coin with two lags: what is drawn, and what is known of it."""

import numpy as np
import pytest
from scipy.stats import bernoulli

from unrolled.tasks import coin_level, lagged_coin


@pytest.mark.parametrize("lags", [(2, 12), (3, 8), (0, 1)])
def test_chances_are_those_of_the_two_bits(lags):
    near, far = lags
    x, y = lagged_coin(2000, 50, np.random.default_rng(1), lags)
    bits = x[..., 0]
    assert set(np.unique(bits)) == {0, 1} and abs(bits.mean() - 0.5) < 0.01
    now, old, coin = bits[far - near : len(bits) - near], bits[: len(bits) - far], y[far:]
    for a in (0, 1):
        for b in (0, 1):
            seen = coin[(now == a) & (old == b)].mean()
            assert abs(seen - (0.5 + 0.5 * a - 0.25 * b)) < 0.015


def test_the_first_targets_depend_on_bits_that_are_not_shown():
    _, y = lagged_coin(1, 100_000, np.random.default_rng(2), (2, 12))
    assert abs(y.mean() - 0.625) < 0.01


def test_levels_are_entropies():
    def entropy(*p):
        return np.mean([bernoulli(q).entropy() for q in p])

    assert np.isclose(coin_level(False, False), entropy(0.625))
    assert np.isclose(coin_level(True, False), entropy(0.875, 0.375))
    assert np.isclose(coin_level(False, True), entropy(0.75, 0.5))
    assert np.isclose(coin_level(True, True), entropy(0.5, 1.0, 0.25, 0.75))
    rounded = [round(coin_level(*known), 3) for known in ((0, 0), (1, 0), (1, 1))]
    assert rounded == [0.662, 0.519, 0.454]


def test_shapes_dtypes_and_seed():
    x, y = lagged_coin(7, 3, np.random.default_rng(0))
    assert x.shape == (7, 3, 1) and x.dtype == np.float32
    assert y.shape == (7, 3) and y.dtype == np.int64
    again = lagged_coin(7, 3, np.random.default_rng(0), dtype=np.float64)
    assert again[0].dtype == np.float64
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"T": 0, "N": 1}, "T: expected at least 1, got 0"),
        ({"T": 1, "N": 0}, "N: expected at least 1, got 0"),
        ({"T": 1, "N": 1, "lags": (3, 3)}, "lags: expected 0 <= near < far"),
        ({"T": 1, "N": 1, "lags": (-1, 3)}, "lags: expected 0 <= near < far"),
    ],
)
def test_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        lagged_coin(rng=np.random.default_rng(0), **arguments)
