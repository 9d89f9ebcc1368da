"""Truncated BPTT against a loop over autograd with detach, and against the pairs that it keeps."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.nets import RNN
from unrolled.truncated import TruncatedBPTT, lanes

NAMES = ("dW_xh", "dW_hh", "db_h")
SIZES = {"T": st.integers(1, 9), "N": st.integers(1, 3), "D": st.integers(1, 3)}
every_shape = settings(max_examples=40, deadline=None, derandomize=True)


def problem(T, N, D, H=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    net = RNN.initialise(D, H, rng, dtype=dtype)
    return net, rng.normal(size=(T, N, D)).astype(dtype), rng.normal(size=(T, N, H)).astype(dtype)


def read(net, x, g, k1, k2=None):
    """Return all states, and the parameters' gradients summed over the stream."""
    reader, states, total = (
        TruncatedBPTT(net, k2),
        [],
        dict.fromkeys(("dW_xh", "dW_hh", "db_h"), 0.0),
    )
    for start in range(0, len(x), k1):
        states.append(reader.forward(x[start : start + k1]).copy())
        gradients = reader.backward(g[start : start + k1])
        total = {name: total[name] + getattr(gradients, name) for name in total}
    return np.concatenate(states), total


def by_autograd(net, x, g, k1, k2):
    """The definition: each loss on its own, through a graph that begins where its walk ends."""
    leaves = [torch.tensor(a, requires_grad=True) for a in (net.W_xh, net.W_hh, net.b_h)]
    W_xh, W_hh, b_h = leaves
    T, N, _ = x.shape
    states = [torch.zeros(N, len(net.b_h), dtype=torch.float64)]
    with torch.no_grad():
        for x_t in torch.tensor(x):
            states.append(torch.tanh(x_t @ W_xh + states[-1] @ W_hh + b_h))
    for t in range(T):
        begin, end = t // k1 * k1, min((t // k1 + 1) * k1, T)
        first = begin if k2 is None else max(end - k2, 0)
        h = states[first]
        for i in range(first, t + 1):
            h = torch.tanh(torch.tensor(x[i]) @ W_xh + h @ W_hh + b_h)
        h.backward(torch.tensor(g[t]))
    return dict(
        zip(("dW_xh", "dW_hh", "db_h"), (leaf.grad.numpy() for leaf in leaves), strict=True)
    )


def assert_same(ours, theirs, **tolerance):
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], err_msg=name, **tolerance)


@every_shape
@given(**SIZES, k1=st.integers(1, 5), more=st.integers(0, 6), seed=st.integers(0, 99))
def test_keeps_the_terms_that_williams_and_peng_keep(T, N, D, k1, more, seed):
    net, x, g = problem(T, N, D, seed=seed)
    h, gradients = read(net, x, g, k1, k1 + more)
    np.testing.assert_allclose(h, net.forward(x), rtol=0, atol=1e-13)
    assert_same(gradients, by_autograd(net, x, g, k1, k1 + more), rtol=0, atol=1e-11)


@every_shape
@given(**SIZES, k1=st.integers(1, 5), seed=st.integers(0, 99))
def test_without_k2_it_goes_back_to_where_the_reading_began(T, N, D, k1, seed):
    net, x, g = problem(T, N, D, seed=seed)
    _, gradients = read(net, x, g, k1)
    assert_same(gradients, by_autograd(net, x, g, k1, None), rtol=0, atol=1e-11)


@pytest.mark.parametrize(("k1", "k2"), [(8, None), (8, 8), (1, 8), (3, 10)])
def test_is_exact_where_nothing_is_cut(k1, k2):
    net, x, g = problem(8, 2, 3)
    _, gradients = read(net, x, g, k1, k2)
    net.forward(x)
    exact = net.backward(g)
    assert_same(gradients, {name: getattr(exact, name) for name in NAMES}, rtol=0, atol=1e-12)


def test_dh0_is_the_message_that_is_dropped():
    net, x, g = problem(6, 2, 3)
    net.forward(x)
    exact = net.backward(g)
    reader = TruncatedBPTT(net)
    reader.forward(x[:3])
    first = reader.backward(g[:3])
    reader.forward(x[3:])
    message = reader.backward(g[3:]).dh0
    with_message = g[:3].copy()
    with_message[-1] += message
    net.forward(x[:3])
    whole = net.backward(with_message)
    np.testing.assert_allclose(whole.dx, exact.dx[:3], rtol=0, atol=1e-13)
    assert np.abs(whole.dx - first.dx).max() > 1e-3


def test_runs_older_steps_again_with_the_parameters_as_they_are():
    net, x, g = problem(4, 2, 3)
    reader = TruncatedBPTT(net, k2=4)
    reader.forward(x[:2])
    net.W_hh *= 0.5
    h = reader.forward(x[2:])
    np.testing.assert_allclose(h, net.forward(x)[2:], rtol=0, atol=1e-13)
    late = np.concatenate([np.zeros_like(g[:2]), g[2:]])
    np.testing.assert_allclose(
        reader.backward(g[2:]).dW_hh, (net.forward(x), net.backward(late))[1].dW_hh, atol=1e-13
    )


def test_state_is_carried_and_reset_forgets_it():
    net, x, _ = problem(4, 2, 3)
    reader = TruncatedBPTT(net, k2=3)
    assert reader.state is None
    reader.forward(x[:2])
    np.testing.assert_array_equal(reader.state, net.forward(x[:2])[-1])
    reader.reset()
    assert reader.state is None
    np.testing.assert_array_equal(reader.forward(x[2:, :1]), net.forward(x[2:, :1]))


def test_state_does_not_change_with_what_is_done_to_it_or_with_a_workspace():
    net, x, _ = problem(4, 2, 3)
    kept = RNN(net.W_xh, net.W_hh, net.b_h, keep_workspace=True)
    reader = TruncatedBPTT(kept, k2=3)
    reader.forward(x[:2])
    before = reader.state
    reader.state[:] = 7.0
    kept.forward(x[2:])  # overwrites the workspace
    np.testing.assert_array_equal(reader.state, before)
    np.testing.assert_allclose(reader.forward(x[2:]), net.forward(x)[2:], atol=1e-13)


def test_keeps_float32():
    net, x, g = problem(4, 2, 3, dtype=np.float32)
    reader = TruncatedBPTT(net, k2=3)
    for part in (slice(0, 2), slice(2, 4)):
        assert reader.forward(x[part]).dtype == np.float32
        assert {d.dtype for d in reader.backward(g[part])} == {np.dtype(np.float32)}
    assert reader.state.dtype == np.float32


def test_memory_does_not_grow_with_the_stream():
    net, x, _ = problem(60, 2, 3)
    reader = TruncatedBPTT(net, k2=5)
    for start in range(0, 60, 2):
        reader.forward(x[start : start + 2])
        assert len(reader._past) <= 4 and len(reader._states) <= 5


def test_says_what_is_wrong():
    net, x, g = problem(4, 2, 3)
    with pytest.raises(ValueError, match="k2: expected at least 1 step, got 0"):
        TruncatedBPTT(net, k2=0)
    reader = TruncatedBPTT(net, k2=3)
    with pytest.raises(RuntimeError, match="expected a call of forward before it"):
        reader.backward(g)
    with pytest.raises(ValueError, match="x: expected at most k2 = 3 steps, got 4"):
        reader.forward(x)
    reader.forward(x[:3])
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (3, 2, 3), got (4, 2, 3)")):
        reader.backward(g)
    with pytest.raises(ValueError, match=re.escape("x: expected shape (k1, 2, D), to go on with")):
        reader.forward(x[3:, :1])
    with pytest.raises(ValueError, match=re.escape("x: expected shape (k1, 2, D), to go on with")):
        reader.forward(x[3])
    reader.reset()
    with pytest.raises(RuntimeError, match="expected a call of forward before it"):
        reader.backward(g[:3])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_names_a_state_that_is_not_finite(bad):
    net, x, _ = problem(4, 2, 3)
    relu = RNN(np.abs(net.W_xh), net.W_hh, net.b_h, activation="relu")
    reader = TruncatedBPTT(relu)
    reader.forward(x[:2])
    before = reader.state
    x[3, 1, 0] = bad
    with pytest.raises(FloatingPointError, match="expected a finite state to carry on, got nan"):
        reader.forward(x[2:])
    np.testing.assert_array_equal(reader.state, before)
    with pytest.raises(RuntimeError, match="expected a call of forward before it"):
        reader.backward(np.zeros((2, 2, 3)))


@every_shape
@given(S=st.integers(1, 40), N=st.integers(1, 8), extra=st.sampled_from([(), (2,)]))
def test_lanes_go_on_as_the_stream_does(S, N, extra):
    stream = np.arange(S * int(np.prod(extra, dtype=int))).reshape(S, *extra)
    if N > S:
        with pytest.raises(ValueError, match=f"N: expected from 1 to {S} lanes for {S} steps"):
            lanes(stream, N)
        return
    cut = lanes(stream, N)
    assert cut.shape == (S // N, N, *extra)
    for n in range(N):
        np.testing.assert_array_equal(cut[:, n], stream[n * (S // N) : (n + 1) * (S // N)])


def test_lanes_says_what_is_wrong():
    with pytest.raises(ValueError, match="N: expected from 1 to 3 lanes for 3 steps, got 0"):
        lanes(np.arange(3), 0)
    with pytest.raises(ValueError, match="N: expected from 1 to 0 lanes"):
        lanes(np.array(1.0), 1)
