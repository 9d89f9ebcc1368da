"""The PyTorch modules against torch.nn's, and against our networks in NumPy."""

import re

import numpy as np
import pytest
import torch

from unrolled import modules, nets
from unrolled.modules import GRU, LSTM, RNN, default_device

SIZES = [(1, 1, 1, 1), (1, 3, 2, 4), (7, 1, 3, 2), (9, 4, 1, 5), (12, 3, 5, 1), (20, 4, 6, 8)]
NAMES = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
PEEPHOLES = ["weight_pi_l0", "weight_pf_l0", "weight_po_l0"]
# Each kind: the class's name, what sets it apart, whether torch.nn has it.
KINDS = {
    "RNN tanh": ("RNN", {"nonlinearity": "tanh"}, True),
    "RNN relu": ("RNN", {"nonlinearity": "relu"}, True),
    "RNN sigmoid": ("RNN", {"nonlinearity": "sigmoid"}, False),
    "GRU after": ("GRU", {"reset": "after"}, True),
    "GRU before": ("GRU", {"reset": "before"}, False),
    "LSTM": ("LSTM", {"peepholes": False}, True),
    "LSTM peepholes": ("LSTM", {"peepholes": True}, False),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
of_torch = [kind for kind, (_, _, torch_has_it) in KINDS.items() if torch_has_it]
every_kind_of_torch = pytest.mark.parametrize("kind", of_torch)
no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def ours_of(kind, D, H, **options):
    name, setting, _ = KINDS[kind]
    return getattr(modules, name)(D, H, **setting, **options)


def theirs_of(kind, D, H, **options):
    name, setting, _ = KINDS[kind]
    setting = setting if name == "RNN" else {}
    return getattr(torch.nn, name)(D, H, **setting, **options)


def flat(start_or_end):
    """Return a list of h, or of h and c."""
    return list(start_or_end) if isinstance(start_or_end, tuple) else [start_or_end]


def inputs(kind, T, N, D, H, device="cpu"):
    """Return x, the initial values as the module takes them, and gradients for h and the ends."""
    generator = torch.Generator().manual_seed(T + N + D + H)
    count = 2 if kind.startswith("LSTM") else 1
    shapes = [(T, N, D), *[(1, N, H)] * count, (T, N, H), *[(1, N, H)] * count]
    x, *others = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(device) for shape in shapes
    )
    start = [a.requires_grad_() for a in others[:count]]
    return x.requires_grad_(), tuple(start) if count == 2 else start[0], others[count:]


def outputs_and_gradients(module, x, start, upstream):
    h, end = module(x, start)
    leaves = [x, *([] if start is None else flat(start)), *module.parameters()]
    outputs = [h, *flat(end)]
    return [*outputs, *torch.autograd.grad(outputs, leaves, upstream)]


def assert_parity(kind, sizes, with_start, device="cpu"):
    T, N, D, H = sizes
    ours, theirs = (
        make(kind, D, H, device=device, dtype=torch.float64) for make in (ours_of, theirs_of)
    )
    theirs.load_state_dict(ours.state_dict())
    x, start, upstream = inputs(kind, T, N, D, H, device)
    a, b = (
        outputs_and_gradients(module, x, start if with_start else None, upstream)
        for module in (ours, theirs)
    )
    for one, other in zip(a, b, strict=True):
        assert one.device == other.device == x.device
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@every_kind_of_torch
@pytest.mark.parametrize("with_start", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_torch_nn(kind, sizes, with_start):
    assert_parity(kind, sizes, with_start)


@pytest.mark.gpu
@no_cuda
@every_kind_of_torch
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_torch_nn_on_the_gpu(kind, sizes):
    assert_parity(kind, sizes, with_start=True, device=default_device())
    assert_parity(kind, sizes, with_start=False, device=default_device())


def in_numpy(kind, W_ih, W_hh, b_ih, b_hh, *peepholes):
    """Return our network in NumPy with a module's weights."""
    name, setting, _ = KINDS[kind]
    H = W_hh.shape[1]
    if name == "RNN":
        return nets.RNN(W_ih.T, W_hh.T, b_ih + b_hh, setting["nonlinearity"])
    if name == "LSTM":
        return nets.LSTM(W_ih.T, W_hh.T, b_ih + b_hh, peepholes or None)
    if setting["reset"] == "before":
        return nets.GRU(W_ih.T, W_hh.T, b_ih + b_hh, reset="before")
    b_h = b_ih + np.r_[b_hh[: 2 * H], np.zeros(H)]
    return nets.GRU(W_ih.T, W_hh.T, b_h, b_hh[2 * H :])


@every_kind
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_the_numpy_network(kind, sizes):
    T, N, D, H = sizes
    module = ours_of(kind, D, H, dtype=torch.float64)
    x, start, upstream = inputs(kind, T, N, D, H)
    del upstream[1]  # our networks read h_T out of h; a cell's end they take apart
    h, end = module(x, start)
    outputs = [h, *flat(end)[1:]]
    theirs = torch.autograd.grad(outputs, [x, *flat(start), *module.parameters()], upstream)
    net = in_numpy(kind, *(p.detach().numpy() for p in module.parameters()))
    ours_h = net.forward(x.detach().numpy(), *(a[0].detach().numpy() for a in flat(start)))
    np.testing.assert_allclose(ours_h, h.detach(), rtol=0, atol=1e-12)
    if len(outputs) == 2:
        np.testing.assert_allclose(net.c_T, outputs[1][0].detach(), rtol=0, atol=1e-12)

    ours = net.backward(upstream[0].numpy(), *(a[0].numpy() for a in upstream[1:]))
    n = 1 + len(flat(start))
    starts = [g[0] for g in theirs[1:n]]
    dW_ih, dW_hh, db_ih, db_hh, *dp = theirs[n:]
    expected = [theirs[0], *starts, dW_ih.T, dW_hh.T, db_ih]
    if kind == "GRU after":
        expected.append(db_hh[2 * H :])
        np.testing.assert_allclose(db_ih[: 2 * H], db_hh[: 2 * H], rtol=0, atol=1e-12)
    else:
        np.testing.assert_allclose(db_ih, db_hh, rtol=0, atol=1e-12)  # why one b_h is enough
    expected += dp
    held = [(name, g) for name, g in ours._asdict().items() if g is not None]
    for (name, a), b in zip(held, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10, err_msg=name)


def test_peepholes_of_zero_change_nothing():
    with_peepholes, plain = LSTM(3, 4, peepholes=True), LSTM(3, 4)
    assert list(with_peepholes.state_dict()) == NAMES + PEEPHOLES
    for name in PEEPHOLES:
        torch.nn.init.zeros_(getattr(with_peepholes, name))
    plain.load_state_dict({name: with_peepholes.state_dict()[name] for name in NAMES})
    x = torch.randn(6, 2, 3)
    torch.testing.assert_close(with_peepholes(x), plain(x))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "LSTM peepholes"])
def test_state_dict_goes_both_ways(kind):
    ours, theirs, fresh = ours_of(kind, 3, 4), theirs_of_shape(kind), ours_of(kind, 3, 4)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == NAMES
    x = torch.randn(5, 2, 3)
    same_function = KINDS[kind][2]
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert torch.allclose(ours(x)[0], theirs(x)[0], atol=1e-6) == same_function
    assert not torch.allclose(fresh(x)[0], theirs(x)[0])
    theirs.load_state_dict(fresh.state_dict(), strict=True)
    assert torch.allclose(fresh(x)[0], theirs(x)[0], atol=1e-6) == same_function


def theirs_of_shape(kind):
    """Return torch.nn's layer with parameters of the same names and shapes."""
    return theirs_of("RNN tanh" if kind.startswith("RNN s") else kind, 3, 4)


@every_kind_of_torch
def test_same_seed_gives_the_parameters_of_torch(kind):
    torch.manual_seed(3)
    ours = ours_of(kind, 3, 4)
    torch.manual_seed(3)
    theirs = theirs_of(kind, 3, 4)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@every_kind
def test_carrying_the_state_over_two_calls_equals_one(kind):
    module = ours_of(kind, 3, 4, dtype=torch.float64)
    x, start, _ = inputs(kind, 8, 2, 3, 4)
    h, end = module(x, start)
    early, middle = module(x[:3], start)
    late, last = module(x[3:], middle)
    torch.testing.assert_close(torch.cat([early, late]), h, rtol=0, atol=1e-14)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-14)


@every_kind
def test_device_and_dtype_are_those_given(kind):
    # The meta device computes shapes only: whatever were made on another device would raise.
    module = ours_of(kind, 3, 4, device="meta", dtype=torch.float16)
    assert {(p.device.type, p.dtype) for p in module.parameters()} == {("meta", torch.float16)}
    h, end = module(torch.empty(5, 2, 3, device="meta", dtype=torch.float16))
    assert h.shape == (5, 2, 4)
    assert {tuple(t.shape) for t in flat(end)} == {(1, 2, 4)}
    assert {(t.device.type, t.dtype) for t in (h, *flat(end))} == {("meta", torch.float16)}


@every_kind
def test_moves_to_another_dtype_as_any_module(kind):
    module = ours_of(kind, 3, 4).double()
    assert module(torch.zeros(1, 1, 3, dtype=torch.float64))[0].dtype == torch.float64


def test_default_device_is_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert default_device() == torch.device("cpu")


def test_prints_what_it_is():
    assert repr(RNN(3, 4, "relu")) == "RNN(3, 4, nonlinearity='relu')"
    assert repr(GRU(3, 4, "before")) == "GRU(3, 4, reset='before')"
    assert repr(LSTM(3, 4, True)) == "LSTM(3, 4, peepholes=True)"


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: RNN(3, 4, "gelu"),
            "nonlinearity: expected one of 'tanh', 'relu', 'sigmoid', got 'gelu'",
        ),
        (lambda: GRU(3, 4, "both"), "reset: expected 'after' or 'before', got 'both'"),
    ],
)
def test_unknown_setting_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


X, H0 = torch.zeros(5, 2, 3), torch.zeros(1, 2, 4)


@every_kind
@pytest.mark.parametrize(
    "call, message",
    [
        (lambda kind, _: ours_of(kind, 0, 4), "input_size: expected at least 1, got 0"),
        (lambda kind, _: ours_of(kind, 3, 0), "hidden_size: expected at least 1, got 0"),
        (lambda kind, m: m(X[0]), "x: expected shape (T, N, 3) with T at least 1, got (2, 3)"),
        (lambda kind, m: m(X[..., :2]), "got (5, 2, 2)"),
        (lambda kind, m: m(X[:0]), "got (0, 2, 3)"),
        (
            lambda kind, m: m(X.double()),
            "x: expected torch.float32 on cpu as the parameters are, got torch.float64 on cpu",
        ),
    ],
)
def test_wrong_argument_is_named(kind, call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(kind, ours_of(kind, 3, 4))


@every_kind
@pytest.mark.parametrize(
    "wrong, message",
    [
        (H0[0], "expected shape (1, 2, 4), got (2, 4)"),
        (H0[:, :1], "expected shape (1, 2, 4), got (1, 1, 4)"),
        (
            H0.to("meta"),
            "expected torch.float32 on cpu as the parameters are, got torch.float32 on meta",
        ),
    ],
)
def test_wrong_start_is_named(kind, wrong, message):
    module = ours_of(kind, 3, 4)
    starts = {"h0": (wrong, H0), "c0": (H0, wrong)} if kind.startswith("LSTM") else {"h0": wrong}
    for name, start in starts.items():
        with pytest.raises(ValueError, match=re.escape(f"{name}: {message}")):
            module(X, start)
