"""Problem set 2: the model solution, which is the reference that answers are compared with."""

import numpy as np

from autograder.problems.solution import ModelSolution


def padded_forward(
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
) -> np.ndarray:
    """All states h (T, N, H) of a padded batch: problem 2.1, equations (1) and (2)."""
    T, N, _ = x.shape
    h = np.empty((T, N, h0.shape[1]))
    state = h0
    for t in range(T):
        real = (t < lengths)[:, None]
        a = x[t] @ W_xh + state @ W_hh + b_h
        state = np.where(real, np.tanh(a), state)
        h[t] = state
    return h


def padded_backward(
    dh: np.ndarray,
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    h: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
) -> dict[str, np.ndarray]:
    """Gradients of the loss with respect to x, h0 and the parameters: problem 2.2."""
    dx = np.zeros(x.shape)
    dW_xh = np.zeros(W_xh.shape)
    dW_hh = np.zeros(W_hh.shape)
    db_h = np.zeros(b_h.shape)
    carried = np.zeros(h0.shape)
    for t in reversed(range(len(x))):
        real = (t < lengths)[:, None]
        before = h[t - 1] if t > 0 else h0
        total = dh[t] + carried
        da = np.where(real, total * (1 - h[t] ** 2), 0.0)
        dx[t] = da @ W_xh.T
        dW_xh += x[t].T @ da
        dW_hh += before.T @ da
        db_h += da.sum(axis=0)
        carried = da @ W_hh.T + np.where(real, 0.0, total)
    return {"dx": dx, "dh0": carried, "dW_xh": dW_xh, "dW_hh": dW_hh, "db_h": db_h}


def truncated_bptt(
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    dh: np.ndarray,
    tau: int,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameter gradients summed over windows of tau steps, and the final state: problem 2.3."""
    T = len(x)
    grads = {"dW_xh": 0.0, "dW_hh": 0.0, "db_h": 0.0}
    state = h0
    for start in range(0, T, tau):
        stop = min(start + tau, T)
        left = np.clip(lengths - start, 0, stop - start)
        h = padded_forward(x[start:stop], left, state, W_xh, W_hh, b_h)
        window = padded_backward(dh[start:stop], x[start:stop], left, state, h, W_xh, W_hh, b_h)
        for name in grads:
            grads[name] = grads[name] + window[name]
        state = h[-1]
    return grads, state


MODEL = ModelSolution(
    {
        "forward": [padded_forward],
        "backward": [padded_backward],
        "truncated": [truncated_bptt],
    }
)
