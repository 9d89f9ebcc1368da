"""The fast NumPy LSTM against torch.nn.LSTM, against autograd with peepholes, and differences."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.checks import check_gradient
from unrolled.nets import LSTM, LSTMGradients

NAMES = LSTMGradients._fields
SIZES = {name: st.integers(1, 5) for name in "TNDH"}
every_shape = settings(max_examples=40, deadline=None, derandomize=True)


def problem(T, N, D, H, peepholes=False, seed=0, dtype=np.float64, **options):
    """Return a network, inputs, an initial state and cell, and upstream gradients."""
    rng = np.random.default_rng(seed)
    net = LSTM.initialise(D, H, rng, peepholes, dtype, **options)
    shapes = (T, N, D), (N, H), (N, H), (T, N, H), (N, H)
    return net, *(rng.normal(size=shape).astype(dtype) for shape in shapes)


def by_autograd(net, x, h0, c0, dh, dc_T):
    """Return states, cells and all gradients from the definition, with torch's operations."""
    given = (x, h0, c0, *net.parameters.values())
    leaves = [torch.tensor(a, requires_grad=True) for a in given]
    x, h_t, c_t, W_xh, W_hh, b_h, *peepholes = leaves
    p_i, p_f, p_o = peepholes or [torch.zeros_like(h_t[0])] * 3
    h, c = [], []
    for x_t in x:
        i, f, g, o = (x_t @ W_xh + h_t @ W_hh + b_h).chunk(4, dim=1)
        i, f = torch.sigmoid(i + p_i * c_t), torch.sigmoid(f + p_f * c_t)
        c_t = f * c_t + i * torch.tanh(g)
        h_t = torch.sigmoid(o + p_o * c_t) * torch.tanh(c_t)
        h.append(h_t)
        c.append(c_t)
    h, c = torch.stack(h), torch.stack(c)
    torch.autograd.backward([h, c_t], [torch.tensor(dh), torch.tensor(dc_T)])
    gradients = [leaf.grad.numpy() for leaf in leaves] + [None] * (9 - len(leaves))
    return h.detach().numpy(), c.detach().numpy(), gradients


def assert_same(gradients, expected, **tolerance):
    for name, ours, theirs in zip(NAMES, gradients, expected, strict=True):
        if theirs is None:
            assert ours is None, name
        else:
            np.testing.assert_allclose(ours, theirs, err_msg=name, **tolerance)


@every_shape
@given(**SIZES, peepholes=st.booleans(), seed=st.integers(0, 999))
def test_equals_autograd(T, N, D, H, peepholes, seed):
    net, *given, dh, dc_T = problem(T, N, D, H, peepholes, seed)
    h, c, expected = by_autograd(net, *given, dh, dc_T)
    np.testing.assert_allclose(net.forward(*given), h, rtol=0, atol=1e-12)
    np.testing.assert_allclose(net.c, c, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(net.c_T, net.c[-1])
    assert_same(net.backward(dh, dc_T), expected, rtol=0, atol=1e-10)


@every_shape
@given(**SIZES, seed=st.integers(0, 999))
def test_equals_torch_nn_lstm(T, N, D, H, seed):
    theirs = torch.nn.LSTM(D, H, dtype=torch.float64)
    W_ih, W_hh, b_ih, b_hh = (p.detach().numpy() for p in theirs.parameters())
    net = LSTM(W_ih.T, W_hh.T, b_ih + b_hh)
    _, x, h0, c0, dh, dc_T = problem(T, N, D, H, seed=seed)
    x_, h0_, c0_ = (torch.tensor(a, requires_grad=True) for a in (x, h0[None], c0[None]))
    h, (h_T, c_T) = theirs(x_, (h0_, c0_))
    torch.autograd.backward([h, c_T], [torch.tensor(dh), torch.tensor(dc_T[None])])
    dW_ih, dW_hh, db_ih, db_hh = (p.grad.numpy() for p in theirs.parameters())

    ours = net.forward(x, h0, c0)
    np.testing.assert_allclose(ours, h.detach(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours[-1], h_T.detach()[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(net.c_T, c_T.detach()[0], rtol=0, atol=1e-10)
    expected = x_.grad.numpy(), h0_.grad[0].numpy(), c0_.grad[0].numpy(), dW_ih.T, dW_hh.T, db_ih
    assert_same(net.backward(dh, dc_T), (*expected, None, None, None), rtol=0, atol=1e-10)
    np.testing.assert_allclose(db_ih, db_hh, rtol=0, atol=1e-12)  # why one b_h is enough


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("T, N", [(1, 1), (4, 2)])
def test_agrees_with_finite_differences(T, N, peepholes):
    net, x, h0, c0, dh, dc_T = problem(T, N, 3, 4, peepholes)

    def loss_of():
        return (net.forward(x, h0, c0) * dh).sum() + (net.c_T * dc_T).sum()

    net.forward(x, h0, c0)
    gradients = net.backward(dh, dc_T)._asdict()
    for name, array in ({"x": x, "h0": h0, "c0": c0} | net.parameters).items():
        check_gradient(f"d{name}", loss_of, array, gradients[f"d{name}"], tolerance=1e-7)


def test_gates_are_those_of_the_definition():
    net, x, h0, c0, *_ = problem(4, 2, 3, 5)
    h = net.forward(x, h0, c0)
    i, f, g, o = np.split(net.gates, 4, axis=-1)
    before = np.concatenate([c0[None], net.c[:-1]])
    np.testing.assert_allclose(net.c, f * before + i * g, rtol=0, atol=1e-14)
    np.testing.assert_allclose(h, o * np.tanh(net.c), rtol=0, atol=1e-14)
    assert all(0 < gate.min() and gate.max() < 1 for gate in (i, f, o)) and g.min() < 0


def test_states_cells_and_gates_are_read_only_because_backward_reads_them():
    net, x, *_ = problem(5, 2, 3, 4)
    for array in (net.forward(x), net.c, net.c_T, net.gates):
        with pytest.raises(ValueError, match="read-only"):
            array *= 2


def test_extreme_pre_activations_give_shut_and_open_gates_without_a_warning():
    net = LSTM(np.array([[-1e30, 1e30, 1e30, 1e30]]), np.zeros((1, 4)), np.zeros(4))
    h = net.forward(np.ones((3, 1, 1)), c0=np.full((1, 1), 0.5))
    np.testing.assert_array_equal(net.c, np.full((3, 1, 1), 0.5))  # shut: 0; open: 1
    np.testing.assert_array_equal(h, np.tanh(net.c))
    assert net.backward(np.ones((3, 1, 1))).dc0 == 3 * (1 - np.tanh(0.5) ** 2)


@pytest.mark.parametrize(
    "peepholes, message",
    [
        ([np.zeros(4)] * 2, "peepholes: expected p_i, p_f and p_o, got 2"),
        ([np.zeros(4), np.zeros((4, 4)), np.zeros(4)], "p_f: expected shape (4,), got (4, 4)"),
    ],
)
def test_wrong_peepholes_are_named(peepholes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        LSTM(np.zeros((3, 16)), np.zeros((4, 16)), np.zeros(16), peepholes)


def test_wrong_cell_and_gradient_of_it_are_named():
    net, x, h0, c0, dh, dc_T = problem(5, 2, 3, 4)
    with pytest.raises(ValueError, match=re.escape("c0: expected shape (2, 4), got (1, 4)")):
        net.forward(x, h0, c0[:1])
    net.forward(x, h0, c0)
    with pytest.raises(ValueError, match=re.escape("dc_T: expected shape (2, 4), got (1, 4)")):
        net.backward(dh, dc_T[:1])


@pytest.mark.parametrize("what", ["c", "c_T", "gates"])
def test_what_needs_a_forward_says_so(what):
    net, *_ = problem(5, 2, 3, 4)
    with pytest.raises(RuntimeError, match=f"{what}: expected a call of forward before it"):
        getattr(net, what)
