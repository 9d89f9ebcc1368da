"""The building blocks of the visible checks."""

import numpy as np
import pytest

from autograder.student.checking import (
    assert_equal,
    assert_unchanged,
    central_differences,
    shaped_array,
)


def test_shaped_array_says_what_is_wrong():
    with pytest.raises(AssertionError, match=r"^dW has shape \(3, 2\).* \(2, 3\)\. Is it transp"):
        shaped_array("dW", np.ones((3, 2)), (2, 3))
    with pytest.raises(AssertionError, match=r"^dW is of type NoneType, not an array of numbers"):
        shaped_array("dW", None, (2, 3))
    with pytest.raises(AssertionError, match=r"^dW holds NaN or infinite values"):
        shaped_array("dW", [1.0, np.inf], (2,))
    assert shaped_array("dW", [1, 2], (2,)).dtype == np.float64


def test_assert_equal_is_relative_and_lets_float32_round():
    want = np.array([1000.0, 0.001])
    assert_equal(want + 5e-4, want, "unused")
    assert_equal((want * (1 + 2e-5)).astype(np.float32), want, "unused")
    with pytest.raises(AssertionError, match=r"^h is off\. .* 5\.0e-06, at index \[1\]\.$"):
        assert_equal(want + np.array([0, 5e-3]), want, "h is off.")


def test_assert_unchanged_names_the_argument():
    assert_unchanged({"x": np.ones(2), "tau": 3}, {"x": np.ones(2), "tau": 3})
    with pytest.raises(AssertionError, match=r"its argument x in place.*x\.copy\(\)"):
        assert_unchanged({"x": np.ones(2)}, {"x": np.zeros(2)})


def test_central_differences_restore_what_they_nudge():
    a = np.random.default_rng(0).normal(size=(3, 2))
    before = a.copy()
    gradient = central_differences(lambda: float(np.sin(a).sum()), a)
    np.testing.assert_allclose(gradient, np.cos(before), atol=1e-9)
    assert np.array_equal(a, before)
