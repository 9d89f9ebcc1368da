"""Problem set 3: the model solution, which is the reference that answers are compared with."""

import numpy as np

from autograder.problems.solution import ModelSolution


def products_back(v: np.ndarray, a: np.ndarray, alpha: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """All v ∂h_T/∂h_k, k = 0 … T, as (T + 1, N, H): problem 3.1a, equation (2)."""
    back = np.empty((len(a) + 1, *v.shape))
    back[-1] = v
    for t in reversed(range(len(a))):
        slope = 1 - np.tanh(a[t]) ** 2
        through = (back[t + 1] * alpha * slope) @ W_hh.T
        back[t] = back[t + 1] * (1 - alpha) + through
    return back


def products_forward(
    u: np.ndarray, a: np.ndarray, alpha: np.ndarray, W_hh: np.ndarray
) -> np.ndarray:
    """All ∂h_t/∂h_0 u, t = 0 … T, as (T + 1, N, H): problem 3.1b, equation (3)."""
    moved = np.empty((len(a) + 1, *u.shape))
    moved[0] = u
    for t in range(len(a)):
        slope = 1 - np.tanh(a[t]) ** 2
        inside = slope * (moved[t] @ W_hh)
        moved[t + 1] = (1 - alpha) * moved[t] + alpha * inside
    return moved


def jacobian_norms(
    a: np.ndarray, alpha: np.ndarray, W_hh: np.ndarray, start: np.ndarray, rounds: int
) -> np.ndarray:
    """Norms of ∂h_T/∂h_k by power iteration, (T + 1, N) by k: problem 3.1c, equation (4)."""
    norms = np.zeros((len(a) + 1, len(start)))
    for k in range(len(a) + 1):
        u = start
        for _ in range(rounds):
            there = products_forward(u, a[k:], alpha, W_hh)[-1]
            u = products_back(there, a[k:], alpha, W_hh)[0]
            length = np.linalg.norm(u, axis=1, keepdims=True)
            u = u / np.where(length > 0, length, 1.0)
        there = products_forward(u, a[k:], alpha, W_hh)[-1]
        norms[k] = np.linalg.norm(there, axis=1)
    return norms


def clip_groups(
    gradients: dict[str, np.ndarray],
    groups: list[tuple[str, list[str]]],
    thresholds: np.ndarray,
    frozen: list[str],
) -> dict[str, np.ndarray]:
    """Each group clipped by its own rule and threshold: problem 3.2a, equations (5) to (7)."""
    clipped = {name: 0 * g if name in frozen else g for name, g in gradients.items()}
    for (kind, names), eta in zip(groups, thresholds, strict=True):
        trained = [name for name in names if name not in frozen]
        if kind == "value":
            for name in trained:
                clipped[name] = np.clip(gradients[name], -eta, eta)
            continue
        parts = [[name] for name in trained] if kind == "array" else [trained]
        for part in parts:
            largest = max((np.abs(gradients[name]).max() for name in part), default=0.0)
            if largest > 0:
                squares = [np.sum((gradients[name] / largest) ** 2) for name in part]
                norm = largest * np.sqrt(sum(squares))
                for name in part:
                    clipped[name] = gradients[name] * min(1.0, eta / norm)
    return clipped


def accumulated_update(
    micro_batches: list[dict[str, np.ndarray]],
    sizes: np.ndarray,
    groups: list[tuple[str, list[str]]],
    thresholds: np.ndarray,
    frozen: list[str],
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The clipped gradient of a whole batch, and what is not finite: problem 3.2b, (8)."""
    mean = {}
    for name in micro_batches[0]:
        weighted = [size * part[name] for size, part in zip(sizes, micro_batches, strict=True)]
        mean[name] = sum(weighted) / sum(sizes)
    bad = [name for name, g in mean.items() if name not in frozen and not np.isfinite(g).all()]
    if bad:
        return {name: np.zeros(g.shape) for name, g in mean.items()}, bad
    for name in frozen:
        mean[name] = np.zeros(mean[name].shape)
    return clip_groups(mean, groups, thresholds, frozen), bad


def orthogonal_blocks(A: np.ndarray, blocks: int, gain: float) -> np.ndarray:
    """Every block of columns made orthonormal by itself, times gain: problem 3.3a, equation (9)."""
    made = []
    for block in np.split(A, blocks, axis=1):
        rows, columns = block.shape
        Q, R = np.linalg.qr(block if rows >= columns else block.T)
        Q = Q * np.sign(np.diag(R))
        made.append(gain * Q if rows >= columns else gain * Q.T)
    return np.concatenate(made, axis=1)


def scaled_to_radius(W: np.ndarray, alpha: float, radius: float) -> np.ndarray:
    """c W, with which a leaky step at slope 1 has the given spectral radius: problem 3.3b, (10)."""
    mu = np.linalg.eigvals(W)
    square = (alpha * np.abs(mu)) ** 2
    half = alpha * (1 - alpha) * mu.real
    room = radius**2 - (1 - alpha) ** 2
    candidates = room / (half + np.sqrt(half**2 + square * room))
    return candidates.min() * W


def rotating_pairs(angles: np.ndarray, moduli: np.ndarray, H: int) -> np.ndarray:
    """W (H, H) that turns and scales each pair of units (i, i + P): problem 3.3c, (11)."""
    W = np.eye(H)
    P = len(angles)
    for i in range(P):
        c, s = np.cos(angles[i]), np.sin(angles[i])
        W[i, i] = moduli[i] * c
        W[i, i + P] = moduli[i] * s
        W[i + P, i] = -moduli[i] * s
        W[i + P, i + P] = moduli[i] * c
    return W


MODEL = ModelSolution(
    {
        "back": [products_back],
        "ahead": [products_forward],
        "norms": [jacobian_norms],
        "clip": [clip_groups],
        "update": [accumulated_update],
        "orthogonal": [orthogonal_blocks],
        "radius": [scaled_to_radius],
        "rotation": [rotating_pairs],
    }
)
