"""The fast NumPy RNN against autograd, and against torch.nn.RNN where that has the activation."""

import re
import tracemalloc

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


def test_no_initial_state_means_zeros():
    net, x, h0, dh = problem(4, 2, 3, 5)
    h = net.forward(x)
    gradients = net.backward(dh)
    np.testing.assert_array_equal(h, net.forward(x, np.zeros_like(h0)))
    assert_same(gradients, net.backward(dh), rtol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_stays_float32(activation):
    net, x, h0, dh = problem(6, 3, 2, 4, activation, dtype=np.float32)
    h = net.forward(x, h0)
    gradients = net.backward(dh)
    assert h.dtype == np.float32
    assert {g.dtype for g in gradients} == {np.dtype(np.float32)}
    expected_h, expected = by_autograd(net, x, h0, dh)
    np.testing.assert_allclose(h, expected_h, rtol=0, atol=1e-6)
    assert_same(gradients, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keep_workspace", [False, True])
def test_carrying_the_state_over_two_calls_equals_one(keep_workspace):
    net, x, h0, dh = problem(8, 2, 3, 4)
    h = net.forward(x, h0)
    whole = net.backward(dh)
    # Backward through a cut: the later half's dh0 is what reaches the last state of the earlier.
    net = RNN(**net.parameters, keep_workspace=keep_workspace)
    early = net.forward(x[:4], h0).copy()
    late = net.forward(x[4:], early[-1])
    np.testing.assert_allclose(np.concatenate([early, late]), h, rtol=0, atol=1e-14)
    g_late = RNNGradients(*(g.copy() for g in net.backward(dh[4:])))
    net.forward(x[:4], h0)
    d_early = dh[:4].copy()
    d_early[-1] += g_late.dh0
    g_early = net.backward(d_early)
    joined = RNNGradients(
        np.concatenate([g_early.dx, g_late.dx]),
        g_early.dh0,
        *(a + b for a, b in zip(g_early[2:], g_late[2:], strict=True)),
    )
    assert_same(joined, whole, rtol=0, atol=1e-13)


def test_carried_view_survives_its_own_workspace():
    net, x, h0, _ = problem(4, 2, 3, 5)
    kept = RNN(**net.parameters, keep_workspace=True)
    expected = net.forward(x, net.forward(x, h0)[-1])
    np.testing.assert_array_equal(kept.forward(x, kept.forward(x, h0)[-1]), expected)


def test_what_the_caller_passed_is_left_unchanged():
    net, x, h0, dh = problem(5, 2, 3, 4)
    given = [x, h0, dh, *net.parameters.values()]
    before = [a.copy() for a in given]
    net.forward(x, h0)
    net.backward(dh)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_strided_arguments_give_the_same_numbers():
    net, x, h0, dh = problem(5, 3, 2, 4)
    expected_h = net.forward(x, h0)
    expected = net.backward(dh)

    def batch_first(a):
        return np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1)

    net = RNN(*(np.asfortranarray(p) for p in net.parameters.values()))
    np.testing.assert_allclose(net.forward(batch_first(x), h0), expected_h, rtol=0, atol=1e-14)
    assert_same(net.backward(batch_first(dh)), expected, rtol=0, atol=1e-13)


def test_second_backward_gives_the_same_gradients():
    net, x, h0, dh = problem(5, 2, 3, 4)
    net.forward(x, h0)
    first, second = net.backward(dh), net.backward(dh)
    assert_same(first, second, rtol=0)


def test_without_keep_workspace_results_outlast_the_next_calls():
    net, x, h0, dh = problem(5, 2, 3, 4)
    h = net.forward(x, h0)
    gradients = net.backward(dh)
    results = [h, *gradients]
    before = [a.copy() for a in results]
    net.backward(2 * dh)
    net.forward(2 * x, h0)
    net.backward(dh)
    for a, b in zip(results, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_keep_workspace_gives_the_same_numbers_in_the_same_arrays():
    net, x, h0, dh = problem(5, 2, 3, 4)
    kept = RNN(**net.parameters, keep_workspace=True)
    first = [kept.forward(x, h0), *kept.backward(dh)]
    second = [kept.forward(2 * x, h0), *kept.backward(dh)]
    for a, b in zip(first, second, strict=True):
        assert np.shares_memory(a, b)
    np.testing.assert_array_equal(second[0], net.forward(2 * x, h0))
    assert_same(second[1:], net.backward(dh), rtol=0)


def test_keep_workspace_allocates_nothing_of_size_again():
    net, x, h0, dh = problem(200, 16, 16, 16, keep_workspace=True)

    def step():
        net.forward(x, h0)
        net.backward(dh)

    step()
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # NumPy's own buffer for broadcasting takes up to 64 kB; every (T, N, ·) array here has 400 kB.
    assert peak < x.nbytes / 4


def test_keep_workspace_follows_a_new_shape():
    net, x, h0, dh = problem(5, 3, 3, 4)
    kept = RNN(**net.parameters, keep_workspace=True)
    kept.forward(x, h0)
    for T, N in ((3, 3), (5, 2), (5, 3)):
        h = kept.forward(x[:T, :N], h0[:N])
        np.testing.assert_array_equal(h, net.forward(x[:T, :N], h0[:N]))
        assert_same(kept.backward(dh[:T, :N]), net.backward(dh[:T, :N]), rtol=0)


def test_states_are_read_only_because_backward_reads_them():
    net, x, h0, _ = problem(5, 2, 3, 4)
    h = net.forward(x, h0)
    with pytest.raises(ValueError, match="read-only"):
        h *= 2


def test_network_holds_the_arrays_it_is_given():
    W_xh, W_hh, b_h = np.ones((2, 3)), np.ones((3, 3)), np.ones(3)
    net = RNN(W_xh, W_hh, b_h)
    assert list(net.parameters) == ["W_xh", "W_hh", "b_h"]
    assert net.parameters["W_xh"] is W_xh
    assert net.parameters["W_hh"] is W_hh
    assert net.parameters["b_h"] is b_h
    before = net.forward(np.ones((2, 1, 2)))
    W_hh -= 0.9
    assert not np.allclose(net.forward(np.ones((2, 1, 2)))[1], before[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initialise_fills_the_interval_of_torch(dtype):
    net = RNN.initialise(30, 25, np.random.default_rng(0), dtype=dtype)
    for name, shape in (("W_xh", (30, 25)), ("W_hh", (25, 25)), ("b_h", (25,))):
        p = net.parameters[name]
        assert p.shape == shape
        assert p.dtype == dtype
        assert 0.15 < np.abs(p).max() <= 0.2
        assert abs(p.mean()) < 0.08
    again = RNN.initialise(30, 25, np.random.default_rng(0), dtype=dtype)
    np.testing.assert_array_equal(net.W_hh, again.W_hh)


def test_relu_passes_no_gradient_at_zero_as_in_torch():
    net = RNN(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), "relu")
    net.forward(np.ones((1, 1, 1)))
    assert net.backward(np.ones((1, 1, 1))).db_h == 0


def arrays(**other):
    shapes = {"W_xh": (3, 4), "W_hh": (4, 4), "b_h": (4,)}
    return {name: np.zeros(shape) for name, shape in shapes.items()} | other


NET, X, H0, DH = problem(5, 2, 3, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: RNN(**arrays(), activation="gelu"),
            "activation: expected one of 'tanh', 'relu', 'sigmoid', got 'gelu'",
        ),
        (lambda: RNN(**arrays(W_xh=np.zeros(4))), "W_xh: expected shape (D, H), got (4,)"),
        (lambda: RNN(**arrays(W_xh=np.zeros((3, 0)))), "W_xh: expected shape (D, H), got (3, 0)"),
        (
            lambda: RNN(**arrays(W_xh=np.zeros((3, 4), int))),
            "W_xh: expected floating-point numbers, got int64",
        ),
        (
            lambda: RNN(**arrays(W_hh=np.zeros((3, 4)))),
            "W_hh: expected shape (4, 4), got (3, 4)",
        ),
        (lambda: RNN(**arrays(b_h=np.zeros((1, 4)))), "b_h: expected shape (4,), got (1, 4)"),
        (
            lambda: RNN(**arrays(b_h=np.zeros(4, np.float32))),
            "b_h: expected float64 as W_xh has, got float32",
        ),
        (
            lambda: RNN.initialise(0, 4, np.random.default_rng()),
            "D: expected at least 1, got 0",
        ),
        (
            lambda: RNN.initialise(3, 0, np.random.default_rng()),
            "H: expected at least 1, got 0",
        ),
        (
            lambda: NET.forward(X[0]),
            "x: expected shape (T, N, 3) with T and N at least 1, got (2, 3)",
        ),
        (lambda: NET.forward(X[..., :2]), "got (5, 2, 2)"),
        (lambda: NET.forward(X[:0]), "got (0, 2, 3)"),
        (
            lambda: NET.forward(X.astype(np.float32)),
            "x: expected float64 as W_xh has, got float32",
        ),
        (lambda: NET.forward(X, H0[None]), "h0: expected shape (2, 4), got (1, 2, 4)"),
        (lambda: NET.forward(X, H0[:1]), "h0: expected shape (2, 4), got (1, 4)"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_wrong_upstream_gradient_is_named():
    net, x, h0, dh = problem(5, 2, 3, 4)
    net.forward(x, h0)
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (5, 2, 4), got (4, 2, 4)")):
        net.backward(dh[1:])
    with pytest.raises(ValueError, match="dh: expected float64 as W_xh has, got float32"):
        net.backward(dh.astype(np.float32))


def test_backward_before_forward_says_so():
    net, _, _, dh = problem(5, 2, 3, 4)
    with pytest.raises(RuntimeError, match="backward: expected a call of forward before it"):
        net.backward(dh)


def test_refused_forward_leaves_the_last_one_in_place():
    net, x, h0, dh = problem(5, 2, 3, 4, keep_workspace=True)
    net.forward(x, h0)
    expected = [g.copy() for g in net.backward(dh)]
    with pytest.raises(ValueError, match="h0"):
        net.forward(x[:2], h0[:1])
    assert_same(net.backward(dh), expected, rtol=0)
