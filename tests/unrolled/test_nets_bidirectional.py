"""Two directions in NumPy against torch.nn on packed sequences, and finite differences."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_layers import CELLS, expected_gradients, layer_from, packed

from unrolled.checks import check_gradient
from unrolled.nets import GRU, LSTM, RNN, Bidirectional

SIZES = {name: st.integers(1, 5) for name in "TNDH"}
every_shape = settings(max_examples=25, deadline=None, derandomize=True)


def problem(T, N, D, H, kind=GRU, seed=0, dtype=np.float64, **options):
    """Return a network, inputs, lengths and upstream gradients."""
    rng = np.random.default_rng(seed)
    net = Bidirectional(*(kind.initialise(D, H, rng, dtype=dtype, **options) for _ in range(2)))
    x, dh = (rng.normal(size=(T, N, F)).astype(dtype) for F in (D, 2 * H))
    return net, x, rng.integers(1, T, N, endpoint=True), dh


@every_shape
@given(**SIZES, kind=st.sampled_from(list(CELLS)), seed=st.integers(0, 999))
def test_equals_torch_on_packed_sequences(T, N, D, H, kind, seed):
    theirs = CELLS[kind](D, H, bidirectional=True, dtype=torch.float64)
    net = Bidirectional(layer_from(theirs, "l0"), layer_from(theirs, "l0_reverse"))
    _, x, lengths, dh = problem(T, N, D, H, seed=seed)
    leaf = torch.tensor(x, requires_grad=True)
    h = packed(theirs, leaf, lengths)
    h.backward(torch.tensor(dh))

    np.testing.assert_allclose(net.forward(x, lengths), h.detach(), rtol=0, atol=1e-10)
    gradients = net.backward(dh)
    np.testing.assert_allclose(gradients.dx, leaf.grad, rtol=0, atol=1e-10)
    expected = {}
    for part, suffix in (("forward_layer", "l0"), ("backward_layer", "l0_reverse")):
        for name, gradient in expected_gradients(theirs, suffix).items():
            expected[f"d{part}.{name[1:]}"] = gradient
    assert list(gradients.by_name) == [f"d{name}" for name in net.parameters] == list(expected)
    for name, gradient in gradients.by_name.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("kind", CELLS)
def test_without_lengths_equals_torch_on_whole_sequences(kind):
    theirs = CELLS[kind](3, 4, bidirectional=True, dtype=torch.float64)
    net = Bidirectional(layer_from(theirs, "l0"), layer_from(theirs, "l0_reverse"))
    _, x, _, dh = problem(6, 2, 3, 4)
    leaf = torch.tensor(x, requires_grad=True)
    h, _ = theirs(leaf)
    h.backward(torch.tensor(dh))
    np.testing.assert_allclose(net.forward(x), h.detach(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(net.backward(dh).dx, leaf.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "kind, options",
    [(RNN, {}), (GRU, {}), (GRU, {"reset": "before"}), (LSTM, {}), (LSTM, {"peepholes": True})],
)
@pytest.mark.parametrize("T, N", [(1, 1), (5, 3)])
def test_agrees_with_finite_differences(kind, options, T, N):
    net, x, lengths, dh = problem(T, N, 2, 3, kind, **options)
    net.forward(x, lengths)
    dx, *_ = gradients = net.backward(dh)

    def loss_of():
        return (net.forward(x, lengths) * dh).sum()

    check_gradient("dx", loss_of, x, dx, tolerance=1e-7)
    for name, array in net.parameters.items():
        gradient = gradients.by_name[f"d{name}"]
        check_gradient(f"d{name}", loss_of, array, gradient, tolerance=1e-7)


def test_padding_is_neither_read_nor_written():
    net, x, _, dh = problem(6, 3, 2, 4)
    lengths = [2, 6, 4]
    expected = net.forward(x, lengths)
    gradients = net.backward(dh)
    for n, length in enumerate(lengths):
        x[length:, n] = dh[length:, n] = np.nan
        assert not expected[length:, n].any() and not gradients.dx[length:, n].any()
    np.testing.assert_array_equal(net.forward(x, lengths), expected)
    again = net.backward(dh)
    np.testing.assert_array_equal(again.dx, gradients.dx)
    for name, gradient in gradients.by_name.items():
        np.testing.assert_array_equal(again.by_name[name], gradient, err_msg=name)


def test_each_sequence_is_as_if_it_were_alone():
    net, x, lengths, _ = problem(7, 4, 2, 3)
    h = net.forward(x, lengths)
    for n, length in enumerate(lengths):
        alone = net.forward(x[:length, n : n + 1])
        np.testing.assert_allclose(h[:length, n], alone[:, 0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"keep_workspace": True}])
def test_float32_stays_float32(options):
    net, x, lengths, dh = problem(6, 3, 2, 4, dtype=np.float32, **options)
    gradients = net.forward(x, lengths), *net.backward(dh).by_name.values(), net.backward(dh).dx
    assert {a.dtype for a in gradients} == {np.dtype(np.float32)}


def test_what_the_caller_passed_is_left_unchanged():
    net, x, lengths, dh = problem(5, 3, 2, 4)
    passed = [x, lengths, dh, *net.parameters.values()]
    before = [a.copy() for a in passed]
    net.forward(x, lengths)
    net.backward(dh)
    for a, b in zip(passed, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_lengths_changed_by_the_caller_do_not_change_backward():
    net, x, lengths, dh = problem(5, 3, 2, 4)
    net.forward(x, lengths)
    expected = net.backward(dh).dx.copy()
    net.forward(x, lengths)
    lengths[:] = 1
    np.testing.assert_array_equal(net.backward(dh).dx, expected)


def test_parameters_are_the_layers_own():
    net, *_ = problem(5, 3, 2, 4)
    assert list(net.parameters)[:2] == ["forward_layer.W_xh", "forward_layer.W_hh"]
    assert net.parameters["backward_layer.W_hh"] is net.backward_layer.W_hh


NET, X, _, DH = problem(5, 2, 3, 4)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: Bidirectional(NET.forward_layer, NET.forward_layer),
            "backward_layer: expected a second layer, got forward_layer again",
        ),
        (
            lambda: Bidirectional(NET.forward_layer, GRU.initialise(2, 4, RNG)),
            "backward_layer: expected GRU with float64 W_xh of shape (3, 12), "
            "got GRU with float64 W_xh of shape (2, 12)",
        ),
        (
            lambda: Bidirectional(RNN.initialise(3, 12, RNG), NET.forward_layer),
            "expected RNN with float64",
        ),
        (
            lambda: Bidirectional(NET.forward_layer, GRU.initialise(3, 4, RNG, dtype=np.float32)),
            "got GRU with float32",
        ),
        (
            lambda: NET.forward(X[0], [1, 1]),
            "x: expected shape (T, N, D) with T and N at least 1, got (2, 3)",
        ),
        (lambda: NET.forward(X[:0]), "got (0, 2, 3)"),
        (lambda: NET.forward(X[..., 1:]), "x: expected shape (T, N, 3)"),
        (lambda: NET.forward(X.astype(np.float32)), "x: expected float64 as W_xh has, got float32"),
        (lambda: NET.forward(X, [5]), "lengths: expected shape (2,), got (1,)"),
        (lambda: NET.forward(X, [5, 6]), "lengths: expected at least 1 and at most T = 5, got 6"),
        (lambda: NET.forward(X, [0, 5]), "lengths: expected at least 1 and at most T = 5, got 0"),
        (lambda: NET.forward(X, [5.0, 5.0]), "lengths: expected integers, got float64"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_wrong_upstream_gradient_is_named():
    net, x, lengths, dh = problem(5, 2, 3, 4)
    with pytest.raises(RuntimeError, match="backward: expected a call of forward before it"):
        net.backward(dh)
    net.forward(x, lengths)
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (5, 2, 8), got (5, 2, 4)")):
        net.backward(dh[..., :4])
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (5, 2, 8), got (4, 2, 8)")):
        net.backward(dh[1:])
    with pytest.raises(ValueError, match="dh: expected float64 as W_xh has, got float32"):
        net.backward(dh.astype(np.float32))
