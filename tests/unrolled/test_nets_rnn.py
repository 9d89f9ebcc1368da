"""The fast NumPy RNN against autograd, and against torch.nn.RNN where that has the activation."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.nets import RNN, RNNGradients

NAMES = RNNGradients._fields
ACTIVATIONS = ("tanh", "relu", "sigmoid")
SIZES = {name: st.integers(1, 5) for name in "TNDH"}
every_shape = settings(max_examples=40, deadline=None, derandomize=True)


def problem(T, N, D, H, activation="tanh", seed=0, dtype=np.float64, **options):
    """Return a network, inputs, an initial state and an upstream gradient."""
    rng = np.random.default_rng(seed)
    net = RNN.initialise(D, H, rng, activation, dtype, **options)
    x, h0, dh = (rng.normal(size=s).astype(dtype) for s in ((T, N, D), (N, H), (T, N, H)))
    return net, x, h0, dh


def by_autograd(net, x, h0, dh):
    """Return the states and all gradients from the definition, written with torch's operations."""
    phi = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}[net.activation]
    leaves = x, h0, W_xh, W_hh, b_h = [
        torch.tensor(a, requires_grad=True) for a in (x, h0, net.W_xh, net.W_hh, net.b_h)
    ]
    h = [h0]
    for x_t in x:
        h.append(phi(x_t @ W_xh + h[-1] @ W_hh + b_h))
    h = torch.stack(h[1:])
    h.backward(torch.tensor(dh))
    return h.detach().numpy(), [leaf.grad.numpy() for leaf in leaves]


def assert_same(gradients, expected, **tolerance):
    for name, ours, theirs in zip(NAMES, gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, err_msg=name, **tolerance)


@every_shape
@given(**SIZES, activation=st.sampled_from(ACTIVATIONS), seed=st.integers(0, 999))
def test_equals_autograd(T, N, D, H, activation, seed):
    net, x, h0, dh = problem(T, N, D, H, activation, seed)
    h, expected = by_autograd(net, x, h0, dh)
    np.testing.assert_allclose(net.forward(x, h0), h, rtol=0, atol=1e-12)
    assert_same(net.backward(dh), expected, rtol=0, atol=1e-10)


@every_shape
@given(**SIZES, activation=st.sampled_from(("tanh", "relu")), seed=st.integers(0, 999))
def test_equals_torch_nn_rnn(T, N, D, H, activation, seed):
    theirs = torch.nn.RNN(D, H, nonlinearity=activation, dtype=torch.float64)
    W_ih, W_hh, b_ih, b_hh = (p.detach().numpy() for p in theirs.parameters())
    net = RNN(W_ih.T, W_hh.T, b_ih + b_hh, activation)
    _, x, h0, dh = problem(T, N, D, H, seed=seed)
    x_, h0_ = torch.tensor(x, requires_grad=True), torch.tensor(h0[None], requires_grad=True)
    h, h_T = theirs(x_, h0_)
    h.backward(torch.tensor(dh))
    dW_ih, dW_hh, db_ih, db_hh = (p.grad.numpy() for p in theirs.parameters())

    ours = net.forward(x, h0)
    np.testing.assert_allclose(ours, h.detach(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours[-1], h_T.detach()[0], rtol=0, atol=1e-10)
    expected = x_.grad.numpy(), h0_.grad[0].numpy(), dW_ih.T, dW_hh.T, db_ih
    assert_same(net.backward(dh), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(db_ih, db_hh, rtol=0, atol=1e-12)  # why one b_h is enough


def test_relu_passes_no_gradient_at_zero_as_in_torch():
    net = RNN(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), "relu")
    net.forward(np.ones((1, 1, 1)))
    assert net.backward(np.ones((1, 1, 1))).db_h == 0


def test_unknown_activation_is_named():
    message = "activation: expected one of 'tanh', 'relu', 'sigmoid', got 'gelu'"
    with pytest.raises(ValueError, match=re.escape(message)):
        RNN(np.zeros((3, 4)), np.zeros((4, 4)), np.zeros(4), activation="gelu")
