"""The minimal GRU and LSTM: NumPy, PyTorch and the definition; what every layer keeps."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled import modules, nets
from unrolled.checks import check_gradient

KINDS = {"MinGRU": 2, "MinLSTM": 3}  # and how many blocks of columns each has
SCANS = ("parallel", "loop")
SIZES = {name: st.integers(1, 5) for name in "NDH"}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_scan = pytest.mark.parametrize("scan", SCANS)
no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def problem(kind, T=6, N=3, D=2, H=4, scan="parallel", seed=0, dtype=np.float64):
    """Return a network, inputs, an initial state and an upstream gradient."""
    rng = np.random.default_rng(seed)
    net = getattr(nets, kind).initialise(D, H, rng, scan, dtype)
    for parameter in net.parameters.values():
        parameter *= 2
    x, h0, dh = (rng.normal(size=s).astype(dtype) for s in ((T, N, D), (N, H), (T, N, H)))
    return net, x, h0, dh


def by_definition(kind, W_xh, b_h, x, h0):
    """Return the states from the papers' equations, step by step, of tensors."""
    h, H = [h0], h0.shape[1]
    for x_t in x:
        *gates, n = (x_t @ W_xh + b_h).split(H, dim=1)
        gates = [torch.sigmoid(gate) for gate in gates]
        if kind == "MinGRU":
            h.append((1 - gates[0]) * n + gates[0] * h[-1])
        else:
            i, f = gates
            h.append(f / (f + i) * h[-1] + i / (f + i) * n)
    return torch.stack(h[1:])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    **SIZES,
    T=st.integers(1, 17),
    kind=st.sampled_from(list(KINDS)),
    scan=st.sampled_from(SCANS),
    seed=st.integers(0, 999),
)
def test_network_and_module_equal_the_definition(T, N, D, H, kind, scan, seed):
    net, x, h0, dh = problem(kind, T, N, D, H, scan, seed)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, h0, net.W_xh, net.b_h)]
    expected = by_definition(kind, *leaves[2:], *leaves[:2])
    gradients = torch.autograd.grad(expected, leaves, torch.tensor(dh))
    np.testing.assert_allclose(net.forward(x, h0), expected.detach(), rtol=0, atol=1e-10)
    for name, ours, theirs in zip(
        nets.MinimalGradients._fields, net.backward(dh), gradients, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10, err_msg=name)

    module = getattr(modules, kind)(D, H, scan, dtype=torch.float64)
    weights = {"weight_ih_l0": torch.tensor(net.W_xh.T), "bias_ih_l0": torch.tensor(net.b_h)}
    module.load_state_dict(weights)
    start = leaves[1].detach()[None].requires_grad_()
    h, h_T = module(leaves[0], start)
    torch.testing.assert_close(h, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(h_T, expected[-1:], rtol=0, atol=1e-10)
    theirs = torch.autograd.grad(h, [leaves[0], start, *module.parameters()], torch.tensor(dh))
    dx, dh0, dW, db = gradients
    for one, two in zip(theirs, (dx, dh0[None], dW.T, db), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


@pytest.mark.gpu
@no_cuda
@every_kind
@every_scan
def test_cuda_equals_the_cpu(kind, scan):
    here = getattr(modules, kind)(3, 5, scan, dtype=torch.float64)
    there = getattr(modules, kind)(3, 5, scan, device="cuda", dtype=torch.float64)
    there.load_state_dict(here.state_dict())
    x, h0 = torch.randn(33, 2, 3, dtype=torch.float64), torch.randn(1, 2, 5, dtype=torch.float64)
    results = []
    for module, device in ((here, "cpu"), (there, "cuda")):
        leaves = [a.to(device).requires_grad_() for a in (x, h0)]
        h, h_T = module(*leaves)
        loss = (h * h.detach()).sum() + h_T.sum()
        grads = torch.autograd.grad(loss, [*leaves, *module.parameters()])
        results.append([a.cpu() for a in (h, h_T, *grads)])
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


@every_kind
@every_scan
def test_gradients_equal_central_differences(kind, scan):
    net, x, h0, dh = problem(kind, T=5, scan=scan)
    net.forward(x, h0)
    gradients = net.backward(dh)
    for name, array in {"x": x, "h0": h0, **net.parameters}.items():
        gradient = getattr(gradients, f"d{name}")
        loss_of = lambda: (net.forward(x, h0) * dh).sum()  # noqa: E731
        check_gradient(name, loss_of, array, gradient, tolerance=1e-7)


@every_kind
def test_state_is_a_mean_of_the_candidates_and_of_the_start(kind):
    net, x, h0, _ = problem(kind, T=40)
    h = net.forward(x, h0)
    a, n = net.mean
    before = np.concatenate([h0[None], h[:-1]])
    np.testing.assert_allclose(a * before + (1 - a) * n, h, rtol=0, atol=1e-14)
    low, high = np.minimum(n, before), np.maximum(n, before)
    assert (low <= h + 1e-14).all() and (h <= high + 1e-14).all()
    with pytest.raises(ValueError, match="read-only"):
        a *= 0


@every_kind
@pytest.mark.parametrize("bias, weight", [((1e4, -1e4), 0), ((-1e4, 1e4), 1), ((-1e4, -1e4), 0.5)])
def test_saturated_gates_give_weights_and_gradients_without_a_warning(kind, bias, weight, recwarn):
    net, x, h0, dh = problem(kind)
    gates = net.b_h[: -net.b_h.size // KINDS[kind]].reshape(-1, 4)
    gates[...] = np.reshape(bias[-len(gates) :], (-1, 1))
    net.W_xh[:, : gates.size] = 0
    h, gradients = net.forward(x, h0), net.backward(dh)
    if kind == "MinGRU":
        weight = float(bias[1] > 0)
    np.testing.assert_allclose(net.mean[0], weight, rtol=0, atol=1e-12)
    assert all(np.isfinite(a).all() for a in (h, *gradients)) and not recwarn.list
    module = getattr(modules, kind)(2, 4, dtype=torch.float64)
    with torch.no_grad():
        module.weight_ih_l0.copy_(torch.tensor(net.W_xh.T))
        module.bias_ih_l0.copy_(torch.tensor(net.b_h))
    states, _ = module(torch.tensor(x), torch.tensor(h0[None]))
    np.testing.assert_allclose(states.detach(), h, rtol=0, atol=1e-12)
    states.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


@every_kind
@every_scan
def test_carrying_the_state_over_two_calls_equals_one(kind, scan):
    net, x, h0, dh = problem(kind, T=9, scan=scan)
    h, whole = net.forward(x, h0), net.backward(dh)
    early = net.forward(x[:4], h0)
    late = net.forward(x[4:], early[-1])
    np.testing.assert_allclose(np.concatenate([early, late]), h, rtol=0, atol=1e-14)
    back = net.backward(dh[4:])
    net.forward(x[:4], h0)
    d_early = dh[:4].copy()
    d_early[-1] += back.dh0
    front = net.backward(d_early)
    np.testing.assert_allclose(np.concatenate([front.dx, back.dx]), whole.dx, atol=1e-13)
    np.testing.assert_allclose(front.dh0, whole.dh0, atol=1e-13)
    np.testing.assert_allclose(front.dW_xh + back.dW_xh, whole.dW_xh, atol=1e-13)

    module = getattr(modules, kind)(2, 4, scan, dtype=torch.float64)
    x = torch.tensor(x)
    h, end = module(x)
    early, middle = module(x[:4])
    late, last = module(x[4:], middle)
    torch.testing.assert_close(torch.cat([early, late]), h, rtol=0, atol=1e-14)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-14)


@every_kind
@every_scan
def test_float32_stays_float32(kind, scan):
    net, *given = problem(kind, scan=scan, dtype=np.float32)
    x, h0, dh = given
    ours = [net.forward(x, h0), *net.backward(dh)]
    assert {a.dtype for a in ours} == {np.dtype(np.float32)}
    wide = type(net)(*(a.astype(float) for a in net.parameters.values()), scan=scan)
    theirs = [wide.forward(*(a.astype(float) for a in (x, h0))), *wide.backward(dh.astype(float))]
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@every_kind
def test_no_initial_state_means_zeros_and_arguments_stay_unchanged(kind):
    net, x, h0, dh = problem(kind)
    given = [x, h0, dh, *net.parameters.values()]
    before = [a.copy() for a in given]
    net.forward(x, h0)
    net.backward(dh)
    for one, two in zip(given, before, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(net.forward(x), net.forward(x, 0 * h0))


@every_kind
def test_results_outlast_the_next_calls_and_the_start_may_be_overwritten(kind):
    net, x, h0, dh = problem(kind)
    results = [net.forward(x, h0), *net.backward(dh)]
    before = [a.copy() for a in results]
    net.forward(x, h0)
    h0[...] = 7  # a caller that carries a state on in place
    again = net.backward(dh)
    net.forward(2 * x)
    for one, two, three in zip(results, before, [before[0], *again], strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(two, three)
    with pytest.raises(ValueError, match="read-only"):
        results[0][...] = 0


@every_kind
def test_network_holds_the_arrays_it_is_given(kind):
    net, x, *_ = problem(kind)
    before = net.forward(x)
    net.parameters["W_xh"][...] *= 2
    assert not np.allclose(net.forward(x), before)
    assert list(net.parameters) == ["W_xh", "b_h"] and net.parameters["b_h"] is net.b_h


@every_kind
def test_initial_values_fill_the_interval_of_the_other_layers(kind):
    net = getattr(nets, kind).initialise(30, 25, np.random.default_rng(0), dtype=np.float32)
    module = getattr(modules, kind)(30, 25)
    for a in (*net.parameters.values(), *(p.detach().numpy() for p in module.parameters())):
        assert a.dtype == np.float32 and 0.19 < np.abs(a).max() <= 0.2 and abs(a.mean()) < 0.05
    assert net.W_xh.shape == module.weight_ih_l0.t().shape == (30, 25 * KINDS[kind])


@every_kind
@every_scan
def test_device_and_dtype_are_those_given(kind, scan):
    # The meta device computes shapes only: whatever were made on another device would raise.
    module = getattr(modules, kind)(3, 4, scan, device="meta", dtype=torch.float16)
    h, h_T = module(torch.empty(5, 2, 3, device="meta", dtype=torch.float16))
    assert (h.shape, h_T.shape) == ((5, 2, 4), (1, 2, 4))
    assert {(t.device.type, t.dtype) for t in (h, h_T)} == {("meta", torch.float16)}


def test_under_autocast_a_weight_near_one_keeps_its_digits():
    module = modules.MinGRU(1, 1)
    with torch.no_grad():
        module.weight_ih_l0.zero_()
        module.bias_ih_l0.copy_(torch.tensor([7.0, 0.0]))  # in bfloat16 its sigmoid is 1
    with torch.autocast("cpu", torch.bfloat16):
        h, _ = module(torch.zeros(1000, 1, 1), torch.ones(1, 1, 1))
    kept = torch.sigmoid(torch.tensor(7.0)).item() ** 1000
    assert h.dtype == torch.float32 and h[-1].item() == pytest.approx(kept, rel=1e-3)


@every_kind
def test_prints_what_it_is(kind):
    assert repr(getattr(modules, kind)(3, 4, "loop")) == f"{kind}(3, 4, scan='loop')"


X = np.zeros((5, 2, 3))


@every_kind
@pytest.mark.parametrize(
    "call, message",
    [
        (lambda new, G: new(X[0], X[0, 0]), "W_xh: expected shape (D, {G}H), got (2, 3)"),
        (lambda new, G: new(np.zeros((3, 2 * G)), np.zeros(2)), "b_h: expected shape ({c},), got"),
        (lambda new, G: new(np.zeros((3, 2 * G), int), X[0, 0]), "W_xh: expected floating-point"),
        (
            lambda new, G: new(np.zeros((3, 2 * G)), np.zeros(2 * G), scan="both"),
            "scan: expected 'parallel' or 'loop', got 'both'",
        ),
        (lambda new, G: new.initialise(0, 4, np.random.default_rng()), "D: expected at least 1"),
        (lambda new, G: new.initialise(3, 0, np.random.default_rng()), "H: expected at least 1"),
    ],
)
def test_wrong_weight_is_named(kind, call, message):
    G = KINDS[kind]
    if kind == "MinLSTM" and "(2, 3)" in message:
        message = "b_h: expected shape (3,)"  # three columns are one unit of three blocks
        call = lambda new, G: new(X[0], X[0, 0, :2])  # noqa: E731
    with pytest.raises(ValueError, match=re.escape(message.format(G=G, c=2 * G))):
        call(getattr(nets, kind), G)


@every_kind
@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda net: net.forward(X[0]), "x: expected shape (T, N, 3) with T and N at least 1"),
        (lambda net: net.forward(X[:0]), "got (0, 2, 3)"),
        (lambda net: net.forward(X.astype("f")), "x: expected float64 as W_xh has, got float32"),
        (lambda net: net.forward(X, np.zeros((1, 4))), "h0: expected shape (2, 4), got (1, 4)"),
        (lambda net: net.forward(X) is net.backward(X), "dh: expected shape (5, 2, 4), got"),
    ],
)
def test_wrong_input_is_named(kind, wrong, message):
    net, *_ = problem(kind, D=3)
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong(net)


@every_kind
@pytest.mark.parametrize("what", [lambda net: net.backward(X), lambda net: net.mean])
def test_before_forward_says_so(kind, what):
    net, *_ = problem(kind)
    with pytest.raises(RuntimeError, match="expected a call of forward before it, there was none"):
        what(net)


@every_kind
@pytest.mark.parametrize(
    "call, message",
    [
        (lambda new: new(0, 4), "input_size: expected at least 1, got 0"),
        (lambda new: new(3, 0), "hidden_size: expected at least 1, got 0"),
        (lambda new: new(3, 4, "both"), "scan: expected 'parallel' or 'loop', got 'both'"),
        (lambda new: new(3, 4)(torch.zeros(2, 3)), "x: expected shape (T, N, 3) with T at least 1"),
        (lambda new: new(3, 4)(torch.tensor(X)), "x: expected torch.float32 on cpu as the param"),
        (
            lambda new: new(3, 4)(torch.zeros(5, 2, 3), torch.zeros(2, 4)),
            "h0: expected shape (1, 2, 4), got (2, 4)",
        ),
    ],
)
def test_wrong_argument_of_a_module_is_named(kind, call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(getattr(modules, kind))
