"""The PyTorch GRU against torch.nn.GRU, and against the NumPy network for either reset."""

import re

import numpy as np
import pytest
import torch

from unrolled import nets
from unrolled.modules import GRU, default_device

SIZES = [(1, 1, 1, 1), (1, 3, 2, 4), (7, 1, 3, 2), (9, 4, 1, 5), (12, 3, 5, 1), (20, 4, 6, 8)]
NAMES = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]


def inputs(T, N, D, H, device="cpu"):
    """Return x, h0 and upstream gradients for h and h_T."""
    generator = torch.Generator().manual_seed(T + N + D + H)
    shapes = (T, N, D), (1, N, H), (T, N, H), (1, N, H)
    return [
        torch.randn(s, generator=generator, dtype=torch.float64).to(device).requires_grad_(i < 2)
        for i, s in enumerate(shapes)
    ]


def outputs_and_gradients(module, x, h0, dh, dh_T):
    h, h_T = module(x, h0)
    leaves = [x, *([] if h0 is None else [h0]), *module.parameters()]
    return [h, h_T, *torch.autograd.grad([h, h_T], leaves, [dh, dh_T])]


def assert_parity(sizes, with_h0, device="cpu"):
    T, N, D, H = sizes
    ours = GRU(D, H, device=device, dtype=torch.float64)
    theirs = torch.nn.GRU(D, H, device=device, dtype=torch.float64)
    theirs.load_state_dict(ours.state_dict())
    x, h0, dh, dh_T = inputs(T, N, D, H, device)
    arguments = x, h0 if with_h0 else None, dh, dh_T
    a = outputs_and_gradients(ours, *arguments)
    b = outputs_and_gradients(theirs, *arguments)
    for one, other in zip(a, b, strict=True):
        assert one.device == other.device == x.device
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("with_h0", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_torch_nn_gru(sizes, with_h0):
    assert_parity(sizes, with_h0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_torch_nn_gru_on_the_gpu(sizes):
    assert_parity(sizes, with_h0=True, device=default_device())
    assert_parity(sizes, with_h0=False, device=default_device())


@pytest.mark.parametrize("reset", ["after", "before"])
def test_equals_the_numpy_network(reset):
    T, N, D, H = 6, 2, 3, 4
    module = GRU(D, H, reset, dtype=torch.float64)
    x, h0, dh, _ = inputs(T, N, D, H)
    W_ih, W_hh, b_ih, b_hh = (p.detach().numpy() for p in module.parameters())
    after = reset == "after"
    b_h = b_ih + (np.r_[b_hh[: 2 * H], np.zeros(H)] if after else b_hh)
    net = nets.GRU(W_ih.T, W_hh.T, b_h, b_hh[2 * H :] if after else None, reset)
    h, _ = module(x, h0)
    theirs = torch.autograd.grad(h, [x, h0, *module.parameters()], dh)
    ours_h = net.forward(x.detach().numpy(), h0[0].detach().numpy())
    ours = net.backward(dh.numpy())
    np.testing.assert_allclose(ours_h, h.detach(), rtol=0, atol=1e-12)
    dx, dh0, dW_ih, dW_hh, db_ih, db_hh = (g.numpy() for g in theirs)
    expected = dx, dh0[0], dW_ih.T, dW_hh.T, db_ih
    for name, a, b in zip(ours._fields, ours[:5], expected, strict=False):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10, err_msg=name)
    if after:
        np.testing.assert_allclose(ours.db_hn, db_hh[2 * H :], rtol=0, atol=1e-10)
    else:
        np.testing.assert_allclose(db_ih, db_hh, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reset", ["after", "before"])
def test_state_dict_goes_both_ways(reset):
    ours, theirs = GRU(3, 4, reset), torch.nn.GRU(3, 4)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == NAMES
    x = torch.randn(5, 2, 3)
    fresh = GRU(3, 4)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert torch.allclose(ours(x)[0], theirs(x)[0], atol=1e-6) == (reset == "after")
    assert not torch.allclose(fresh(x)[0], theirs(x)[0])
    theirs.load_state_dict(fresh.state_dict(), strict=True)
    torch.testing.assert_close(fresh(x), theirs(x))


def test_same_seed_gives_the_parameters_of_torch():
    torch.manual_seed(3)
    ours = GRU(3, 4)
    torch.manual_seed(3)
    theirs = torch.nn.GRU(3, 4)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("reset", ["after", "before"])
def test_carrying_the_state_over_two_calls_equals_one(reset):
    module = GRU(3, 4, reset, dtype=torch.float64)
    x, h0, *_ = inputs(8, 2, 3, 4)
    h, h_T = module(x, h0)
    early, middle = module(x[:3], h0)
    late, last = module(x[3:], middle)
    torch.testing.assert_close(torch.cat([early, late]), h, rtol=0, atol=1e-14)
    torch.testing.assert_close(last, h_T, rtol=0, atol=1e-14)


@pytest.mark.parametrize("reset", ["after", "before"])
def test_device_and_dtype_are_those_given(reset):
    # The meta device computes shapes only: whatever were made on another device would raise.
    module = GRU(3, 4, reset, device="meta", dtype=torch.float16)
    assert {(p.device.type, p.dtype) for p in module.parameters()} == {("meta", torch.float16)}
    h, h_T = module(torch.empty(5, 2, 3, device="meta", dtype=torch.float16))
    assert (h.shape, h_T.shape) == ((5, 2, 4), (1, 2, 4))
    assert {(t.device.type, t.dtype) for t in (h, h_T)} == {("meta", torch.float16)}


def test_moves_to_another_dtype_as_any_module():
    module = GRU(3, 4).double()
    assert module(torch.zeros(1, 1, 3, dtype=torch.float64))[0].dtype == torch.float64


def test_prints_what_it_is():
    assert repr(GRU(3, 4, "before")) == "GRU(3, 4, reset='before')"


MODULE = GRU(3, 4)
X, H0 = torch.zeros(5, 2, 3), torch.zeros(1, 2, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: GRU(3, 4, "both"), "reset: expected 'after' or 'before', got 'both'"),
        (lambda: GRU(0, 4), "input_size: expected at least 1, got 0"),
        (lambda: GRU(3, 0), "hidden_size: expected at least 1, got 0"),
        (lambda: MODULE(X[0]), "x: expected shape (T, N, 3) with T at least 1, got (2, 3)"),
        (lambda: MODULE(X[..., :2]), "got (5, 2, 2)"),
        (lambda: MODULE(X[:0]), "got (0, 2, 3)"),
        (lambda: MODULE(X, H0[0]), "h0: expected shape (1, 2, 4), got (2, 4)"),
        (
            lambda: MODULE(X.double()),
            "x: expected torch.float32 on cpu as the parameters are, got torch.float64 on cpu",
        ),
        (
            lambda: MODULE(X, H0.to("meta")),
            "h0: expected torch.float32 on cpu as the parameters are, got torch.float32 on meta",
        ),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
