"""What a decoder reads while it is trained, and a search for the sequence that it finds likeliest.

Greedy and sampled decoding are `unrolled.sampling.generate`, one symbol at a time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from unrolled.sampling import probabilities


def forced(targets: ArrayLike, first: int) -> np.ndarray:
    """Return what a decoder reads under teacher forcing: `first`, then all targets but the last.

    Step t is to write targets[t], and reads targets[t − 1], whatever it wrote there itself
    (Williams and Zipser, 1989).

    Args:
        targets: correct outputs (T, N), integers.
        first: the symbol that it reads first.

    Returns:
        Symbols (T, N), in the dtype of the targets.

    Raises:
        ValueError: the targets are no integers of that shape.
    """
    targets = np.asarray(targets)
    if targets.ndim != 2 or targets.dtype.kind not in "iu":
        got = f"shape {targets.shape} of {targets.dtype}"
        raise ValueError(f"targets: expected integers of shape (T, N), got {got}")
    read = np.roll(targets, 1, axis=0)
    read[:1] = first
    return read


def beam_search(
    step: Callable[[np.ndarray, Any], tuple[np.ndarray, Any]],
    state: Any,
    first: ArrayLike,
    width: int,
    T: int,
    end: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Look for the likeliest sequences, with the `width` best beginnings kept at every step.

    Each beginning kept is continued in all ways, and of all those the `width` of largest
    probability are kept. With width 1 this is `unrolled.sampling.generate` with `greedy`. It finds
    the likeliest sequence for sure only if no beginning was ever dropped: C to the power of T − 1
    is wide enough. (Lowerre, 1976; Sutskever, Vinyals and Le, 2014, section 3.2.)

    Args:
        step: the model, (symbols (M,), state) → (logits (M, C), new state), as `generate` wants it.
            M is N at first, and up to N · width later.
        state: what `step` is given at first: an array whose first axis is N, a tuple of such, or
            None.
        first: the symbols (N,) that `step` reads first; not part of what is returned.
        width: the number of beginnings kept, 1 or more.
        T: the number of symbols at most, 1 or more.
        end: the symbol that ends a sequence; with None all have T symbols.

    Returns:
        Symbols (at most T, N, K), filled up with `end` after a sequence's end, and the natural
        logarithms of their probabilities (N, K) in float64, the largest first. K is at most
        `width`. Where the log is −inf there was no further sequence, and the symbols mean nothing.

    Raises:
        ValueError: `width` or T is less than 1, or `first` is no row of integers.
    """
    symbols = np.asarray(first)
    if symbols.ndim != 1 or not symbols.size or symbols.dtype.kind not in "iu":
        got = f"shape {symbols.shape} of {symbols.dtype}"
        raise ValueError(f"first: expected integers of shape (N,), got {got}")
    for name, size in (("width", width), ("T", T)):
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")
    N, rows = len(symbols), np.arange(len(symbols))[:, None]
    # Of the beginnings kept. At first that is one for each sequence, with nothing in it.
    written, log_p = np.empty((0, N, 1), symbols.dtype), np.zeros((N, 1))
    ended = np.zeros((N, 1), dtype=bool)
    while len(written) < T and not (ended | (log_p == -np.inf)).all():
        logits, state = step(symbols, state)
        with np.errstate(divide="ignore"):
            log_q = np.log(probabilities(np.asarray(logits, np.float64)))
        kept, C = log_p.shape[1], log_q.shape[1]
        log_q = log_q.reshape(N, kept, C)
        if end is not None:  # what has ended goes on with `end` alone, at no cost
            log_q[ended] = np.where(np.arange(C) == end, 0, -np.inf)
        total = (log_p[..., None] + log_q).reshape(N, kept * C)
        best = np.argsort(-total, axis=1, kind="stable")[:, :width]
        parent, chosen = np.divmod(best, C)
        log_p, ended = total[rows, best], ended[rows, parent]
        if end is not None:
            ended |= chosen == end
        written = np.concatenate([written[:, rows, parent], chosen[None]])
        symbols, state = chosen.ravel(), _picked(state, (rows * kept + parent).ravel())
    return written, log_p


def _picked(state: Any, rows: np.ndarray) -> Any:
    """Return these rows of a state, each as often as it is named."""
    if state is None:
        return None
    if isinstance(state, tuple):
        return tuple(_picked(part, rows) for part in state)
    return state[rows]
