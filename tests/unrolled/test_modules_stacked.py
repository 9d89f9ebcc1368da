"""Two directions and depth as PyTorch modules against torch.nn, and against the NumPy networks."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled import nets
from unrolled.modules import GRU, LSTM, RNN, Bidirectional, Stacked

CELLS = {RNN: torch.nn.RNN, GRU: torch.nn.GRU, LSTM: torch.nn.LSTM}
SIZES = {name: st.integers(1, 4) for name in "TNDH"}
every_shape = settings(max_examples=25, deadline=None, derandomize=True)


def stack(kind, D, H, layers=1, bidirectional=False, dropout=0.0, **options):
    """Return our counterpart of torch's layer with these arguments."""
    made = []
    for _ in range(layers):
        directions = [kind(D, H, **options) for _ in range(1 + bidirectional)]
        made.append(Bidirectional(*directions) if bidirectional else directions[0])
        D = H * (1 + bidirectional)
    return Stacked(made, dropout)


def pair(kind, D, H, layers, bidirectional, dropout=0.0, device="cpu"):
    """Return ours and torch's with the same parameters, in float64."""
    options = {"dtype": torch.float64, "device": device}
    ours = stack(kind, D, H, layers, bidirectional, dropout, **options)
    theirs = CELLS[kind](D, H, layers, bidirectional=bidirectional, dropout=dropout, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def flat(state):
    return list(state) if isinstance(state, tuple) else [state]


def assert_parity(kind, T, N, D, H, layers, bidirectional, with_start, lengths, seed, device):
    ours, theirs = pair(kind, D, H, layers, bidirectional, device=device)
    torch.manual_seed(seed)
    new = lambda *shape: torch.randn(shape, dtype=torch.float64).to(device)  # noqa: E731
    K = layers * (1 + bidirectional)
    x, start = new(T, N, D).requires_grad_(), None
    if with_start:
        start = tuple(new(K, N, H).requires_grad_() for _ in range(1 + (kind is LSTM)))
        start = start if kind is LSTM else start[0]
    h, last = ours(x, lengths, start)
    if lengths is None:
        expected_h, expected = theirs(x, start)
    else:
        packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        out, expected = theirs(packed, start)
        expected_h, _ = pad_packed_sequence(out, total_length=T)
    leaves = [x] if start is None else [x, *flat(start)]
    upstream = [new(*tensor.shape) for tensor in [h, *flat(last)]]
    results = [
        [*outputs, *torch.autograd.grad(outputs, [*leaves, *module.parameters()], upstream)]
        for module, outputs in ((ours, [h, *flat(last)]), (theirs, [expected_h, *flat(expected)]))
    ]
    for one, other in zip(*results, strict=True):
        assert one.device == other.device == x.device
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@every_shape
@given(
    **SIZES,
    kind=st.sampled_from(list(CELLS)),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    with_start=st.booleans(),
    with_lengths=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_torch_nn(T, N, with_lengths, seed, **settings):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, T, N, endpoint=True).tolist() if with_lengths else None
    assert_parity(T=T, N=N, lengths=lengths, seed=seed, device="cpu", **settings)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("lengths", [None, [4, 7, 1]])
def test_equals_torch_nn_on_the_gpu(kind, lengths):
    assert_parity(kind, 7, 3, 2, 4, 2, True, True, lengths, 0, "cuda")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", CELLS)
def test_same_seed_gives_the_parameters_and_the_dropout_of_torch(kind, bidirectional):
    torch.manual_seed(3)
    ours = stack(kind, 3, 4, 2, bidirectional, 0.4)
    torch.manual_seed(3)
    theirs = CELLS[kind](3, 4, 2, bidirectional=bidirectional, dropout=0.4)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)
    x, results = torch.randn(6, 5, 3), []
    for module in (ours, theirs):
        torch.manual_seed(4)
        h, _ = module(x)
        results.append([h, *torch.autograd.grad(h.square().sum(), module.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    trained = ours(x)[0]
    torch.testing.assert_close(ours.eval()(x)[0], theirs.eval()(x)[0])
    assert not torch.allclose(trained, ours(x)[0])


@pytest.mark.parametrize("kind", CELLS)
def test_state_dict_goes_both_ways(kind):
    ours = stack(kind, 3, 4, 2, True)
    theirs = CELLS[kind](3, 4, 2, bidirectional=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert "weight_ih_l1_reverse" in ours.state_dict()
    x = torch.randn(5, 2, 3)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x), theirs(x))
    fresh = stack(kind, 3, 4, 2, True)
    assert not torch.allclose(fresh(x)[0], theirs(x)[0])
    theirs.load_state_dict(fresh.state_dict())
    torch.testing.assert_close(fresh(x), theirs(x))


def test_two_directions_alone_have_the_names_of_torch():
    ours = Bidirectional(GRU(3, 4), GRU(3, 4))
    theirs = torch.nn.GRU(3, 4, bidirectional=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(ours(x), theirs(x))


def test_state_dict_inside_a_larger_module_and_with_peepholes():
    model = torch.nn.ModuleDict({"net": stack(LSTM, 3, 4, 2, True, peepholes=True)})
    names = list(model.state_dict())
    assert "net.weight_po_l1_reverse" in names and all("layer" not in name for name in names)
    again = torch.nn.ModuleDict({"net": stack(LSTM, 3, 4, 2, True, peepholes=True)})
    again.load_state_dict(model.state_dict())
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(again["net"](x), model["net"](x))


def test_state_dict_with_a_name_too_few_or_too_many_is_refused():
    ours = stack(GRU, 3, 4, 2, True)
    state = ours.state_dict()
    missing = {name: W for name, W in state.items() if name != "weight_hh_l1_reverse"}
    with pytest.raises(RuntimeError, match="Missing key"):
        ours.load_state_dict(missing)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        ours.load_state_dict(state | {"weight_ih_l2": state["weight_ih_l1"]})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_computes_and_saves_the_same(copied):
    ours = stack(LSTM, 3, 4, 2, True)
    other = copied(ours)
    assert list(other.state_dict()) == list(ours.state_dict())
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(other(x, [5, 2]), ours(x, [5, 2]))


@pytest.mark.parametrize("peepholes", [False, True])
def test_equals_the_numpy_networks(peepholes):
    D, H, rng = 3, 4, np.random.default_rng(0)
    module = stack(LSTM, D, H, 2, True, peepholes=peepholes, dtype=torch.float64)
    layers = []
    for layer in module.layers:
        directions = []
        for part in (layer.forward_layer, layer.backward_layer):
            W_ih, W_hh, b_ih, b_hh, *p = (W.detach().numpy() for W in part.parameters())
            directions.append(nets.LSTM(W_ih.T, W_hh.T, b_ih + b_hh, p or None))
        layers.append(nets.Bidirectional(*directions))
    net = nets.Stacked(layers)
    x, dh = torch.randn(6, 3, D, dtype=torch.float64).requires_grad_(), rng.normal(size=(6, 3, 8))
    h, _ = module(x, [6, 2, 4])
    h.backward(torch.tensor(dh))
    ours = net.forward(x.detach().numpy(), [6, 2, 4])
    np.testing.assert_allclose(ours, h.detach(), rtol=0, atol=1e-12)
    gradients = net.backward(dh)
    np.testing.assert_allclose(gradients.dx, x.grad, rtol=0, atol=1e-10)
    theirs = [part for layer in module.layers for part in layer.children()]
    mine = [part for layer in gradients.layers for part in layer[1:]]
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a.dW_xh, b.weight_ih_l0.grad.T, rtol=0, atol=1e-10)
        if peepholes:
            np.testing.assert_allclose(a.dp_o, b.weight_po_l0.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_is_not_read(bidirectional):
    ours = stack(LSTM, 3, 4, 2, bidirectional, dtype=torch.float64)
    x = torch.randn(6, 3, 3, dtype=torch.float64)
    h, last = ours(x, [2, 6, 4])
    x[2:, 0] = x[4:, 2] = torch.nan
    again, last_again = ours(x, [2, 6, 4])
    assert torch.equal(h, again) and not h[2:, 0].any() and not h[4:, 2].any()
    torch.testing.assert_close(last_again, last, rtol=0, atol=0)


def test_device_and_dtype_are_those_given():
    # The meta device computes shapes only: whatever were made on another device would raise.
    ours = stack(LSTM, 3, 4, 2, True, device="meta", dtype=torch.float16)
    h, (h_T, c_T) = ours(torch.empty(5, 2, 3, device="meta", dtype=torch.float16), [5, 2])
    assert (h.shape, h_T.shape, c_T.shape) == ((5, 2, 8), (4, 2, 4), (4, 2, 4))
    assert {(t.device.type, t.dtype) for t in (h, h_T, c_T)} == {("meta", torch.float16)}


MODULE, LAYER = stack(GRU, 3, 4, 2, True), GRU(3, 4)
X = torch.zeros(5, 2, 3)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: Bidirectional(LAYER, LAYER),
            "backward_layer: expected a second layer, got forward_layer again",
        ),
        (
            lambda: Bidirectional(LAYER, GRU(3, 5)),
            "backward_layer: expected GRU(3, 4), got GRU(3, 5)",
        ),
        (
            lambda: Bidirectional(LAYER, RNN(3, 4)),
            "backward_layer: expected GRU(3, 4), got RNN(3, 4)",
        ),
        (lambda: Stacked([]), "layers: expected at least one, got none"),
        (lambda: Stacked([LAYER], 1.0), "dropout: expected a number from 0 to below 1, got 1.0"),
        (
            lambda: Stacked([LAYER, Bidirectional(GRU(4, 4), GRU(4, 4)), LAYER]),
            "layers: expected different layers, got one of them twice",
        ),
        (lambda: Stacked([LAYER, GRU(3, 4)]), "layers[1]: expected GRU(4, …), got GRU(3, …)"),
        (lambda: Stacked([LAYER, LSTM(4, 4)]), "layers[1]: expected GRU(4, …), got LSTM(4, …)"),
        (lambda: MODULE(X[0]), "x: expected shape (T, N, 3) with T at least 1, got (2, 3)"),
        (lambda: MODULE(X.double()), "x: expected torch.float32 on cpu"),
        (lambda: MODULE(X, [5]), "lengths: expected shape (2,), got (1,)"),
        (lambda: MODULE(X, [5, 6]), "lengths: expected at least 1 and at most T = 5, got 6"),
        (lambda: MODULE(X, [0, 5]), "lengths: expected at least 1 and at most T = 5, got 0"),
        (lambda: MODULE(X, [5.0, 5.0]), "lengths: expected integers, got torch.float32"),
        (
            lambda: MODULE(X, start=torch.zeros(3, 2, 4)),
            "h0: expected 4 rows, one a layer and direction, got 3",
        ),
        (
            lambda: Bidirectional(LSTM(3, 4), LSTM(3, 4))(X, start=(X[:2], X)),
            "c0: expected 2 rows, one a layer and direction, got 5",
        ),
        (lambda: MODULE(X, start=torch.zeros(4, 1, 4)), "h0: expected shape (1, 2, 4)"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_prints_what_it_is():
    assert repr(Stacked([GRU(3, 4)], 0.2)).splitlines()[1].strip() == "dropout=0.2"
