"""The fast NumPy LSTM against torch.nn.LSTM, against autograd with peepholes, and differences."""

import re
import tracemalloc

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


def same_network(net, **options):
    W_xh, W_hh, b_h, *peepholes = net.parameters.values()
    return LSTM(W_xh, W_hh, b_h, peepholes or None, **options)


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


def test_no_initial_state_and_no_gradient_of_the_cell_mean_zeros():
    net, x, h0, c0, dh, dc_T = problem(4, 2, 3, 5)
    h = net.forward(x)
    gradients = net.backward(dh)
    np.testing.assert_array_equal(h, net.forward(x, np.zeros_like(h0), np.zeros_like(c0)))
    assert_same(gradients, net.backward(dh, np.zeros_like(dc_T)), rtol=0)


@pytest.mark.parametrize("peepholes", [False, True])
def test_float32_stays_float32(peepholes):
    net, *given, dh, dc_T = problem(6, 3, 2, 4, peepholes, dtype=np.float32)
    h = net.forward(*given)
    gradients = net.backward(dh, dc_T)
    kept = [h, net.c, net.gates, *(g for g in gradients if g is not None)]
    assert {a.dtype for a in kept} == {np.dtype(np.float32)}
    expected_h, _, expected = by_autograd(net, *given, dh, dc_T)
    np.testing.assert_allclose(h, expected_h, rtol=0, atol=1e-6)
    assert_same(gradients, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("keep_workspace", [False, True])
def test_carrying_the_state_over_two_calls_equals_one(keep_workspace, peepholes):
    net, x, h0, c0, dh, dc_T = problem(8, 2, 3, 4, peepholes)
    h = net.forward(x, h0, c0)
    whole = net.backward(dh, dc_T)
    # Backward through a cut: the later half's dh0 and dc0 are what reaches the earlier's last step.
    net = same_network(net, keep_workspace=keep_workspace)
    early = net.forward(x[:4], h0, c0).copy()
    late = net.forward(x[4:], early[-1], net.c_T)
    np.testing.assert_allclose(np.concatenate([early, late]), h, rtol=0, atol=1e-14)
    g_late = [g if g is None else g.copy() for g in net.backward(dh[4:], dc_T)]
    g_late = LSTMGradients(*g_late)
    net.forward(x[:4], h0, c0)
    d_early = dh[:4].copy()
    d_early[-1] += g_late.dh0
    g_early = net.backward(d_early, g_late.dc0)
    sums = (None if a is None else a + b for a, b in zip(g_early[3:], g_late[3:], strict=True))
    joined = np.concatenate([g_early.dx, g_late.dx]), g_early.dh0, g_early.dc0, *sums
    assert_same(joined, whole, rtol=0, atol=1e-13)


def test_carried_views_survive_their_own_workspace():
    net, x, h0, c0, *_ = problem(4, 2, 3, 5)
    kept = same_network(net, keep_workspace=True)
    expected = net.forward(x, net.forward(x, h0, c0)[-1], net.c_T)
    np.testing.assert_array_equal(kept.forward(x, kept.forward(x, h0, c0)[-1], kept.c_T), expected)


def test_what_the_caller_passed_is_left_unchanged():
    net, *given, dh, dc_T = problem(5, 2, 3, 4, peepholes=True)
    passed = [*given, dh, dc_T, *net.parameters.values()]
    before = [a.copy() for a in passed]
    net.forward(*given)
    net.backward(dh, dc_T)
    for a, b in zip(passed, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_strided_arguments_give_the_same_numbers():
    net, x, h0, c0, dh, dc_T = problem(5, 3, 2, 4)
    expected_h = net.forward(x, h0, c0)
    expected = net.backward(dh, dc_T)

    def batch_first(a):
        return np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1)

    net = LSTM(*(np.asfortranarray(p) for p in net.parameters.values()))
    np.testing.assert_allclose(net.forward(batch_first(x), h0, c0), expected_h, rtol=0, atol=1e-14)
    assert_same(net.backward(batch_first(dh), dc_T), expected, rtol=0, atol=1e-13)


def test_second_backward_gives_the_same_gradients():
    net, *given, dh, dc_T = problem(5, 2, 3, 4, keep_workspace=True)
    net.forward(*given)
    first = [g if g is None else g.copy() for g in net.backward(dh, dc_T)]
    assert_same(net.backward(dh, dc_T), first, rtol=0)


def test_without_keep_workspace_results_outlast_the_next_calls():
    net, x, h0, c0, dh, dc_T = problem(5, 2, 3, 4, peepholes=True)
    h = net.forward(x, h0, c0)
    results = [h, net.c, net.gates, *net.backward(dh, dc_T)]
    before = [a.copy() for a in results]
    net.backward(2 * dh)
    net.forward(2 * x, h0)
    net.backward(dh)
    for a, b in zip(results, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_keep_workspace_gives_the_same_numbers_in_the_same_arrays():
    net, x, h0, c0, dh, dc_T = problem(5, 2, 3, 4)
    kept = same_network(net, keep_workspace=True)
    first = [kept.forward(x, h0, c0), *kept.backward(dh, dc_T)[:6]]
    second = [kept.forward(2 * x, h0, c0), *kept.backward(dh, dc_T)[:6]]
    for a, b in zip(first, second, strict=True):
        assert np.shares_memory(a, b)
    np.testing.assert_array_equal(second[0], net.forward(2 * x, h0, c0))
    assert_same((*second[1:], None, None, None), net.backward(dh, dc_T), rtol=0)


def test_keep_workspace_allocates_nothing_of_size_again():
    net, x, h0, c0, dh, dc_T = problem(200, 16, 16, 16, True, keep_workspace=True)

    def step():
        net.forward(x, h0, c0)
        net.backward(dh, dc_T)

    step()
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # NumPy's own buffer for broadcasting takes up to 64 kB; a (T, N, H) array here has 400 kB.
    assert peak < x.nbytes / 4


def test_keep_workspace_follows_a_new_shape():
    net, x, h0, c0, dh, dc_T = problem(5, 3, 3, 4)
    kept = same_network(net, keep_workspace=True)
    kept.forward(x, h0, c0)
    for T, N in ((3, 3), (5, 2), (5, 3)):
        h = kept.forward(x[:T, :N], h0[:N], c0[:N])
        np.testing.assert_array_equal(h, net.forward(x[:T, :N], h0[:N], c0[:N]))
        ours, expected = (n.backward(dh[:T, :N], dc_T[:N]) for n in (kept, net))
        assert_same(ours, expected, rtol=0)


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


def test_network_holds_the_arrays_it_is_given():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((2, 12), (3, 12), (12,), (3,), (3,), (3,))]
    net = LSTM(*arrays[:3], arrays[3:])
    assert list(net.parameters) == ["W_xh", "W_hh", "b_h", "p_i", "p_f", "p_o"]
    for held, array in zip(net.parameters.values(), arrays, strict=True):
        assert held is array
    for array in arrays:
        before = net.forward(np.ones((2, 1, 2)))
        array -= 0.9
        assert not np.allclose(net.forward(np.ones((2, 1, 2)))[1], before[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initialise_fills_the_interval_of_torch(dtype):
    net = LSTM.initialise(30, 25, np.random.default_rng(0), True, dtype)
    shapes = (30, 100), (25, 100), (100,), (25,), (25,), (25,)
    for p, shape in zip(net.parameters.values(), shapes, strict=True):
        assert p.shape == shape
        assert p.dtype == dtype
        assert 0.15 < np.abs(p).max() <= 0.2
        assert abs(p.mean()) < 0.08
    again = LSTM.initialise(30, 25, np.random.default_rng(0), dtype=dtype)
    np.testing.assert_array_equal(net.W_hh, again.W_hh)
    assert list(again.parameters) == ["W_xh", "W_hh", "b_h"]


def arrays(**other):
    shapes = {"W_xh": (3, 16), "W_hh": (4, 16), "b_h": (16,)}
    return {name: np.zeros(shape) for name, shape in shapes.items()} | other


NET, X, H0, C0, DH, DC_T = problem(5, 2, 3, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: LSTM(**arrays(W_xh=np.zeros(16))), "W_xh: expected shape (D, 4H), got (16,)"),
        (
            lambda: LSTM(**arrays(W_xh=np.zeros((3, 15)))),
            "W_xh: expected shape (D, 4H), got (3, 15)",
        ),
        (
            lambda: LSTM(**arrays(W_xh=np.zeros((3, 16), int))),
            "W_xh: expected floating-point numbers, got int64",
        ),
        (
            lambda: LSTM(**arrays(W_hh=np.zeros((16, 4)))),
            "W_hh: expected shape (4, 16), got (16, 4)",
        ),
        (lambda: LSTM(**arrays(b_h=np.zeros(4))), "b_h: expected shape (16,), got (4,)"),
        (
            lambda: LSTM(**arrays(b_h=np.zeros(16, np.float32))),
            "b_h: expected float64 as W_xh has, got float32",
        ),
        (
            lambda: LSTM(**arrays(), peepholes=[np.zeros(4)] * 2),
            "peepholes: expected p_i, p_f and p_o, got 2",
        ),
        (
            lambda: LSTM(**arrays(), peepholes=[np.zeros(4), np.zeros((4, 4)), np.zeros(4)]),
            "p_f: expected shape (4,), got (4, 4)",
        ),
        (lambda: LSTM.initialise(0, 4, np.random.default_rng()), "D: expected at least 1, got 0"),
        (lambda: LSTM.initialise(3, 0, np.random.default_rng()), "H: expected at least 1, got 0"),
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
        (lambda: NET.forward(X, H0, C0[:1]), "c0: expected shape (2, 4), got (1, 4)"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_wrong_upstream_gradient_is_named():
    net, x, h0, c0, dh, dc_T = problem(5, 2, 3, 4)
    net.forward(x, h0, c0)
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (5, 2, 4), got (4, 2, 4)")):
        net.backward(dh[1:])
    with pytest.raises(ValueError, match=re.escape("dc_T: expected shape (2, 4), got (1, 4)")):
        net.backward(dh, dc_T[:1])
    with pytest.raises(ValueError, match="dh: expected float64 as W_xh has, got float32"):
        net.backward(dh.astype(np.float32))


@pytest.mark.parametrize("what", ["backward", "c", "c_T", "gates"])
def test_what_needs_a_forward_says_so(what):
    net, *_, dh, _ = problem(5, 2, 3, 4)
    with pytest.raises(RuntimeError, match=f"{what}: expected a call of forward before it"):
        net.backward(dh) if what == "backward" else getattr(net, what)


def test_refused_forward_leaves_the_last_one_in_place():
    net, x, h0, c0, dh, dc_T = problem(5, 2, 3, 4, keep_workspace=True)
    net.forward(x, h0, c0)
    expected = [g if g is None else g.copy() for g in net.backward(dh, dc_T)]
    with pytest.raises(ValueError, match="c0"):
        net.forward(x[:2], h0, c0[:1])
    assert_same(net.backward(dh, dc_T), expected, rtol=0)
