"""The PyTorch encoder–decoder against the NumPy one, and with PyTorch's own layers in it."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from unrolled import modules, nets
from unrolled.decoding import beam_search
from unrolled.modules import EncoderDecoder, default_device
from unrolled.sampling import generate, greedy

KINDS = ["RNN", "GRU", "LSTM"]


def pair(kind, D=3, E=5, H=4, C=5, device="cpu", source=modules, **options):
    layer = partial(getattr(source, kind), device=device, dtype=torch.float64, **options)
    readout = nn.Linear(H, C, device=device, dtype=torch.float64)
    return EncoderDecoder(layer(D, H), layer(E, H), readout)


def inputs(S=6, T=4, N=3, D=3, E=5, device="cpu"):
    generator = torch.Generator().manual_seed(S + T)
    shapes = (S, N, D), (T, N, E)
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(device) for s in shapes]


def numpys(module, kind):
    """Return the NumPy network with the module's weights."""

    def layer(part):
        W_ih, W_hh, b_ih, b_hh = (p.detach().numpy() for p in part.parameters())
        b_h, H = b_ih + b_hh, part.hidden_size
        if kind != "GRU":
            return getattr(nets, kind)(W_ih.T, W_hh.T, b_h)
        b_h[2 * H :] = b_ih[2 * H :]
        return nets.GRU(W_ih.T, W_hh.T, b_h, b_hh[2 * H :])

    W, b = (p.detach().numpy() for p in module.readout.parameters())
    return nets.EncoderDecoder(layer(module.encoder), layer(module.decoder), nets.Readout(W.T, b))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("S, T, N", [(1, 1, 1), (7, 3, 2), (2, 6, 1)])
def test_equals_the_numpy_network(kind, S, T, N):
    module, (x, y) = pair(kind), inputs(S, T, N)
    net = numpys(module, kind)
    x.requires_grad_()
    y.requires_grad_()
    o = module(x, y)
    do = torch.randn_like(o)
    o.backward(do)
    np.testing.assert_allclose(
        net.forward(x.detach().numpy(), y.detach().numpy()), o.detach(), rtol=0, atol=1e-12
    )
    gradients = net.backward(do.numpy())
    pairs = [(gradients.encoder.dx, x.grad), (gradients.decoder.dx, y.grad)]
    for part in ("encoder", "decoder"):
        dW_ih, dW_hh, db_ih, db_hh = (p.grad for p in getattr(module, part).parameters())
        ours = getattr(gradients, part)
        pairs += [(ours.dW_xh, dW_ih.T), (ours.dW_hh, dW_hh.T), (ours.db_h, db_ih)]
        if kind == "GRU":
            pairs += [(ours.db_hn, db_hh[-4:])]
    pairs += [(gradients.readout.dW_ho, module.readout.weight.grad.T)]
    pairs += [(gradients.readout.db_o, module.readout.bias.grad)]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def assert_same_with_torchs_layers(kind, device):
    ours, theirs = pair(kind, device=device), pair(kind, device=device, source=nn)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x, y = inputs(device=device)
    outcomes = []
    for module in (ours, theirs):
        o = module(x, y)
        outcomes.append([o, *torch.autograd.grad(o.square().sum(), list(module.parameters()))])
    for one, other in zip(*outcomes, strict=True):
        assert one.device == x.device
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_same_with_torchs_own_layers_and_their_weights(kind):
    assert_same_with_torchs_layers(kind, "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_same_with_torchs_own_layers_on_the_gpu(kind):
    assert_same_with_torchs_layers(kind, default_device())


def assert_steps_give_what_forward_gives(module, kind, layers, device="cpu"):
    x, _ = inputs(device=device)
    symbols = np.random.default_rng(0).integers(5, size=(6, 3))
    y = torch.eye(5, dtype=torch.float64)[torch.tensor(symbols)].to(device)
    expected = module(x, y).detach().cpu().numpy()
    state = module.encode(x)
    assert [part.shape for part in state] == [(3, layers, 4)] * (2 if kind == "LSTM" else 1)
    for row, o in zip(symbols, expected, strict=True):
        logits, state = module.step(row, state)
        assert isinstance(logits, np.ndarray)
        np.testing.assert_allclose(logits, o, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_steps_give_what_forward_gives(kind, layers):
    module = pair(kind, source=nn, num_layers=layers)
    assert_steps_give_what_forward_gives(module, kind, layers)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_steps_give_what_forward_gives_on_the_gpu(kind):
    device = default_device()
    module = pair(kind, device=device, source=nn)
    assert_steps_give_what_forward_gives(module, kind, 1, device)


@pytest.mark.parametrize("kind", KINDS)
def test_decodes_as_the_numpy_network_does(kind):
    torch.manual_seed(0)
    module, (x, _) = pair(kind), inputs()
    net, first = numpys(module, kind), np.zeros(3, int)
    one, other = (
        generate(m.step, m.encode(source), first, greedy, 5, end=2)
        for m, source in ((module, x), (net, x.numpy()))
    )
    np.testing.assert_array_equal(one, other)
    (one, one_p), (other, other_p) = (
        beam_search(m.step, m.encode(source), first, 4, 5, end=2)
        for m, source in ((module, x), (net, x.numpy()))
    )
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one_p, other_p, rtol=0, atol=1e-12)


def test_decoding_keeps_no_graph():
    module, (x, _) = pair("LSTM"), inputs()
    _, state = module.step(np.zeros(3, int), module.encode(x))
    assert not any(part.requires_grad for part in state)


@pytest.mark.parametrize(
    "decoder, message",
    [
        (modules.GRU(5, 4), "decoder: expected LSTM as the encoder is, got GRU"),
        (modules.LSTM(5, 3), "decoder: expected 4 units as the encoder has, got 3"),
    ],
)
def test_wrong_part_is_named(decoder, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EncoderDecoder(modules.LSTM(3, 4), decoder, nn.Linear(4, 5))


def test_the_encoder_is_not_its_own_decoder():
    layer = modules.LSTM(3, 4)
    with pytest.raises(ValueError, match="decoder: expected a module of its own, got the encoder"):
        EncoderDecoder(layer, layer, nn.Linear(4, 5))
