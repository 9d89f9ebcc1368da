"""Problem set 1: the model solution, which is the reference that answers are compared with."""

import numpy as np

from autograder.problems.solution import ModelSolution


def document_windows(
    documents: list[np.ndarray], length: int, stride: int, pad: int
) -> dict[str, np.ndarray]:
    """Windows of documents, padded on the left: inputs, targets, mask and document."""
    inputs, targets, mask, origin = [], [], [], []
    for d, tokens in enumerate(documents):
        pairs = len(tokens) - 1
        more = max(0, -(-(pairs - length) // stride))
        for w in range(more + 1 if pairs > 0 else 0):
            start = w * stride
            stop = min(start + length, pairs)
            empty = length - (stop - start)
            inputs.append(np.append(np.full(empty, pad), tokens[start:stop]))
            targets.append(np.append(np.full(empty, pad), tokens[start + 1 : stop + 1]))
            mask.append(np.arange(length) >= empty)
            origin.append(d)
    columns = {"inputs": np.array(inputs).T, "targets": np.array(targets).T}
    return {**columns, "mask": np.array(mask).T, "document": np.array(origin)}


def leaky_step(
    x_t: np.ndarray,
    h_prev: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
    alpha: np.ndarray,
) -> np.ndarray:
    """The states (N, H) after one leaky step: problem 1.2, equation (1)."""
    fresh = np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)
    return (1 - alpha) * h_prev + alpha * fresh


def leaky_forward(
    x: np.ndarray,
    starts: np.ndarray,
    h0: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
    alpha: np.ndarray,
) -> np.ndarray:
    """All states h (T, N, H) of a batch that is padded on the left: problem 1.2, equation (2)."""
    h = np.empty((len(x), *h0.shape))
    state = h0
    for t in range(len(x)):
        started = (starts <= t)[:, None]
        moved = leaky_step(x[t], state, W_xh, W_hh, b_h, alpha)
        state = np.where(started, moved, state)
        h[t] = state
    return h


def loss_and_gradient(
    logits: np.ndarray, targets: np.ndarray, mask: np.ndarray, eps: float
) -> tuple[float, np.ndarray]:
    """The loss, and its gradient with respect to the logits (T, N, C): problem 1.3."""
    C = logits.shape[-1]
    z = logits - logits.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    hit = targets[..., None] == np.arange(C)
    q = np.where(hit, 1 - eps, eps / (C - 1))
    real = mask.sum(axis=0)
    weight = mask / np.maximum(real, 1) / max(np.count_nonzero(real), 1)
    loss = -(weight * (q * log_p).sum(axis=-1)).sum()
    dlogits = weight[..., None] * (np.exp(log_p) - q)
    return loss, dlogits


MODEL = ModelSolution(
    {
        "windows": [document_windows],
        "step": [leaky_step],
        "sequence": [leaky_forward],
        "loss": [loss_and_gradient],
    }
)
