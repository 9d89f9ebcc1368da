"""The fast NumPy GRU against autograd, torch.nn.GRU and central differences."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.checks import check_gradient
from unrolled.nets import GRU, GRUGradients

NAMES = GRUGradients._fields
RESETS = ("after", "before")
SIZES = {name: st.integers(1, 5) for name in "TNDH"}
every_shape = settings(max_examples=40, deadline=None, derandomize=True)


def problem(T, N, D, H, reset="after", seed=0, dtype=np.float64, **options):
    """Return a network, inputs, an initial state and an upstream gradient."""
    rng = np.random.default_rng(seed)
    net = GRU.initialise(D, H, rng, reset, dtype, **options)
    for parameter in net.parameters.values():
        parameter *= 2  # away from where the gates are near one half
    x, h0, dh = (rng.normal(size=s).astype(dtype) for s in ((T, N, D), (N, H), (T, N, H)))
    return net, x, h0, dh


def by_autograd(net, x, h0, dh):
    """Return the states and all gradients from the definition, a matrix a gate, by autograd."""
    b_hn = np.zeros(len(net.W_hh), net.dtype) if net.b_hn is None else net.b_hn
    leaves = x, h0, W_xh, W_hh, b_h, b_hn = [
        torch.tensor(a, requires_grad=True) for a in (x, h0, net.W_xh, net.W_hh, net.b_h, b_hn)
    ]
    (W_xr, W_xz, W_xn), (W_hr, W_hz, W_hn) = W_xh.chunk(3, dim=1), W_hh.chunk(3, dim=1)
    b_r, b_z, b_n = b_h.chunk(3)
    h = [h0]
    for x_t in x:
        r = torch.sigmoid(x_t @ W_xr + h[-1] @ W_hr + b_r)
        z = torch.sigmoid(x_t @ W_xz + h[-1] @ W_hz + b_z)
        if net.reset == "after":
            n = torch.tanh(x_t @ W_xn + b_n + r * (h[-1] @ W_hn + b_hn))
        else:
            n = torch.tanh(x_t @ W_xn + b_n + (r * h[-1]) @ W_hn)
        h.append((1 - z) * n + z * h[-1])
    h = torch.stack(h[1:])
    h.backward(torch.tensor(dh))
    gradients = [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return h.detach().numpy(), [*gradients[:5], None if net.b_hn is None else gradients[5]]


def assert_same(gradients, expected, **tolerance):
    for name, ours, theirs in zip(NAMES, gradients, expected, strict=True):
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, err_msg=name, **tolerance)


@every_shape
@given(**SIZES, reset=st.sampled_from(RESETS), seed=st.integers(0, 999))
def test_equals_autograd(T, N, D, H, reset, seed):
    net, x, h0, dh = problem(T, N, D, H, reset, seed)
    h, expected = by_autograd(net, x, h0, dh)
    np.testing.assert_allclose(net.forward(x, h0), h, rtol=0, atol=1e-12)
    assert_same(net.backward(dh), expected, rtol=0, atol=1e-10)


@every_shape
@given(**SIZES, seed=st.integers(0, 999))
def test_equals_torch_nn_gru(T, N, D, H, seed):
    theirs = torch.nn.GRU(D, H, dtype=torch.float64)
    W_ih, W_hh, b_ih, b_hh = (p.detach().numpy() for p in theirs.parameters())
    b_h = b_ih + np.r_[b_hh[: 2 * H], np.zeros(H)]
    net = GRU(W_ih.T, W_hh.T, b_h, b_hh[2 * H :])
    _, x, h0, dh = problem(T, N, D, H, seed=seed)
    x_, h0_ = torch.tensor(x, requires_grad=True), torch.tensor(h0[None], requires_grad=True)
    h, h_T = theirs(x_, h0_)
    h.backward(torch.tensor(dh))
    dW_ih, dW_hh, db_ih, db_hh = (p.grad.numpy() for p in theirs.parameters())

    ours = net.forward(x, h0)
    np.testing.assert_allclose(ours, h.detach(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours[-1], h_T.detach()[0], rtol=0, atol=1e-10)
    expected = x_.grad.numpy(), h0_.grad[0].numpy(), dW_ih.T, dW_hh.T, db_ih, db_hh[2 * H :]
    assert_same(net.backward(dh), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(db_ih[: 2 * H], db_hh[: 2 * H], rtol=0, atol=1e-12)


@pytest.mark.parametrize("reset", RESETS)
def test_gradients_equal_central_differences(reset):
    net, x, h0, dh = problem(4, 2, 3, 3, reset)
    net.forward(x, h0)
    gradients = net.backward(dh)
    arrays = net.parameters | {"x": x, "h0": h0}
    for name, array in arrays.items():
        gradient = getattr(gradients, f"d{name}")
        check_gradient(
            name, lambda: (net.forward(x, h0) * dh).sum(), array, gradient, tolerance=1e-7
        )


def test_without_b_hn_equals_one_of_zeros_and_has_no_gradient_for_it():
    net, x, h0, dh = problem(5, 2, 3, 4)
    net.b_hn[:] = 0
    bare = GRU(net.W_xh, net.W_hh, net.b_h)
    assert list(bare.parameters) == ["W_xh", "W_hh", "b_h"]
    np.testing.assert_array_equal(bare.forward(x, h0), net.forward(x, h0))
    assert bare.backward(dh).db_hn is None
    assert_same(bare.backward(dh), net.backward(dh)._replace(db_hn=None), rtol=0)


def test_reset_on_either_side_agrees_where_the_weights_are_diagonal():
    net, x, h0, dh = problem(6, 2, 3, 4, "before")
    after = GRU(**net.parameters)
    assert np.abs(net.forward(x, h0) - after.forward(x, h0)).max() > 1e-3
    net.W_hh[:, 8:] = np.diag(np.diag(net.W_hh[:, 8:]))
    np.testing.assert_allclose(net.forward(x, h0), after.forward(x, h0), rtol=0, atol=1e-14)
    np.testing.assert_allclose(net.backward(dh).dx, after.backward(dh).dx, rtol=0, atol=1e-13)


@pytest.mark.parametrize("reset", RESETS)
def test_gates_are_those_of_the_last_forward(reset):
    net, x, h0, _ = problem(5, 2, 3, 4, reset)
    h = net.forward(x, h0)
    r, z, n = net.gates
    before = np.concatenate([h0[None], h[:-1]])
    np.testing.assert_allclose((1 - z) * n + z * before, h, rtol=0, atol=1e-14)
    gates = (x @ net.W_xh + before @ net.W_hh + net.b_h)[..., :8]
    np.testing.assert_allclose(
        np.concatenate([r, z], axis=-1), 1 / (1 + np.exp(-gates)), rtol=0, atol=1e-14
    )
    assert r.shape == z.shape == n.shape == (5, 2, 4)
    with pytest.raises(ValueError, match="read-only"):
        z *= 0


@pytest.mark.parametrize("reset", RESETS)
def test_saturated_gates_keep_or_replace_the_state_without_a_warning(reset):
    net, x, h0, dh = problem(50, 2, 3, 4, reset)
    net.b_h[4:8] = 1e4  # z = 1
    kept = np.broadcast_to(h0, (50, 2, 4))  # but for the rounding of n + z (h − n)
    np.testing.assert_allclose(net.forward(x, h0), kept, rtol=0, atol=1e-13)
    dh[:-1] = 0
    gradients = net.backward(dh)
    np.testing.assert_array_equal(gradients.dh0, dh[-1])
    assert not gradients.dW_hh.any()
    net.b_h[4:8] = -1e4  # z = 0
    h = net.forward(x, h0)
    np.testing.assert_array_equal(h, net.gates[2])


def arrays(**other):
    shapes = {"W_xh": (3, 12), "W_hh": (4, 12), "b_h": (12,), "b_hn": (4,)}
    return {name: np.zeros(shape) for name, shape in shapes.items()} | other


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: GRU(**arrays(), reset="both"),
            "reset: expected 'after' or 'before', got 'both'",
        ),
        (
            lambda: GRU(**arrays(), reset="before"),
            "b_hn: expected None with reset before the product, got an array",
        ),
        (lambda: GRU(**arrays(b_hn=np.zeros(12))), "b_hn: expected shape (4,), got (12,)"),
        (
            lambda: GRU(**arrays(b_hn=np.zeros(4, np.float32))),
            "b_hn: expected float64 as W_xh has, got float32",
        ),
        (
            lambda: GRU.initialise(3, 4, np.random.default_rng(), "both"),
            "reset: expected 'after' or 'before', got 'both'",
        ),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_gates_before_forward_say_so():
    net, *_ = problem(5, 2, 3, 4)
    with pytest.raises(RuntimeError, match="gates: expected a call of forward before it"):
        _ = net.gates
