"""Problem set 2, backpropagation through time: reference answers, hidden inputs and marks."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from autograder.problems.feedback import Case, Output, UnusableError, grade


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


# Hidden inputs


def batch(
    seed: int, lengths: Sequence[int], D: int, H: int, T: int | None = None, scale: float = 0.6
) -> dict[str, Any]:
    """Random arguments for a batch with these lengths, padded to T steps with large rubbish.

    The rubbish makes a step that should have been held visible; it stays finite, because
    multiplying by a mask is a right way to hold a step.
    """
    rng = np.random.default_rng(seed)
    lengths = np.array(lengths)
    T, N = T or int(lengths.max()), len(lengths)
    x = rng.normal(size=(T, N, D))
    x[np.arange(T)[:, None] >= lengths] += 20.0
    return {
        "x": x,
        "lengths": lengths,
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "W_xh": scale * rng.normal(size=(D, H)),
        "W_hh": scale * rng.normal(size=(H, H)),
        "b_h": scale * rng.normal(size=H),
        "dh": rng.normal(size=(T, N, H)),
    }


def describe(given: Mapping[str, Any], tau: int | None = None) -> str:
    """The size of an input in words, for feedback: no value of it is told."""
    T, N, D = given["x"].shape
    lengths = given["lengths"]
    if N > 4 or (lengths == T).all():
        words = "no padding" if (lengths == T).all() else "lengths differ"
    else:
        words = f"lengths {', '.join(map(str, lengths))}"
    windows = f", tau={tau}" if tau else ""
    return f"T={T}, N={N}, D={D}, H={given['h0'].shape[1]}, {words}{windows}"


PARAMETERS = ("W_xh", "W_hh", "b_h")


def forward_case(group: str, given: dict[str, Any]) -> Case:
    """A hidden input of problem 2.1, with the reference's answer."""
    arguments = {k: given[k] for k in ("x", "lengths", "h0", *PARAMETERS)}
    return Case(group, arguments, {"h": padded_forward(**arguments)}, describe(given))


def backward_case(group: str, given: dict[str, Any]) -> Case:
    """A hidden input of problem 2.2: the states given are the reference's, not the student's."""
    h = padded_forward(**{k: given[k] for k in ("x", "lengths", "h0", *PARAMETERS)})
    arguments = {k: given[k] for k in ("dh", "x", "lengths", "h0")}
    arguments |= {"h": h} | {k: given[k] for k in PARAMETERS}
    return Case(group, arguments, padded_backward(**arguments), describe(given))


def truncated_case(group: str, given: dict[str, Any], tau: int) -> Case:
    """A hidden input of problem 2.3, with the reference's answer."""
    arguments = {k: given[k] for k in ("x", "lengths", "h0", "dh")}
    arguments |= {"tau": tau} | {k: given[k] for k in PARAMETERS}
    grads, h_T = truncated_bptt(**arguments)
    return Case(group, arguments, {**grads, "h_T": h_T}, describe(given, tau))


def large_batch(seed: int) -> dict[str, Any]:
    """123,200 parameters: BPTT takes milliseconds, one forward pass per parameter takes minutes."""
    lengths = [12, 12, 10, 7, 5, 12, 3, 1]
    return batch(seed, lengths, D=64, H=320, scale=1 / np.sqrt(320))


# Grading: each function is the last line of a hidden cell, and returns the points earned. The
# cases are made once a process: a judge grades many submissions with them.

FROM_ZERO, FROM_STATE = "one step from a zero state", "one step from a given state"
ONE, SEVERAL, PADDING, SHORT = "one step", "several steps", "padding", "lengths 0 and 1"
ONE_WINDOW, WINDOWS = "one window with the full gradient", "several windows"
PADDED_WINDOWS, LARGE = "windows with padding", "a large network"


@cache
def forward_cases() -> list[Case]:
    """The hidden inputs of grade_forward, with the answers."""
    zero = batch(1, [1, 1], D=2, H=3)
    zero["h0"][:] = 0.0
    return [
        forward_case(FROM_ZERO, zero),
        forward_case(FROM_STATE, batch(2, [1, 1], D=2, H=3)),
        forward_case(FROM_STATE, batch(3, [1], D=3, H=4)),
        forward_case(SEVERAL, batch(4, [5, 5, 5], D=2, H=4)),
        forward_case(SEVERAL, batch(5, [6], D=3, H=2)),
        forward_case(SEVERAL, batch(6, [4, 4], D=1, H=1)),
        forward_case(PADDING, batch(7, [5, 2, 4], D=2, H=4)),
        forward_case(PADDING, batch(8, [3, 4], D=3, H=3, T=6)),
        forward_case(SHORT, batch(9, [4, 1, 0], D=2, H=3)),
        forward_case(SHORT, batch(10, [0], D=2, H=3, T=3)),
    ]


def grade_forward(student: Callable) -> float:
    """Problem 2.1, 20 points."""
    points = {FROM_ZERO: 3, FROM_STATE: 3, SEVERAL: 6, PADDING: 6, SHORT: 2}
    return grade(
        student, forward_cases(), [Output("h", points, ("step", "sample"))], lambda h: {"h": h}
    )


@cache
def backward_cases() -> list[Case]:
    """The hidden inputs of grade_backward, with the answers."""
    return [
        backward_case(ONE, batch(11, [1, 1, 1], D=2, H=3)),
        backward_case(ONE, batch(12, [1], D=3, H=2)),
        backward_case(SEVERAL, batch(13, [2, 2], D=2, H=3)),
        backward_case(SEVERAL, batch(14, [6, 6, 6], D=3, H=5)),
        backward_case(SEVERAL, batch(15, [7], D=2, H=4)),
        backward_case(PADDING, batch(16, [3, 1], D=2, H=3)),
        backward_case(PADDING, batch(17, [5, 2, 0, 4], D=3, H=4, T=6)),
    ]


def grade_backward(student: Callable) -> float:
    """Problem 2.2, 25 points: 5 for each of the five gradients."""
    points = {ONE: 1, SEVERAL: 2, PADDING: 2}
    return grade(student, backward_cases(), gradients(points), named_gradients)


@cache
def backward_large_cases() -> list[Case]:
    """The hidden inputs of grade_backward_large, with the answers."""
    return [backward_case(LARGE, large_batch(18))]


def grade_backward_large(student: Callable) -> float:
    """Problem 2.2 at over 100,000 parameters, 15 points: 3 for each of the five gradients."""
    return grade(student, backward_large_cases(), gradients({LARGE: 3}), named_gradients)


@cache
def truncated_cases() -> list[Case]:
    """The hidden inputs of grade_truncated, with the answers."""
    return [
        truncated_case(ONE_WINDOW, batch(19, [4, 4], D=2, H=3), tau=4),
        truncated_case(ONE_WINDOW, batch(20, [3, 3, 3], D=3, H=4), tau=5),
        truncated_case(WINDOWS, batch(21, [6, 6], D=2, H=3), tau=3),
        truncated_case(WINDOWS, batch(22, [7], D=3, H=4), tau=2),
        truncated_case(WINDOWS, batch(23, [4, 4, 4], D=2, H=5), tau=1),
        truncated_case(PADDED_WINDOWS, batch(24, [8, 3, 5], D=2, H=4), tau=3),
        truncated_case(PADDED_WINDOWS, batch(25, [2, 0, 7], D=3, H=3, T=9), tau=4),
    ]


def grade_truncated(student: Callable) -> float:
    """Problem 2.3, 20 points: 5 for each of the three gradients and the final state."""
    points = {ONE_WINDOW: 1, WINDOWS: 2, PADDED_WINDOWS: 2}
    outputs = [Output(name, points) for name in ("dW_xh", "dW_hh", "db_h")]
    outputs.append(Output("h_T", points, ("sample",)))
    return grade(student, truncated_cases(), outputs, named_gradients_and_state)


@cache
def truncated_large_cases() -> list[Case]:
    """The hidden inputs of grade_truncated_large, with the answers."""
    return [truncated_case(LARGE, large_batch(26), tau=5)]


def grade_truncated_large(student: Callable) -> float:
    """Problem 2.3 at over 100,000 parameters, 10 points: 3 for each gradient, 1 for the state."""
    outputs = [Output(name, {LARGE: 3}) for name in ("dW_xh", "dW_hh", "db_h")]
    outputs.append(Output("h_T", {LARGE: 1}, ("sample",)))
    return grade(student, truncated_large_cases(), outputs, named_gradients_and_state)


def gradients(points: Mapping[str, float]) -> list[Output]:
    """The five outputs of problem 2.2, each with these points."""
    axes = {"dx": ("step", "sample"), "dh0": ("sample",)}
    names = ("dx", "dh0", "dW_xh", "dW_hh", "db_h")
    return [Output(name, points, axes.get(name, ())) for name in names]


def named_gradients(value: Any) -> Mapping[str, Any]:
    """Read the dict of gradients that problem 2.2 asks for."""
    if not isinstance(value, Mapping):
        raise UnusableError(
            f"what you returned is of type {type(value).__name__}, not a dict of gradients"
        )
    return value


def named_gradients_and_state(value: Any) -> Mapping[str, Any]:
    """Read the pair (dict of gradients, final state) that problem 2.3 asks for."""
    if isinstance(value, Mapping):  # the state is missing, but the gradients may be right
        return value
    if not isinstance(value, tuple | list) or len(value) != 2:
        kind = type(value).__name__
        raise UnusableError(
            f"what you returned is of type {kind}, not the pair (dict of gradients, h_T)"
        )
    grads, h_T = value
    return {**named_gradients(grads), "h_T": h_T}
