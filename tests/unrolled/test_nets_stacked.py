"""Layers on top of one another in NumPy against torch.nn, dropout included, and differences."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_layers import CELLS, expected_gradients, layer_from, packed

from unrolled.checks import check_gradient
from unrolled.nets import GRU, LSTM, RNN, Bidirectional, Stacked

SIZES = {name: st.integers(1, 4) for name in "TNDH"}
every_shape = settings(max_examples=25, deadline=None, derandomize=True)


def stack_from(module):
    """Return the NumPy stack with the weights of a layer of torch's."""
    layers = []
    for k in range(module.num_layers):
        layer = layer_from(module, f"l{k}")
        if module.bidirectional:
            layer = Bidirectional(layer, layer_from(module, f"l{k}_reverse"))
        layers.append(layer)
    return Stacked(layers)


def expected_by_name(module):
    """Return torch's gradients by the names that the NumPy stack has for them."""
    expected = {}
    for k in range(module.num_layers):
        parts = [(f"dlayers.{k}", f"l{k}")]
        if module.bidirectional:
            directions = ("forward_layer", f"l{k}"), ("backward_layer", f"l{k}_reverse")
            parts = [(f"dlayers.{k}.{part}", suffix) for part, suffix in directions]
        for part, suffix in parts:
            for name, gradient in expected_gradients(module, suffix).items():
                expected[f"{part}.{name[1:]}"] = gradient
    return expected


def problem(T=5, N=3, dropout=0.4, dtype=np.float64, top_is_bidirectional=False, **options):
    """Return three layers, the middle one with two directions, inputs, lengths and gradients."""
    rng = np.random.default_rng(0)
    make = lambda D, H: GRU.initialise(D, H, rng, dtype=dtype, **options)  # noqa: E731
    layers = [make(2, 3), Bidirectional(make(3, 4), make(3, 4)), make(8, 2)]
    if top_is_bidirectional:
        layers.pop()
    net = Stacked(layers, dropout)
    x = rng.normal(size=(T, N, 2)).astype(dtype)
    dh = rng.normal(size=(T, N, 8 if top_is_bidirectional else 2)).astype(dtype)
    return net, x, rng.integers(1, T, N, endpoint=True), dh


@every_shape
@given(
    **SIZES,
    layers=st.integers(1, 3),
    kind=st.sampled_from(list(CELLS)),
    bidirectional=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_torch_on_packed_sequences(T, N, D, H, layers, kind, bidirectional, seed):
    rng = np.random.default_rng(seed)
    theirs = CELLS[kind](D, H, layers, bidirectional=bidirectional, dtype=torch.float64)
    net = stack_from(theirs)
    x, dh = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, H * (1 + bidirectional)))
    lengths = rng.integers(1, T, N, endpoint=True)
    leaf = torch.tensor(x, requires_grad=True)
    h = packed(theirs, leaf, lengths)
    h.backward(torch.tensor(dh))

    np.testing.assert_allclose(net.forward(x, lengths), h.detach(), rtol=0, atol=1e-10)
    gradients = net.backward(dh)
    np.testing.assert_allclose(gradients.dx, leaf.grad, rtol=0, atol=1e-10)
    expected = expected_by_name(theirs)
    assert list(gradients.by_name) == [f"d{name}" for name in net.parameters] == list(expected)
    for name, gradient in gradients.by_name.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("T, N", [(1, 1), (4, 3)])
@pytest.mark.parametrize("top_is_bidirectional", [False, True])
def test_agrees_with_finite_differences_with_dropout(T, N, top_is_bidirectional):
    net, x, lengths, dh = problem(T, N, top_is_bidirectional=top_is_bidirectional)

    def run():
        return net.forward(x, lengths, np.random.default_rng(1))

    assert not np.allclose(run(), net.forward(x, lengths))  # something was dropped
    run()
    gradients = net.backward(dh)
    check_gradient("dx", lambda: (run() * dh).sum(), x, gradients.dx, tolerance=1e-7)
    for name, array in net.parameters.items():
        gradient = gradients.by_name[f"d{name}"]
        check_gradient(f"d{name}", lambda: (run() * dh).sum(), array, gradient, tolerance=1e-7)


def test_dropout_acts_between_layers_on_the_share_asked_and_keeps_the_mean():
    rng = np.random.default_rng(0)
    below, above = RNN.initialise(3, 200, rng), RNN.initialise(200, 4, rng)
    above.W_hh[:] = 0
    seen = []
    above_forward = above.forward
    above.forward = lambda x: (seen.append(x), above_forward(x))[1]
    x = rng.normal(size=(6, 20, 3))
    Stacked([below, above], 0.25).forward(x, rng=rng)
    h = below.forward(x)
    dropped = seen[0] == 0
    assert abs(dropped.mean() - 0.25) < 0.01
    np.testing.assert_allclose(seen[0][~dropped], h[~dropped] / 0.75, rtol=1e-14)


def test_nothing_is_dropped_without_rng_or_in_the_last_layer_or_with_dropout_0():
    net, x, lengths, _ = problem()
    expected = net.forward(x, lengths)
    np.testing.assert_array_equal(net.forward(x, lengths), expected)
    none = Stacked(net.layers)
    np.testing.assert_array_equal(none.forward(x, lengths, np.random.default_rng(0)), expected)
    alone = Stacked(net.layers[:1], 0.9)
    h = alone.forward(x, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(h, net.layers[0].forward(x))


def test_padding_is_neither_read_nor_written():
    net, x, _, dh = problem(6, 3)
    lengths = [2, 6, 4]
    draws = lambda: np.random.default_rng(1)  # noqa: E731
    expected, gradients = net.forward(x, lengths, draws()), net.backward(dh)
    for n, length in enumerate(lengths):
        x[length:, n] = dh[length:, n] = np.nan
        assert not expected[length:, n].any() and not gradients.dx[length:, n].any()
    np.testing.assert_array_equal(net.forward(x, lengths, draws()), expected)
    again = net.backward(dh)
    np.testing.assert_array_equal(again.dx, gradients.dx)
    for name, gradient in gradients.by_name.items():
        np.testing.assert_array_equal(again.by_name[name], gradient, err_msg=name)


@pytest.mark.parametrize("options", [{}, {"keep_workspace": True}])
def test_float32_stays_float32(options):
    net, x, lengths, dh = problem(dtype=np.float32, **options)
    h = net.forward(x, lengths, np.random.default_rng(0))
    dx, _ = gradients = net.backward(dh)
    assert {a.dtype for a in (h, dx, *gradients.by_name.values())} == {np.dtype(np.float32)}


def test_layers_that_keep_their_workspace_give_the_same_numbers():
    results = []
    for keep in (False, True):
        net, x, lengths, dh = problem(keep_workspace=keep)
        for _ in range(2):
            h = net.forward(x, lengths, np.random.default_rng(0))
            gradients = net.backward(dh)
        results.append([h, gradients.dx, *gradients.by_name.values()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_the_caller_passed_is_left_unchanged():
    net, x, lengths, dh = problem()
    passed = [x, lengths, dh, *net.parameters.values()]
    before = [a.copy() for a in passed]
    net.forward(x, lengths, np.random.default_rng(0))
    net.backward(dh)
    for a, b in zip(passed, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_parameters_are_the_layers_own():
    net, *_ = problem()
    assert net.parameters["layers.1.backward_layer.W_hh"] is net.layers[1].backward_layer.W_hh
    assert net.parameters["layers.2.b_hn"] is net.layers[2].b_hn


RNG = np.random.default_rng(0)
NET, X, _, DH = problem()
LOW = GRU.initialise(2, 3, RNG)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Stacked([]), "layers: expected at least one, got none"),
        (lambda: Stacked([LOW], 1.0), "dropout: expected a number from 0 to below 1, got 1.0"),
        (lambda: Stacked([LOW], -0.1), "dropout: expected a number from 0 to below 1, got -0.1"),
        (lambda: Stacked([LOW, LOW]), "layers: expected different layers, got one of them twice"),
        (
            lambda: Stacked([NET.layers[1], NET.layers[1].forward_layer]),
            "layers: expected different layers, got one of them twice",
        ),
        (
            lambda: Stacked([LOW, LSTM.initialise(4, 3, RNG)]),
            "layers[1]: expected one that reads 3 features in float64 as the layer below gives, "
            "got one for 4 in float64",
        ),
        (
            lambda: Stacked([NET.layers[1], LSTM.initialise(4, 3, RNG)]),
            "layers[1]: expected one that reads 8 features",
        ),
        (
            lambda: Stacked([LOW, LSTM.initialise(3, 3, RNG, dtype=np.float32)]),
            "got one for 3 in float32",
        ),
        (lambda: NET.forward(X[0]), "x: expected shape (T, N, D) with T and N at least 1"),
        (lambda: NET.forward(X[..., :1]), "x: expected shape (T, N, 2)"),
        (lambda: NET.forward(X, [1, 2]), "lengths: expected shape (3,), got (2,)"),
        (lambda: NET.forward(X, [1, 2, 6]), "at most T = 5, got 6"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_wrong_upstream_gradient_is_named():
    net, x, lengths, dh = problem()
    with pytest.raises(RuntimeError, match="backward: expected a call of forward before it"):
        net.backward(dh)
    net.forward(x, lengths)
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (5, 3, 2), got (4, 3, 2)")):
        net.backward(dh[1:])
    with pytest.raises(ValueError, match="dh: expected float64 as W_xh has, got float32"):
        net.backward(dh.astype(np.float32))
