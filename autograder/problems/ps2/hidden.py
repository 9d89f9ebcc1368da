"""Problem set 2, backpropagation through time: hidden inputs and marks."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from autograder.problems.answers import Case, Output, UnusableError
from autograder.problems.problem import Problem
from autograder.problems.ps2.misconceptions import CATALOGUE
from autograder.problems.ps2.reference import padded_backward, padded_forward, truncated_bptt


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


FROM_ZERO, FROM_STATE = "one step from a zero state", "one step from a given state"
ONE, SEVERAL, PADDING, SHORT = "one step", "several steps", "padding", "lengths 0 and 1"
ONE_WINDOW, WINDOWS = "one window with the full gradient", "several windows"
PADDED_WINDOWS, LARGE = "windows with padding", "a large network"


# Made once a process: a judge grades many submissions with them.


@cache
def forward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 2.1."""
    zero = batch(seed + 1, [1, 1], D=2, H=3)
    zero["h0"][:] = 0.0
    return [
        forward_case(FROM_ZERO, zero),
        forward_case(FROM_STATE, batch(seed + 2, [1, 1], D=2, H=3)),
        forward_case(FROM_STATE, batch(seed + 3, [1], D=3, H=4)),
        forward_case(SEVERAL, batch(seed + 4, [5, 5, 5], D=2, H=4)),
        forward_case(SEVERAL, batch(seed + 5, [6], D=3, H=2)),
        forward_case(SEVERAL, batch(seed + 6, [4, 4], D=1, H=1)),
        forward_case(PADDING, batch(seed + 7, [5, 2, 4], D=2, H=4)),
        forward_case(PADDING, batch(seed + 8, [3, 4], D=3, H=3, T=6)),
        forward_case(SHORT, batch(seed + 9, [4, 1, 0], D=2, H=3)),
        forward_case(SHORT, batch(seed + 10, [0], D=2, H=3, T=3)),
    ]


@cache
def backward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 2.2."""
    return [
        backward_case(ONE, batch(seed + 11, [1, 1, 1], D=2, H=3)),
        backward_case(ONE, batch(seed + 12, [1], D=3, H=2)),
        backward_case(SEVERAL, batch(seed + 13, [2, 2], D=2, H=3)),
        backward_case(SEVERAL, batch(seed + 14, [6, 6, 6], D=3, H=5)),
        backward_case(SEVERAL, batch(seed + 15, [7], D=2, H=4)),
        backward_case(PADDING, batch(seed + 16, [3, 1], D=2, H=3)),
        backward_case(PADDING, batch(seed + 17, [5, 2, 0, 4], D=3, H=4, T=6)),
    ]


@cache
def backward_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 2.2 with over 100,000 parameters."""
    return [backward_case(LARGE, large_batch(seed + 18))]


@cache
def truncated_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 2.3."""
    return [
        truncated_case(ONE_WINDOW, batch(seed + 19, [4, 4], D=2, H=3), tau=4),
        truncated_case(ONE_WINDOW, batch(seed + 20, [3, 3, 3], D=3, H=4), tau=5),
        truncated_case(WINDOWS, batch(seed + 21, [6, 6], D=2, H=3), tau=3),
        truncated_case(WINDOWS, batch(seed + 22, [7], D=3, H=4), tau=2),
        truncated_case(WINDOWS, batch(seed + 23, [4, 4, 4], D=2, H=5), tau=1),
        truncated_case(PADDED_WINDOWS, batch(seed + 24, [8, 3, 5], D=2, H=4), tau=3),
        truncated_case(PADDED_WINDOWS, batch(seed + 25, [2, 0, 7], D=3, H=3, T=9), tau=4),
    ]


@cache
def truncated_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 2.3 with over 100,000 parameters."""
    return [truncated_case(LARGE, large_batch(seed + 26), tau=5)]


def gradients(points: Mapping[str, float]) -> list[Output]:
    """The five outputs of problem 2.2, each with these points."""
    axes = {"dx": ("step", "sample"), "dh0": ("sample",)}
    names = ("dx", "dh0", "dW_xh", "dW_hh", "db_h")
    return [Output(name, points, axes.get(name, ())) for name in names]


def gradients_and_state(points: Mapping[str, float], of_state: Mapping[str, float]) -> list[Output]:
    """The four outputs of problem 2.3: each gradient with these points, the state with its own."""
    outputs = [Output(name, points) for name in ("dW_xh", "dW_hh", "db_h")]
    return [*outputs, Output("h_T", of_state, ("sample",))]


def states(value: Any) -> Mapping[str, Any]:
    """Name the one output of problem 2.1."""
    return {"h": value}


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


FORWARD = Problem(
    "forward",
    "padded_forward",
    forward_cases,
    [
        Output(
            "h", {FROM_ZERO: 3, FROM_STATE: 3, SEVERAL: 6, PADDING: 6, SHORT: 2}, ("step", "sample")
        )
    ],
    states,
    CATALOGUE,
)
BACKWARD = Problem(
    "backward",
    "padded_backward",
    backward_cases,
    gradients({ONE: 1, SEVERAL: 2, PADDING: 2}),
    named_gradients,
    CATALOGUE,
)
BACKWARD_LARGE = Problem(
    "backward", "padded_backward", backward_large_cases, gradients({LARGE: 3}), named_gradients
)
ONE_OR_MORE = {ONE_WINDOW: 1, WINDOWS: 2, PADDED_WINDOWS: 2}
TRUNCATED = Problem(
    "truncated",
    "truncated_bptt",
    truncated_cases,
    gradients_and_state(ONE_OR_MORE, ONE_OR_MORE),
    named_gradients_and_state,
    CATALOGUE,
)
TRUNCATED_LARGE = Problem(
    "truncated",
    "truncated_bptt",
    truncated_large_cases,
    gradients_and_state({LARGE: 3}, {LARGE: 1}),
    named_gradients_and_state,
)
