import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from unrolled.intervals import wilson_interval

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_it_is_scipys(count, confidence):
    theirs = binomtest(*count).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose(wilson_interval(*count, confidence), theirs, atol=1e-12)


@given(counts)
def test_it_holds_the_share_within_0_and_1_and_is_symmetric(count):
    k, n = count
    low, high = wilson_interval(k, n)
    assert 0 <= low <= k / n <= high <= 1
    np.testing.assert_allclose(wilson_interval(n - k, n), (1 - high, 1 - low), atol=1e-12)


@given(counts)
def test_more_confidence_is_wider_and_more_runs_are_narrower(count):
    k, n = count

    def width(*arguments):
        low, high = wilson_interval(*arguments)
        return high - low

    assert width(k, n, 0.99) > width(k, n, 0.9)
    assert width(4 * k, 4 * n) < width(k, n)


def test_ends_are_exact():
    assert wilson_interval(0, 7)[0] == 0 and wilson_interval(7, 7)[1] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "runs: expected at least 1, got 0"),
        ((4, 3), "successes: expected 0 to 3, got 4"),
        ((-1, 3), "successes: expected 0 to 3, got -1"),
        ((1, 3, 1.0), "confidence: expected a number between 0 and 1, got 1.0"),
        ((1, 3, 95), "confidence: expected a number between 0 and 1, got 95"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        wilson_interval(*arguments)
