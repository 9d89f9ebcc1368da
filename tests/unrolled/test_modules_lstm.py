"""The PyTorch LSTM against torch.nn.LSTM, and against the NumPy network for the peepholes."""

import re

import numpy as np
import pytest
import torch

from unrolled import nets
from unrolled.modules import LSTM, default_device

SIZES = [(1, 1, 1, 1), (1, 3, 2, 4), (7, 1, 3, 2), (9, 4, 1, 5), (12, 3, 5, 1), (20, 4, 6, 8)]
NAMES = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
PEEPHOLES = ["weight_pi_l0", "weight_pf_l0", "weight_po_l0"]


def pair(D, H, device="cpu"):
    """Return our module and torch's with the same parameters, in float64."""
    ours = LSTM(D, H, device=device, dtype=torch.float64)
    theirs = torch.nn.LSTM(D, H, device=device, dtype=torch.float64)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def inputs(T, N, D, H, device="cpu"):
    """Return x, h0, c0 and upstream gradients for h, h_T and c_T."""
    generator = torch.Generator().manual_seed(T + N + D + H)
    shapes = (T, N, D), (1, N, H), (1, N, H), (T, N, H), (1, N, H), (1, N, H)
    return [
        torch.randn(s, generator=generator, dtype=torch.float64).to(device).requires_grad_(k < 3)
        for k, s in enumerate(shapes)
    ]


def outputs_and_gradients(module, x, start, upstream):
    h, (h_T, c_T) = module(x, start)
    leaves = [x, *(start or []), *module.parameters()]
    return [h, h_T, c_T, *torch.autograd.grad([h, h_T, c_T], leaves, upstream)]


def assert_parity(sizes, with_start, device="cpu"):
    T, N, D, H = sizes
    ours, theirs = pair(D, H, device)
    x, h0, c0, *upstream = inputs(T, N, D, H, device)
    start = (h0, c0) if with_start else None
    a, b = (outputs_and_gradients(module, x, start, upstream) for module in (ours, theirs))
    for one, other in zip(a, b, strict=True):
        assert one.device == other.device == x.device
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("with_start", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_torch_nn_lstm(sizes, with_start):
    assert_parity(sizes, with_start)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("with_start", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_torch_nn_lstm_on_the_gpu(sizes, with_start):
    assert_parity(sizes, with_start, default_device())


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_the_numpy_network(sizes, peepholes):
    T, N, D, H = sizes
    module = LSTM(D, H, peepholes, dtype=torch.float64)
    x, h0, c0, dh, _, dc_T = inputs(T, N, D, H)
    W_ih, W_hh, b_ih, b_hh, *p = (p.detach().numpy() for p in module.parameters())
    net = nets.LSTM(W_ih.T, W_hh.T, b_ih + b_hh, p or None)
    h, (_, c_T) = module(x, (h0, c0))
    theirs = torch.autograd.grad([h, c_T], [x, h0, c0, *module.parameters()], [dh, dc_T])
    ours_h = net.forward(x.detach().numpy(), h0[0].detach().numpy(), c0[0].detach().numpy())
    ours = net.backward(dh.numpy(), dc_T[0].numpy())
    np.testing.assert_allclose(ours_h, h.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(net.c_T, c_T[0].detach(), rtol=0, atol=1e-12)
    dx, dh0, dc0, dW_ih, dW_hh, db_ih, db_hh, *dp = (g.numpy() for g in theirs)
    expected = dx, dh0[0], dc0[0], dW_ih.T, dW_hh.T, db_ih, *dp
    for name, a, b in zip(ours._fields, ours, expected, strict=False):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10, err_msg=name)
    assert len(expected) == 6 + 3 * peepholes
    np.testing.assert_allclose(db_ih, db_hh, rtol=0, atol=1e-12)


def test_peepholes_of_zero_change_nothing():
    with_peepholes, plain = LSTM(3, 4, peepholes=True), LSTM(3, 4)
    assert list(with_peepholes.state_dict()) == NAMES + PEEPHOLES
    for name in PEEPHOLES:
        torch.nn.init.zeros_(getattr(with_peepholes, name))
    plain.load_state_dict({name: with_peepholes.state_dict()[name] for name in NAMES})
    x = torch.randn(6, 2, 3)
    torch.testing.assert_close(with_peepholes(x), plain(x))


def test_state_dict_goes_both_ways():
    ours, theirs = LSTM(3, 4), torch.nn.LSTM(3, 4)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == NAMES
    x = torch.randn(5, 2, 3)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    torch.testing.assert_close(ours(x), theirs(x))
    fresh = LSTM(3, 4)
    assert not torch.allclose(fresh(x)[0], theirs(x)[0])
    theirs.load_state_dict(fresh.state_dict(), strict=True)
    torch.testing.assert_close(fresh(x), theirs(x))


def test_same_seed_gives_the_parameters_of_torch():
    torch.manual_seed(3)
    ours = LSTM(3, 4)
    torch.manual_seed(3)
    theirs = torch.nn.LSTM(3, 4)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("peepholes", [False, True])
def test_carrying_the_state_over_two_calls_equals_one(peepholes):
    module = LSTM(3, 4, peepholes, dtype=torch.float64)
    x, h0, c0, *_ = inputs(8, 2, 3, 4)
    h, last = module(x, (h0, c0))
    early, middle = module(x[:3], (h0, c0))
    late, end = module(x[3:], middle)
    torch.testing.assert_close(torch.cat([early, late]), h, rtol=0, atol=1e-14)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-14)


@pytest.mark.parametrize("peepholes", [False, True])
def test_device_and_dtype_are_those_given(peepholes):
    # The meta device computes shapes only: whatever were made on another device would raise.
    module = LSTM(3, 4, peepholes, device="meta", dtype=torch.float16)
    assert {(p.device.type, p.dtype) for p in module.parameters()} == {("meta", torch.float16)}
    h, (h_T, c_T) = module(torch.empty(5, 2, 3, device="meta", dtype=torch.float16))
    assert (h.shape, h_T.shape, c_T.shape) == ((5, 2, 4), (1, 2, 4), (1, 2, 4))
    assert {(t.device.type, t.dtype) for t in (h, h_T, c_T)} == {("meta", torch.float16)}


def test_prints_what_it_is():
    assert repr(LSTM(3, 4, True)) == "LSTM(3, 4, peepholes=True)"


MODULE = LSTM(3, 4)
X, H0 = torch.zeros(5, 2, 3), torch.zeros(1, 2, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: LSTM(0, 4), "input_size: expected at least 1, got 0"),
        (lambda: LSTM(3, 0), "hidden_size: expected at least 1, got 0"),
        (lambda: MODULE(X[0]), "x: expected shape (T, N, 3) with T at least 1, got (2, 3)"),
        (lambda: MODULE(X[..., :2]), "got (5, 2, 2)"),
        (lambda: MODULE(X[:0]), "got (0, 2, 3)"),
        (lambda: MODULE(X, (H0[0], H0)), "h0: expected shape (1, 2, 4), got (2, 4)"),
        (lambda: MODULE(X, (H0, H0[:, :1])), "c0: expected shape (1, 2, 4), got (1, 1, 4)"),
        (
            lambda: MODULE(X.double()),
            "x: expected torch.float32 on cpu as the parameters are, got torch.float64 on cpu",
        ),
        (
            lambda: MODULE(X, (H0, H0.to("meta"))),
            "c0: expected torch.float32 on cpu as the parameters are, got torch.float32 on meta",
        ),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
