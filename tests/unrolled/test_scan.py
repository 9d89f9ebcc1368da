"""Linear recurrences, in NumPy and in PyTorch: the loop, the scan, and the way back."""

import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from unrolled.checks import check_gradient
from unrolled.modules.scan import linear_scan as torch_scan
from unrolled.nets import linear_scan, linear_scan_backward

WAYS = ("parallel", "loop")
every_way = pytest.mark.parametrize("how", WAYS)
every_shape = settings(max_examples=60, deadline=None, derandomize=True)


def problem(T, shape, seed=0):
    """Return a, b, h0 and an upstream gradient; factors are of either sign, some of them zero."""
    rng = np.random.default_rng(seed)
    a, b, dh = (rng.normal(size=(T, *shape)) for _ in range(3))
    a[rng.random(a.shape) < 0.1] = 0
    return a, b, rng.normal(size=shape), dh


def states(a, b, h0):
    h = [h0]
    for a_t, b_t in zip(a, b, strict=True):
        h.append(a_t * h[-1] + b_t)
    return np.stack(h[1:])


@every_shape
@given(
    T=st.integers(1, 40),
    shape=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    how=st.sampled_from(WAYS),
    seed=st.integers(0, 999),
)
def test_states_and_gradients_are_those_of_the_definition(T, shape, how, seed):
    a, b, h0, dh = problem(T, shape, seed)
    h = linear_scan(a, b, h0, how)
    np.testing.assert_allclose(h, states(a, b, h0), rtol=1e-12, atol=1e-12)

    leaves = [torch.tensor(array, requires_grad=True) for array in (a, b, h0)]
    h_t, expected = leaves[2], []
    for t in range(T):
        h_t = leaves[0][t] * h_t + leaves[1][t]
        expected.append(h_t)
    expected = torch.autograd.grad(torch.stack(expected), leaves, torch.tensor(dh))
    theirs = torch_scan(*leaves, how)
    np.testing.assert_allclose(theirs.detach(), h, rtol=1e-12, atol=1e-12)
    by_torch = torch.autograd.grad(theirs, leaves, torch.tensor(dh))
    ours = linear_scan_backward(a, h, dh, h0, how)
    for one, two, three in zip(ours, by_torch, expected, strict=True):
        np.testing.assert_allclose(one, three, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(two, three, rtol=1e-11, atol=1e-11)


@every_way
def test_gradients_equal_central_differences(how):
    a, b, h0, dh = problem(9, (2,))
    gradients = linear_scan_backward(a, linear_scan(a, b, h0, how), dh, h0, how)
    for name, array, gradient in zip(("a", "b", "h0"), (a, b, h0), gradients, strict=True):
        loss_of = lambda: (linear_scan(a, b, h0, how) * dh).sum()  # noqa: E731
        check_gradient(name, loss_of, array, gradient, tolerance=1e-7)


@pytest.mark.parametrize("how", WAYS)
def test_pytorchs_scan_can_be_differentiated_twice(how):
    leaves = [torch.tensor(array, requires_grad=True) for array in problem(5, (2,))[:3]]
    assert torch.autograd.gradgradcheck(lambda *given: torch_scan(*given, how), leaves)


@every_way
def test_constant_factor_is_a_filter_of_first_order(how):
    b = np.random.default_rng(0).normal(size=1000)
    expected = lfilter([1], [1, -0.9], b)
    np.testing.assert_allclose(linear_scan(np.full(1000, 0.9), b, how=how), expected, rtol=1e-10)


@every_way
def test_products_beyond_the_range_of_floats_do_no_harm(how):
    # 0.1 to the power 2000 is 0 in float64, so nothing may be divided by it.
    a, b = np.full(2000, 0.1), np.ones(2000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        h = linear_scan(a, b, how=how)
        gradients = linear_scan_backward(a, h, np.ones(2000), how=how)
    assert h[-1] == pytest.approx(1 / 0.9) and gradients.db[0] == pytest.approx(1 / 0.9)


@every_way
def test_no_initial_state_means_zeros(how):
    a, b, h0, dh = problem(6, (2, 3))
    h = linear_scan(a, b, 0 * h0, how)
    np.testing.assert_array_equal(linear_scan(a, b, how=how), h)
    ours = linear_scan_backward(a, h, dh, how=how)
    for one, two in zip(ours, linear_scan_backward(a, h, dh, 0 * h0, how), strict=True):
        np.testing.assert_array_equal(one, two)


@every_way
def test_dtype_is_kept_and_arguments_are_unchanged(how):
    given = [array.astype(np.float32) for array in problem(7, (2,))]
    before = [array.copy() for array in given]
    a, b, h0, dh = given
    h = linear_scan(a, b, h0, how)
    results = [h, *linear_scan_backward(a, h, dh, h0, how)]
    assert {array.dtype for array in results} == {np.dtype(np.float32)}
    for one, two in zip(given, before, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_scan_takes_two_rounds_a_doubling_and_the_loop_one_a_step(monkeypatch):
    rounds = []
    step = torch.addcmul
    monkeypatch.setattr(torch, "addcmul", lambda *a, **k: rounds.append(1) or step(*a, **k))
    for T, expected in ((1, 1), (2, 4), (1024, 31)):
        a = torch.full((T, 1), 0.5)
        for how, count in (("parallel", expected), ("loop", T)):
            rounds.clear()
            torch_scan(a, a, a[0], how)
            assert len(rounds) == count


A = np.ones((3, 2))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: linear_scan(A[:0], A[:0]), "a: expected shape (T, …) with T at least 1, got (0,"),
        (lambda: linear_scan(1.0, A), "a: expected shape (T, …) with T at least 1, got ()"),
        (lambda: linear_scan(A, A[:2]), "b: expected shape (3, 2), got (2, 2)"),
        (lambda: linear_scan(A, A, A), "h0: expected shape (2,), got (3, 2)"),
        (lambda: linear_scan(A, A.astype("f")), "b: expected float64 as a has, got float32"),
        (lambda: linear_scan(A, A, how="both"), "how: expected 'parallel' or 'loop', got 'both'"),
        (lambda: linear_scan_backward(A, A[:2], A), "h: expected shape (3, 2), got (2, 2)"),
        (lambda: linear_scan_backward(A, A, A[0]), "dh: expected shape (3, 2), got (2,)"),
        (lambda: torch_scan(*map(torch.tensor, (A[:0], A[:0], A[0]))), "with T at least 1, got (0"),
        (lambda: torch_scan(*map(torch.tensor, (A, A[:2], A[0]))), "b: expected shape (3, 2), got"),
        (lambda: torch_scan(*map(torch.tensor, (A, A, A))), "h0: expected shape (2,), got (3, 2)"),
        (lambda: torch_scan(*map(torch.tensor, (A, A, A[0])), "both"), "how: expected 'parallel'"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
