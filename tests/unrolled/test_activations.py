"""Activations and their slopes through the output."""

import warnings

import numpy as np
import pytest
import torch

from unrolled.activations import ACTIVATIONS, sigmoid


@pytest.mark.parametrize("a", [0.5, 2, True, np.uint8(2), [1, -1], np.linspace(-40, 40, 9)])
def test_sigmoid_is_the_logistic_function_of_whatever_number(a):
    expected = 1 / (1 + np.exp(-np.asarray(a, dtype=float)))
    np.testing.assert_allclose(sigmoid(a), expected, rtol=1e-15)


def test_sigmoid_of_the_extremes_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = np.array([-np.inf, -1e4, 0, 1e4, np.inf])
        np.testing.assert_array_equal(sigmoid(a), [0, 0, 0.5, 1, 1])
        assert np.isnan(sigmoid(np.nan))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_keeps_the_dtype_and_may_work_in_place(dtype):
    a = np.linspace(-3, 3, 7, dtype=dtype)
    expected = sigmoid(a)
    assert expected.dtype == dtype
    assert sigmoid(a, out=a) is a
    np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_equals_autograd(name):
    a = torch.linspace(-4, 4, 41, dtype=torch.float64, requires_grad=True)
    theirs = getattr(torch, name)(a)
    theirs.sum().backward()
    apply, slope = ACTIVATIONS[name]
    h = a.detach().numpy().copy()
    apply(h, out=h)
    np.testing.assert_allclose(h, theirs.detach(), rtol=0, atol=1e-15)
    np.testing.assert_allclose(slope(h, np.empty_like(h)), a.grad, rtol=0, atol=1e-15)
