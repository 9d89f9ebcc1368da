"""The fast NumPy GRU against autograd, torch.nn.GRU and central differences."""

import re
import tracemalloc

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


def copies(gradients):
    return GRUGradients(*(None if g is None else g.copy() for g in gradients))


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


def test_no_initial_state_means_zeros():
    net, x, h0, dh = problem(4, 2, 3, 5)
    h = net.forward(x)
    gradients = net.backward(dh)
    np.testing.assert_array_equal(h, net.forward(x, np.zeros_like(h0)))
    assert_same(gradients, net.backward(dh), rtol=0)


@pytest.mark.parametrize("reset", RESETS)
def test_float32_stays_float32(reset):
    net, x, h0, dh = problem(6, 3, 2, 4, reset, dtype=np.float32)
    h = net.forward(x, h0)
    gradients = net.backward(dh)
    assert h.dtype == np.float32
    assert {g.dtype for g in gradients if g is not None} == {np.dtype(np.float32)}
    expected_h, expected = by_autograd(net, x, h0, dh)
    np.testing.assert_allclose(h, expected_h, rtol=0, atol=2e-6)
    assert_same(gradients, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("keep_workspace", [False, True])
def test_carrying_the_state_over_two_calls_equals_one(keep_workspace, reset):
    net, x, h0, dh = problem(8, 2, 3, 4, reset)
    h = net.forward(x, h0)
    whole = net.backward(dh)
    # Backward through a cut: the later half's dh0 is what reaches the last state of the earlier.
    net = GRU(**net.parameters, reset=reset, keep_workspace=keep_workspace)
    early = net.forward(x[:4], h0).copy()
    late = net.forward(x[4:], early[-1])
    np.testing.assert_allclose(np.concatenate([early, late]), h, rtol=0, atol=1e-14)
    g_late = copies(net.backward(dh[4:]))
    net.forward(x[:4], h0)
    d_early = dh[:4].copy()
    d_early[-1] += g_late.dh0
    g_early = net.backward(d_early)
    joined = GRUGradients(
        np.concatenate([g_early.dx, g_late.dx]),
        g_early.dh0,
        *(None if a is None else a + b for a, b in zip(g_early[2:], g_late[2:], strict=True)),
    )
    assert_same(joined, whole, rtol=0, atol=1e-13)


def test_carried_view_survives_its_own_workspace():
    net, x, h0, _ = problem(4, 2, 3, 5)
    kept = GRU(**net.parameters, keep_workspace=True)
    expected = net.forward(x, net.forward(x, h0)[-1])
    np.testing.assert_array_equal(kept.forward(x, kept.forward(x, h0)[-1]), expected)


@pytest.mark.parametrize("reset", RESETS)
def test_what_the_caller_passed_is_left_unchanged(reset):
    net, x, h0, dh = problem(5, 2, 3, 4, reset)
    given = [x, h0, dh, *net.parameters.values()]
    before = [a.copy() for a in given]
    net.forward(x, h0)
    net.backward(dh)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("reset", RESETS)
def test_strided_arguments_give_the_same_numbers(reset):
    net, x, h0, dh = problem(5, 3, 2, 4, reset)
    expected_h = net.forward(x, h0)
    expected = net.backward(dh)

    def batch_first(a):
        return np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1)

    net = GRU(*(np.asfortranarray(p) for p in net.parameters.values()), reset=reset)
    np.testing.assert_allclose(net.forward(batch_first(x), h0), expected_h, rtol=0, atol=1e-14)
    assert_same(net.backward(batch_first(dh)), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("reset", RESETS)
def test_second_backward_gives_the_same_gradients(reset):
    net, x, h0, dh = problem(5, 2, 3, 4, reset, keep_workspace=True)
    net.forward(x, h0)
    first = copies(net.backward(dh))
    assert_same(first, net.backward(dh), rtol=0)


@pytest.mark.parametrize("reset", RESETS)
def test_without_keep_workspace_results_outlast_the_next_calls(reset):
    net, x, h0, dh = problem(5, 2, 3, 4, reset)
    h = net.forward(x, h0)
    results = [h, *net.gates, *(g for g in net.backward(dh) if g is not None)]
    before = [a.copy() for a in results]
    net.backward(2 * dh)
    net.forward(2 * x, h0)
    net.backward(dh)
    for a, b in zip(results, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("reset", RESETS)
def test_keep_workspace_gives_the_same_numbers_in_the_same_arrays(reset):
    net, x, h0, dh = problem(5, 2, 3, 4, reset)
    kept = GRU(**net.parameters, reset=reset, keep_workspace=True)
    first = [kept.forward(x, h0), *kept.backward(dh)]
    second = [kept.forward(2 * x, h0), *kept.backward(dh)]
    for a, b in zip(first, second, strict=True):
        assert a is b is None or np.shares_memory(a, b)
    np.testing.assert_array_equal(second[0], net.forward(2 * x, h0))
    assert_same(second[1:], net.backward(dh), rtol=0)


@pytest.mark.parametrize("reset", RESETS)
def test_keep_workspace_allocates_nothing_of_size_again(reset):
    net, x, h0, dh = problem(200, 16, 16, 16, reset, keep_workspace=True)

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


@pytest.mark.parametrize("reset", RESETS)
def test_keep_workspace_follows_a_new_shape(reset):
    net, x, h0, dh = problem(5, 3, 3, 4, reset)
    kept = GRU(**net.parameters, reset=reset, keep_workspace=True)
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
    given = {"W_xh": np.ones((2, 9)), "W_hh": np.ones((3, 9)), "b_h": np.ones(9)}
    given |= {"b_hn": np.ones(3)}
    net = GRU(**given)
    assert list(net.parameters) == ["W_xh", "W_hh", "b_h", "b_hn"]
    assert all(net.parameters[name] is array for name, array in given.items())
    before = net.forward(np.ones((2, 1, 2)))
    given["W_hh"] -= 0.9
    assert not np.allclose(net.forward(np.ones((2, 1, 2)))[1], before[1])


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initialise_fills_the_interval_of_torch(dtype, reset):
    net = GRU.initialise(30, 25, np.random.default_rng(0), reset, dtype)
    shapes = {"W_xh": (30, 75), "W_hh": (25, 75), "b_h": (75,)}
    shapes |= {"b_hn": (25,)} if reset == "after" else {}
    assert {name: p.shape for name, p in net.parameters.items()} == shapes
    for p in net.parameters.values():
        assert p.dtype == dtype
        assert 0.15 < np.abs(p).max() <= 0.2
        assert abs(p.mean()) < 0.08
    again = GRU.initialise(30, 25, np.random.default_rng(0), reset, dtype)
    np.testing.assert_array_equal(net.W_hh, again.W_hh)


def arrays(**other):
    shapes = {"W_xh": (3, 12), "W_hh": (4, 12), "b_h": (12,), "b_hn": (4,)}
    return {name: np.zeros(shape) for name, shape in shapes.items()} | other


NET, X, H0, DH = problem(5, 2, 3, 4)


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
        (lambda: GRU(**arrays(W_xh=np.zeros(12))), "W_xh: expected shape (D, 3H), got (12,)"),
        (lambda: GRU(**arrays(W_xh=np.zeros((3, 4)))), "W_xh: expected shape (D, 3H), got (3, 4)"),
        (lambda: GRU(**arrays(W_xh=np.zeros((3, 0)))), "W_xh: expected shape (D, 3H), got (3, 0)"),
        (
            lambda: GRU(**arrays(W_xh=np.zeros((3, 12), int))),
            "W_xh: expected floating-point numbers, got int64",
        ),
        (
            lambda: GRU(**arrays(W_hh=np.zeros((12, 4)))),
            "W_hh: expected shape (4, 12), got (12, 4)",
        ),
        (lambda: GRU(**arrays(b_h=np.zeros(4))), "b_h: expected shape (12,), got (4,)"),
        (lambda: GRU(**arrays(b_hn=np.zeros(12))), "b_hn: expected shape (4,), got (12,)"),
        (
            lambda: GRU(**arrays(b_h=np.zeros(12, np.float32))),
            "b_h: expected float64 as W_xh has, got float32",
        ),
        (
            lambda: GRU(**arrays(b_hn=np.zeros(4, np.float32))),
            "b_hn: expected float64 as W_xh has, got float32",
        ),
        (
            lambda: GRU.initialise(0, 4, np.random.default_rng()),
            "D: expected at least 1, got 0",
        ),
        (
            lambda: GRU.initialise(3, 0, np.random.default_rng()),
            "H: expected at least 1, got 0",
        ),
        (
            lambda: GRU.initialise(3, 4, np.random.default_rng(), "both"),
            "reset: expected 'after' or 'before', got 'both'",
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


def test_backward_and_gates_before_forward_say_so():
    net, _, _, dh = problem(5, 2, 3, 4)
    with pytest.raises(RuntimeError, match="backward: expected a call of forward before it"):
        net.backward(dh)
    with pytest.raises(RuntimeError, match="gates: expected a call of forward before it"):
        _ = net.gates


def test_refused_forward_leaves_the_last_one_in_place():
    net, x, h0, dh = problem(5, 2, 3, 4, keep_workspace=True)
    net.forward(x, h0)
    expected = copies(net.backward(dh))
    with pytest.raises(ValueError, match="h0"):
        net.forward(x[:2], h0[:1])
    assert_same(net.backward(dh), expected, rtol=0)
