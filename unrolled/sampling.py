"""Choosing the next symbol from logits, and generating sequences one symbol at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def probabilities(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """Return softmax(logits / temperature) over the last axis.

    Below 1 a temperature sharpens the distribution, towards the largest logit alone; above 1 it
    flattens it, towards the uniform one (Ackley, Hinton and Sejnowski, 1985).

    Args:
        logits: scores (…, C), floating-point. −inf forbids a class.
        temperature: a positive finite number.

    Returns:
        Probabilities (…, C), in the dtype of the logits.

    Raises:
        ValueError: the temperature is not positive and finite, a logit is nan or inf, or all
            classes of a position are forbidden.
    """
    logits = _logits(logits)
    p = logits - logits.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):  # −1 / 1e-320 is −inf, whose exponential is rightly 0
        divisor = logits.dtype.type(temperature)
        if not 0 < divisor < np.inf:
            raise ValueError(f"temperature: expected a positive finite number, got {temperature}")
        p /= divisor
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    return p


def greedy(logits: ArrayLike) -> np.ndarray:
    """Return the class (…) with the largest of the logits (…, C), the first if several have it.

    Raises:
        ValueError: as `probabilities`.
    """
    return _logits(logits).argmax(axis=-1)


def sampled(logits: ArrayLike, rng: np.random.Generator, temperature: float = 1.0) -> np.ndarray:
    """Draw one class (…) for each position of the logits (…, C), from `probabilities`.

    One uniform number u a position: the class is the first whose cumulative probability exceeds u.
    A class of probability 0 is never drawn.

    Raises:
        ValueError: as `probabilities`.
    """
    cumulative = probabilities(logits, temperature).cumsum(axis=-1, dtype=np.float64)
    u = rng.random((*cumulative.shape[:-1], 1)) * cumulative[..., -1:]
    return (cumulative[..., :-1] <= u).sum(axis=-1)


def generate(
    step: Callable[[np.ndarray, Any], tuple[np.ndarray, Any]],
    state: Any,
    first: ArrayLike,
    choose: Callable[[np.ndarray], np.ndarray],
    T: int,
    end: int | None = None,
) -> np.ndarray:
    """Let a model write N sequences: each symbol chosen becomes the input of the next step.

    Args:
        step: the model, (symbols (N,), state) → (logits (N, C), new state).
        state: what `step` is given at first.
        first: the symbols (N,) that `step` reads first; not part of what is returned.
        choose: logits (N, C) → symbols (N,): `greedy`, or `sampled` with its other arguments set.
        T: the number of symbols at most, 1 or more.
        end: the symbol that ends a sequence; with None all have T symbols.

    Returns:
        Symbols (at most T, N): fewer where all sequences ended before. After its end a sequence is
        filled up with `end`.

    Raises:
        ValueError: T is less than 1, or `first` is no row of integers.
    """
    symbols = np.asarray(first)
    if symbols.ndim != 1 or not symbols.size or symbols.dtype.kind not in "iu":
        got = f"shape {symbols.shape} of {symbols.dtype}"
        raise ValueError(f"first: expected integers of shape (N,), got {got}")
    if T < 1:
        raise ValueError(f"T: expected at least 1, got {T}")
    written, ended = [], np.zeros(symbols.shape, dtype=bool)
    while len(written) < T and not ended.all():
        logits, state = step(symbols, state)
        symbols = np.asarray(choose(logits))
        if end is not None:
            symbols = np.where(ended, end, symbols)
            ended |= symbols == end
        written.append(symbols)
    return np.stack(written)


def _logits(logits: ArrayLike) -> np.ndarray:
    logits = np.asarray(logits)
    if logits.ndim == 0 or 0 in logits.shape:
        raise ValueError(f"logits: expected shape (…, C), not empty, got {logits.shape}")
    if logits.dtype.kind != "f":
        raise ValueError(f"logits: expected floating-point numbers, got {logits.dtype}")
    wrong = ~(logits < np.inf)  # nan too
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(f"logits: expected numbers or −inf, got {logits[wrong][0]} at {where}")
    forbidden = (logits == -np.inf).all(axis=-1)
    if forbidden.any():
        where = np.argwhere(forbidden)[0].tolist()
        raise ValueError(f"logits: expected a class that is allowed, got −inf for all at {where}")
    return logits
