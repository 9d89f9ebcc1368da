"""Pascanu's Ω and its immediate derivative, against torch and finite differences."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.checks import numerical_gradient
from unrolled.jacobian_regulariser import jacobian_regulariser
from unrolled.nets import RNN

every_shape = settings(max_examples=40, deadline=None, derandomize=True)
ACTIVATIONS = ("tanh", "sigmoid", "relu")


def problem(T, N, H, activation="tanh", seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    net = RNN(*(rng.normal(size=s).astype(dtype) for s in ((2, H), (H, H), (H,))), activation)
    h = net.forward(rng.normal(size=(T, N, 2)).astype(dtype))
    return net.W_hh, h, rng.normal(size=h.shape).astype(dtype)


def slopes_of(h, activation):
    return {"tanh": 1 - h**2, "sigmoid": h * (1 - h), "relu": (h > 0).astype(h.dtype)}[activation]


def reference(W_hh, W_back, h, dh, activation):
    """Ω by the formula, one pair at a time, in torch; W_back is the copy held constant."""
    slope = torch.tensor(slopes_of(h, activation))
    T, N, H = h.shape
    da, later = [None] * T, torch.zeros(N, H, dtype=W_hh.dtype)
    for t in reversed(range(T)):
        da[t] = (torch.tensor(dh[t]) + later) * slope[t]
        later = da[t] @ W_back.T
    pairs = []
    for k in range(T - 1):
        for n in range(N):
            if da[k + 1][n].any():
                v = da[k + 1][n].detach()
                pairs.append((((v @ W_hh.T) * slope[k, n]).norm() / v.norm() - 1) ** 2)
    return sum(pairs) / len(pairs) if pairs else torch.zeros((), dtype=W_hh.dtype)


@every_shape
@given(
    T=st.integers(2, 5),
    N=st.integers(1, 3),
    H=st.integers(1, 4),
    activation=st.sampled_from(ACTIVATIONS),
    seed=st.integers(0, 999),
)
def test_value_and_derivative_equal_autograd_with_the_constants_held(T, N, H, activation, seed):
    W_hh, h, dh = problem(T, N, H, activation, seed)
    leaf = torch.tensor(W_hh, requires_grad=True)
    expected = reference(leaf, leaf.detach(), h, dh, activation)
    omega, dW_hh = jacobian_regulariser(W_hh, h, dh, activation)
    assert isinstance(omega, float)
    assert omega == pytest.approx(expected.item(), rel=1e-10, abs=1e-12)
    if expected.requires_grad:
        expected.backward()
        theirs = leaf.grad.nan_to_num()  # torch's slope of a norm at zero
        np.testing.assert_allclose(dW_hh, theirs, rtol=1e-9, atol=1e-10)


def with_constants_held(W_hh, h, dh):
    """Ω as a function of W_hh where da and the slopes stay as they are now."""
    slopes, frozen = 1 - h**2, W_hh.copy()
    da, later = np.empty_like(dh), 0
    for t in reversed(range(len(h))):
        da[t] = (dh[t] + later) * slopes[t]
        later = da[t] @ frozen.T

    def omega():
        u = (da[1:] @ W_hh.T) * slopes[:-1]
        ratio = np.linalg.norm(u, axis=-1) / np.linalg.norm(da[1:], axis=-1)
        return np.mean((ratio - 1) ** 2)

    return omega


def test_derivative_equals_finite_differences_with_the_constants_held():
    W_hh, h, dh = problem(5, 3, 4)
    omega = with_constants_held(W_hh, h, dh)
    value, dW_hh = jacobian_regulariser(W_hh, h, dh)
    assert value == pytest.approx(omega(), rel=1e-12)
    np.testing.assert_allclose(dW_hh, numerical_gradient(omega, W_hh), rtol=1e-7, atol=1e-8)


def test_the_total_derivative_is_another():
    W_hh, h, dh = problem(5, 3, 4)
    _, dW_hh = jacobian_regulariser(W_hh, h, dh)
    total = numerical_gradient(lambda: jacobian_regulariser(W_hh, h, dh)[0], W_hh)
    assert np.abs(total - dW_hh).max() > 0.1 * np.abs(dW_hh).max()


def test_an_orthogonal_linear_recurrence_has_nothing_to_correct():
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    h = np.ones((6, 2, 4))  # ReLU at work everywhere: all slopes are 1
    dh = np.random.default_rng(1).normal(size=h.shape)
    omega, dW_hh = jacobian_regulariser(Q, h, dh, "relu")
    assert omega < 1e-28 and np.abs(dW_hh).max() < 1e-13
    omega, _ = jacobian_regulariser(0.5 * Q, h, dh, "relu")
    assert omega == pytest.approx(0.25)


def test_vanishing_gradients_count_like_others():
    """At 1e-200 the squares are zero in float64; the ratio is not."""
    W_hh, h, dh = problem(4, 2, 3)
    omega, dW_hh = jacobian_regulariser(W_hh, h, 1e-200 * dh)
    expected, dW_expected = jacobian_regulariser(W_hh, h, dh)
    assert omega == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dW_hh, dW_expected, rtol=1e-10)


def test_pairs_without_a_gradient_are_not_counted():
    W_hh, h, dh = problem(5, 2, 3)
    dh[:, 1] = 0
    both, one = (jacobian_regulariser(W_hh, h[:, :n], dh[:, :n]) for n in (2, 1))
    assert both[0] == pytest.approx(one[0], rel=1e-12)
    np.testing.assert_allclose(both[1], one[1], rtol=1e-12)


def test_without_any_pair_it_is_zero():
    W_hh, h, dh = problem(1, 2, 3)
    omega, dW_hh = jacobian_regulariser(W_hh, h, dh)
    assert omega == 0 and not dW_hh.any() and dW_hh.shape == (3, 3)


def test_a_gradient_that_dies_at_a_step_counts_one_and_pulls_nothing():
    h = np.array([[[0.0, 0.0]], [[1.0, 1.0]]])  # ReLU asleep at the first step
    omega, dW_hh = jacobian_regulariser(np.eye(2), h, np.ones_like(h), "relu")
    assert omega == 1 and not dW_hh.any()


def test_float32_stays_and_arguments_too():
    W_hh, h, dh = problem(4, 2, 3, dtype=np.float32)
    before = W_hh.copy(), h.copy(), dh.copy()
    _, dW_hh = jacobian_regulariser(W_hh, h, dh)
    assert dW_hh.dtype == np.float32
    for array, copy in zip((W_hh, h, dh), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"activation": "sin"}, "activation: expected one of 'tanh', 'relu', 'sigmoid', got 'sin'"),
        ({"W_hh": np.ones((3, 2))}, "W_hh: expected shape (H, H), got (3, 2)"),
        ({"W_hh": np.ones((3, 3), int)}, "W_hh: expected floating-point numbers, got int64"),
        ({"h": np.ones((4, 2, 5))}, "h: expected shape (T, N, 3), got (4, 2, 5)"),
        ({"dh": np.ones((4, 1, 3))}, "dh: expected shape (4, 2, 3) as h has, got (4, 1, 3)"),
        ({"dh": np.ones((4, 2, 3), np.float32)}, "dh: expected float64 as W_hh has, got float32"),
    ],
)
def test_bad_input_is_named(change, message):
    W_hh, h, dh = problem(4, 2, 3)
    arguments = {"W_hh": W_hh, "h": h, "dh": dh} | change
    with pytest.raises(ValueError, match=re.escape(message)):
        jacobian_regulariser(**arguments)


def test_a_gradient_that_overflows_is_named():
    W_hh, h, dh = problem(4, 2, 3)
    dh[2] = np.inf
    with pytest.raises(FloatingPointError, match="got others from step 3 back"):
        jacobian_regulariser(W_hh, h, dh)
