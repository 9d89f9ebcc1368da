"""Step Jacobians and their products against torch.func, finite differences and closed forms."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unrolled.jacobians import (
    largest_singular_value,
    product_norms,
    products_to_last,
    spectral_radius,
    step_jacobians,
)
from unrolled.nets import RNN

every_shape = settings(max_examples=30, deadline=None, derandomize=True)
SIZES = {name: st.integers(1, 4) for name in "TNDH"}


def run(T, N, D, H, activation="tanh", seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    net = RNN.initialise(D, H, rng, activation, dtype)
    x, h0 = rng.normal(size=(T, N, D)).astype(dtype), rng.normal(size=(N, H)).astype(dtype)
    return net, x, h0, net.forward(x, h0)


@every_shape
@given(**SIZES, activation=st.sampled_from(["tanh", "relu", "sigmoid"]), seed=st.integers(0, 99))
def test_step_jacobians_equal_torch(T, N, D, H, activation, seed):
    net, x, h0, h = run(T, N, D, H, activation, seed)
    J = step_jacobians(net, h)
    assert J.shape == (T, N, H, H)
    phi = getattr(torch, activation)
    weights = [torch.tensor(W) for W in net.parameters.values()]
    before = np.concatenate([h0[None], h[:-1]])
    for t in range(T):
        for n in range(N):

            def step(state, t=t, n=n):
                return phi(torch.tensor(x[t, n]) @ weights[0] + state @ weights[1] + weights[2])

            theirs = torch.func.jacrev(step)(torch.tensor(before[t, n]))
            np.testing.assert_allclose(J[t, n], theirs, rtol=0, atol=1e-12)


def test_step_jacobian_equals_differences():
    net, x, h0, h = run(1, 1, 2, 3)
    J = step_jacobians(net, h)
    for j in range(3):
        nudge = 1e-6 * np.eye(3)[j]
        column = (net.forward(x, h0 + nudge) - net.forward(x, h0 - nudge))[0, 0] / 2e-6
        np.testing.assert_allclose(J[0, 0, :, j], column, rtol=0, atol=1e-9)


@every_shape
@given(**SIZES, seed=st.integers(0, 99))
def test_products_equal_autograd_through_torch_rnn(T, N, D, H, seed):
    net, x, h0, h = run(T, N, D, H, seed=seed)
    P = products_to_last(step_jacobians(net, h))
    assert P.shape == (T + 1, N, H, H)
    peer = nn.RNN(D, H, dtype=torch.float64)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    arrays = (net.W_xh.T, net.W_hh.T, net.b_h, np.zeros(H))
    peer.load_state_dict({k: torch.tensor(v) for k, v in zip(names, arrays, strict=True)})
    last = lambda start: peer(torch.tensor(x), start[None])[0][-1]  # noqa: E731
    theirs = torch.autograd.functional.jacobian(last, torch.tensor(h0))  # (N, H, N, H)
    for n in range(N):
        np.testing.assert_allclose(P[0, n], theirs[n, :, n], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(P[T, n], np.eye(H))


def test_products_are_what_backward_multiplies_by():
    net, _, _, h = run(6, 2, 3, 4)
    P = products_to_last(step_jacobians(net, h))
    for i in range(4):
        dh = np.zeros_like(h)
        dh[-1, :, i] = 1
        np.testing.assert_allclose(net.backward(dh).dh0, P[0, :, i], rtol=0, atol=1e-14)


@every_shape
@given(T=st.integers(1, 6), N=st.integers(1, 3), H=st.integers(1, 4), seed=st.integers(0, 99))
def test_norms_equal_numpy_of_every_product(T, N, H, seed):
    J = np.random.default_rng(seed).normal(size=(T, N, H, H))
    norms = product_norms(J)
    assert norms.shape == (T + 1, T + 1, N)
    for t in range(T + 1):
        for k in range(T + 1):
            for n in range(N):
                if k > t:
                    assert np.isnan(norms[t, k, n])
                    continue
                product = np.eye(H)
                for i in range(k, t):
                    product = J[i, n] @ product
                assert norms[t, k, n] == pytest.approx(np.linalg.norm(product, 2), rel=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_of_long_products_neither_overflow_early_nor_lose_zero(dtype):
    lasting = np.diag([1e9, 1e-9]).astype(dtype)
    J = np.stack([lasting] * 3 + [np.linalg.inv(lasting)] * 3)[:, None]
    norms = product_norms(J)
    assert norms.dtype == dtype
    assert norms[6, 0, 0] == pytest.approx(1, rel=1e-5)  # 1e27 on the way
    huge = np.full((60, 1, 1, 1), 1e9, dtype)
    assert product_norms(huge)[60, 0, 0] == np.inf
    assert product_norms(1 / huge)[60, 0, 0] == 0
    assert product_norms(0 * huge[:4])[4, 0, 0] == 0


def test_dtype_is_kept():
    net, _, _, h = run(3, 2, 2, 3, dtype=np.float32)
    J = step_jacobians(net, h)
    assert J.dtype == products_to_last(J).dtype == product_norms(J).dtype == np.float32


def test_radius_and_singular_value_of_known_matrices():
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert spectral_radius(0.7 * turn) == pytest.approx(0.7)
    assert largest_singular_value(0.7 * turn) == pytest.approx(0.7)
    shear = np.array([[0.9, 3.0], [0.0, 0.9]])
    assert spectral_radius(shear) == pytest.approx(0.9)
    # The eigenvalues of AᵀA by the quadratic formula.
    trace, determinant = (shear**2).sum(), 0.81**2
    expected = np.sqrt((trace + np.sqrt(trace**2 - 4 * determinant)) / 2)
    assert largest_singular_value(shear) == pytest.approx(expected)
    assert spectral_radius([[2, -2], [2, -2]]) == pytest.approx(0, abs=1e-7)
    assert isinstance(spectral_radius(turn), float)
    assert isinstance(largest_singular_value(turn), float)


@every_shape
@given(H=st.integers(1, 6), seed=st.integers(0, 99))
def test_radius_is_at_most_the_singular_value(H, seed):
    W = np.random.default_rng(seed).normal(size=(H, H))
    theirs = torch.tensor(W)
    assert spectral_radius(W) == pytest.approx(torch.linalg.eigvals(theirs).abs().max().item())
    assert largest_singular_value(W) == pytest.approx(torch.linalg.matrix_norm(theirs, 2).item())
    assert spectral_radius(W) <= largest_singular_value(W) * (1 + 1e-12)


def test_products_beyond_the_range_are_inf_without_a_warning(recwarn):
    P = products_to_last(np.full((40, 1, 1, 1), 1e9))
    assert P[0, 0, 0, 0] == np.inf
    assert not recwarn.list


def message(text):
    return pytest.raises(ValueError, match=re.escape(text))


def test_errors_say_what_is_wrong():
    net, _, _, h = run(3, 2, 2, 4)
    with message("h: expected shape (T, N, 4) with T and N at least 1, got (3, 2, 3)"):
        step_jacobians(net, h[..., :3])
    with message("h: expected float64 as the network has, got float32"):
        step_jacobians(net, h.astype(np.float32))
    broken = h.copy()
    broken[1, 0, 2] = np.nan
    with message("h: expected finite numbers, got nan at [1, 0, 2]"):
        step_jacobians(net, broken)
    J = step_jacobians(net, h)
    for function in (products_to_last, product_norms):
        with message("J: expected shape (T, N, H, H) with T and N at least 1, got (2, 4, 4)"):
            function(J[0])
        with message("J: expected floating-point numbers, got int64"):
            function(np.ones((1, 1, 2, 2), np.int64))
        broken = J.copy()
        broken[0, 1, 2, 3] = np.inf
        with message("J: expected finite numbers, got inf at [0, 1, 2, 3]"):
            function(broken)
    for function in (spectral_radius, largest_singular_value):
        with message("W: expected shape (H, H), got (2, 3)"):
            function(np.ones((2, 3)))
        with message("W: expected real numbers, got complex128"):
            function(np.eye(2) * 1j)
        with message("W: expected finite numbers, got nan at [0, 1]"):
            function([[1, np.nan], [0, 1]])
