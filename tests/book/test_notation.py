"""Every conversion line of the notation page, run from the page, against torch.nn in float64."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

PAGE = Path(__file__).parents[2] / "book" / "notation.md"
T, N, D, H = 5, 3, 4, 6
PROOFS = {}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def conventions():
    """The conventions' names and lines, in the page's order: the rows whose last cell is code."""
    table = PAGE.read_text(encoding="utf-8").split(":name: table-of-conventions")[1].split(":::")[0]
    rows = re.findall(r"^\| (.+?) \| .+ \| `([^`]+)` \|$", table, flags=re.MULTILINE)
    # Header and rule are the only other lines: a row that the pattern misses must not pass unseen.
    assert len(rows) == sum(line.startswith("|") for line in table.splitlines()) - 2
    return rows


def our_cells():
    """The functions in the page's Python blocks."""
    names = {"np": np, "sigmoid": sigmoid}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    return SimpleNamespace(**names)


LINES = dict(conventions())
OURS = our_cells()


def proof(*names):
    def register(function):
        for name in names:
            PROOFS[name] = function
        return function

    return register


@pytest.mark.parametrize("name", LINES)
def test_line_converts(name):
    def convert(**given):
        names = {"np": np, "D": D, "H": H} | given
        exec(LINES[name], names)
        return SimpleNamespace(**names)

    PROOFS[name](convert, np.random.default_rng(7))


def test_every_line_has_its_proof_and_stands_once():
    assert sorted(name for name, _ in conventions()) == sorted(PROOFS)


# torch.nn as the other side --------------------------------------------------------------------


def layer(kind, W_xh, W_hh, bias_ih, bias_hh, **options):
    """A torch.nn layer in float64 that holds these weights (row-vector layout)."""
    module = getattr(torch.nn, kind)(len(W_xh), len(W_hh), dtype=torch.float64, **options)
    values = (W_xh.T, W_hh.T, bias_ih, bias_hh)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return module


def torch_states(kind, x, h0, W_xh, W_hh, b_h, b_hn=None, c0=None):
    """All hidden states of torch.nn with weights in our convention."""
    bias_hh = np.zeros_like(b_h)
    if b_hn is not None:
        bias_hh[2 * H :] = b_hn
    state = torch.from_numpy(h0)[None]
    if kind == "LSTM":
        state = (state, torch.from_numpy(c0)[None])
    h, _ = layer(kind, W_xh, W_hh, b_h, bias_hh)(torch.from_numpy(x), state)
    return h.detach().numpy()


def weights(rng, gates):
    """Input weights, recurrent weights and a bias for so many gates, in our layout."""
    return (
        rng.normal(size=(D, gates * H)),
        rng.normal(size=(H, gates * H)),
        rng.normal(size=gates * H),
    )


def sequence(rng):
    """Inputs, initial state, initial cell."""
    return rng.normal(size=(T, N, D)), rng.normal(size=(N, H)), rng.normal(size=(N, H))


def equal(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def run(step, x, *state):
    """The hidden states that a step gives; a step with two states returns both, h first."""
    states = []
    for x_t in x:
        state = step(x_t, *state)
        state = state if isinstance(state, tuple) else (state,)
        states.append(state[0])
    return np.stack(states)


# The cells that the page states as ours --------------------------------------------------------


def test_our_rnn_step_is_torchs():
    rng = np.random.default_rng(1)
    (x, h0, _), w = sequence(rng), weights(rng, 1)
    equal(run(lambda x, h: OURS.rnn_step(x, h, *w), x, h0), torch_states("RNN", x, h0, *w))


def test_our_gru_step_is_torchs():
    rng = np.random.default_rng(2)
    (x, h0, _), w, b_hn = sequence(rng), weights(rng, 3), rng.normal(size=H)
    ours = run(lambda x, h: OURS.gru_step(x, h, *w, b_hn), x, h0)
    equal(ours, torch_states("GRU", x, h0, *w, b_hn))


def test_our_lstm_step_is_torchs():
    rng = np.random.default_rng(3)
    (x, h0, c0), w = sequence(rng), weights(rng, 4)
    ours = run(lambda x, h, c: OURS.lstm_step(x, h, c, *w), x, h0, c0)
    equal(ours, torch_states("LSTM", x, h0, *w, c0=c0))


# Layout ----------------------------------------------------------------------------------------


@proof("batch first")
def batch_first(convert, rng):
    (x, h0, _), w = sequence(rng), weights(rng, 1)
    x_batch_first = np.ascontiguousarray(np.einsum("tnd->ntd", x))
    module = layer("RNN", *w, np.zeros(H), batch_first=True)
    theirs, _ = module(torch.from_numpy(x_batch_first), torch.from_numpy(h0)[None])
    ours = torch_states("RNN", convert(x_batch_first=x_batch_first).x, h0, *w)
    equal(np.einsum("tnh->nth", ours), theirs.detach().numpy())


@proof("axis for layers")
def axis_for_layers(convert, rng):
    (x, h0, _), w = sequence(rng), weights(rng, 1)
    module = layer("RNN", *w, np.zeros(H))
    _, state = module(torch.from_numpy(x), torch.from_numpy(h0)[None])
    theirs, _ = module(torch.from_numpy(x), state)  # carried on
    h0 = convert(state=state.detach().numpy()).h0
    assert h0.shape == (N, H)
    equal(run(lambda x, h: OURS.rnn_step(x, h, *w), x, h0), theirs.detach().numpy())


def columns(W, U, b, x, h0):
    """The states of h_t = tanh(W h_{t-1} + U x_t + b), a column vector at a time."""
    h, states = h0.copy(), np.empty((len(x), N, H))
    for t in range(len(x)):
        for k in range(N):
            h[k] = np.tanh(W @ h[k] + U @ x[t, k] + b)
        states[t] = h
    return states


@proof("column vectors")
def column_vectors(convert, rng):
    x, h0, _ = sequence(rng)
    U, W, b = rng.normal(size=(H, D)), rng.normal(size=(H, H)), rng.normal(size=H)
    ours = convert(U=U, W=W)
    equal(torch_states("RNN", x, h0, ours.W_xh, ours.W_hh, b), columns(W, U, b, x, h0))


@proof("PyTorch's weights")
def pytorch_weights(convert, rng):
    x, h0, c0 = sequence(rng)
    for kind, step, gates in (
        ("RNN", "rnn_step", 1),
        ("GRU", "gru_step", 3),
        ("LSTM", "lstm_step", 4),
    ):
        module = getattr(torch.nn, kind)(D, H, dtype=torch.float64)
        given = {k.removesuffix("_l0"): v.numpy().copy() for k, v in module.state_dict().items()}
        ours = convert(**given)
        assert ours.W_xh.shape == (D, gates * H)
        bias = given["bias_ih"] + given["bias_hh"]
        if kind == "GRU":
            bias = np.r_[bias[: 2 * H], given["bias_ih"][2 * H :]], given["bias_hh"][2 * H :]
        else:
            bias = (bias,)
        states = (h0, c0) if kind == "LSTM" else (h0,)
        initial = [torch.from_numpy(s)[None] for s in states]
        theirs, _ = module(torch.from_numpy(x), tuple(initial) if kind == "LSTM" else initial[0])

        def our_step(x, *s, step=step, ours=ours, bias=bias):
            return getattr(OURS, step)(x, *s, ours.W_xh, ours.W_hh, *bias)

        equal(run(our_step, x, *states), theirs.detach().numpy())


def concatenated(convert, rng, joined):
    (x, h0, _), W, b = sequence(rng), rng.normal(size=(H + D, H)), rng.normal(size=H)
    ours = convert(W=W)
    theirs = run(lambda x, h: np.tanh(np.concatenate(joined(x, h), axis=1) @ W + b), x, h0)
    equal(torch_states("RNN", x, h0, ours.W_xh, ours.W_hh, b), theirs)


@proof("concatenated, state first")
def concatenated_state_first(convert, rng):
    concatenated(convert, rng, joined=lambda x, h: (h, x))


@proof("concatenated, input first")
def concatenated_input_first(convert, rng):
    concatenated(convert, rng, joined=lambda x, h: (x, h))


@proof("concatenated columns")
def concatenated_columns(convert, rng):
    (x, h0, _), W, b = sequence(rng), rng.normal(size=(H, H + D)), rng.normal(size=H)

    def step(x, h):
        return np.stack([np.tanh(W @ np.r_[h[k], x[k]] + b) for k in range(N)])

    ours = convert(W=W)
    equal(torch_states("RNN", x, h0, ours.W_xh, ours.W_hh, b), run(step, x, h0))


# Biases ----------------------------------------------------------------------------------------


@proof("two biases")
def two_biases(convert, rng):
    x, h0, c0 = sequence(rng)
    for kind, gates in (("RNN", 1), ("LSTM", 4)):
        W_xh, W_hh, bias_ih = weights(rng, gates)
        bias_hh = rng.normal(size=gates * H)
        state = torch.from_numpy(h0)[None]
        state = (state, torch.from_numpy(c0)[None]) if kind == "LSTM" else state
        theirs, _ = layer(kind, W_xh, W_hh, bias_ih, bias_hh)(torch.from_numpy(x), state)
        b_h = convert(bias_ih=bias_ih, bias_hh=bias_hh).b_h
        equal(torch_states(kind, x, h0, W_xh, W_hh, b_h, c0=c0), theirs.detach().numpy())


@proof("two biases, way back")
def two_biases_back(convert, rng):
    (x, h0, _), w = sequence(rng), weights(rng, 1)
    theirs = convert(b_h=w[2])
    module = layer("RNN", *w[:2], theirs.bias_ih, theirs.bias_hh)
    h, _ = module(torch.from_numpy(x), torch.from_numpy(h0)[None])
    equal(run(lambda x, h: OURS.rnn_step(x, h, *w), x, h0), h.detach().numpy())


@proof("two biases, gradients")
def two_biases_gradients(convert, rng):
    # The gradient of one bias: torch's own, with the other bias held at zero and left out.
    x, _, _ = sequence(rng)
    for kind, gates in (("RNN", 1), ("LSTM", 4)):
        module = layer(kind, *weights(rng, gates), rng.normal(size=gates * H))
        upstream = torch.from_numpy(rng.normal(size=(T, N, H)))
        (module(torch.from_numpy(x))[0] * upstream).sum().backward()
        merged = layer(
            kind,
            *(w.detach().numpy().T for w in (module.weight_ih_l0, module.weight_hh_l0)),
            (module.bias_ih_l0 + module.bias_hh_l0).detach().numpy(),
            np.zeros(gates * H),
        )
        merged.bias_hh_l0.requires_grad_(False)
        (merged(torch.from_numpy(x))[0] * upstream).sum().backward()
        theirs = convert(db_h=merged.bias_ih_l0.grad.numpy())
        equal(theirs.dbias_ih, module.bias_ih_l0.grad.numpy())
        equal(theirs.dbias_hh, module.bias_hh_l0.grad.numpy())


@proof("two biases, GRU")
def two_biases_gru(convert, rng):
    (x, h0, _), (W_xh, W_hh, bias_ih) = sequence(rng), weights(rng, 3)
    bias_hh = rng.normal(size=3 * H)
    module = layer("GRU", W_xh, W_hh, bias_ih, bias_hh)
    theirs, _ = module(torch.from_numpy(x), torch.from_numpy(h0)[None])
    ours = convert(bias_ih=bias_ih, bias_hh=bias_hh)
    states = run(lambda x, h: OURS.gru_step(x, h, W_xh, W_hh, ours.b_h, ours.b_hn), x, h0)
    equal(states, theirs.detach().numpy())


@proof("two biases, GRU, way back")
def two_biases_gru_back(convert, rng):
    (x, h0, _), w, b_hn = sequence(rng), weights(rng, 3), rng.normal(size=H)
    theirs = convert(b_h=w[2], b_hn=b_hn)
    module = layer("GRU", *w[:2], theirs.bias_ih, theirs.bias_hh)
    h, _ = module(torch.from_numpy(x), torch.from_numpy(h0)[None])
    equal(run(lambda x, h: OURS.gru_step(x, h, *w, b_hn), x, h0), h.detach().numpy())


@proof("two biases, GRU, gradients")
def two_biases_gru_gradients(convert, rng):
    (x, h0, _), (W_xh, W_hh, b_h), b_hn = sequence(rng), weights(rng, 3), rng.normal(size=H)
    module = layer("GRU", W_xh, W_hh, b_h, np.r_[np.zeros(2 * H), b_hn])
    upstream = rng.normal(size=(T, N, H))
    h, _ = module(torch.from_numpy(x), torch.from_numpy(h0)[None])
    (h * torch.from_numpy(upstream)).sum().backward()

    def loss():
        states = run(lambda x, h: OURS.gru_step(x, h, W_xh, W_hh, b_h, b_hn), x, h0)
        return (states * upstream).sum()

    theirs = convert(db_h=slopes(loss, b_h), db_hn=slopes(loss, b_hn))
    np.testing.assert_allclose(theirs.dbias_ih, module.bias_ih_l0.grad, rtol=0, atol=1e-7)
    np.testing.assert_allclose(theirs.dbias_hh, module.bias_hh_l0.grad, rtol=0, atol=1e-7)


def slopes(loss, b, eps=1e-6):
    """Central differences of a loss that reads the vector b."""
    found = np.empty_like(b)
    for k, value in enumerate(b.copy()):
        b[k] = value + eps
        above = loss()
        b[k] = value - eps
        found[k] = (above - loss()) / (2 * eps)
        b[k] = value
    return found


# GRU -------------------------------------------------------------------------------------------


def gru_on_new_value(x, h, W_x, W_h, b):
    """A step with u on the new value; blocks in the order r, u, n; gates as the equations say."""
    (xr, xu, xn), (hr, hu, hn) = (x @ W for W in W_x), (h @ W for W in W_h)
    r, u = sigmoid(xr + hr + b[0]), sigmoid(xu + hu + b[1])
    n = np.tanh(xn + r * hn + b[2])
    return (1 - u) * h + u * n, u


@proof("z the other way round, values")
def other_z_values(convert, rng):
    # Without recurrent weights z can be read off torch.nn.GRU: it is the slope of h in h0.
    (x, h0, _), (W_xh, _, b_h) = sequence(rng), weights(rng, 3)
    module = layer("GRU", W_xh, np.zeros((H, 3 * H)), b_h, np.zeros(3 * H))
    start = torch.from_numpy(h0)[None].requires_grad_()
    h, _ = module(torch.from_numpy(x[:1]), start)
    (torchs_z,) = torch.autograd.grad(h.sum(), start)
    # The u with which the other convention, h = (1 - u) h0 + u n, gives torch's state.
    n = np.tanh((x[0] @ W_xh + b_h)[:, 2 * H :])
    u = (h[0].detach().numpy() - h0) / (n - h0)
    np.testing.assert_allclose(convert(u=u).z, torchs_z[0], rtol=0, atol=1e-9)


@proof("z the other way round, weights")
def other_z_weights(convert, rng):
    x, h0, _ = sequence(rng)
    W_x, W_h, b = (list(np.split(w, 3, axis=-1)) for w in weights(rng, 3))
    theirs = run(lambda x, h: gru_on_new_value(x, h, W_x, W_h, b)[0], x, h0)
    ours = convert(W_xu=W_x[1], W_hu=W_h[1], b_u=b[1])
    W_x[1], W_h[1], b[1] = ours.W_xz, ours.W_hz, ours.b_z
    equal(torch_states("GRU", x, h0, *map(np.hstack, (W_x, W_h, b))), theirs)


@proof("reset before the product")
def reset_before(convert, rng):
    (x, h0, _), (W_xh, W_hh, b_h) = sequence(rng), weights(rng, 3)

    def line_in_our_step(x, h, W_hh):
        (W_xr, W_xz, W_xn), (W_hr, W_hz, W_hn) = np.hsplit(W_xh, 3), np.hsplit(W_hh, 3)
        b_r, b_z, b_n = np.split(b_h, 3)
        r = sigmoid(x @ W_xr + h @ W_hr + b_r)
        z = sigmoid(x @ W_xz + h @ W_hz + b_z)
        n = convert(x=x, h=h, r=r, W_xn=W_xn, W_hn=W_hn, b_n=b_n).n
        return (1 - z) * n + z * h

    def entry_by_entry(
        x, h
    ):  # the paper's equations, in torch, one sequence and one unit at a time
        x, h, W, U, b = map(torch.from_numpy, (x, h, W_xh, W_hh, b_h))
        new = torch.empty_like(h)
        for k in range(N):
            r = torch.sigmoid(x[k] @ W[:, :H] + h[k] @ U[:, :H] + b[:H])
            for j in range(H):
                z = torch.sigmoid(x[k] @ W[:, H + j] + h[k] @ U[:, H + j] + b[H + j])
                reset = sum(r[m] * h[k, m] * U[m, 2 * H + j] for m in range(H))
                n = torch.tanh(x[k] @ W[:, 2 * H + j] + reset + b[2 * H + j])
                new[k, j] = z * h[k, j] + (1 - z) * n
        return new.numpy()

    equal(run(lambda x, h: line_in_our_step(x, h, W_hh), x, h0), run(entry_by_entry, x, h0))

    # The remark under the table: torch's GRU is another function, unless W_hn is diagonal.
    def torchs(W_hh):
        return torch_states("GRU", x, h0, W_xh, W_hh, b_h)

    diagonal = W_hh.copy()
    diagonal[:, 2 * H :] = np.diag(rng.normal(size=H))
    equal(run(lambda x, h: line_in_our_step(x, h, diagonal), x, h0), torchs(diagonal))
    assert abs(run(lambda x, h: line_in_our_step(x, h, W_hh), x, h0) - torchs(W_hh)).max() > 0.01


@proof("GRU order z, r, h")
def keras_gru(convert, rng):
    x, h0, _ = sequence(rng)
    kernel, recurrent_kernel, bias = weights(rng, 3)

    def step(x, h):
        xz, xr, xh = np.split(x @ kernel + bias, 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent_kernel, 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        return z * h + (1 - z) * np.tanh(xh + r * hh)

    ours = [convert(kernel=array).W_xh for array in (kernel, recurrent_kernel, bias)]
    equal(torch_states("GRU", x, h0, *ours), run(step, x, h0))


# LSTM ------------------------------------------------------------------------------------------


def lstm_states(x, h0, c0, W_x, W_h, b, order, forget_bias=0.0):
    """The states of an LSTM whose gates stand in the given order."""

    def step(x, h, c):
        a = dict(zip(order, np.split(x @ W_x + h @ W_h + b, 4, axis=1), strict=True))
        c = sigmoid(a["f"] + forget_bias) * c + sigmoid(a["i"]) * np.tanh(a["g"])
        return sigmoid(a["o"]) * np.tanh(c), c

    return run(step, x, h0, c0)


def lstm_order(convert, rng, order):
    (x, h0, c0), w = sequence(rng), weights(rng, 4)
    ours = [convert(Wx=array).W_xh for array in w]
    equal(torch_states("LSTM", x, h0, *ours, c0=c0), lstm_states(x, h0, c0, *w, order))


@proof("LSTM order i, f, o, g")
def cs231n_lstm(convert, rng):
    lstm_order(convert, rng, "ifog")


@proof("LSTM order i, j, f, o")
def tensorflow_lstm(convert, rng):
    lstm_order(convert, rng, "igfo")


@proof("LSTM order i, f, c, o")
def keras_lstm(convert, rng):
    (x, h0, c0), w = sequence(rng), weights(rng, 4)
    ours = convert(**dict(zip(("kernel", "recurrent_kernel", "bias"), w, strict=True)))
    ours = torch_states("LSTM", x, h0, ours.W_xh, ours.W_hh, ours.b_h, c0=c0)
    equal(ours, lstm_states(x, h0, c0, *w, "ifgo"))


@proof("forget bias apart")
def forget_bias(convert, rng):
    (x, h0, c0), (W_x, W_h, b) = sequence(rng), weights(rng, 4)
    theirs = lstm_states(x, h0, c0, W_x, W_h, b, "ifgo", forget_bias=1.0)
    b_h = convert(b_h=b.copy(), forget_bias=1.0).b_h
    equal(torch_states("LSTM", x, h0, W_x, W_h, b_h, c0=c0), theirs)


@proof("peepholes as matrices")
def peepholes(convert, rng):
    # torch.nn has no peepholes, but one step for one sequence can have them: what the input and
    # forget gates see of the old cell, and the output gate of the new one, goes into the bias.
    (x, h0, c0), (W_xh, W_hh, b_h) = sequence(rng), weights(rng, 4)
    x, h0, c0 = x[0, :1], h0[:1], c0[:1]
    W_ci, W_cf, W_co = (np.diag(rng.normal(size=H)) for _ in range(3))
    p_i, p_f, p_o = (convert(W_ci=W).p_i for W in (W_ci, W_cf, W_co))
    assert p_i.shape == (H,)

    a_i, a_f, a_g, a_o = np.split(x @ W_xh + h0 @ W_hh + b_h, 4, axis=1)  # with matrices
    c = sigmoid(a_f + c0 @ W_cf) * c0 + sigmoid(a_i + c0 @ W_ci) * np.tanh(a_g)
    h = sigmoid(a_o + c @ W_co) * np.tanh(c)

    seen = b_h + np.concatenate((p_i * c0, p_f * c0, 0 * c0, p_o * c), axis=1)[0]  # with vectors
    equal(torch_states("LSTM", x[None], h0, W_xh, W_hh, seen, c0=c0)[0], h)


# Derivatives -----------------------------------------------------------------------------------


def slope(convert, rng, activation):
    a = torch.from_numpy(rng.normal(size=(N, H))).requires_grad_()
    h = activation(a)
    (theirs,) = torch.autograd.grad(h.sum(), a)
    equal(convert(h=h.detach().numpy()).dphi, theirs)


@proof("slope of tanh")
def slope_tanh(convert, rng):
    slope(convert, rng, torch.tanh)


@proof("slope of the sigmoid")
def slope_sigmoid(convert, rng):
    slope(convert, rng, torch.sigmoid)


@proof("slope of ReLU")
def slope_relu(convert, rng):
    slope(convert, rng, torch.relu)
    assert convert(h=np.ones(2, np.float32)).dphi.dtype == np.float32


@proof("state before the activation")
def state_before_activation(convert, rng):
    x, s0, _ = sequence(rng)
    U, W, b = rng.normal(size=(H, D)), rng.normal(size=(H, H)), rng.normal(size=H)
    s, states = s0.copy(), np.empty((T, N, H))
    for t in range(T):
        for k in range(N):
            s[k] = W @ np.tanh(s[k]) + U @ x[t, k] + b
        states[t] = s
    h0 = convert(s=s0).h
    equal(torch_states("RNN", x, h0, U.T, W.T, b), convert(s=states).h)


def step_jacobian(rng):
    """W_hh, the slopes and the Jacobian [i, j] = dh_i/dh0_j of one step of torch.nn.RNN."""
    (x, h0, _), (W_xh, W_hh, b_h) = sequence(rng), weights(rng, 1)
    module = layer("RNN", W_xh, W_hh, b_h, np.zeros(H))

    def step(h0):
        return module(torch.from_numpy(x[:1, 0]), h0[None])[0][0]

    start = torch.from_numpy(h0[0])
    J = torch.autograd.functional.jacobian(step, start).numpy()
    return W_hh, 1 - step(start).detach().numpy() ** 2, J


def test_our_step_jacobian_is_torchs():
    W_hh, dphi, J = step_jacobian(np.random.default_rng(4))
    equal(np.diag(dphi) @ W_hh.T, J)


@proof("Jacobian, column weights")
def jacobian_of_columns(convert, rng):
    W_hh, dphi, J = step_jacobian(rng)
    equal(convert(dphi=dphi, W=W_hh.T).J, J)


@proof("Jacobian, other layout")
def jacobian_other_layout(convert, rng):
    W_hh, dphi, J = step_jacobian(rng)
    other = np.array([[W_hh[j, i] * dphi[i] for i in range(H)] for j in range(H)])
    equal(convert(J_other=other).J, J)


@proof("gradients as columns")
def gradients_as_columns(convert, rng):
    (x, h0, _), (W_xh, W_hh, b_h) = sequence(rng), weights(rng, 1)
    module = layer("RNN", W_xh, W_hh, b_h, np.zeros(H))
    start = torch.from_numpy(h0[:1]).requires_grad_()
    h, _ = module(torch.from_numpy(x[:1, 0]), start)
    delta = rng.normal(size=H)
    (theirs,) = torch.autograd.grad((h[0] * torch.from_numpy(delta)).sum(), start)
    dphi = 1 - h.detach().numpy()[0] ** 2
    J = np.diag(dphi) @ W_hh.T
    equal(J.T @ delta, theirs[0])
    equal(convert(dh=delta, J=J).dh_prev, theirs[0])
    equal((delta * dphi) @ W_hh.T, theirs[0])  # as the page writes it under the first table


@proof("loss as a sum")
def loss_as_a_sum(convert, rng):
    logits = torch.from_numpy(rng.normal(size=(T * N, H)))
    targets = torch.from_numpy(rng.integers(H, size=T * N))
    mask = np.arange(T * N) % 3 != 0
    targets[~mask] = -100  # what torch leaves out
    summed = torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
    mean = torch.nn.functional.cross_entropy(logits, targets).item()
    equal(convert(loss_sum=summed, mask=mask).loss, mean)
