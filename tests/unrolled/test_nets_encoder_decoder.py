"""The NumPy encoder–decoder against torch.nn through the hand-over, and finite differences."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.checks import check_gradient
from unrolled.nets import GRU, LSTM, RNN, EncoderDecoder, Readout
from unrolled.optimisers import SGD

LAYERS = {RNN: torch.nn.RNN, GRU: torch.nn.GRU, LSTM: torch.nn.LSTM}
every_shape = settings(max_examples=30, deadline=None, derandomize=True)


def problem(kind=LSTM, S=4, T=5, N=3, D=2, E=6, H=3, C=4, seed=0, dtype=np.float64, **options):
    """Return a network, sources, inputs of the decoder, and upstream gradients."""
    rng = np.random.default_rng(seed)
    encoder = kind.initialise(D, H, rng, dtype=dtype, **options)
    decoder = kind.initialise(E, H, rng, dtype=dtype, **options)
    net = EncoderDecoder(encoder, decoder, Readout.initialise(H, C, rng, dtype))
    shapes = (S, N, D), (T, N, E), (T, N, C)
    return net, *(rng.normal(size=shape).astype(dtype) for shape in shapes)


def torchs(layer, kind):
    """Return torch's layer with the weights of ours, all of its recurrent biases zero but b_hn."""
    D, H = len(layer.W_xh), len(layer.W_hh)
    theirs = LAYERS[kind](D, H, dtype=torch.float64)
    b_hh = np.zeros_like(layer.b_h)
    if kind is GRU:
        b_hh[2 * H :] = layer.b_hn
    weights = layer.W_xh.T, layer.W_hh.T, layer.b_h, b_hh
    theirs.load_state_dict(dict(zip(theirs.state_dict(), map(torch.tensor, weights), strict=True)))
    return theirs


def by_torch(net, kind, x, y, do):
    """Return logits and all gradients by name, from torch's layers and their hand-over."""
    encoder, decoder = torchs(net.encoder, kind), torchs(net.decoder, kind)
    x, y = (torch.tensor(a, requires_grad=True) for a in (x, y))
    W_ho, b_o = (torch.tensor(p, requires_grad=True) for p in net.readout.parameters.values())
    o = decoder(y, encoder(x)[1])[0] @ W_ho + b_o
    o.backward(torch.tensor(do))
    gradients = {"x": x.grad, "y": y.grad, "dreadout.W_ho": W_ho.grad, "dreadout.b_o": b_o.grad}
    for part, layer in (("encoder", encoder), ("decoder", decoder)):
        dW_ih, dW_hh, db_ih, db_hh = (p.grad for p in layer.parameters())
        gradients |= {f"d{part}.W_xh": dW_ih.T, f"d{part}.W_hh": dW_hh.T, f"d{part}.b_h": db_ih}
        if kind is GRU:
            gradients[f"d{part}.b_hn"] = db_hh[2 * layer.hidden_size :]
    return o.detach().numpy(), {name: g.numpy() for name, g in gradients.items()}


@every_shape
@given(
    kind=st.sampled_from([RNN, GRU, LSTM]),
    **{name: st.integers(1, 5) for name in "STNDEHC"},
    seed=st.integers(0, 999),
)
def test_equals_torch_forward_and_every_gradient(kind, **sizes):
    net, x, y, do = problem(kind, **sizes)
    o, expected = by_torch(net, kind, x, y, do)
    np.testing.assert_allclose(net.forward(x, y), o, rtol=0, atol=1e-10)
    gradients = net.backward(do)
    ours = gradients.by_name | {"x": gradients.encoder.dx, "y": gradients.decoder.dx}
    assert ours.keys() == expected.keys()
    for name, theirs in expected.items():
        np.testing.assert_allclose(ours[name], theirs, rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(
    "kind, options",
    [(RNN, {"activation": "relu"}), (GRU, {"reset": "before"}), (LSTM, {"peepholes": True})],
)
@pytest.mark.parametrize("S, T, N", [(1, 1, 1), (3, 4, 2)])
def test_agrees_with_finite_differences(kind, options, S, T, N):
    net, x, y, do = problem(kind, S, T, N, **options)

    def loss_of():
        return (net.forward(x, y) * do).sum()

    net.forward(x, y)
    gradients = net.backward(do)
    checked = {"dx": (x, gradients.encoder.dx), "dy": (y, gradients.decoder.dx)}
    checked |= {f"d{k}": (p, gradients.by_name[f"d{k}"]) for k, p in net.parameters.items()}
    for name, (array, gradient) in checked.items():
        check_gradient(name, loss_of, array, gradient, tolerance=1e-6)


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
@pytest.mark.parametrize("keep_workspace", [False, True])
def test_steps_give_what_forward_gives(kind, keep_workspace):
    net, x, *_ = problem(kind, E=4, C=4, keep_workspace=keep_workspace)
    symbols = np.random.default_rng(1).integers(4, size=(6, 3))
    expected = net.forward(x, np.eye(4)[symbols]).copy()
    state = net.encode(x)
    assert len(state) == (2 if kind is LSTM else 1)
    kept = []
    for row, o in zip(symbols, expected, strict=True):
        kept.append([part.copy() for part in state])
        logits, new_state = net.step(row, state)
        np.testing.assert_allclose(logits, o, rtol=0, atol=1e-12)
        for part, before in zip(state, kept[-1], strict=True):  # still what it was
            np.testing.assert_array_equal(part, before)
        state = new_state


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_float32_stays_float32(kind):
    net, x, y, do = problem(kind, dtype=np.float32)
    o, gradients = net.forward(x, y), net.backward(do)
    state = net.encode(x)
    logits, new_state = net.step(np.zeros(3, int), state)
    kept = [o, logits, *state, *new_state, gradients.encoder.dx, *gradients.by_name.values()]
    assert {a.dtype for a in kept} == {np.dtype(np.float32)}


def test_names_are_those_that_optimisers_want_and_arrays_are_the_layers_own():
    net, x, y, do = problem(LSTM, peepholes=True)
    assert net.parameters["decoder.p_o"] is net.decoder.parameters["p_o"]
    assert net.parameters["encoder.W_xh"] is net.encoder.W_xh
    before = {name: p.copy() for name, p in net.parameters.items()}
    net.forward(x, y)
    gradients = net.backward(do).by_name
    assert gradients.keys() == {f"d{name}" for name in net.parameters}
    SGD(net.parameters, 0.1).update(gradients)
    for name, p in net.parameters.items():
        np.testing.assert_allclose(p, before[name] - 0.1 * gradients[f"d{name}"], atol=1e-15)


def test_what_the_caller_passed_is_left_unchanged():
    net, x, y, do = problem()
    before = [a.copy() for a in (x, y, do)]
    net.forward(x, y)
    net.backward(do)
    for a, b in zip((x, y, do), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("between", ["nothing", "encode", "step"])
def test_backward_needs_a_forward_just_before(between):
    net, x, y, do = problem()
    if between != "nothing":
        net.forward(x, y)
        state = net.encode(x)
    if between == "step":
        net.forward(x, y)
        net.step(np.zeros(3, int), state)
    with pytest.raises(RuntimeError, match="backward: expected a call of forward just before it"):
        net.backward(do)


def parts(**other):
    rng = np.random.default_rng(0)
    made = {"encoder": LSTM.initialise(2, 3, rng), "decoder": LSTM.initialise(4, 3, rng)}
    return made | {"readout": Readout.initialise(3, 4, rng)} | other


RNG = np.random.default_rng(0)
NET, X, Y, DO = problem()
STATE = NET.encode(X)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: EncoderDecoder(**parts(decoder=GRU.initialise(4, 3, RNG))),
            "decoder: expected LSTM as the encoder is, got GRU",
        ),
        (
            lambda: EncoderDecoder(NET.encoder, NET.encoder, NET.readout),
            "decoder: expected a layer of its own, got the encoder",
        ),
        (
            lambda: EncoderDecoder(**parts(decoder=LSTM.initialise(4, 5, RNG))),
            "decoder: expected 3 units as the encoder has, got 5",
        ),
        (
            lambda: EncoderDecoder(**parts(decoder=LSTM.initialise(4, 3, RNG, dtype=np.float32))),
            "decoder: expected float64 as the encoder has, got float32",
        ),
        (
            lambda: EncoderDecoder(**parts(readout=Readout.initialise(4, 4, RNG))),
            "readout: expected 3 units as the encoder has, got 4",
        ),
        (lambda: NET.forward(X[..., :1], Y), "x: expected shape (T, N, 2)"),
        (lambda: NET.forward(X, Y[:, :2]), "h0: expected shape (2, 3), got (3, 3)"),
        (lambda: NET.step([0, 6, 1], STATE), "symbols: expected 0 to 5, got 6"),
        (lambda: NET.step([0, -1, 1], STATE), "symbols: expected 0 to 5, got -1"),
        (
            lambda: NET.step(np.zeros((3, 1), int), STATE),
            "symbols: expected integers of shape (N,), got shape (3, 1) of int64",
        ),
        (lambda: NET.step([0.0, 1.0, 2.0], STATE), "got shape (3,) of float64"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_wrong_upstream_gradient_is_named():
    net, x, y, do = problem()
    net.forward(x, y)
    with pytest.raises(ValueError, match=re.escape("do: expected shape (5, 3, 4), got (4, 3, 4)")):
        net.backward(do[1:])
