"""What every recurrent layer in NumPy keeps: its dtype, its arguments, its workspace, its word."""

import re
import tracemalloc

import numpy as np
import pytest

from unrolled.nets import GRU, LSTM, RNN

# Each kind: the class, what sets it apart, and how many gates it has.
KINDS = {
    "RNN tanh": (RNN, {"activation": "tanh"}, 1),
    "RNN relu": (RNN, {"activation": "relu"}, 1),
    "RNN sigmoid": (RNN, {"activation": "sigmoid"}, 1),
    "GRU after": (GRU, {"reset": "after"}, 3),
    "GRU before": (GRU, {"reset": "before"}, 3),
    "LSTM": (LSTM, {"peepholes": False}, 4),
    "LSTM peepholes": (LSTM, {"peepholes": True}, 4),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


class Problem:
    """A network of this kind, inputs, initial values, and upstream gradients."""

    def __init__(self, kind, T, N, D, H, dtype=np.float64, keep_workspace=False):
        rng = np.random.default_rng(T + N)
        self.net = initialised(kind, D, H, rng, dtype=dtype, keep_workspace=keep_workspace)
        if not isinstance(self.net, RNN):
            for parameter in self.net.parameters.values():
                parameter *= 2  # away from where every gate is near one half
        cell = isinstance(self.net, LSTM)
        shapes = [(T, N, D), (N, H), (N, H)][: 3 if cell else 2]
        self.x, *self.start = (rng.normal(size=shape).astype(dtype) for shape in shapes)
        shapes = [(T, N, H), (N, H)][: 2 if cell else 1]
        self.dh, *self.d_end = (rng.normal(size=shape).astype(dtype) for shape in shapes)
        self.given = [self.x, *self.start, self.dh, *self.d_end]

    def results(self, net):
        """Return copies of the states and of all gradients, those that are None left out."""
        h = net.forward(self.x, *self.start).copy()
        return [h, *copies(net.backward(self.dh, *self.d_end))]


def initialised(kind, D, H, rng, **options):
    layer, setting, _ = KINDS[kind]
    return layer.initialise(D, H, rng, **setting, **options)


def with_parameters(kind, parameters, keep_workspace=False):
    layer, setting, _ = KINDS[kind]
    if layer is LSTM:
        W_xh, W_hh, b_h, *peepholes = parameters
        return LSTM(W_xh, W_hh, b_h, peepholes or None, keep_workspace)
    return layer(*parameters, **setting, keep_workspace=keep_workspace)


def copies(gradients):
    return [g.copy() for g in gradients if g is not None]


def last(net, h):
    """Return what a next call starts from."""
    return (h[-1], net.c_T) if isinstance(net, LSTM) else (h[-1],)


def assert_same(ours, theirs, **tolerance):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@every_kind
def test_float32_stays_float32(kind):
    p = Problem(kind, 6, 3, 2, 4, np.float32)
    ours = p.results(p.net)
    assert {a.dtype for a in ours} == {np.dtype(np.float32)}
    wide = with_parameters(kind, [a.astype(np.float64) for a in p.net.parameters.values()])
    for name in ("x", "start", "dh", "d_end"):
        value = getattr(p, name)
        wider = [a.astype(float) for a in value] if isinstance(value, list) else value.astype(float)
        setattr(p, name, wider)
    theirs = p.results(wide)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-6)
    assert_same(ours[1:], theirs[1:], rtol=1e-4, atol=1e-5)


@every_kind
def test_no_initial_values_mean_zeros(kind):
    p = Problem(kind, 4, 2, 3, 5)
    h = p.net.forward(p.x).copy()
    gradients = copies(p.net.backward(p.dh))
    zeros = [np.zeros_like(a) for a in p.start]
    np.testing.assert_array_equal(h, p.net.forward(p.x, *zeros))
    no_end = [np.zeros_like(a) for a in p.d_end]
    assert_same(gradients, copies(p.net.backward(p.dh, *no_end)), rtol=0)


@every_kind
@pytest.mark.parametrize("keep_workspace", [False, True])
def test_carrying_the_state_over_two_calls_equals_one(kind, keep_workspace):
    p = Problem(kind, 8, 2, 3, 4)
    h, *whole = p.results(p.net)
    # Backward through a cut: the later half's dh0 (and dc0) are what reaches the earlier's end.
    net = with_parameters(kind, p.net.parameters.values(), keep_workspace)
    early = net.forward(p.x[:4], *p.start).copy()
    late = net.forward(p.x[4:], *last(net, early)).copy()
    np.testing.assert_allclose(np.concatenate([early, late]), h, rtol=0, atol=1e-14)
    dx_late, dh0, *g_late = copies(net.backward(p.dh[4:], *p.d_end))
    net.forward(p.x[:4], *p.start)
    d_early = p.dh[:4].copy()
    d_early[-1] += dh0
    n = len(p.d_end)  # 1 for the LSTM, whose gradient of c0 follows that of h0
    dx_early, *g_early = copies(net.backward(d_early, *g_late[:n]))
    sums = [a + b for a, b in zip(g_early[1 + n :], g_late[n:], strict=True)]
    joined = [np.concatenate([dx_early, dx_late]), *g_early[: 1 + n], *sums]
    assert_same(joined, whole, rtol=0, atol=1e-13)


@every_kind
def test_carried_views_survive_their_own_workspace(kind):
    p = Problem(kind, 4, 2, 3, 5)
    kept = with_parameters(kind, p.net.parameters.values(), keep_workspace=True)
    ours, theirs = (
        net.forward(p.x, *last(net, net.forward(p.x, *p.start))) for net in (kept, p.net)
    )
    np.testing.assert_array_equal(ours, theirs)


@every_kind
def test_what_the_caller_passed_is_left_unchanged(kind):
    p = Problem(kind, 5, 2, 3, 4)
    given = [*p.given, *p.net.parameters.values()]
    before = [a.copy() for a in given]
    p.results(p.net)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


@every_kind
def test_strided_arguments_give_the_same_numbers(kind):
    p = Problem(kind, 5, 3, 2, 4)
    h, *expected = p.results(p.net)
    p.x, p.dh = (np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1) for a in (p.x, p.dh))
    net = with_parameters(kind, [np.asfortranarray(a) for a in p.net.parameters.values()])
    ours_h, *ours = p.results(net)
    np.testing.assert_allclose(ours_h, h, rtol=0, atol=1e-14)
    assert_same(ours, expected, rtol=0, atol=1e-13)


@every_kind
@pytest.mark.parametrize("keep_workspace", [False, True])
def test_second_backward_gives_the_same_gradients(kind, keep_workspace):
    p = Problem(kind, 5, 2, 3, 4, keep_workspace=keep_workspace)
    _, *first = p.results(p.net)
    assert_same(copies(p.net.backward(p.dh, *p.d_end)), first, rtol=0)


@every_kind
def test_without_keep_workspace_results_outlast_the_next_calls(kind):
    p = Problem(kind, 5, 2, 3, 4)
    h = p.net.forward(p.x, *p.start)
    results = [h, *(g for g in p.net.backward(p.dh, *p.d_end) if g is not None)]
    results += [] if kind.startswith("RNN") else [*p.net.gates]
    results += [p.net.c] if kind.startswith("LSTM") else []
    before = [a.copy() for a in results]
    p.net.backward(2 * p.dh)
    p.net.forward(2 * p.x, p.start[0])
    p.net.backward(p.dh)
    for a, b in zip(results, before, strict=True):
        np.testing.assert_array_equal(a, b)


@every_kind
def test_keep_workspace_gives_the_same_numbers_in_the_same_arrays(kind):
    p = Problem(kind, 5, 2, 3, 4)
    kept = with_parameters(kind, p.net.parameters.values(), keep_workspace=True)
    with_peepholes = kind == "LSTM peepholes"  # their gradients are (H,) and new each time
    first, second = (
        [kept.forward(x, *p.start), *kept.backward(p.dh, *p.d_end)] for x in (p.x, 2 * p.x)
    )
    for a, b in list(zip(first, second, strict=True))[: 7 if with_peepholes else None]:
        assert a is b is None or np.shares_memory(a, b)
    p.x = 2 * p.x
    assert_same([a for a in second if a is not None], p.results(p.net), rtol=0)


@every_kind
def test_keep_workspace_allocates_nothing_of_size_again(kind):
    p = Problem(kind, 200, 16, 16, 16, keep_workspace=True)

    def step():
        p.net.forward(p.x, *p.start)
        p.net.backward(p.dh, *p.d_end)

    step()
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # NumPy's own buffer for broadcasting takes up to 64 kB; every (T, N, ·) array here has 400 kB.
    assert peak < p.x.nbytes / 4


@every_kind
def test_keep_workspace_follows_a_new_shape(kind):
    p = Problem(kind, 5, 3, 3, 4)
    kept = with_parameters(kind, p.net.parameters.values(), keep_workspace=True)
    kept.forward(p.x, *p.start)
    for T, N in ((3, 3), (5, 2), (5, 3)):
        ours, theirs = (
            [
                net.forward(p.x[:T, :N], *(a[:N] for a in p.start)),
                *copies(net.backward(p.dh[:T, :N], *(a[:N] for a in p.d_end))),
            ]
            for net in (kept, p.net)
        )
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert_same(ours, theirs, rtol=0)


@every_kind
def test_states_are_read_only_because_backward_reads_them(kind):
    p = Problem(kind, 5, 2, 3, 4)
    h = p.net.forward(p.x, *p.start)
    with pytest.raises(ValueError, match="read-only"):
        h *= 2


@every_kind
def test_network_holds_the_arrays_it_is_given(kind):
    rng = np.random.default_rng(0)
    like = initialised(kind, 2, 3, rng).parameters
    given = [rng.normal(size=a.shape) for a in like.values()]
    net = with_parameters(kind, given)
    assert list(net.parameters) == list(like)
    for held, array in zip(net.parameters.values(), given, strict=True):
        assert held is array
    for array in given:
        before = net.forward(np.ones((2, 1, 2)))
        array += 0.9
        assert not np.allclose(net.forward(np.ones((2, 1, 2)))[1], before[1])


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initialise_fills_the_interval_of_torch(kind, dtype):
    net, again = (
        initialised(kind, 30, 25, np.random.default_rng(0), dtype=dtype) for _ in range(2)
    )
    G = KINDS[kind][2]
    shapes = {"W_xh": (30, 25 * G), "W_hh": (25, 25 * G), "b_h": (25 * G,)}
    if kind == "GRU after":
        shapes |= {"b_hn": (25,)}
    if kind == "LSTM peepholes":
        shapes |= dict.fromkeys(("p_i", "p_f", "p_o"), (25,))
    assert {name: a.shape for name, a in net.parameters.items()} == shapes
    for name, a in net.parameters.items():
        assert a.dtype == dtype
        assert 0.15 < np.abs(a).max() <= 0.2
        assert abs(a.mean()) < 0.08
        np.testing.assert_array_equal(a, again.parameters[name])


@every_kind
@pytest.mark.parametrize(
    "wrong, message",
    [
        (
            lambda W_xh, W_hh, b_h: (W_xh[0], W_hh, b_h),
            "W_xh: expected shape (D, {G}H), got ({c},)",
        ),
        (
            lambda W_xh, W_hh, b_h: (W_xh[:, :0], W_hh, b_h),
            "W_xh: expected shape (D, {G}H), got (3, 0)",
        ),
        (
            lambda W_xh, W_hh, b_h: (W_xh.astype(int), W_hh, b_h),
            "W_xh: expected floating-point numbers, got int64",
        ),
        (
            lambda W_xh, W_hh, b_h: (W_xh, W_hh[:3], b_h),
            "W_hh: expected shape (4, {c}), got (3, {c})",
        ),
        (
            lambda W_xh, W_hh, b_h: (W_xh, W_hh, b_h[None]),
            "b_h: expected shape ({c},), got (1, {c})",
        ),
        (
            lambda W_xh, W_hh, b_h: (W_xh, W_hh, b_h.astype(np.float32)),
            "b_h: expected float64 as W_xh has, got float32",
        ),
    ],
)
def test_wrong_weight_is_named(kind, wrong, message):
    G = KINDS[kind][2]
    weights = np.zeros((3, 4 * G)), np.zeros((4, 4 * G)), np.zeros(4 * G)
    message = message.format(G="" if G == 1 else G, c=4 * G)
    with pytest.raises(ValueError, match=re.escape(message)):
        with_parameters(kind, wrong(*weights))


@every_kind
@pytest.mark.parametrize("D, H, name", [(0, 4, "D"), (3, 0, "H")])
def test_size_below_one_is_named(kind, D, H, name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
        initialised(kind, D, H, np.random.default_rng())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind][2] > 1])
def test_columns_that_are_no_multiple_of_the_gates_are_named(kind):
    G = KINDS[kind][2]
    message = f"W_xh: expected shape (D, {G}H), got (3, {4 * G - 1})"
    with pytest.raises(ValueError, match=re.escape(message)):
        with_parameters(kind, (np.zeros((3, 4 * G - 1)), np.zeros((4, 4 * G)), np.zeros(4 * G)))


@every_kind
@pytest.mark.parametrize(
    "wrong, message",
    [
        (
            lambda x, *start: (x[0], *start),
            "x: expected shape (T, N, 3) with T and N at least 1, got (2, 3)",
        ),
        (lambda x, *start: (x[..., :2], *start), "got (5, 2, 2)"),
        (lambda x, *start: (x[:0], *start), "got (0, 2, 3)"),
        (
            lambda x, *start: (x.astype(np.float32), *start),
            "x: expected float64 as W_xh has, got float32",
        ),
        (lambda x, h0, *c0: (x, h0[None], *c0), "h0: expected shape (2, 4), got (1, 2, 4)"),
        (lambda x, h0, *c0: (x, h0[:1], *c0), "h0: expected shape (2, 4), got (1, 4)"),
    ],
)
def test_wrong_input_is_named(kind, wrong, message):
    p = Problem(kind, 5, 2, 3, 4)
    with pytest.raises(ValueError, match=re.escape(message)):
        p.net.forward(*wrong(p.x, *p.start))


@every_kind
def test_wrong_upstream_gradient_is_named(kind):
    p = Problem(kind, 5, 2, 3, 4)
    p.net.forward(p.x, *p.start)
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (5, 2, 4), got (4, 2, 4)")):
        p.net.backward(p.dh[1:])
    with pytest.raises(ValueError, match="dh: expected float64 as W_xh has, got float32"):
        p.net.backward(p.dh.astype(np.float32))


@every_kind
def test_backward_before_forward_says_so(kind):
    p = Problem(kind, 5, 2, 3, 4)
    with pytest.raises(RuntimeError, match="backward: expected a call of forward before it"):
        p.net.backward(p.dh)


@every_kind
def test_refused_forward_leaves_the_last_one_in_place(kind):
    p = Problem(kind, 5, 2, 3, 4, keep_workspace=True)
    _, *expected = p.results(p.net)
    *others, wrong = p.start  # the cell of an LSTM, else the state
    with pytest.raises(ValueError, match=f"{'c0' if others else 'h0'}: expected shape"):
        p.net.forward(p.x[:2], *others, wrong[:1])
    assert_same(copies(p.net.backward(p.dh, *p.d_end)), expected, rtol=0)
