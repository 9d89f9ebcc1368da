"""Submissions to problem set 2 that test the grader: right in other styles, or wrong by name.

Each maps grade_ids of solution cells to source code; a cell that is not named keeps the model
solution.
"""

from autograder.problems.noise import all_noisy
from autograder.problems.ps2.misconceptions import CATALOGUE
from autograder.problems.ps2.reference import MODEL

SOLUTION = MODEL.sources


def stub(cell: str, statement: str) -> dict[str, str]:
    """A cell whose function takes any arguments and consists of one statement."""
    name = {"forward": "padded_forward", "backward": "padded_backward"}.get(cell, "truncated_bptt")
    return {cell: f"def {name}(*arguments):\n    {statement}\n"}


UNUSABLE: dict[str, dict[str, str]] = {
    "forward returns nothing": {
        "forward": MODEL.edited("forward", (("    return h\n", "    h\n"),)),
    },
    "dh0 missing": {
        "backward": MODEL.edited("backward", (('"dh0": carried, ', ""),)),
    },
    "empty samples raise": {
        "backward": MODEL.edited(
            "backward",
            (("    for t in", "    last = [range(n)[-1] for n in lengths]\n    for t in"),),
        ),
    },
    "backward returns an empty dict": stub("backward", "return {}"),
    "backward returns None": stub("backward", "return None"),
    "backward returns words": stub(
        "backward", 'return dict.fromkeys(("dx", "dh0", "dW_xh", "dW_hh", "db_h"), "0.5")'
    ),
    "final state not returned": {
        "truncated": MODEL.edited("truncated", (("return grads, state", "return grads"),)),
    },
}

WRONG: dict[str, dict[str, str]] = {
    **{m.name: CATALOGUE.variant(m) for m in CATALOGUE.misconceptions},
    **UNUSABLE,
}

_NUMERICAL = """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    given = {"x": x, "h0": h0, "W_xh": W_xh, "W_hh": W_hh, "b_h": b_h}
    given = {name: array.astype(KIND) for name, array in given.items()}

    def loss():
        a = given
        return (dh * padded_forward(a["x"], lengths, a["h0"], a["W_xh"], a["W_hh"], a["b_h"])).sum()

    grads = {}
    for name, array in given.items():
        grad = grads["d" + name] = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            kept = array[index]
            DERIVATIVE
            array[index] = kept
    return grads
"""

# Right to many digits on small networks, and far too slow on the large one.
TOO_SLOW: dict[str, dict[str, str]] = {
    "central differences": {
        "backward": _NUMERICAL.replace("KIND", "float").replace(
            "DERIVATIVE",
            """array[index] = kept + 1e-6
            above = loss()
            array[index] = kept - 1e-6
            grad[index] = (above - loss()) / 2e-6""",
        )
    },
    "complex step": {
        "forward": SOLUTION["forward"].replace(
            "np.empty((T, N, h0.shape[1]))", "np.empty((T, N, h0.shape[1]), W_xh.dtype)"
        ),
        "backward": _NUMERICAL.replace("KIND", "complex").replace(
            "DERIVATIVE",
            """array[index] = kept + 1e-30j
            grad[index] = loss().imag / 1e-30""",
        ),
    },
}


RIGHT: dict[str, dict[str, str]] = {
    "one sample after the other": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    T, N, D = x.shape
    h = np.zeros((T, N, len(b_h)))
    for n in range(N):
        state = h0[n]
        for t in range(T):
            if t < lengths[n]:
                state = np.tanh(x[t, n] @ W_xh + state @ W_hh + b_h)
            h[t, n] = state
    return h
""",
        "backward": """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    T, N, D = x.shape
    dx, dh0 = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b_h)
    for n in range(N):
        length = lengths[n]
        g = dh[length:, n].sum(axis=0)  # all that the held copies say
        for t in range(length - 1, -1, -1):
            g = g + dh[t, n]
            da = g * (1 - h[t, n] ** 2)
            dx[t, n] = W_xh @ da
            dW_xh += np.outer(x[t, n], da)
            dW_hh += np.outer(h[t - 1, n] if t else h0[n], da)
            db_h += da
            g = W_hh @ da
        dh0[n] = g
    return dict(dx=dx, dh0=dh0, dW_xh=dW_xh, dW_hh=dW_hh, db_h=db_h)
""",
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    total, state, start = None, h0, 0
    while start < len(x):
        xs, dhs = x[start : start + tau], dh[start : start + tau]
        left = np.array([min(max(n - start, 0), len(xs)) for n in lengths])
        h = padded_forward(xs, left, state, W_xh, W_hh, b_h)
        g = padded_backward(dhs, xs, left, state, h, W_xh, W_hh, b_h)
        g = {name: g[name] for name in ("dW_xh", "dW_hh", "db_h")}
        total = g if total is None else {name: total[name] + g[name] for name in g}
        state, start = h[-1], start + tau
    return total, state
""",
    },
    "einsum over all steps": {
        "backward": """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    before = np.concatenate([h0[None], h[:-1]])
    slope = (1 - h**2) * (np.arange(len(x))[:, None] < lengths)[..., None]
    held = (np.arange(len(x))[:, None] >= lengths)[..., None]
    da = np.empty_like(h)
    g = np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        g = g + dh[t]
        da[t] = g * slope[t]
        g = np.einsum("nj,ij->ni", da[t], W_hh) + g * held[t]
    return {
        "dx": np.einsum("tnj,ij->tni", da, W_xh),
        "dh0": g,
        "dW_xh": np.einsum("tni,tnj->ij", x, da),
        "dW_hh": np.einsum("tni,tnj->ij", before, da),
        "db_h": np.einsum("tnj->j", da),
    }
""",
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    h = padded_forward(x, lengths, h0, W_xh, W_hh, b_h)
    before = np.concatenate([h0[None], h[:-1]])
    real = (np.arange(len(x))[:, None] < lengths)[..., None]
    da, g = np.empty_like(h), np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        if (t + 1) % tau == 0:
            g = np.zeros_like(h0)  # a window ends here: nothing comes back from the next one
        g = g + dh[t]
        da[t] = np.where(real[t], g * (1 - h[t] ** 2), 0)
        g = np.where(real[t], da[t] @ W_hh.T, g)
    grads = {
        "dW_xh": np.einsum("tni,tnj->ij", x, da),
        "dW_hh": np.einsum("tni,tnj->ij", before, da),
        "db_h": da.sum((0, 1)),
    }
    return grads, h[-1]
""",
    },
    "lists of arrays": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    states = [h0]
    for t, x_t in enumerate(x):
        new = np.tanh(x_t @ W_xh + states[-1] @ W_hh + b_h)
        states.append([new[n] if t < lengths[n] else states[-1][n] for n in range(len(h0))])
        states[-1] = np.array(states[-1])
    return states[1:]
""",
        "backward": """
from collections import OrderedDict


def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    g, das = 0 * h0, []
    for dh_t, h_t, t in list(zip(dh, h, range(len(x))))[::-1]:
        g = g + dh_t
        real = np.reshape(t < lengths, (-1, 1))
        da = g * (1 - h_t * h_t) * real
        das.insert(0, da)
        g = np.dot(da, W_hh.T) + g * ~real
    before = [h0, *h[:-1]]
    return OrderedDict(
        dx=[da.dot(W_xh.T) for da in das],
        dh0=g,
        dW_xh=sum(x_t.T.dot(da) for x_t, da in zip(x, das)),
        dW_hh=sum(h_t.T.dot(da) for h_t, da in zip(before, das)),
        db_h=list(sum(da.sum(0) for da in das)),
    )
""",
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    grads, state = {}, h0
    for k in range(-(-len(x) // tau)):
        part = slice(k * tau, (k + 1) * tau)
        left = np.minimum(np.maximum(lengths - k * tau, 0), len(x[part]))
        h = padded_forward(x[part], left, state, W_xh, W_hh, b_h)
        g = padded_backward(dh[part], x[part], left, state, h, W_xh, W_hh, b_h)
        for name in ("dW_xh", "dW_hh", "db_h"):
            grads[name] = np.add(grads.get(name, 0), g[name])
        state = h[-1]
    return [grads, state]
""",
    },
    "recursion": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    def states(t, state):
        if t == len(x):
            return []
        new = np.tanh(x[t] @ W_xh + state @ W_hh + b_h)
        new[lengths <= t] = state[lengths <= t]
        return [new] + states(t + 1, new)

    return np.stack(states(0, h0))
""",
        "backward": '''
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    def back(t):
        """Gradient that step t sends to the state before it, and the sums from step t on."""
        if t == len(x):
            return np.zeros_like(h0), np.zeros_like(x), 0, 0, 0
        g, dx, dW_xh, dW_hh, db_h = back(t + 1)
        g = g + dh[t]
        live = (lengths > t)[:, None]
        da = live * g * (1 - h[t] ** 2)
        dx[t] = da @ W_xh.T
        before = h[t - 1] if t else h0
        g = da @ W_hh.T + ~live * g
        return g, dx, dW_xh + x[t].T @ da, dW_hh + before.T @ da, db_h + da.sum(0)

    g, dx, dW_xh, dW_hh, db_h = back(0)
    return {"db_h": db_h, "dW_hh": dW_hh, "dW_xh": dW_xh, "dh0": g, "dx": dx}
''',
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    now = np.clip(lengths, 0, min(tau, len(x)))
    h = padded_forward(x[:tau], now, h0, W_xh, W_hh, b_h)
    grads = padded_backward(dh[:tau], x[:tau], now, h0, h, W_xh, W_hh, b_h)
    state = h[-1]
    if len(x) > tau:
        rest, state = truncated_bptt(
            x[tau:], np.maximum(lengths - tau, 0), state, dh[tau:], tau, W_xh, W_hh, b_h
        )
        grads = {name: grads[name] + rest[name] for name in ("dW_xh", "dW_hh", "db_h")}
    return grads, state
""",
    },
    "multiplying by a mask": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    T, N, D = x.shape
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    h, state = [], h0
    for t in range(T):
        state = mask[t] * np.tanh(x[t] @ W_xh + state @ W_hh + b_h) + (1 - mask[t]) * state
        h.append(state)
    return np.array(h)
""",
        "backward": """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    T, N, D = x.shape
    H = h0.shape[1]
    mask = 1.0 * (np.arange(T)[:, None, None] < lengths[None, :, None])
    da, back = np.zeros((T, N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        back = back + dh[t]
        da[t] = mask[t] * back * (1 - h[t] ** 2)
        back = (1 - mask[t]) * back + da[t] @ W_hh.T
    flat = da.reshape(T * N, H)
    before = np.concatenate([h0[None], h[:-1]]).reshape(T * N, H)
    return {
        "dx": (flat @ W_xh.T).reshape(x.shape),
        "dh0": back,
        "dW_xh": x.reshape(T * N, D).T @ flat,
        "dW_hh": before.T @ flat,
        "db_h": np.ones(T * N) @ flat,
    }
""",
    },
    "in place, on the samples that still run": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    T, N, D = x.shape
    h = np.empty((T, N, h0.shape[1]))
    h[:] = h0
    for t in range(T):
        if t > 0:
            h[t] = h[t - 1]
        live = np.flatnonzero(t < lengths)
        a = h[t][live] @ W_hh
        a += x[t, live] @ W_xh
        a += b_h
        np.tanh(a, out=a)
        h[t, live] = a
    return h
""",
        "backward": """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    g = np.zeros(h0.shape)
    grads = {"dx": np.zeros(x.shape), "dh0": g}
    grads |= {"dW_xh": 0 * W_xh, "dW_hh": 0 * W_hh, "db_h": 0 * b_h}
    for t in range(len(x))[::-1]:
        g += dh[t]
        live = t < lengths
        before = (h[t - 1] if t else h0)[live]
        da = g[live]
        da *= 1 - h[t][live] ** 2
        grads["dx"][t, live] = da @ W_xh.T
        grads["dW_xh"] += x[t][live].T @ da
        grads["dW_hh"] += before.T @ da
        grads["db_h"] += da.sum(axis=0)
        g[live] = da @ W_hh.T
    return grads
""",
    },
    "with warnings": all_noisy(SOLUTION),
    "float32 inside": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    x, h0, W_xh, W_hh, b_h = (np.float32(a) for a in (x, h0, W_xh, W_hh, b_h))
    h = np.zeros((len(x), *h0.shape), dtype=np.float32)
    for t in range(len(x)):
        before = h[t - 1] if t > 0 else h0
        real = (t < lengths)[:, None]
        h[t] = np.where(real, np.tanh(x[t] @ W_xh + before @ W_hh + b_h), before)
    return h
""",
        "backward": """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    dh, x, h0, h, W_xh, W_hh = (np.float32(a) for a in (dh, x, h0, h, W_xh, W_hh))
    da = np.zeros(h.shape, dtype=np.float32)
    g = np.zeros(h0.shape, dtype=np.float32)
    for t in reversed(range(len(x))):
        g = g + dh[t]
        real = (t < lengths)[:, None]
        da[t] = np.where(real, g * (1 - h[t] ** 2), np.float32(0))
        g = np.where(real, da[t] @ W_hh.T, g)
    before = np.concatenate([h0[None], h[:-1]])
    return {
        "dx": da @ W_xh.T,
        "dh0": g,
        "dW_xh": np.tensordot(x, da, axes=((0, 1), (0, 1))),
        "dW_hh": np.tensordot(before, da, axes=((0, 1), (0, 1))),
        "db_h": da.sum(axis=(0, 1)),
    }
""",
    },
    "a class that holds the network": {
        "forward": """
class Network:
    def __init__(self, W_xh, W_hh, b_h):
        self.W_xh, self.W_hh, self.b_h = W_xh, W_hh, b_h

    def step(self, x_t, state):
        return np.tanh(np.dot(x_t, self.W_xh) + np.dot(state, self.W_hh) + self.b_h)


def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    network, states = Network(W_xh, W_hh, b_h), [h0]
    for t in range(x.shape[0]):
        new = network.step(x[t], states[t])
        states.append(np.where(np.expand_dims(lengths > t, 1), new, states[t]))
    return np.array(states[1:])
""",
        "backward": """
class Tape:
    def __init__(self, **shapes):
        self.grads = {name: np.zeros(shape) for name, shape in shapes.items()}

    def add(self, name, value):
        self.grads[name] = self.grads[name] + value


def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    tape = Tape(dW_xh=W_xh.shape, dW_hh=W_hh.shape, db_h=b_h.shape)
    dx, arriving = np.zeros_like(x), np.zeros_like(h0)
    for t in range(len(x), 0, -1):
        arriving = arriving + dh[t - 1]
        on = (lengths >= t)[:, np.newaxis]
        da = on * (arriving - arriving * h[t - 1] ** 2)
        tape.add("dW_xh", x[t - 1].T @ da)
        tape.add("dW_hh", (h[t - 2] if t > 1 else h0).T @ da)
        tape.add("db_h", da.sum(0))
        dx[t - 1] = da @ W_xh.T
        arriving = np.where(on, da @ W_hh.T, arriving)
    return {"dx": dx, "dh0": arriving, **tape.grads}
""",
        "truncated": """
class Truncated:
    def __init__(self, tau, weights):
        self.tau, self.weights = tau, weights
        self.grads = {"dW_xh": 0, "dW_hh": 0, "db_h": 0}

    def window(self, x, dh, left, state):
        h = padded_forward(x, left, state, *self.weights)
        grads = padded_backward(dh, x, left, state, h, *self.weights)
        self.grads = {name: total + grads[name] for name, total in self.grads.items()}
        return h[len(h) - 1]


def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    run, state = Truncated(tau, (W_xh, W_hh, b_h)), h0
    for at in range(0, len(x), tau):
        xs = x[at : at + tau]
        left = np.maximum(0, np.minimum(lengths - at, len(xs)))
        state = run.window(xs, dh[at : at + tau], left, state)
    return run.grads, state
""",
    },
    "inputs of all steps at once": {
        "forward": """
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    h = x @ W_xh + b_h
    real = np.less.outer(np.arange(len(x)), lengths)
    before = h0
    for h_t, real_t in zip(h, real):
        h_t += before @ W_hh
        np.tanh(h_t, out=h_t)
        h_t[~real_t] = before[~real_t]
        before = h_t
    return h
""",
        "backward": """
def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    T, N, H = h.shape
    real = np.less.outer(np.arange(T), lengths)[..., None].astype(float)
    slope = real * (1 - h * h)
    total = dh.copy()
    for t in range(T - 1, 0, -1):
        total[t - 1] += (total[t] * slope[t]) @ W_hh.T + (1 - real[t]) * total[t]
    da = total * slope
    before = np.insert(h[:-1], 0, h0, axis=0)
    return {
        "dx": np.matmul(da, W_xh.T),
        "dh0": da[0] @ W_hh.T + (1 - real[0]) * total[0],
        "dW_xh": np.matmul(x.swapaxes(1, 2), da).sum(axis=0),
        "dW_hh": np.matmul(before.swapaxes(1, 2), da).sum(axis=0),
        "db_h": np.add.reduce(da, axis=(0, 1)),
    }
""",
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    weights = (W_xh, W_hh, b_h)
    starts = np.arange(0, len(x), tau)
    pieces = [(x[s : s + tau], dh[s : s + tau], lengths - s) for s in starts]
    states, windows = [h0], []
    for xs, dhs, left in pieces:
        left = left.clip(0, len(xs))
        h = padded_forward(xs, left, states[-1], *weights)
        windows.append(padded_backward(dhs, xs, left, states[-1], h, *weights))
        states.append(h[-1])
    return {k: sum(w[k] for w in windows) for k in ("dW_xh", "dW_hh", "db_h")}, states[-1]
""",
    },
    "a generator of states": {
        "forward": """
def walk(x, lengths, state, W_xh, W_hh, b_h):
    for t, x_t in enumerate(x):
        keep = (t >= lengths).reshape(-1, 1)
        state = keep * state + ~keep * np.tanh(x_t @ W_xh + state @ W_hh + b_h)
        yield state


def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    return np.stack(list(walk(x, lengths, h0, W_xh, W_hh, b_h)))
""",
        "backward": """
def walk_back(dh, lengths, h, W_hh):
    arriving = 0.0
    for t in reversed(range(len(h))):
        arriving = arriving + dh[t]
        keep = (t >= lengths).reshape(-1, 1)
        da = ~keep * arriving * (1 - np.square(h[t]))
        arriving = keep * arriving + da @ W_hh.T
        yield da, arriving


def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    steps = list(walk_back(dh, lengths, h, W_hh))
    da = np.stack([da for da, _ in steps])[::-1]
    before = np.vstack([h0[None], h[:-1]])
    return {
        "dh0": steps[-1][1],
        "dx": da.dot(W_xh.T),
        "dW_xh": np.einsum("tnd,tnh->dh", x, da, optimize=True),
        "dW_hh": np.einsum("tni,tnj->ij", before, da, optimize=True),
        "db_h": da.sum(axis=1).sum(axis=0),
    }
""",
        "truncated": """
def windows(x, lengths, dh, tau):
    for s in range(0, len(x), tau):
        e = min(s + tau, len(x))
        yield x[s:e], np.clip(lengths, s, e) - s, dh[s:e]


def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    sums = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b_h)]
    state = h0
    for xs, left, dhs in windows(x, lengths, dh, tau):
        h = padded_forward(xs, left, state, W_xh, W_hh, b_h)
        grads = padded_backward(dhs, xs, left, state, h, W_xh, W_hh, b_h)
        for total, name in zip(sums, ("dW_xh", "dW_hh", "db_h")):
            total += grads[name]
        state = h[-1]
    return dict(zip(("dW_xh", "dW_hh", "db_h"), sums)), state
""",
    },
    "one step of its own functions": {
        "forward": """
def padded_step(x_t, real_t, state, W_xh, W_hh, b_h):
    joint = np.hstack([x_t, state]) @ np.vstack([W_xh, W_hh])
    return np.where(real_t[:, None], np.tanh(joint + b_h), state)


def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    h = np.zeros((len(x) + 1, *h0.shape))
    h[0] = h0
    for t in range(len(x)):
        h[t + 1] = padded_step(x[t], lengths > t, h[t], W_xh, W_hh, b_h)
    return h[1:]
""",
        "backward": """
def back_step(total, real_t, x_t, before, after, W_xh, W_hh):
    da = np.where(real_t[:, None], total * (1 - after**2), 0)
    back = np.where(real_t[:, None], da @ W_hh.T, total)
    return back, da @ W_xh.T, x_t.T @ da, before.T @ da, da.sum(0)


def padded_backward(dh, x, lengths, h0, h, W_xh, W_hh, b_h):
    all_h = np.concatenate([h0[None], h])
    back, dxs, sums = np.zeros_like(h0), [], [0, 0, 0]
    for t in range(len(x) - 1, -1, -1):
        back, dx_t, *terms = back_step(
            dh[t] + back, t < lengths, x[t], all_h[t], all_h[t + 1], W_xh, W_hh
        )
        dxs = [dx_t, *dxs]
        sums = [total + term for total, term in zip(sums, terms)]
    dW_xh, dW_hh, db_h = sums
    return {"dx": np.stack(dxs), "dh0": back, "dW_xh": dW_xh, "dW_hh": dW_hh, "db_h": db_h}
""",
        "truncated": """
def one_window(start, x, lengths, state, dh, tau, weights):
    part = slice(start, start + tau)
    left = np.clip(lengths - start, 0, len(x[part]))
    h = padded_forward(x[part], left, state, *weights)
    return padded_backward(dh[part], x[part], left, state, h, *weights), h[-1]


def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    weights, state = (W_xh, W_hh, b_h), h0
    all_grads = []
    for start in range(0, len(x), tau):
        grads, state = one_window(start, x, lengths, state, dh, tau, weights)
        all_grads.append(grads)
    names = ("dW_xh", "dW_hh", "db_h")
    return {name: np.sum([g[name] for g in all_grads], axis=0) for name in names}, state
""",
    },
    "without the functions before": {
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b_h)
    start, t = h0, 0
    while t < len(x):
        states, stop = [start], min(t + tau, len(x))
        for u in range(t, stop):
            new = np.tanh(x[u] @ W_xh + states[-1] @ W_hh + b_h)
            states.append(np.where((lengths > u)[:, None], new, states[-1]))
        g = np.zeros_like(h0)
        for u in range(stop - 1, t - 1, -1):
            g = g + dh[u]
            on = (lengths > u)[:, None]
            da = np.where(on, g * (1 - states[u - t + 1] ** 2), 0)
            dW_xh += x[u].T @ da
            dW_hh += states[u - t].T @ da
            db_h += da.sum(0)
            g = np.where(on, da @ W_hh.T, g)
        start, t = states[-1], stop
    return {"dW_xh": dW_xh, "dW_hh": dW_hh, "db_h": db_h}, start
""",
    },
    "a fold over the windows": {
        "truncated": """
def truncated_bptt(x, lengths, h0, dh, tau, W_xh, W_hh, b_h):
    from functools import reduce

    def forward(carry, start):
        state, grads = carry
        xs, dhs = x[start:][:tau], dh[start:][:tau]
        left = np.array([max(0, min(int(n) - start, len(xs))) for n in lengths])
        h = padded_forward(xs, left, state, W_xh, W_hh, b_h)
        new = padded_backward(dhs, xs, left, state, h, W_xh, W_hh, b_h)
        return h[-1], [g + new[k] for g, k in zip(grads, ("dW_xh", "dW_hh", "db_h"))]

    state, grads = reduce(forward, range(0, len(x), tau), (h0, [0.0, 0.0, 0.0]))
    return {"dW_xh": grads[0], "dW_hh": grads[1], "db_h": grads[2]}, state
""",
    },
}
