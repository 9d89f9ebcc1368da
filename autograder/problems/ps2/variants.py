"""Submissions to problem set 2 that test the grader: right in other styles, or wrong by name.

Each maps grade_ids of solution cells to source code; a cell that is not named keeps the model
solution.
"""

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

_NOISE = """
    import sys
    import warnings

    warnings.warn("this may overflow")
    print("debugging", file=sys.stderr)
    np.exp(np.array([1000.0]))
"""
NOISY = {cell: source.replace('."""\n', '."""' + _NOISE, 1) for cell, source in SOLUTION.items()}

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
    "with warnings": NOISY,
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
}
