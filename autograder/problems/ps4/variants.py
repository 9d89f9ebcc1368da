"""Submissions to problem set 4 that test the grader: right in other styles, or wrong by name.

Each maps grade_ids of solution cells to source code; a cell that is not named keeps the model
solution.
"""

from autograder.problems.noise import all_noisy
from autograder.problems.ps4.misconceptions import CATALOGUE
from autograder.problems.ps4.reference import MODEL

SOLUTION = MODEL.sources


def stub(cell: str, statement: str) -> dict[str, str]:
    """A cell whose function takes any arguments and consists of one statement."""
    return {cell: f"def {cell.replace('-', '_')}(*arguments):\n    {statement}\n"}


UNUSABLE: dict[str, dict[str, str]] = {
    "states not returned": {
        "gru-forward": MODEL.edited("gru-forward", (("    return h\n", "    h\n"),)),
    },
    "one argument too few": {
        "gru-forward": MODEL.edited("gru-forward", (("    b: np.ndarray,\n", ""),)),
    },
    "states of different shapes": stub(
        "gru-forward", "return [np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(3)]"
    ),
    "h0 changed in place and returned for every step": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    h, state = [], h0
    for t in range(len(x)):
        live = t < lengths
        u = sigmoid(x[t] @ W_x[0] + state @ W_h[0] + b[0])
        r = sigmoid(x[t] @ W_x[1] + state @ W_h[1] + b[1])
        n = np.tanh(x[t] @ W_x[2] + (r * state) @ W_h[2] + b[2])
        state[live] += (u * (n - state))[live]
        h.append(state)
    return h
""",
    },
    "recursion without an end": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    def state(t):
        before = state(t - 1)
        return before + x[t].sum()

    return [state(t) for t in range(len(x))]
""",
    },
    "GRU's dh0 missing": {
        "gru-backward": MODEL.edited("gru-backward", ((' | {"dh0": carried}', ""),)),
    },
    "GRU's gates side by side": {
        "gru-backward": MODEL.edited(
            "gru-backward",
            (
                (
                    'return grads | {"dh0": carried}',
                    'dW_x = np.concatenate(list(grads["dW_x"]), axis=1)\n'
                    '    return grads | {"dW_x": dW_x, "dh0": carried}',
                ),
            ),
        ),
    },
    "GRU's gradients as a tuple": {
        "gru-backward": MODEL.edited(
            "gru-backward",
            (('return grads | {"dh0": carried}', "return tuple(grads.values())"),),
        ),
    },
    "empty samples raise": {
        "gru-backward": MODEL.edited(
            "gru-backward",
            (("    for t in", "    last = [range(n)[-1] for n in lengths]\n    for t in"),),
        ),
    },
    "GRU's gradients are None": stub(
        "gru-backward",
        'return dict.fromkeys(("dx", "dh0", "dW_x", "dW_h", "db"))',
    ),
    "backward returns an empty dict": stub("gru-backward", "return {}"),
    "cells not returned": {
        "lstm-forward": MODEL.edited("lstm-forward", (("return h, c", "return h"),)),
    },
    "LSTM returns three arrays": {
        "lstm-forward": MODEL.edited("lstm-forward", (("return h, c", "return h, c, c[-1]"),)),
    },
    "LSTM's forward returns words": stub("lstm-forward", 'return "h and c"'),
    "LSTM's backward returns None": stub("lstm-backward", "return None"),
    "LSTM's backward returns words": stub(
        "lstm-backward",
        'return dict.fromkeys(("dx", "dh0", "dc0", "dW_x", "dW_h", "dp", "db"), "0.5")',
    ),
    "LSTM's dp missing": {
        "lstm-backward": MODEL.edited(
            "lstm-backward",
            (
                (
                    'return grads | {"dh0": carried_h',
                    'del grads["dp"]\n    return grads | {"dh0": carried_h',
                ),
            ),
        ),
    },
    "LSTM's gradients are complex": {
        "lstm-backward": MODEL.edited(
            "lstm-backward", (('"db": np.zeros(b.shape)', '"db": 0j * b'),)
        )
    },
    "two ways: only the outputs": {
        "two-way-forward": MODEL.edited("two-way-forward", (("return y, s", "return y"),)),
    },
    "two ways: states side by side": {
        "two-way-forward": MODEL.edited(
            "two-way-forward", (("return y, s", "return y, np.concatenate(list(s), axis=-1)"),)
        ),
    },
    "two ways: NaN in the padding": {
        "two-way-forward": MODEL.edited(
            "two-way-forward", (("np.where(real, state, 0.0)", "np.where(real, state, np.nan)"),)
        ),
    },
    "two ways: backward returns a list": stub("two-way-backward", "return [0.0] * 6"),
    "two ways: dv a number": {
        "two-way-backward": MODEL.edited(
            "two-way-backward", (('"dv": dm * m * (1 - m)', '"dv": (dm * m * (1 - m)).sum()'),)
        ),
    },
}

WRONG: dict[str, dict[str, str]] = {
    **{m.name: CATALOGUE.variant(m) for m in CATALOGUE.misconceptions},
    **UNUSABLE,
}

_NUMERICAL = """
def BACKWARD(ARGUMENTS):
    given = {NAMED}
    given = {name: np.array(array, KIND) for name, array in given.items()}

    def loss():
        FORWARD
        return LOSS

    grads = {}
    for name, array in given.items():
        grad = grads["d" + name] = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            kept = array[index]
            DERIVATIVE
            array[index] = kept
    return grads
"""
_CENTRAL = """array[index] = kept + 1e-6
            above = loss()
            array[index] = kept - 1e-6
            grad[index] = (above - loss()) / 2e-6"""
_COMPLEX = """array[index] = kept + 1e-30j
            grad[index] = loss().imag / 1e-30"""
_PASSES = {
    "gru": {
        "ARGUMENTS": "dh, x, lengths, h0, h, W_x, W_h, b",
        "NAMED": '"x": x, "h0": h0, "W_x": W_x, "W_h": W_h, "b": b',
        "FORWARD": "h = gru_forward(given['x'], lengths, *list(given.values())[1:])",
        "LOSS": "(dh * h).sum()",
    },
    "lstm": {
        "ARGUMENTS": "dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b",
        "NAMED": '"x": x, "h0": h0, "c0": c0, "W_x": W_x, "W_h": W_h, "p": p, "b": b',
        "FORWARD": "h, c = lstm_forward(given['x'], lengths, *list(given.values())[1:])",
        "LOSS": "(dh * h).sum() + (dc * c).sum()",
    },
    "two_way": {
        "ARGUMENTS": "dy, x, lengths, s, s0, W_x, W_h, b, v",
        "NAMED": '"x": x, "s0": s0, "W_x": W_x, "W_h": W_h, "b": b, "v": v',
        "FORWARD": "y, _ = two_way_forward(given['x'], lengths, *list(given.values())[1:])",
        "LOSS": "(dy * y).sum()",
    },
}


def numerical(layer: str, kind: str, derivative: str) -> str:
    """A backward pass by nudging one number at a time."""
    source = _NUMERICAL.replace("BACKWARD", f"{layer}_backward")
    for word, text in {**_PASSES[layer], "KIND": kind, "DERIVATIVE": derivative}.items():
        source = source.replace(word, text)
    return source


# Right to many digits on small networks, and far too slow on the large ones.
TOO_SLOW: dict[str, dict[str, str]] = {
    "central differences": {
        f"{layer.replace('_', '-')}-backward": numerical(layer, "float", _CENTRAL)
        for layer in _PASSES
    },
    "complex step": {
        **{
            f"{layer.replace('_', '-')}-backward": numerical(layer, "complex", _COMPLEX)
            for layer in _PASSES
        },
        "gru-forward": MODEL.edited(
            "gru-forward", (("(T, N, h0.shape[1]))", "(T, N, h0.shape[1]), W_x.dtype)"),)
        ),
        "lstm-forward": MODEL.edited(
            "lstm-forward", (("(2, T, N, h0.shape[1]))", "(2, T, N, h0.shape[1]), W_x.dtype)"),)
        ),
        "two-way-forward": MODEL.edited(
            "two-way-forward", (("(2, T, N, len(v)))", "(2, T, N, len(v)), W_x.dtype)"),)
        ),
    },
}


RIGHT: dict[str, dict[str, str]] = {
    "one sample after the other": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    T, N, D = x.shape
    h = np.zeros((T, N, h0.shape[1]))
    for n in range(N):
        state = h0[n]
        for t in range(T):
            if t < lengths[n]:
                u = 1 / (1 + np.exp(-(x[t, n] @ W_x[0] + state @ W_h[0] + b[0])))
                r = 1 / (1 + np.exp(-(x[t, n] @ W_x[1] + state @ W_h[1] + b[1])))
                new = np.tanh(x[t, n] @ W_x[2] + (r * state) @ W_h[2] + b[2])
                state = state + u * (new - state)
            h[t, n] = state
    return h
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    dx, dh0 = np.zeros_like(x), np.zeros_like(h0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b)
    for n in range(x.shape[1]):
        length = lengths[n]
        grad = dh[length:, n].sum(axis=0)  # all that the held copies say
        for t in range(length - 1, -1, -1):
            grad = grad + dh[t, n]
            old = h[t - 1, n] if t else h0[n]
            u = sigmoid(x[t, n] @ W_x[0] + old @ W_h[0] + b[0])
            r = sigmoid(x[t, n] @ W_x[1] + old @ W_h[1] + b[1])
            new = np.tanh(x[t, n] @ W_x[2] + (r * old) @ W_h[2] + b[2])
            a_u = grad * (new - old) * u * (1 - u)
            a_n = grad * u * (1 - new * new)
            through = W_h[2] @ a_n
            a_r = through * old * r * (1 - r)
            for k, a in enumerate((a_u, a_r, a_n)):
                dx[t, n] += W_x[k] @ a
                dW_x[k] += np.outer(x[t, n], a)
                dW_h[k] += np.outer(r * old if k == 2 else old, a)
                db[k] += a
            grad = grad * (1 - u) + r * through + W_h[0] @ a_u + W_h[1] @ a_r
        dh0[n] = grad
    return dict(dx=dx, dh0=dh0, dW_x=dW_x, dW_h=dW_h, db=db)
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    T, N, D = x.shape
    h, c = np.zeros((T, N, h0.shape[1])), np.zeros((T, N, h0.shape[1]))
    for n in range(N):
        state, cell = h0[n], c0[n]
        for t in range(T):
            if t < lengths[n]:
                a = [x[t, n] @ W_x[k] + state @ W_h[k] + b[k] for k in range(3)]
                keep = sigmoid(a[0] + p[0] * cell)
                cell = keep * cell + (1 - keep) * np.tanh(a[1])
                state = sigmoid(a[2] + p[1] * cell) * np.tanh(cell)
            h[t, n], c[t, n] = state, cell
    return h, c
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    dx, dh0, dc0 = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, dp, db = (np.zeros_like(a) for a in (W_x, W_h, p, b))
    for n in range(x.shape[1]):
        length = lengths[n]
        gh, gc = dh[length:, n].sum(axis=0), dc[length:, n].sum(axis=0)
        for t in range(length - 1, -1, -1):
            gh, gc = gh + dh[t, n], gc + dc[t, n]
            s, q = (h[t - 1, n], c[t - 1, n]) if t else (h0[n], c0[n])
            a = [x[t, n] @ W_x[k] + s @ W_h[k] + b[k] for k in range(3)]
            f, g, o = sigmoid(a[0] + p[0] * q), np.tanh(a[1]), sigmoid(a[2] + p[1] * c[t, n])
            w = np.tanh(c[t, n])
            a_o = gh * w * o * (1 - o)
            gc = gc + gh * o * (1 - w * w) + p[1] * a_o
            a_f = gc * (q - g) * f * (1 - f)
            a_g = gc * (1 - f) * (1 - g * g)
            for k, a_k in enumerate((a_f, a_g, a_o)):
                dx[t, n] += W_x[k] @ a_k
                dW_x[k] += np.outer(x[t, n], a_k)
                dW_h[k] += np.outer(s, a_k)
                db[k] += a_k
            dp += [a_f * q, a_o * c[t, n]]
            gh = W_h[0] @ a_f + W_h[1] @ a_g + W_h[2] @ a_o
            gc = gc * f + p[0] * a_f
        dh0[n], dc0[n] = gh, gc
    return dict(dx=dx, dh0=dh0, dc0=dc0, dW_x=dW_x, dW_h=dW_h, dp=dp, db=db)
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    s = np.zeros((2, T, N, len(v)))
    for n in range(N):
        state = s0[0]
        for t in range(lengths[n]):
            state = s[0, t, n] = np.tanh(x[t, n] @ W_x[0] + state @ W_h[0] + b[0])
        state = s0[1]
        for t in range(lengths[n] - 1, -1, -1):
            state = s[1, t, n] = np.tanh(x[t, n] @ W_x[1] + state @ W_h[1] + b[1])
    m = 1 / (1 + np.exp(-v))
    return m * s[0] + (1 - m) * s[1], s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    dx, ds0, dv = np.zeros_like(x), np.zeros_like(s0), np.zeros_like(v)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b)
    m = sigmoid(v)
    for n in range(x.shape[1]):
        steps = list(range(lengths[n]))
        for k, order in enumerate((steps[::-1], steps)):
            back = (-1, 1)[k]
            g = np.zeros_like(v)
            for t in order:
                g = g + dy[t, n] * (m if k == 0 else 1 - m)
                a = g * (1 - s[k, t, n] ** 2)
                old = s[k, t + back, n] if t + back in steps else s0[k]
                dx[t, n] += W_x[k] @ a
                dW_x[k] += np.outer(x[t, n], a)
                dW_h[k] += np.outer(old, a)
                db[k] += a
                g = W_h[k] @ a
            ds0[k] += g
        for t in steps:
            dv += dy[t, n] * (s[0, t, n] - s[1, t, n]) * m * (1 - m)
    return dict(dx=dx, ds0=ds0, dW_x=dW_x, dW_h=dW_h, db=db, dv=dv)
""",
    },
    "einsum over all steps": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    inputs = np.einsum("tnd,kdh->ktnh", x, W_x) + b[:, None, None]
    real = (np.arange(len(x))[:, None] < lengths)[..., None]
    h = np.empty_like(inputs[0])
    old = h0
    for t in range(len(x)):
        u, r = sigmoid(inputs[:2, t] + np.einsum("ni,kij->knj", old, W_h[:2]))
        n = np.tanh(inputs[2, t] + np.einsum("ni,ni,ij->nj", r, old, W_h[2]))
        old = h[t] = np.where(real[t], old - u * (old - n), old)
    return h
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    before = np.concatenate([h0[None], h[:-1]])
    inputs = np.einsum("tnd,kdh->ktnh", x, W_x) + b[:, None, None]
    u, r = sigmoid(inputs[:2] + np.einsum("tni,kij->ktnj", before, W_h[:2]))
    seen = r * before
    n = np.tanh(inputs[2] + np.einsum("tni,ij->tnj", seen, W_h[2]))
    real = (np.arange(len(x))[:, None] < lengths)[..., None]
    da = np.zeros((3, *h.shape))
    g = np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        g = g + dh[t]
        live = g * real[t]
        da[2, t] = live * u[t] * (1 - n[t] ** 2)
        dseen = np.einsum("nj,ij->ni", da[2, t], W_h[2])
        da[0, t] = live * (n[t] - before[t]) * u[t] * (1 - u[t])
        da[1, t] = dseen * before[t] * r[t] * (1 - r[t])
        g = g - live * u[t] + dseen * r[t] + np.einsum("knj,kij->ni", da[:2, t], W_h[:2])
    sources = np.stack([before, before, seen])
    return {
        "dx": np.einsum("ktnh,kdh->tnd", da, W_x),
        "dh0": g,
        "dW_x": np.einsum("tnd,ktnh->kdh", x, da),
        "dW_h": np.einsum("ktni,ktnj->kij", sources, da),
        "db": np.einsum("ktnh->kh", da),
    }
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    inputs = np.einsum("tnd,kdh->tknh", x, W_x) + b[:, None]
    real = (np.arange(len(x))[:, None] < lengths)[..., None]
    both = np.empty((len(x), 2, *h0.shape))
    old = np.stack([h0, c0])
    for t in range(len(x)):
        a = inputs[t] + np.einsum("ni,kij->knj", old[0], W_h)
        f = sigmoid(a[0] + np.einsum("h,nh->nh", p[0], old[1]))
        c = f * old[1] + (1 - f) * np.tanh(a[1])
        h = sigmoid(a[2] + np.einsum("h,nh->nh", p[1], c)) * np.tanh(c)
        old = both[t] = np.where(real[t], np.stack([h, c]), old)
    return both[:, 0], both[:, 1]
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    before, cells = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    a = np.einsum("tnd,kdh->ktnh", x, W_x) + np.einsum("tni,kij->ktnj", before, W_h)
    a = a + b[:, None, None]
    f, g, o = sigmoid(a[0] + p[0] * cells), np.tanh(a[1]), sigmoid(a[2] + p[1] * c)
    real = (np.arange(len(x))[:, None] < lengths)[..., None]
    da = np.zeros((3, *h.shape))
    gh, gc = 0 * h0, 0 * c0
    for t in range(len(x) - 1, -1, -1):
        gh, gc = gh + dh[t], gc + dc[t]
        to_o = gh * np.tanh(c[t]) * o[t] * (1 - o[t])
        to_c = gc + gh * o[t] / np.cosh(c[t]) ** 2 + p[1] * to_o
        to_f = to_c * (cells[t] - g[t]) * f[t] * (1 - f[t])
        to_g = to_c * (1 - f[t]) * (1 - g[t] ** 2)
        da[:, t] = np.where(real[t], np.stack([to_f, to_g, to_o]), 0)
        gh = np.where(real[t], np.einsum("knj,kij->ni", da[:, t], W_h), gh)
        gc = np.where(real[t], to_c * f[t] + p[0] * to_f, gc)
    return {
        "dx": np.einsum("ktnh,kdh->tnd", da, W_x),
        "dh0": gh,
        "dc0": gc,
        "dW_x": np.einsum("tnd,ktnh->kdh", x, da),
        "dW_h": np.einsum("tni,ktnj->kij", before, da),
        "dp": np.einsum("ktnh,ktnh->kh", da[::2], np.stack([cells, c])),
        "db": np.einsum("ktnh->kh", da),
    }
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    inputs = np.einsum("tnd,kdh->ktnh", x, W_x) + b[:, None, None]
    t = np.arange(T)[:, None]
    turn = np.where(t < lengths, lengths - 1 - t, t)
    inputs[1] = inputs[1][turn, np.arange(N)]
    state = np.repeat(s0[:, None], N, axis=1)
    s = np.zeros((2, T, N, len(v)))
    for i in range(T):
        state = s[:, i] = np.tanh(inputs[:, i] + np.einsum("kni,kij->knj", state, W_h))
    s = s * (t < lengths)[..., None]
    s[1] = s[1][turn, np.arange(N)]
    m = sigmoid(v)
    return np.einsum("kh,ktnh->tnh", np.stack([m, 1 - m]), s), s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    t, rows = np.arange(T)[:, None], np.arange(N)
    real = (t < lengths)[..., None]
    turn = np.where(t < lengths, lengths - 1 - t, t)
    m = sigmoid(v)
    s = np.stack([s[0], s[1][turn, rows]])
    xs = np.stack([x, x[turn, rows]])
    g = np.stack([m * dy * real, ((1 - m) * dy * real)[turn, rows]])
    before = np.concatenate([np.repeat(s0[:, None, None], N, axis=2), s[:, :-1]], axis=1)
    da, back = np.zeros_like(s), np.zeros((2, N, len(v)))
    for i in range(T - 1, -1, -1):
        da[:, i] = (g[:, i] + back) * (1 - s[:, i] ** 2) * real[i]
        back = np.einsum("knj,kij->kni", da[:, i], W_h)
    starts = np.where(lengths[:, None] > 0, back, 0)
    dxs = np.einsum("ktnh,kdh->ktnd", da, W_x)
    dm = np.einsum("tnh,tnh->h", dy * real, s[0] - s[1][turn, rows])
    return {
        "dx": dxs[0] + dxs[1][turn, rows],
        "ds0": starts.sum(axis=1),
        "dW_x": np.einsum("ktnd,ktnh->kdh", xs, da),
        "dW_h": np.einsum("ktni,ktnj->kij", before, da),
        "db": da.sum(axis=(1, 2)),
        "dv": dm * m * (1 - m),
    }
""",
    },
    "lists of arrays": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    states = [h0]
    for t, x_t in enumerate(x):
        old = states[-1]
        u = sigmoid(x_t.dot(W_x[0]) + old.dot(W_h[0]) + b[0])
        r = sigmoid(x_t.dot(W_x[1]) + old.dot(W_h[1]) + b[1])
        n = np.tanh(x_t.dot(W_x[2]) + (r * old).dot(W_h[2]) + b[2])
        new = u * n + (1 - u) * old
        states.append(np.array([new[i] if t < lengths[i] else old[i] for i in range(len(h0))]))
    return states[1:]
""",
        "gru-backward": """
from collections import OrderedDict


def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    grad, das, sources = 0 * h0, [], []
    olds = [h0, *h[:-1]]
    for t in list(range(len(x)))[::-1]:
        grad = grad + dh[t]
        real = np.reshape(t < lengths, (-1, 1))
        u = sigmoid(x[t].dot(W_x[0]) + olds[t].dot(W_h[0]) + b[0])
        r = sigmoid(x[t].dot(W_x[1]) + olds[t].dot(W_h[1]) + b[1])
        n = np.tanh(x[t].dot(W_x[2]) + (r * olds[t]).dot(W_h[2]) + b[2])
        a_n = grad * u * (1 - n * n) * real
        a_u = grad * (n - olds[t]) * u * (1 - u) * real
        dq = a_n.dot(W_h[2].T)
        a_r = dq * olds[t] * r * (1 - r)
        das.insert(0, [a_u, a_r, a_n])
        sources.insert(0, [olds[t], olds[t], r * olds[t]])
        grad = grad * (1 - u * real) + dq * r + a_u.dot(W_h[0].T) + a_r.dot(W_h[1].T)
    each = range(3)
    return OrderedDict(
        db=[list(sum(da[k].sum(0) for da in das)) for k in each],
        dW_h=[sum(s[k].T.dot(da[k]) for s, da in zip(sources, das)) for k in each],
        dW_x=[sum(x_t.T.dot(da[k]) for x_t, da in zip(x, das)) for k in each],
        dh0=[row for row in grad],
        dx=[sum(da[k].dot(W_x[k].T) for k in each) for da in das],
    )
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    hs, cs = [h0], [c0]
    for t, x_t in enumerate(x):
        a_f, a_g, a_o = (x_t.dot(W_x[k]) + hs[-1].dot(W_h[k]) + b[k] for k in range(3))
        f = sigmoid(a_f + cs[-1] * p[0])
        c = f * cs[-1] + (1 - f) * np.tanh(a_g)
        h = sigmoid(a_o + c * p[1]) * np.tanh(c)
        real = [t < length for length in lengths]
        hs.append(np.array([h[n] if yes else hs[-1][n] for n, yes in enumerate(real)]))
        cs.append(np.array([c[n] if yes else cs[-1][n] for n, yes in enumerate(real)]))
    return [hs[1:], cs[1:]]
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    hs, cs = [h0, *h], [c0, *c]
    das = [None] * len(x)
    gh, gc = 0 * h0, 0 * c0
    for t in reversed(range(len(x))):
        gh, gc = gh + dh[t], gc + dc[t]
        real = 1.0 * (t < lengths).reshape(-1, 1)
        a_f, a_g, a_o = (x[t].dot(W_x[k]) + hs[t].dot(W_h[k]) + b[k] for k in range(3))
        f, g, o = sigmoid(a_f + cs[t] * p[0]), np.tanh(a_g), sigmoid(a_o + cs[t + 1] * p[1])
        shown = np.tanh(cs[t + 1])
        d_o = real * gh * shown * o * (1 - o)
        d_c = real * (gc + gh * o * (1 - shown * shown)) + d_o * p[1]
        d_f = d_c * (cs[t] - g) * f * (1 - f)
        d_g = d_c * (1 - f) * (1 - g * g)
        das[t] = [d_f, d_g, d_o]
        gh = (1 - real) * gh + sum(da.dot(W.T) for da, W in zip(das[t], W_h))
        gc = (1 - real) * gc + d_c * f + d_f * p[0]
    each = range(3)
    peeps = [
        sum((da[0] * cell).sum(0) for da, cell in zip(das, cs)),
        sum((da[2] * cell).sum(0) for da, cell in zip(das, cs[1:])),
    ]
    return {
        "dx": [sum(da[k].dot(W_x[k].T) for k in each) for da in das],
        "dh0": list(gh),
        "dc0": list(gc),
        "dW_x": [sum(x_t.T.dot(da[k]) for x_t, da in zip(x, das)) for k in each],
        "dW_h": [sum(h_t.T.dot(da[k]) for h_t, da in zip(hs, das)) for k in each],
        "dp": peeps,
        "db": [sum(da[k].sum(0) for da in das) for k in each],
    }
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N = len(x), len(lengths)
    s = []
    for k in (0, 1):
        state, states = [s0[k]] * N, [None] * T
        for t in range(T) if k == 0 else range(T - 1, -1, -1):
            states[t] = [0 * v] * N
            for n in range(N):
                if t < lengths[n]:
                    state[n] = np.tanh(x[t][n].dot(W_x[k]) + state[n].dot(W_h[k]) + b[k])
                    states[t][n] = state[n]
        s.append(states)
    m = sigmoid(v)
    y = [[m * s[0][t][n] + (1 - m) * s[1][t][n] for n in range(N)] for t in range(T)]
    return [y, s]
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    T, N = len(x), len(lengths)
    m = sigmoid(v)
    dxs, dW_x, dW_h, db, ds0 = [], [], [], [], []
    for k in (0, 1):
        das, olds, g = [None] * T, [None] * T, np.zeros((N, len(v)))
        for t in range(T - 1, -1, -1) if k == 0 else range(T):
            real = np.reshape(t < lengths, (-1, 1))
            g = g + real * dy[t] * (m if k == 0 else 1 - m)
            das[t] = real * g * (1 - s[k][t] ** 2)
            beside = t - 1 if k == 0 else t + 1
            at_start = [beside < 0 or beside >= lengths[n] for n in range(N)]
            olds[t] = np.array(
                [s0[k] if start else s[k][beside][n] for n, start in enumerate(at_start)]
            )
            g = np.where(real, das[t].dot(W_h[k].T), g)
        dxs.append([da.dot(W_x[k].T) for da in das])
        dW_x.append(sum(x_t.T.dot(da) for x_t, da in zip(x, das)))
        dW_h.append(sum(old.T.dot(da) for old, da in zip(olds, das)))
        db.append(sum(da.sum(0) for da in das))
        ds0.append(list(g.sum(0)))
    dv = sum((dy[t] * (s[0][t] - s[1][t])).sum(0) for t in range(T)) * m * (1 - m)
    dx = [one + two for one, two in zip(*dxs)]
    return {"dx": dx, "ds0": ds0, "dW_x": dW_x, "dW_h": dW_h, "db": db, "dv": list(dv)}
""",
    },
    "recursion": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    def states(t, old):
        if t == len(x):
            return []
        u, r = (sigmoid(x[t] @ W_x[k] + old @ W_h[k] + b[k]) for k in (0, 1))
        new = old + u * (np.tanh(x[t] @ W_x[2] + (old * r) @ W_h[2] + b[2]) - old)
        new[lengths <= t] = old[lengths <= t]
        return [new] + states(t + 1, new)

    return np.stack(states(0, h0))
""",
        "gru-backward": '''
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    def back(t):
        """What step t sends to the state before it, and all sums from step t on."""
        if t == len(x):
            return 0 * h0, 0 * x, 0 * W_x, 0 * W_h, 0 * b
        g, dx, dW_x, dW_h, db = back(t + 1)
        g = g + dh[t]
        live = (lengths > t)[:, None]
        old = h[t - 1] if t else h0
        u, r = (sigmoid(x[t] @ W_x[k] + old @ W_h[k] + b[k]) for k in (0, 1))
        n = np.tanh(x[t] @ W_x[2] + (old * r) @ W_h[2] + b[2])
        a_u = live * g * (n - old) * u * (1 - u)
        a_n = live * g * u * (1 - n**2)
        q = a_n @ W_h[2].T
        a = [a_u, q * old * r * (1 - r), a_n]
        dx[t] = sum(a[k] @ W_x[k].T for k in range(3))
        dW_x = dW_x + [x[t].T @ a_k for a_k in a]
        dW_h = dW_h + [old.T @ a[0], old.T @ a[1], (old * r).T @ a[2]]
        db = db + [a_k.sum(0) for a_k in a]
        g = g - live * g * u + q * r + a[0] @ W_h[0].T + a[1] @ W_h[1].T
        return g, dx, dW_x, dW_h, db

    g, dx, dW_x, dW_h, db = back(0)
    return {"db": db, "dW_h": dW_h, "dW_x": dW_x, "dh0": g, "dx": dx}
''',
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    def go(t, h, c):
        if t == len(x):
            return [], []
        f = sigmoid(x[t] @ W_x[0] + h @ W_h[0] + p[0] * c + b[0])
        new_c = f * c + (1 - f) * np.tanh(x[t] @ W_x[1] + h @ W_h[1] + b[1])
        new_h = sigmoid(x[t] @ W_x[2] + h @ W_h[2] + p[1] * new_c + b[2]) * np.tanh(new_c)
        done = lengths <= t
        new_h[done], new_c[done] = h[done], c[done]
        later_h, later_c = go(t + 1, new_h, new_c)
        return [new_h, *later_h], [new_c, *later_c]

    return tuple(map(np.stack, go(0, h0, c0)))
""",
        "lstm-backward": '''
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    def back(t):
        """What step t sends to state and cell before it, and all sums from step t on."""
        if t == len(x):
            return 0 * h0, 0 * c0, {k: 0 * a for k, a in dict(x=x, X=W_x, H=W_h, p=p, b=b).items()}
        gh, gc, sums = back(t + 1)
        gh, gc = gh + dh[t], gc + dc[t]
        live = (lengths > t)[:, None]
        s, q = (h[t - 1], c[t - 1]) if t else (h0, c0)
        f = sigmoid(x[t] @ W_x[0] + s @ W_h[0] + p[0] * q + b[0])
        g = np.tanh(x[t] @ W_x[1] + s @ W_h[1] + b[1])
        o = sigmoid(x[t] @ W_x[2] + s @ W_h[2] + p[1] * c[t] + b[2])
        w = np.tanh(c[t])
        a_o = live * gh * w * o * (1 - o)
        to_c = live * (gc + gh * o * (1 - w**2)) + a_o * p[1]
        a = [to_c * (q - g) * f * (1 - f), to_c * (1 - f) * (1 - g**2), a_o]
        sums["x"][t] = sum(a[k] @ W_x[k].T for k in range(3))
        sums["X"] += [x[t].T @ a_k for a_k in a]
        sums["H"] += [s.T @ a_k for a_k in a]
        sums["b"] += [a_k.sum(0) for a_k in a]
        sums["p"] += [(a[0] * q).sum(0), (a[2] * c[t]).sum(0)]
        gh = np.where(live, sum(a[k] @ W_h[k].T for k in range(3)), gh)
        return gh, np.where(live, to_c * f + a[0] * p[0], gc), sums

    gh, gc, sums = back(0)
    names = {"x": "dx", "X": "dW_x", "H": "dW_h", "p": "dp", "b": "db"}
    return {"dh0": gh, "dc0": gc} | {names[k]: array for k, array in sums.items()}
''',
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape

    def state(k, t, n):
        if t < 0 or t >= lengths[n]:
            return s0[k]
        if not known[k, t, n]:
            old = state(k, t + (k or -1), n)
            s[k, t, n] = np.tanh(x[t, n] @ W_x[k] + old @ W_h[k] + b[k])
            known[k, t, n] = True
        return s[k, t, n]

    s, known = np.zeros((2, T, N, len(v))), np.zeros((2, T, N), bool)
    for n, length in enumerate(lengths):
        if length:
            state(0, length - 1, n)
            state(1, 0, n)
    m = sigmoid(v)
    return m * s[0] + (1 - m) * s[1], s
""",
        "two-way-backward": '''
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    m = sigmoid(v)
    T = len(x)
    real = (np.arange(T)[:, None] < lengths)[..., None]
    dy = dy * real

    def back(k, t):
        """The gradient of the state that direction k reads at step t, adding to the sums."""
        later = t + 1 if k == 0 else t - 1
        g = back(k, later) if 0 <= later < T else np.zeros_like(dy[t])
        a = (g + dy[t] * (1 - m if k else m)) * (1 - s[k, t] ** 2) * real[t]
        before = np.roll(s[k], 1 - 2 * k, axis=0)[t]
        begins = lengths - 1 == t if k else np.full(len(lengths), t == 0)
        before = np.where(begins[:, None], s0[k], before)
        dx[t] += a @ W_x[k].T
        dW_x[k] += x[t].T @ a
        dW_h[k] += before.T @ a
        db[k] += a.sum(axis=0)
        back_to = a @ W_h[k].T
        ds0[k] += (begins[:, None] * real[t] * back_to).sum(axis=0)
        return back_to

    dx, dW_x, dW_h, db, ds0 = (np.zeros_like(a) for a in (x, W_x, W_h, b, s0))
    back(0, 0)
    back(1, T - 1)
    dv = (dy * (s[0] - s[1])).sum(axis=1).sum(axis=0) * m * (1 - m)
    return {"dv": dv, "db": db, "ds0": ds0, "dW_h": dW_h, "dW_x": dW_x, "dx": dx}
''',
    },
    "multiplying by a mask": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    T, N, D = x.shape
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    h, old = [], h0
    for t in range(T):
        u = mask[t] * sigmoid(x[t] @ W_x[0] + old @ W_h[0] + b[0])  # shut where nothing is real
        r = sigmoid(x[t] @ W_x[1] + old @ W_h[1] + b[1])
        old = (1 - u) * old + u * np.tanh(x[t] @ W_x[2] + (r * old) @ W_h[2] + b[2])
        h.append(old)
    return np.array(h)
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    T, N, D = x.shape
    H = h0.shape[1]
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    old = np.concatenate([h0[None], h[:-1]])
    u, r = (sigmoid(x @ W_x[k] + old @ W_h[k] + b[k]) for k in (0, 1))
    n = np.tanh(x @ W_x[2] + (r * old) @ W_h[2] + b[2])
    a, back = np.zeros((3, T, N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        back = back + dh[t]
        a[0, t] = mask[t] * back * (n[t] - old[t]) * u[t] * (1 - u[t])
        a[2, t] = mask[t] * back * u[t] * (1 - n[t] ** 2)
        q = a[2, t] @ W_h[2].T
        a[1, t] = q * old[t] * r[t] * (1 - r[t])
        back = back * (1 - mask[t] * u[t]) + q * r[t] + a[0, t] @ W_h[0].T + a[1, t] @ W_h[1].T
    flat = a.reshape(3, T * N, H)
    seen = np.stack([old, old, r * old]).reshape(3, T * N, H)
    return {
        "dx": (flat @ W_x.swapaxes(1, 2)).sum(0).reshape(x.shape),
        "dh0": back,
        "dW_x": x.reshape(T * N, D).T @ flat,
        "dW_h": seen.swapaxes(1, 2) @ flat,
        "db": np.ones(T * N) @ flat,
    }
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    T, N, D = x.shape
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    h, c, state, cell = [], [], h0, c0
    for t in range(T):
        f = sigmoid(x[t] @ W_x[0] + state @ W_h[0] + p[0] * cell + b[0])
        f = 1 - mask[t] * (1 - f)  # open where nothing is real
        new = f * cell + (1 - f) * np.tanh(x[t] @ W_x[1] + state @ W_h[1] + b[1])
        o = sigmoid(x[t] @ W_x[2] + state @ W_h[2] + p[1] * new + b[2])
        state, cell = mask[t] * o * np.tanh(new) + (1 - mask[t]) * state, new
        h.append(state)
        c.append(cell)
    return np.array(h), np.array(c)
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    T, N, D = x.shape
    H = h0.shape[1]
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    old, cells = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    f = sigmoid(x @ W_x[0] + old @ W_h[0] + p[0] * cells + b[0])
    g = np.tanh(x @ W_x[1] + old @ W_h[1] + b[1])
    o = sigmoid(x @ W_x[2] + old @ W_h[2] + p[1] * c + b[2])
    a, back_h, back_c = np.zeros((3, T, N, H)), np.zeros((N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        back_h, back_c, real = back_h + dh[t], back_c + dc[t], mask[t]
        a[2, t] = real * back_h * np.tanh(c[t]) * o[t] * (1 - o[t])
        to_c = real * (back_c + back_h * o[t] * (1 - np.tanh(c[t]) ** 2)) + a[2, t] * p[1]
        a[0, t] = to_c * (cells[t] - g[t]) * f[t] * (1 - f[t])
        a[1, t] = to_c * (1 - f[t]) * (1 - g[t] ** 2)
        back_h = (1 - real) * back_h + (a[:, t] @ W_h.swapaxes(1, 2)).sum(0)
        back_c = (1 - real) * back_c + to_c * f[t] + a[0, t] * p[0]
    flat = a.reshape(3, T * N, H)
    return {
        "dx": (flat @ W_x.swapaxes(1, 2)).sum(0).reshape(x.shape),
        "dh0": back_h,
        "dc0": back_c,
        "dW_x": x.reshape(T * N, D).T @ flat,
        "dW_h": old.reshape(T * N, H).T @ flat,
        "dp": np.array([(a[0] * cells).sum((0, 1)), (a[2] * c).sum((0, 1))]),
        "db": np.ones(T * N) @ flat,
    }
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    s = np.zeros((2, T + 2, N, len(v)))  # with a start before the first and after the last step
    s[0, 0], s[1, -1] = s0
    for t in range(T):
        s[0, t + 1] = mask[t] * np.tanh(x[t] @ W_x[0] + s[0, t] @ W_h[0] + b[0])
    for t in reversed(range(T)):
        new = np.tanh(x[t] @ W_x[1] + s[1, t + 2] @ W_h[1] + b[1])
        s[1, t + 1] = mask[t] * new + (1 - mask[t]) * s0[1]
    s = s[:, 1:-1] * mask
    m = sigmoid(v)
    return m * s[0] + (1 - m) * s[1], s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    m = sigmoid(v)
    padded = np.concatenate([s, np.zeros_like(s[:, :1])], axis=1)
    before = [np.concatenate([np.tile(s0[0], (1, N, 1)), s[0, :-1]])]
    last = 1.0 * (np.arange(T)[:, None] == lengths - 1)[..., None]
    before.append(last * s0[1] + (1 - last) * padded[1, 1:])
    a = np.zeros((2, T, N, len(v)))
    ends = []
    for k in range(2):
        g = np.zeros((N, len(v)))
        for t in range(T)[:: 2 * k - 1]:
            g = g + mask[t] * (k + (1 - 2 * k) * m) * dy[t]
            a[k, t] = mask[t] * g * (1 - s[k, t] ** 2)
            g = (1 - mask[t]) * g + a[k, t] @ W_h[k].T
        ends.append(g.sum(0))
    dm = (mask * dy * (s[0] - s[1])).sum((0, 1))
    return {
        "dx": a[0] @ W_x[0].T + a[1] @ W_x[1].T,
        "ds0": np.array(ends),
        "dW_x": np.array([np.tensordot(x, a[k], ((0, 1), (0, 1))) for k in range(2)]),
        "dW_h": np.array([np.tensordot(before[k], a[k], ((0, 1), (0, 1))) for k in range(2)]),
        "db": a.sum((1, 2)),
        "dv": dm * m * (1 - m),
    }
""",
    },
    "in place, on the samples that still run": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    T, N, D = x.shape
    h = np.empty((T, N, h0.shape[1]))
    h[:] = h0
    for t in range(T):
        if t > 0:
            h[t] = h[t - 1]
        live = np.flatnonzero(t < lengths)
        old = h[t, live]
        gates = x[t, live] @ W_x[:2]
        gates += old @ W_h[:2]
        gates += b[:2, None]
        np.negative(gates, out=gates)
        np.exp(gates, out=gates)
        gates += 1
        np.reciprocal(gates, out=gates)
        u, r = gates
        r *= old
        new = r @ W_h[2]
        new += x[t, live] @ W_x[2]
        new += b[2]
        np.tanh(new, out=new)
        new -= old
        new *= u
        h[t, live] += new
    return h
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    g = np.zeros(h0.shape)
    grads = {"dx": np.zeros(x.shape), "dh0": g}
    grads |= {"dW_x": 0 * W_x, "dW_h": 0 * W_h, "db": 0 * b}
    for t in range(len(x))[::-1]:
        g += dh[t]
        live = t < lengths
        old, x_t = (h[t - 1] if t else h0)[live], x[t][live]
        u, r = sigmoid(x_t @ W_x[:2] + old @ W_h[:2] + b[:2, None])
        n = np.tanh(x_t @ W_x[2] + (r * old) @ W_h[2] + b[2])
        da = np.array([g[live]] * 3)
        da[0] *= n - old
        da[0] *= u * (1 - u)
        da[2] *= u * (1 - n**2)
        q = da[2] @ W_h[2].T
        da[1] = q * old
        da[1] *= r - r * r
        g[live] -= u * g[live]
        g[live] += r * q
        g[live] += da[0] @ W_h[0].T
        g[live] += da[1] @ W_h[1].T
        grads["dx"][t, live] = np.sum(da @ W_x.transpose(0, 2, 1), axis=0)
        grads["dW_x"] += x_t.T @ da
        grads["dW_h"][:2] += old.T @ da[:2]
        grads["dW_h"][2] += (r * old).T @ da[2]
        grads["db"] += da.sum(axis=1)
    return grads
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    T, N, D = x.shape
    h, c = np.empty((T, N, h0.shape[1])), np.empty((T, N, h0.shape[1]))
    h[0], c[0] = h0, c0
    for t in range(T):
        if t > 0:
            h[t], c[t] = h[t - 1], c[t - 1]
        live = np.flatnonzero(t < lengths)
        a = x[t, live] @ W_x
        a += h[t, live] @ W_h
        a += b[:, None]
        cell = c[t, live]
        a[0] += p[0] * cell
        f = sigmoid(a[0])
        cell *= f
        cell += (1 - f) * np.tanh(a[1])
        a[2] += p[1] * cell
        c[t, live] = cell
        h[t, live] = sigmoid(a[2]) * np.tanh(cell)
    return h, c
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    gh, gc = np.zeros(h0.shape), np.zeros(c0.shape)
    grads = {"dx": np.zeros(x.shape), "dh0": gh, "dc0": gc}
    grads |= {"dW_x": 0 * W_x, "dW_h": 0 * W_h, "dp": 0 * p, "db": 0 * b}
    for t in range(len(x))[::-1]:
        gh += dh[t]
        gc += dc[t]
        live = t < lengths
        old, cell = (h[t - 1][live], c[t - 1][live]) if t else (h0[live], c0[live])
        new, x_t = c[t][live], x[t][live]
        a = x_t @ W_x + old @ W_h + b[:, None]
        a[0] += p[0] * cell
        a[2] += p[1] * new
        f, g, o = sigmoid(a[0]), np.tanh(a[1]), sigmoid(a[2])
        shown = np.tanh(new)
        da = np.empty_like(a)
        da[2] = gh[live] * shown * o * (1 - o)
        gc[live] += gh[live] * o * (1 - shown * shown)
        gc[live] += p[1] * da[2]
        da[0] = gc[live] * (cell - g) * f * (1 - f)
        da[1] = gc[live] * (1 - f) * (1 - g * g)
        gc[live] *= f
        gc[live] += p[0] * da[0]
        gh[live] = np.sum(da @ W_h.transpose(0, 2, 1), axis=0)
        grads["dx"][t, live] = np.sum(da @ W_x.transpose(0, 2, 1), axis=0)
        grads["dW_x"] += x_t.T @ da
        grads["dW_h"] += old.T @ da
        grads["dp"] += [np.sum(da[0] * cell, axis=0), np.sum(da[2] * new, axis=0)]
        grads["db"] += da.sum(axis=1)
    return grads
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    s = np.zeros((2, T, N, len(v)))
    state = np.empty((N, len(v)))
    for k, steps in ((0, range(T)), (1, range(T)[::-1])):
        state[:] = s0[k]
        for t in steps:
            live = np.flatnonzero(lengths > t)
            a = x[t, live] @ W_x[k]
            a += state[live] @ W_h[k]
            a += b[k]
            np.tanh(a, out=a)
            s[k, t, live] = a
            state[live] = a
    y = s[0] - s[1]
    y *= sigmoid(v)
    y += s[1]
    return y, s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    grads = {"dx": 0 * x, "ds0": 0 * s0, "dW_x": 0 * W_x, "dW_h": 0 * W_h, "db": 0 * b, "dv": 0 * v}
    m = sigmoid(v)
    g = np.empty((N, len(v)))
    for k, steps in ((0, range(T)[::-1]), (1, range(T))):
        g[:] = 0
        for t in steps:
            live = np.flatnonzero(lengths > t)
            da = g[live]
            da += dy[t, live] * (m, 1 - m)[k]
            da *= 1 - s[k, t, live] ** 2
            before = np.array([s0[k]] * N)
            inside = np.flatnonzero(lengths > t + 1) if k else np.arange(N if t else 0)
            before[inside] = s[k, t + (k or -1), inside] if len(inside) else 0
            grads["dx"][t, live] += da @ W_x[k].T
            grads["dW_x"][k] += x[t, live].T @ da
            grads["dW_h"][k] += before[live].T @ da
            grads["db"][k] += da.sum(axis=0)
            g[live] = da @ W_h[k].T
            if k == 0:
                grads["dv"] += np.sum((s[0, t] - s[1, t])[live] * dy[t, live], axis=0)
        grads["ds0"][k] += g.sum(axis=0)
    grads["dv"] *= m * (1 - m)
    return grads
""",
    },
    "fused products": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    H = h0.shape[1]
    inputs = x @ np.hstack(list(W_x)) + np.hstack(list(b))
    W_gates = np.hstack([W_h[0], W_h[1]])
    h = np.empty(x.shape[:2] + (H,))
    old = h0
    for t in range(len(x)):
        gates = sigmoid(inputs[t, :, : 2 * H] + old @ W_gates)
        n = np.tanh(inputs[t, :, 2 * H :] + (gates[:, H:] * old) @ W_h[2])
        new = old + gates[:, :H] * (n - old)
        new[t >= lengths] = old[t >= lengths]
        h[t] = old = new
    return h
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    T, N, D = x.shape
    H = h0.shape[1]
    W_all, W_gates = np.hstack(list(W_x)), np.hstack([W_h[0], W_h[1]])
    inputs = x @ W_all + np.hstack(list(b))
    old = np.concatenate([h0[None], h[:-1]])
    gates = sigmoid(inputs[..., : 2 * H] + old @ W_gates)
    u, r = gates[..., :H], gates[..., H:]
    n = np.tanh(inputs[..., 2 * H :] + (r * old) @ W_h[2])
    da, g = np.zeros((T, N, 3 * H)), np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        g = g + dh[t]
        live = np.where((t < lengths)[:, None], g, 0)
        d_n = live * u[t] * (1 - n[t] ** 2)
        q = d_n @ W_h[2].T
        d_u = live * (n[t] - old[t]) * u[t] * (1 - u[t])
        d_r = q * old[t] * r[t] * (1 - r[t])
        da[t] = np.hstack([d_u, d_r, d_n])
        g = g - live * u[t] + q * r[t] + da[t, :, : 2 * H] @ W_gates.T
    rows = da.reshape(T * N, 3 * H)
    d_gates = old.reshape(T * N, H).T @ rows[:, : 2 * H]
    return {
        "dx": da @ W_all.T,
        "dh0": g,
        "dW_x": np.stack(np.hsplit(x.reshape(T * N, D).T @ rows, 3)),
        "dW_h": np.stack(
            [*np.hsplit(d_gates, 2), (r * old).reshape(T * N, H).T @ rows[:, 2 * H :]]
        ),
        "db": rows.sum(axis=0).reshape(3, H),
    }
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    H = h0.shape[1]
    inputs = x @ np.hstack(list(W_x)) + b.reshape(-1)
    W_all = np.hstack(list(W_h))
    h, c = np.empty((2, *x.shape[:2], H))
    s, q = h0, c0
    for t in range(len(x)):
        a = inputs[t] + s @ W_all
        f = sigmoid(a[:, :H] + p[0] * q)
        g = np.tanh(a[:, H : 2 * H])
        new = g + f * (q - g)
        o = sigmoid(a[:, 2 * H :] + p[1] * new)
        real = (t < lengths)[:, None]
        h[t] = s = np.where(real, o * np.tanh(new), s)
        c[t] = q = np.where(real, new, q)
    return h, c
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    T, N, D = x.shape
    H = h0.shape[1]
    W = np.vstack([np.hstack(list(W_x)), np.hstack(list(W_h))])  # (D + H, 3H)
    s, q = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    fed = np.concatenate([x, s], axis=-1)
    a = fed @ W + b.reshape(-1)
    f, g = sigmoid(a[..., :H] + p[0] * q), np.tanh(a[..., H : 2 * H])
    o, w = sigmoid(a[..., 2 * H :] + p[1] * c), np.tanh(c)
    da, dfed = np.zeros((T, N, 3 * H)), np.zeros((T, N, D + H))
    gh, gc = np.zeros((N, H)), np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        gh, gc = gh + dh[t], gc + dc[t]
        d_o = gh * w[t] * o[t] * (1 - o[t])
        d_c = gc + gh * o[t] * (1 - w[t] ** 2) + d_o * p[1]
        d_f = d_c * (q[t] - g[t]) * f[t] * (1 - f[t])
        d_g = d_c * (1 - f[t]) * (1 - g[t] ** 2)
        real = (t < lengths)[:, None]
        da[t] = real * np.hstack([d_f, d_g, d_o])
        dfed[t] = da[t] @ W.T
        gh = np.where(real, dfed[t, :, D:], gh)
        gc = np.where(real, d_c * f[t] + d_f * p[0], gc)
    dW = fed.reshape(T * N, D + H).T @ da.reshape(T * N, 3 * H)
    parts = dW.reshape(D + H, 3, H).swapaxes(0, 1)
    return {
        "dx": dfed[..., :D],
        "dh0": gh,
        "dc0": gc,
        "dW_x": parts[:, :D],
        "dW_h": parts[:, D:],
        "dp": np.stack([(da[..., :H] * q).sum((0, 1)), (da[..., 2 * H :] * c).sum((0, 1))]),
        "db": da.sum((0, 1)).reshape(3, H),
    }
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    H = len(v)
    inputs = x @ np.hstack([W_x[0], W_x[1]]) + np.hstack([b[0], b[1]])
    s = np.zeros((2, T, N, H))
    order = np.argsort(-lengths, kind="stable")  # the longest first: those that run stand in front
    for k in range(2):
        state = np.repeat(s0[k : k + 1], N, axis=0)
        for t in range(T) if k == 0 else reversed(range(T)):
            run = order[: np.sum(lengths > t)]
            state[run] = np.tanh(inputs[t, run, k * H : (k + 1) * H] + state[run] @ W_h[k])
            s[k, t, run] = state[run]
    m = np.hstack([sigmoid(v), sigmoid(-v)])
    both = np.concatenate([s[0], s[1]], axis=-1) * m
    return both[..., :H] + both[..., H:], s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    H = len(v)
    m = sigmoid(v)
    dy = np.where((np.arange(T)[:, None] < lengths)[..., None], dy, 0)
    da, before = np.zeros((T, N, 2 * H)), np.zeros((2, T, N, H))
    ds0 = np.zeros((2, H))
    for n, length in enumerate(lengths):
        before[0, :length, n] = np.vstack([s0[:1], s[0, :, n]])[:length]
        before[1, :length, n] = np.vstack([s[1, 1:length, n], s0[1:]])[:length]
    for k in range(2):
        share, part = (m, 1 - m)[k], slice(k * H, (k + 1) * H)
        g = np.zeros((N, H))
        for i in range(T):
            t = i if k else T - 1 - i
            live = (t < lengths)[:, None]
            da[t, :, part] = live * (g + share * dy[t]) * (1 - s[k, t] ** 2)
            g = np.where(live, da[t, :, part] @ W_h[k].T, g)
        ds0[k] = g.sum(axis=0)
    rows = da.reshape(T * N, 2 * H)
    return {
        "dx": da @ np.hstack([W_x[0], W_x[1]]).T,
        "ds0": ds0,
        "dW_x": np.stack(np.hsplit(x.reshape(T * N, D).T @ rows, 2)),
        "dW_h": np.stack(
            [before[k].reshape(T * N, H).T @ rows[:, k * H : (k + 1) * H] for k in range(2)]
        ),
        "db": rows.sum(axis=0).reshape(2, H),
        "dv": np.sum(dy * (s[0] - s[1]), axis=(0, 1)) * m * (1 - m),
    }
""",
    },
    "step functions": {
        "gru-forward": """
def gru_gates(x_t, old, W_x, W_h, b):
    u = sigmoid(x_t @ W_x[0] + old @ W_h[0] + b[0])
    r = sigmoid(x_t @ W_x[1] + old @ W_h[1] + b[1])
    return u, r, np.tanh(x_t @ W_x[2] + (r * old) @ W_h[2] + b[2])


def gru_step(x_t, old, real, *parameters):
    u, _, n = gru_gates(x_t, old, *parameters)
    return np.where(real, u * n + old - u * old, old)


def gru_forward(x, lengths, h0, W_x, W_h, b):
    h = np.empty((len(x), *h0.shape))
    for t in range(len(x)):
        h[t] = gru_step(x[t], h[t - 1] if t else h0, (t < lengths)[:, None], W_x, W_h, b)
    return h
""",
        "gru-backward": """
def gru_step_back(dh_t, x_t, old, real, W_x, W_h, b):
    u = sigmoid(x_t @ W_x[0] + old @ W_h[0] + b[0])
    r = sigmoid(x_t @ W_x[1] + old @ W_h[1] + b[1])
    q = r * old
    n = np.tanh(x_t @ W_x[2] + q @ W_h[2] + b[2])
    g = dh_t * real
    d_n = g * u * (1 - n**2)
    d_q = d_n @ W_h[2].T
    d_u, d_r = g * (n - old) * u * (1 - u), d_q * old * r * (1 - r)
    dold = dh_t - g * u + d_q * r + d_u @ W_h[0].T + d_r @ W_h[1].T
    dx_t = d_u @ W_x[0].T + d_r @ W_x[1].T + d_n @ W_x[2].T
    dW_x = np.stack([x_t.T @ d for d in (d_u, d_r, d_n)])
    dW_h = np.stack([old.T @ d_u, old.T @ d_r, q.T @ d_n])
    return dx_t, dold, dW_x, dW_h, np.stack([d.sum(axis=0) for d in (d_u, d_r, d_n)])


def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    dx, sums, dold = np.zeros_like(x), [0, 0, 0], np.zeros_like(h0)
    for t in reversed(range(len(x))):
        real = (t < lengths)[:, None]
        old = h[t - 1] if t else h0
        dx[t], dold, *parts = gru_step_back(dh[t] + dold, x[t], old, real, W_x, W_h, b)
        sums = [total + part for total, part in zip(sums, parts)]
    return {"dx": dx, "dh0": dold, **dict(zip(("dW_x", "dW_h", "db"), sums))}
""",
        "lstm-forward": """
def lstm_step(x_t, s, q, W_x, W_h, p, b):
    f = sigmoid(x_t @ W_x[0] + s @ W_h[0] + p[0] * q + b[0])
    new = f * q + (1 - f) * np.tanh(x_t @ W_x[1] + s @ W_h[1] + b[1])
    return sigmoid(x_t @ W_x[2] + s @ W_h[2] + p[1] * new + b[2]) * np.tanh(new), new


def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    h, c = np.empty((len(x), *h0.shape)), np.empty((len(x), *h0.shape))
    s, q = h0.copy(), c0.copy()
    for t in range(len(x)):
        new = lstm_step(x[t], s, q, W_x, W_h, p, b)
        for held, fresh in zip((s, q), new):
            held[t < lengths] = fresh[t < lengths]
        h[t], c[t] = s, q
    return h, c
""",
        "lstm-backward": """
def lstm_step_back(gh, gc, x_t, s, q, new, W_x, W_h, p, b):
    f = sigmoid(x_t @ W_x[0] + s @ W_h[0] + p[0] * q + b[0])
    g = np.tanh(x_t @ W_x[1] + s @ W_h[1] + b[1])
    o = sigmoid(x_t @ W_x[2] + s @ W_h[2] + p[1] * new + b[2])
    d_o = gh * np.tanh(new) * o * (1 - o)
    d_new = gc + gh * o * (1 - np.tanh(new) ** 2) + d_o * p[1]
    d_f, d_g = d_new * (q - g) * f * (1 - f), d_new * (1 - f) * (1 - g**2)
    return np.stack([d_f, d_g, d_o]), d_new * f + d_f * p[0]


def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    dx, dW_x, dW_h, dp, db = (np.zeros_like(a) for a in (x, W_x, W_h, p, b))
    gh, gc = np.zeros_like(h0), np.zeros_like(c0)
    for t in range(len(x))[::-1]:
        real = (t < lengths)[:, None]
        s, q = (h[t - 1], c[t - 1]) if t else (h0, c0)
        gh, gc = gh + dh[t], gc + dc[t]
        da, back_c = lstm_step_back(gh, gc, x[t], s, q, c[t], W_x, W_h, p, b)
        da = da * real
        gh = np.where(real, sum(da[k] @ W_h[k].T for k in range(3)), gh)
        gc = np.where(real, back_c, gc)
        dx[t] = sum(da[k] @ W_x[k].T for k in range(3))
        dW_x += np.matmul(x[t].T, da)
        dW_h += np.matmul(s.T, da)
        dp += np.stack([da[0] * q, da[2] * c[t]]).sum(axis=1)
        db += da.sum(axis=1)
    return {"dx": dx, "dh0": gh, "dc0": gc, "dW_x": dW_x, "dW_h": dW_h, "dp": dp, "db": db}
""",
        "two-way-forward": """
def turn_round(array, lengths):
    t = np.arange(len(array))[:, None]
    return array[np.where(t < lengths, lengths - 1 - t, t), np.arange(array.shape[1])]


def one_way(x, lengths, start, W_x, W_h, b):
    states, state = [], np.tile(start, (x.shape[1], 1))
    for t in range(len(x)):
        state = np.tanh(x[t] @ W_x + state @ W_h + b)
        states.append(state * (t < lengths)[:, None])
    return np.stack(states)


def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    ahead = one_way(x, lengths, s0[0], W_x[0], W_h[0], b[0])
    back = one_way(turn_round(x, lengths), lengths, s0[1], W_x[1], W_h[1], b[1])
    back = turn_round(back, lengths)
    m = sigmoid(v)
    return m * ahead + (1 - m) * back, np.stack([ahead, back])
""",
        "two-way-backward": """
def rounded(array, lengths):
    array = array.copy()
    for n, length in enumerate(lengths):
        array[:length, n] = array[:length, n][::-1]
    return array


def one_way_back(ds, x, lengths, s, start, W_x, W_h):
    T, N, H = s.shape
    before = np.concatenate([np.tile(start, (1, N, 1)), s[:-1]])
    da, g = np.zeros_like(s), np.zeros((N, H))
    for t in reversed(range(T)):
        real = (t < lengths)[:, None]
        da[t] = real * (ds[t] + g) * (1 - s[t] ** 2)
        g = da[t] @ W_h.T
    pairs = ((0, 1), (0, 1))
    dW_x, dW_h = np.tensordot(x, da, pairs), np.tensordot(before, da, pairs)
    return da @ W_x.T, g.sum(axis=0), dW_x, dW_h, da.sum(axis=(0, 1))


def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    m = sigmoid(v)
    one = one_way_back(m * dy, x, lengths, s[0], s0[0], W_x[0], W_h[0])
    turned = [rounded(a, lengths) for a in ((1 - m) * dy, x, s[1])]
    two = one_way_back(turned[0], turned[1], lengths, turned[2], s0[1], W_x[1], W_h[1])
    grads = {"dx": one[0] + rounded(two[0], lengths)}
    for name, first, second in zip(("ds0", "dW_x", "dW_h", "db"), one[1:], two[1:]):
        grads[name] = np.stack([first, second])
    dm = (dy * s[0] - dy * s[1]).sum(axis=(0, 1))
    return grads | {"dv": dm * (m - m**2)}
""",
    },
    "classes": {
        "gru-forward": """
class Gates:
    def __init__(self, W_x, W_h, b):
        self.W_x, self.W_h, self.b = W_x, W_h, b

    def before(self, k, x_t, seen):
        return x_t @ self.W_x[k] + seen @ self.W_h[k] + self.b[k]

    def __call__(self, x_t, old):
        update, reset = sigmoid(self.before(0, x_t, old)), sigmoid(self.before(1, x_t, old))
        return old * (1 - update) + update * np.tanh(self.before(2, x_t, reset * old))


def gru_forward(x, lengths, h0, W_x, W_h, b):
    cell, state, h = Gates(W_x, W_h, b), h0, np.empty((len(x),) + h0.shape)
    for t, x_t in enumerate(x):
        state = h[t] = np.where(lengths[:, None] > t, cell(x_t, state), state)
    return h
""",
        "gru-backward": """
class GRUStep:
    def __init__(self, x_t, old, W_x, W_h, b):
        self.x_t, self.old, self.W_x, self.W_h = x_t, old, W_x, W_h
        self.u = sigmoid(x_t @ W_x[0] + old @ W_h[0] + b[0])
        self.r = sigmoid(x_t @ W_x[1] + old @ W_h[1] + b[1])
        self.n = np.tanh(x_t @ W_x[2] + self.r * old @ W_h[2] + b[2])

    def backward(self, g):
        u, r, n, old = self.u, self.r, self.n, self.old
        d_n = g * u * (1 - n) * (1 + n)
        dq = d_n @ self.W_h[2].T
        da = np.stack([g * u * (1 - u) * (n - old), dq * old * r * (1 - r), d_n])
        dx_t = sum(d @ W.T for d, W in zip(da, self.W_x))
        dold = g * (1 - u) + r * dq + da[0] @ self.W_h[0].T + da[1] @ self.W_h[1].T
        dW_x = np.stack([self.x_t.T @ d for d in da])
        dW_h = np.stack([s.T @ d for s, d in zip((old, old, r * old), da)])
        return dx_t, dold, dW_x, dW_h, da.sum(axis=1)


def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    dx, dold = np.zeros(x.shape), np.zeros(h0.shape)
    totals = [np.zeros(a.shape) for a in (W_x, W_h, b)]
    for t in reversed(range(len(x))):
        real = (t < lengths)[:, None]
        g = dh[t] + dold
        step = GRUStep(x[t], h[t - 1] if t else h0, W_x, W_h, b)
        dx[t], back, *parts = step.backward(np.where(real, g, 0.0))
        dold = np.where(real, back, g)
        for total, part in zip(totals, parts):
            total += part
    return {"dx": dx, "dh0": dold, "dW_x": totals[0], "dW_h": totals[1], "db": totals[2]}
""",
        "lstm-forward": """
class Memory:
    def __init__(self, h, c, W_x, W_h, p, b):
        self.h, self.c = h.copy(), c.copy()
        self.W_x, self.W_h, self.p, self.b = W_x, W_h, p, b

    def read(self, x_t, real):
        a = [x_t @ W + self.h @ U + bias for W, U, bias in zip(self.W_x, self.W_h, self.b)]
        forget = sigmoid(a[0] + self.p[0] * self.c)
        c = forget * self.c + (1 - forget) * np.tanh(a[1])
        h = sigmoid(a[2] + self.p[1] * c) * np.tanh(c)
        np.copyto(self.h, h, where=real)
        np.copyto(self.c, c, where=real)


def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    memory, h, c = Memory(h0, c0, W_x, W_h, p, b), [], []
    for t, x_t in enumerate(x):
        memory.read(x_t, (t < lengths)[:, None])
        h.append(memory.h.copy())
        c.append(memory.c.copy())
    return np.stack(h), np.stack(c)
""",
        "lstm-backward": """
class LSTMGradients:
    def __init__(self, W_x, W_h, p, b):
        self.W_x, self.W_h, self.p, self.b = W_x, W_h, p, b
        self.dW_x, self.dW_h, self.dp, self.db = (np.zeros(a.shape) for a in (W_x, W_h, p, b))

    def step(self, gh, gc, x_t, s, q, c_t):
        a = [x_t @ self.W_x[k] + s @ self.W_h[k] + self.b[k] for k in range(3)]
        f, g = sigmoid(a[0] + self.p[0] * q), np.tanh(a[1])
        o, w = sigmoid(a[2] + self.p[1] * c_t), np.tanh(c_t)
        d_o = gh * w * o * (1 - o)
        d_c = gc + gh * (o - o * w * w) + d_o * self.p[1]
        d_f, d_g = d_c * (q - g) * f * (1 - f), d_c * (1 - f) * (1 - g * g)
        for k, d in enumerate((d_f, d_g, d_o)):
            self.dW_x[k] += x_t.T @ d
            self.dW_h[k] += s.T @ d
            self.db[k] += d.sum(axis=0)
        self.dp[0] += (d_f * q).sum(axis=0)
        self.dp[1] += (d_o * c_t).sum(axis=0)
        dx_t, ds = (
            sum(d @ W[k].T for k, d in enumerate((d_f, d_g, d_o))) for W in (self.W_x, self.W_h)
        )
        return dx_t, ds, d_c * f + d_f * self.p[0]


def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    sums, dx = LSTMGradients(W_x, W_h, p, b), np.zeros(x.shape)
    gh, gc = np.zeros(h0.shape), np.zeros(c0.shape)
    for t in reversed(range(len(x))):
        real = (t < lengths)[:, None]
        s, q = (h[t - 1], c[t - 1]) if t else (h0, c0)
        gh, gc = gh + dh[t], gc + dc[t]
        masked = np.where(real, gh, 0), np.where(real, gc, 0)
        dx[t], back_h, back_c = sums.step(*masked, x[t], s, q, c[t])
        gh, gc = np.where(real, back_h, gh), np.where(real, back_c, gc)
    found = {"dW_x": sums.dW_x, "dW_h": sums.dW_h, "dp": sums.dp, "db": sums.db}
    return found | {"dx": dx, "dh0": gh, "dc0": gc}
""",
        "two-way-forward": """
class Direction:
    def __init__(self, start, W_x, W_h, b):
        self.start, self.W_x, self.W_h, self.b = start, W_x, W_h, b

    def read(self, words):
        state = self.start
        for word in words:
            state = np.tanh(word @ self.W_x + state @ self.W_h + self.b)
            yield state


def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    s = np.zeros((2, *x.shape[:2], len(v)))
    ahead, back = (Direction(s0[k], W_x[k], W_h[k], b[k]) for k in range(2))
    for n, length in enumerate(lengths):
        words = x[:length, n]
        for t, state in enumerate(ahead.read(words)):
            s[0, t, n] = state
        for i, state in enumerate(back.read(words[::-1])):
            s[1, length - 1 - i, n] = state
    m = sigmoid(v)
    return s[1] + m * (s[0] - s[1]), s
""",
        "two-way-backward": """
class WayBack:
    def __init__(self, s, start, W_x, W_h, share):
        self.s, self.start, self.W_x, self.W_h, self.share = s, start, W_x, W_h, share
        self.dW_x, self.dW_h = np.zeros(W_x.shape), np.zeros(W_h.shape)
        self.db, self.dstart = np.zeros(start.shape), np.zeros(start.shape)

    def run(self, dy, x, steps, n, dx):
        g = np.zeros(self.start.shape)
        for i in range(len(steps) - 1, -1, -1):
            t = steps[i]
            before = self.s[steps[i - 1], n] if i else self.start
            a = (g + self.share * dy[t, n]) * (1 - self.s[t, n] ** 2)
            dx[t, n] += self.W_x @ a
            self.dW_x += x[t, n][:, None] * a
            self.dW_h += before[:, None] * a
            self.db += a
            g = self.W_h @ a
        self.dstart += g


def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    m, dx, dv = sigmoid(v), np.zeros(x.shape), np.zeros(v.shape)
    ways = [WayBack(s[k], s0[k], W_x[k], W_h[k], (m, 1 - m)[k]) for k in (0, 1)]
    for n, length in enumerate(lengths):
        ways[0].run(dy, x, range(length), n, dx)
        ways[1].run(dy, x, range(length)[::-1], n, dx)
        dv += (dy[:length, n] * (s[0] - s[1])[:length, n]).sum(axis=0)
    found = {"dx": dx, "dv": dv * m * (1 - m), "ds0": [way.dstart for way in ways]}
    for name in ("dW_x", "dW_h", "db"):
        found[name] = [getattr(way, name) for way in ways]
    return found
""",
    },
    "generators": {
        "gru-forward": """
def gru_states(x, lengths, state, W_x, W_h, b):
    for t in range(len(x)):
        u, r = (sigmoid(x[t] @ W_x[k] + state @ W_h[k] + b[k]) for k in range(2))
        n = np.tanh(x[t] @ W_x[2] + np.multiply(r, state) @ W_h[2] + b[2])
        state = np.where((lengths > t)[:, None], state * (1 - u) + n * u, state)
        yield state


def gru_forward(x, lengths, h0, W_x, W_h, b):
    return np.array(list(gru_states(x, lengths, h0, W_x, W_h, b)))
""",
        "gru-backward": """
def gru_steps_back(dh, x, lengths, h0, h, W_x, W_h, b):
    g = np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        g = g + dh[t]
        old = h[t - 1] if t else h0
        u, r = (sigmoid(x[t] @ W_x[k] + old @ W_h[k] + b[k]) for k in range(2))
        n = np.tanh(x[t] @ W_x[2] + (r * old) @ W_h[2] + b[2])
        live = np.where((lengths > t)[:, None], g, 0)
        d_n = live * u * (1 - n**2)
        q = d_n @ W_h[2].T
        da = np.stack([live * (n - old) * u * (1 - u), q * old * r * (1 - r), d_n])
        g = g - live * u + q * r + np.sum(da[:2] @ W_h[:2].transpose(0, 2, 1), axis=0)
        yield t, da, np.stack([old, old, r * old]), g


def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    dx, dW_x, dW_h, db = (np.zeros_like(a) for a in (x, W_x, W_h, b))
    for t, da, sources, dh0 in gru_steps_back(dh, x, lengths, h0, h, W_x, W_h, b):
        dx[t] = np.einsum("knh,kdh->nd", da, W_x)
        dW_x += x[t].T @ da
        dW_h += sources.transpose(0, 2, 1) @ da
        db += da.sum(axis=1)
    return {"dx": dx, "dh0": dh0, "dW_x": dW_x, "dW_h": dW_h, "db": db}
""",
        "lstm-forward": """
def lstm_states(x, lengths, s, q, W_x, W_h, p, b):
    for t, x_t in enumerate(x):
        f = sigmoid(p[0] * q + x_t @ W_x[0] + s @ W_h[0] + b[0])
        g = np.tanh(x_t @ W_x[1] + s @ W_h[1] + b[1])
        c = f * (q - g) + g
        o = sigmoid(p[1] * c + x_t @ W_x[2] + s @ W_h[2] + b[2])
        real = np.expand_dims(t < lengths, 1)
        s, q = np.where(real, o * np.tanh(c), s), np.where(real, c, q)
        yield s, q


def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    h, c = zip(*lstm_states(x, lengths, h0, c0, W_x, W_h, p, b))
    return np.array(h), np.array(c)
""",
        "lstm-backward": """
def lstm_steps_back(dh, dc, x, lengths, olds, cells, W_x, W_h, p, b):
    gh, gc = np.zeros_like(olds[0]), np.zeros_like(cells[0])
    for t in range(len(x) - 1, -1, -1):
        gh, gc = gh + dh[t], gc + dc[t]
        a_f, a_g, a_o = (x[t] @ W_x[k] + olds[t] @ W_h[k] + b[k] for k in range(3))
        f, g = sigmoid(a_f + p[0] * cells[t]), np.tanh(a_g)
        o, w = sigmoid(a_o + p[1] * cells[t + 1]), np.tanh(cells[t + 1])
        real = np.expand_dims(t < lengths, 1)
        d_o = np.where(real, gh * w * o * (1 - o), 0)
        d_c = np.where(real, gc + gh * o * (1 - w**2), 0) + d_o * p[1]
        d_f, d_g = d_c * (cells[t] - g) * f * (1 - f), d_c * (1 - f) * (1 - g**2)
        da = np.stack([d_f, d_g, d_o])
        gh = np.where(real, 0, gh) + np.einsum("knj,kij->ni", da, W_h)
        gc = np.where(real, d_c * f + d_f * p[0], gc)
        yield t, da, gh, gc


def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    olds, cells = [h0, *h], [c0, *c]
    dx, dW_x, dW_h, dp, db = (np.zeros_like(a) for a in (x, W_x, W_h, p, b))
    steps = lstm_steps_back(dh, dc, x, lengths, olds, cells, W_x, W_h, p, b)
    for t, da, dh0, dc0 in steps:
        dx[t] = np.einsum("knh,kdh->nd", da, W_x)
        dW_x += x[t].T @ da
        dW_h += olds[t].T @ da
        dp[0] += np.einsum("nh,nh->h", da[0], cells[t])
        dp[1] += np.einsum("nh,nh->h", da[2], cells[t + 1])
        db += da.sum(axis=1)
    return {"dx": dx, "dh0": dh0, "dc0": dc0, "dW_x": dW_x, "dW_h": dW_h, "dp": dp, "db": db}
""",
        "two-way-forward": """
def read(x, lengths, start, steps, W_x, W_h, b):
    state = np.broadcast_to(start, (len(lengths), len(start)))
    for t in steps:
        real = np.expand_dims(t < lengths, 1)
        state = np.where(real, np.tanh(x[t] @ W_x + state @ W_h + b), state)
        yield np.where(real, state, 0)


def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    steps = range(len(x))
    ahead = list(read(x, lengths, s0[0], steps, W_x[0], W_h[0], b[0]))
    back = list(read(x, lengths, s0[1], steps[::-1], W_x[1], W_h[1], b[1]))[::-1]
    m = sigmoid(v)
    y = (m * one + (1 - m) * two for one, two in zip(ahead, back))
    return np.array(list(y)), np.array([ahead, back])
""",
        "two-way-backward": """
def steps_back(dy, s, lengths, order, W_h):
    g = np.zeros_like(s[0])
    for t in order:
        real = np.expand_dims(t < lengths, 1)
        a = np.where(real, (dy[t] + g) * (1 - s[t] ** 2), 0)
        g = np.where(real, a @ W_h.T, g)
        yield t, a, g


def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    m = sigmoid(v)
    dx, ds0, dW_x, dW_h, db = (np.zeros_like(a) for a in (x, s0, W_x, W_h, b))
    orders = range(len(x))[::-1], range(len(x))
    for k in range(2):
        g = None
        for t, a, g in steps_back(dy * (m, 1 - m)[k], s[k], lengths, orders[k], W_h[k]):
            near = t + 1 if k else t - 1
            there = (near >= 0) & (near < lengths)
            before = np.where(there[:, None], s[k, near % len(x)], s0[k])
            dx[t] += a @ W_x[k].T
            dW_x[k] += x[t].T @ a
            dW_h[k] += before.T @ a
            db[k] += a.sum(axis=0)
        ds0[k] = g.sum(axis=0)
    dv = np.einsum("tnh,tnh->h", dy, s[0] - s[1]) * m * (1 - m)
    return {"dx": dx, "ds0": ds0, "dW_x": dW_x, "dW_h": dW_h, "db": db, "dv": dv}
""",
    },
    "dicts of gates": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    gate = {name: (W_x[k], W_h[k], b[k]) for k, name in enumerate("urn")}

    def a(name, x_t, seen):
        W, U, bias = gate[name]
        return x_t @ W + seen @ U + bias

    h = {-1: h0}
    for t in range(len(x)):
        old = h[t - 1]
        r = sigmoid(a("r", x[t], old))
        u = sigmoid(a("u", x[t], old)) * (t < lengths)[:, None]
        h[t] = old + u * (np.tanh(a("n", x[t], r * old)) - old)
    return np.stack([h[t] for t in range(len(x))])
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    W, U, bias = ({name: array[k] for k, name in enumerate("urn")} for array in (W_x, W_h, b))
    total = {part + name: 0 for part in ("x", "h", "b") for name in "urn"}
    dx, g = {}, 0
    for t in range(len(x) - 1, -1, -1):
        g = g + dh[t]
        live = g * (t < lengths)[:, None]
        old = h[t - 1] if t > 0 else h0
        u, r = (sigmoid(x[t] @ W[k] + old @ U[k] + bias[k]) for k in "ur")
        seen = {"u": old, "r": old, "n": r * old}
        n = np.tanh(x[t] @ W["n"] + seen["n"] @ U["n"] + bias["n"])
        da = {"u": live * (n - old) * u * (1 - u), "n": live * u * (1 - n**2)}
        q = da["n"] @ U["n"].T
        da["r"] = q * old * r * (1 - r)
        for k in "urn":
            total["x" + k] = total["x" + k] + x[t].T @ da[k]
            total["h" + k] = total["h" + k] + seen[k].T @ da[k]
            total["b" + k] = total["b" + k] + da[k].sum(axis=0)
        dx[t] = sum(da[k] @ W[k].T for k in "urn")
        g = g - live * u + q * r + sum(da[k] @ U[k].T for k in "ur")
    side = {part: np.stack([total[part + k] for k in "urn"]) for part in ("x", "h", "b")}
    dx = np.stack([dx[t] for t in range(len(x))])
    return {"dx": dx, "dh0": g, "dW_x": side["x"], "dW_h": side["h"], "db": side["b"]}
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    index = {"f": 0, "g": 1, "o": 2}
    h, c = {-1: h0}, {-1: c0}
    for t in range(len(x)):
        a = {k: x[t] @ W_x[i] + h[t - 1] @ W_h[i] + b[i] for k, i in index.items()}
        f = sigmoid(a["f"] + p[0] * c[t - 1])
        c[t] = f * c[t - 1] + (1 - f) * np.tanh(a["g"])
        h[t] = sigmoid(a["o"] + p[1] * c[t]) * np.tanh(c[t])
        for kept in (h, c):
            kept[t] = np.where((t < lengths)[:, None], kept[t], kept[t - 1])
    steps = range(len(x))
    return np.stack([h[t] for t in steps]), np.stack([c[t] for t in steps])
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    W, U, bias = (dict(zip("fgo", array)) for array in (W_x, W_h, b))
    dW, dU, db = ({k: 0 for k in "fgo"} for _ in range(3))
    peep, dpeep = {"f": p[0], "o": p[1]}, {"f": 0, "o": 0}
    dx, gh, gc = {}, 0, 0
    for t in range(len(x) - 1, -1, -1):
        gh, gc = gh + dh[t], gc + dc[t]
        real = (t < lengths)[:, None]
        s, q = (h[t - 1], c[t - 1]) if t > 0 else (h0, c0)
        a = {k: x[t] @ W[k] + s @ U[k] + bias[k] for k in "fgo"}
        f, g = sigmoid(a["f"] + peep["f"] * q), np.tanh(a["g"])
        o, w = sigmoid(a["o"] + peep["o"] * c[t]), np.tanh(c[t])
        da = {"o": gh * w * o * (1 - o)}
        to_c = gc + gh * o * (1 - w**2) + peep["o"] * da["o"]
        da |= {"f": to_c * (q - g) * f * (1 - f), "g": to_c * (1 - f) * (1 - g**2)}
        da = {k: real * da[k] for k in "fgo"}
        for k in "fgo":
            dW[k] = dW[k] + x[t].T @ da[k]
            dU[k] = dU[k] + s.T @ da[k]
            db[k] = db[k] + da[k].sum(axis=0)
        dpeep["f"] = dpeep["f"] + (q * da["f"]).sum(axis=0)
        dpeep["o"] = dpeep["o"] + (c[t] * da["o"]).sum(axis=0)
        dx[t] = sum(da[k] @ W[k].T for k in "fgo")
        gh = np.where(real, sum(da[k] @ U[k].T for k in "fgo"), gh)
        gc = np.where(real, to_c * f + peep["f"] * da["f"], gc)
    found = {"dW_x": dW, "dW_h": dU, "db": db, "dp": dpeep, "dx": dict(sorted(dx.items()))}
    return {k: np.stack(list(v.values())) for k, v in found.items()} | {"dh0": gh, "dc0": gc}
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    states = {}
    for n in range(N):
        for t in range(T):
            states["ahead", t, n] = states["back", t, n] = 0 * v
        reading = {"ahead": range(lengths[n]), "back": range(lengths[n])[::-1]}
        for k, way in enumerate(reading):
            state = s0[k]
            for t in reading[way]:
                state = np.tanh(x[t, n] @ W_x[k] + state @ W_h[k] + b[k])
                states[way, t, n] = state
    s = [[[states[way, t, n] for n in range(N)] for t in range(T)] for way in ("ahead", "back")]
    s, m = np.array(s), sigmoid(v)
    return {"y": m * s[0] + (1 - m) * s[1]}["y"], s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    T, N, D = x.shape
    m = sigmoid(v)
    way = {
        "ahead": (0, m, range(T)[::-1], {t: t - 1 for t in range(T)}),
        "back": (1, 1 - m, range(T), {t: t + 1 for t in range(T)}),
    }
    da, old, start = {}, {}, {}
    for name, (k, share, order, before) in way.items():
        g = np.zeros((N, len(v)))
        for t in order:
            inside = ((before[t] >= 0) & (before[t] < lengths))[:, None]
            old[name, t] = np.where(inside, s[k, min(max(before[t], 0), T - 1)], s0[k])
            real = (t < lengths)[:, None]
            da[name, t] = real * (g + share * dy[t]) * (1 - s[k, t] ** 2)
            g = np.where(real, da[name, t] @ W_h[k].T, g)
        start[name] = g.sum(axis=0)
    over = {"dW_x": lambda name, t: x[t].T @ da[name, t]}
    over["dW_h"] = lambda name, t: old[name, t].T @ da[name, t]
    over["db"] = lambda name, t: da[name, t].sum(axis=0)
    grads = {
        key: np.stack([sum(term(name, t) for t in range(T)) for name in way])
        for key, term in over.items()
    }
    dx = [sum(da[name, t] @ W_x[way[name][0]].T for name in way) for t in range(T)]
    dv = ((s[0] - s[1]) * dy).sum(axis=(0, 1)) * m * (1 - m)
    return grads | {"dx": np.stack(dx), "ds0": np.stack(list(start.values())), "dv": dv}
""",
    },
    "with warnings": all_noisy(SOLUTION),
    "float32 inside": {
        "gru-forward": """
def gru_forward(x, lengths, h0, W_x, W_h, b):
    x, h0, W_x, W_h, b = (np.float32(a) for a in (x, h0, W_x, W_h, b))
    h = np.zeros((len(x), *h0.shape), dtype=np.float32)
    for t in range(len(x)):
        old = h[t - 1] if t > 0 else h0
        u = sigmoid(x[t] @ W_x[0] + old @ W_h[0] + b[0])
        r = sigmoid(x[t] @ W_x[1] + old @ W_h[1] + b[1])
        n = np.tanh(x[t] @ W_x[2] + (r * old) @ W_h[2] + b[2])
        h[t] = np.where((t < lengths)[:, None], (1 - u) * old + u * n, old)
    return h
""",
        "gru-backward": """
def gru_backward(dh, x, lengths, h0, h, W_x, W_h, b):
    dh, x, h0, h, W_x, W_h, b = (np.float32(a) for a in (dh, x, h0, h, W_x, W_h, b))
    old = np.concatenate([h0[None], h[:-1]])
    u, r = (sigmoid(x @ W_x[k] + old @ W_h[k] + b[k]) for k in (0, 1))
    seen = r * old
    n = np.tanh(x @ W_x[2] + seen @ W_h[2] + b[2])
    da = np.zeros((3, *h.shape), dtype=np.float32)
    g = np.zeros(h0.shape, dtype=np.float32)
    for t in reversed(range(len(x))):
        g = g + dh[t]
        live = np.where((t < lengths)[:, None], g, np.float32(0))
        da[2, t] = live * u[t] * (1 - n[t] ** 2)
        q = da[2, t] @ W_h[2].T
        da[0, t] = live * (n[t] - old[t]) * u[t] * (1 - u[t])
        da[1, t] = q * old[t] * r[t] * (1 - r[t])
        g = g - live * u[t] + q * r[t] + da[0, t] @ W_h[0].T + da[1, t] @ W_h[1].T
    both = ((0, 1), (0, 1))
    return {
        "dx": da[0] @ W_x[0].T + da[1] @ W_x[1].T + da[2] @ W_x[2].T,
        "dh0": g,
        "dW_x": np.stack([np.tensordot(x, d, both) for d in da]),
        "dW_h": np.stack([np.tensordot(a, d, both) for a, d in zip((old, old, seen), da)]),
        "db": da.sum(axis=(1, 2)),
    }
""",
        "lstm-forward": """
def lstm_forward(x, lengths, h0, c0, W_x, W_h, p, b):
    x, h0, c0, W_x, W_h, p, b = (np.float32(a) for a in (x, h0, c0, W_x, W_h, p, b))
    h, c = np.zeros((2, len(x), *h0.shape), dtype=np.float32)
    s, q = h0, c0
    for t in range(len(x)):
        real = (t < lengths)[:, None]
        f = sigmoid(x[t] @ W_x[0] + s @ W_h[0] + p[0] * q + b[0])
        new = f * q + (1 - f) * np.tanh(x[t] @ W_x[1] + s @ W_h[1] + b[1])
        o = sigmoid(x[t] @ W_x[2] + s @ W_h[2] + p[1] * new + b[2])
        h[t], c[t] = np.where(real, o * np.tanh(new), s), np.where(real, new, q)
        s, q = h[t], c[t]
    return h, c
""",
        "lstm-backward": """
def lstm_backward(dh, dc, x, lengths, h0, c0, h, c, W_x, W_h, p, b):
    given = (dh, dc, x, h0, c0, h, c, W_x, W_h, p, b)
    dh, dc, x, h0, c0, h, c, W_x, W_h, p, b = (a.astype("float32") for a in given)
    s, q = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    f = sigmoid(x @ W_x[0] + s @ W_h[0] + p[0] * q + b[0])
    g = np.tanh(x @ W_x[1] + s @ W_h[1] + b[1])
    o = sigmoid(x @ W_x[2] + s @ W_h[2] + p[1] * c + b[2])
    w = np.tanh(c)
    da = np.zeros((3, *h.shape), dtype="float32")
    gh, gc = np.zeros_like(h0), np.zeros_like(c0)
    for t in reversed(range(len(x))):
        gh, gc = gh + dh[t], gc + dc[t]
        live = t < lengths
        d_o = gh * w[t] * o[t] * (1 - o[t])
        d_c = gc + gh * o[t] * (1 - w[t] ** 2) + d_o * p[1]
        d_f = d_c * (q[t] - g[t]) * f[t] * (1 - f[t])
        da[:, t, live] = np.stack([d_f, d_c * (1 - f[t]) * (1 - g[t] ** 2), d_o])[:, live]
        gh[live] = sum(da[k, t] @ W_h[k].T for k in range(3))[live]
        gc[live] = (d_c * f[t] + d_f * p[0])[live]
    both = ((0, 1), (0, 1))
    return {
        "dx": sum(da[k] @ W_x[k].T for k in range(3)),
        "dh0": gh,
        "dc0": gc,
        "dW_x": np.stack([np.tensordot(x, d, both) for d in da]),
        "dW_h": np.stack([np.tensordot(s, d, both) for d in da]),
        "dp": np.stack([(da[0] * q).sum((0, 1)), (da[2] * c).sum((0, 1))]),
        "db": da.sum((1, 2)),
    }
""",
        "two-way-forward": """
def two_way_forward(x, lengths, s0, W_x, W_h, b, v):
    x, s0, W_x, W_h, b, v = (a.astype(np.float32) for a in (x, s0, W_x, W_h, b, v))
    T, N, D = x.shape
    s = np.zeros((2, T, N, len(v)), dtype=np.float32)
    for k in range(2):
        state = np.tile(s0[k], (N, 1))
        for i in range(T):
            t = T - 1 - i if k else i
            live = t < lengths
            state[live] = np.tanh(x[t, live] @ W_x[k] + state[live] @ W_h[k] + b[k])
            s[k, t, live] = state[live]
    m = sigmoid(v)
    return m * s[0] + (1 - m) * s[1], s
""",
        "two-way-backward": """
def two_way_backward(dy, x, lengths, s, s0, W_x, W_h, b, v):
    dy, x, s, s0, W_x, W_h, v = (a.astype(np.float32) for a in (dy, x, s, s0, W_x, W_h, v))
    T, N, D = x.shape
    m = sigmoid(v)
    grads = {"d" + k: np.zeros_like(a) for k, a in dict(x=x, s0=s0, W_x=W_x, W_h=W_h).items()}
    grads["db"] = np.zeros(b.shape, dtype=np.float32)
    for k in range(2):
        g = np.zeros((N, len(v)), dtype=np.float32)
        for i in range(T):
            t = i if k else T - 1 - i
            live = t < lengths
            a = (g + dy[t] * (1 - m if k else m)) * (1 - s[k, t] ** 2) * live[:, None]
            old = np.tile(s0[k], (N, 1))
            if k == 0 and t > 0:
                old = s[0, t - 1]
            elif k == 1 and t + 1 < T:
                old[t + 1 < lengths] = s[1, t + 1][t + 1 < lengths]
            grads["dx"][t] += a @ W_x[k].T
            grads["dW_x"][k] += x[t].T @ a
            grads["dW_h"][k] += old.T @ a
            grads["db"][k] += a.sum(axis=0)
            g[live] = (a @ W_h[k].T)[live]
        grads["ds0"][k] = g.sum(axis=0)
    dv = ((s[0] - s[1]) * dy).sum(axis=(0, 1)) * m * (1 - m)
    return grads | {"dv": dv}
""",
    },
}
