"""Problem set 4: the model solution, which is the reference that answers are compared with."""

import inspect

import numpy as np

from autograder.problems.solution import ModelSolution


def sigmoid(a):
    """1 / (1 + exp(-a)), entry by entry, without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def gru_forward(
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    b: np.ndarray,
) -> np.ndarray:
    """All states h (T, N, H) of a padded batch: problem 4.1, first part."""
    T, N, _ = x.shape
    h = np.empty((T, N, h0.shape[1]))
    state = h0
    for t in range(T):
        real = (t < lengths)[:, None]
        u = sigmoid(x[t] @ W_x[0] + state @ W_h[0] + b[0])
        r = sigmoid(x[t] @ W_x[1] + state @ W_h[1] + b[1])
        n = np.tanh(x[t] @ W_x[2] + (r * state) @ W_h[2] + b[2])
        state = np.where(real, (1 - u) * state + u * n, state)
        h[t] = state
    return h


def gru_backward(
    dh: np.ndarray,
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    h: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    b: np.ndarray,
) -> dict[str, np.ndarray]:
    """Gradients with respect to x, h0 and the parameters: problem 4.1, second part."""
    grads = {"dx": np.zeros(x.shape), "dW_x": np.zeros(W_x.shape)}
    grads |= {"dW_h": np.zeros(W_h.shape), "db": np.zeros(b.shape)}
    carried = np.zeros(h0.shape)
    for t in reversed(range(len(x))):
        before = h[t - 1] if t > 0 else h0
        u = sigmoid(x[t] @ W_x[0] + before @ W_h[0] + b[0])
        r = sigmoid(x[t] @ W_x[1] + before @ W_h[1] + b[1])
        seen = r * before
        n = np.tanh(x[t] @ W_x[2] + seen @ W_h[2] + b[2])

        real = (t < lengths)[:, None]
        total = dh[t] + carried
        dnew = np.where(real, total, 0.0)  # what goes through the cell and is not held
        da_u = dnew * (n - before) * u * (1 - u)
        da_n = dnew * u * (1 - n**2)
        dseen = da_n @ W_h[2].T
        da_r = dseen * before * r * (1 - r)
        for k, (da, source) in enumerate([(da_u, before), (da_r, before), (da_n, seen)]):
            grads["dx"][t] += da @ W_x[k].T
            grads["dW_x"][k] += x[t].T @ da
            grads["dW_h"][k] += source.T @ da
            grads["db"][k] += da.sum(axis=0)
        through_gates = da_u @ W_h[0].T + da_r @ W_h[1].T
        carried = np.where(real, total * (1 - u), total) + dseen * r + through_gates
    return grads | {"dh0": carried}


def lstm_forward(
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    p: np.ndarray,
    b: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """All states h and cells c, both (T, N, H), of a padded batch: problem 4.2, first part."""
    T, N, _ = x.shape
    h, c = np.empty((2, T, N, h0.shape[1]))
    state, cell = h0, c0
    for t in range(T):
        real = (t < lengths)[:, None]
        f = sigmoid(x[t] @ W_x[0] + state @ W_h[0] + p[0] * cell + b[0])
        g = np.tanh(x[t] @ W_x[1] + state @ W_h[1] + b[1])
        new = f * cell + (1 - f) * g
        o = sigmoid(x[t] @ W_x[2] + state @ W_h[2] + p[1] * new + b[2])
        state = np.where(real, o * np.tanh(new), state)
        cell = np.where(real, new, cell)
        h[t], c[t] = state, cell
    return h, c


def lstm_backward(
    dh: np.ndarray,
    dc: np.ndarray,
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    p: np.ndarray,
    b: np.ndarray,
) -> dict[str, np.ndarray]:
    """Gradients with respect to x, h0, c0 and the parameters: problem 4.2, second part."""
    grads = {"dx": np.zeros(x.shape), "dW_x": np.zeros(W_x.shape), "dW_h": np.zeros(W_h.shape)}
    grads |= {"dp": np.zeros(p.shape), "db": np.zeros(b.shape)}
    carried_h, carried_c = np.zeros(h0.shape), np.zeros(c0.shape)
    for t in reversed(range(len(x))):
        state, cell = (h[t - 1], c[t - 1]) if t > 0 else (h0, c0)
        f = sigmoid(x[t] @ W_x[0] + state @ W_h[0] + p[0] * cell + b[0])
        g = np.tanh(x[t] @ W_x[1] + state @ W_h[1] + b[1])
        o = sigmoid(x[t] @ W_x[2] + state @ W_h[2] + p[1] * c[t] + b[2])
        shown = np.tanh(c[t])

        real = (t < lengths)[:, None]
        total_h, total_c = dh[t] + carried_h, dc[t] + carried_c
        dstate = np.where(real, total_h, 0.0)  # what goes through the cell and is not held
        da_o = dstate * shown * o * (1 - o)
        dnew = np.where(real, total_c, 0.0)
        dnew = dnew + dstate * o * (1 - shown**2) + da_o * p[1]
        da_f = dnew * (cell - g) * f * (1 - f)
        da_g = dnew * (1 - f) * (1 - g**2)
        carried_h = np.where(real, 0.0, total_h)
        carried_c = np.where(real, dnew * f + da_f * p[0], total_c)
        for k, da in enumerate([da_f, da_g, da_o]):
            carried_h = carried_h + da @ W_h[k].T
            grads["dx"][t] += da @ W_x[k].T
            grads["dW_x"][k] += x[t].T @ da
            grads["dW_h"][k] += state.T @ da
            grads["db"][k] += da.sum(axis=0)
        grads["dp"][0] += (da_f * cell).sum(axis=0)
        grads["dp"][1] += (da_o * c[t]).sum(axis=0)
    return grads | {"dh0": carried_h, "dc0": carried_c}


def two_way_forward(
    x: np.ndarray,
    lengths: np.ndarray,
    s0: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    b: np.ndarray,
    v: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs y (T, N, H) and both directions' states s (2, T, N, H): problem 4.3, first part."""
    T, N, _ = x.shape
    s = np.zeros((2, T, N, len(v)))
    for k, steps in enumerate([range(T), reversed(range(T))]):
        state = np.tile(s0[k], (N, 1))
        for t in steps:
            real = (t < lengths)[:, None]
            a = x[t] @ W_x[k] + state @ W_h[k] + b[k]
            state = np.where(real, np.tanh(a), state)
            s[k, t] = np.where(real, state, 0.0)
    m = sigmoid(v)
    y = m * s[0] + (1 - m) * s[1]
    return y, s


def two_way_backward(
    dy: np.ndarray,
    x: np.ndarray,
    lengths: np.ndarray,
    s: np.ndarray,
    s0: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    b: np.ndarray,
    v: np.ndarray,
) -> dict[str, np.ndarray]:
    """Gradients with respect to x, s0 and the parameters: problem 4.3, second part."""
    T, N, _ = x.shape
    m = sigmoid(v)
    grads = {"dx": np.zeros(x.shape), "ds0": np.zeros(s0.shape), "dW_x": np.zeros(W_x.shape)}
    grads |= {"dW_h": np.zeros(W_h.shape), "db": np.zeros(b.shape)}
    for k, steps in enumerate([reversed(range(T)), range(T)]):
        share = [m, 1 - m][k]
        carried = np.zeros((N, len(v)))
        for t in steps:
            real = (t < lengths)[:, None]
            first = (t == [0 * lengths, lengths - 1][k])[:, None]
            before = np.where(first, s0[k], s[k, [t - 1, (t + 1) % T][k]])
            total = share * dy[t] + carried
            da = np.where(real, total * (1 - s[k, t] ** 2), 0.0)
            grads["dx"][t] += da @ W_x[k].T
            grads["dW_x"][k] += x[t].T @ da
            grads["dW_h"][k] += before.T @ da
            grads["db"][k] += da.sum(axis=0)
            carried = np.where(real, da @ W_h[k].T, carried)
        grads["ds0"][k] = carried.sum(axis=0)
    dm = (dy * (s[0] - s[1])).sum(axis=(0, 1))
    return grads | {"dv": dm * m * (1 - m)}


MODEL = ModelSolution(
    {
        "gru-forward": [gru_forward],
        "gru-backward": [gru_backward],
        "lstm-forward": [lstm_forward],
        "lstm-backward": [lstm_backward],
        "two-way-forward": [two_way_forward],
        "two-way-backward": [two_way_backward],
    },
    setup=f"import numpy as np\n\n\n{inspect.getsource(sigmoid)}",
)
