"""Problem set 4, gated cells and two directions: hidden inputs and marks.

Parameters hold one block a gate, or one a direction, along their first axis. Each block is graded
as an output of its own ("dW_x[1]"), so that marks and feedback tell the gates apart.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from autograder.problems.answers import Case, Output, UnusableError
from autograder.problems.problem import Problem
from autograder.problems.ps4.misconceptions import CATALOGUE
from autograder.problems.ps4.reference import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    two_way_backward,
    two_way_forward,
)

GRU = ("x", "lengths", "h0", "W_x", "W_h", "b")
LSTM = ("x", "lengths", "h0", "c0", "W_x", "W_h", "p", "b")
TWO_WAY = ("x", "lengths", "s0", "W_x", "W_h", "b", "v")
# How many blocks there are of what each function returns.
GRU_BLOCKS = {"dW_x": 3, "dW_h": 3, "db": 3}
LSTM_BLOCKS = GRU_BLOCKS | {"dp": 2}
TWO_WAY_BLOCKS = {"dW_x": 2, "dW_h": 2, "db": 2, "ds0": 2}

Given = dict[str, Any]


def batch(
    seed: int,
    lengths: Sequence[int],
    D: int,
    H: int,
    blocks: int,
    T: int | None = None,
    scale: float = 0.8,
) -> Given:
    """Random arguments for a batch with these lengths, padded to T steps with large rubbish.

    The rubbish makes a padded step that should not count visible; it stays finite, because
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
        "c0": rng.normal(size=(N, H)),
        "s0": rng.uniform(-0.9, 0.9, size=(2, H)),
        "W_x": scale * rng.normal(size=(blocks, D, H)),
        "W_h": scale * rng.normal(size=(blocks, H, H)),
        "p": rng.normal(size=(2, H)),
        "b": scale * rng.normal(size=(blocks, H)),
        "v": rng.normal(size=H),
        "dh": rng.normal(size=(T, N, H)),
        "dc": rng.normal(size=(T, N, H)),
        "dy": rng.normal(size=(T, N, H)),
    }


def large_batch(seed: int, blocks: int) -> Given:
    """Over 100,000 parameters: BPTT takes milliseconds, a forward pass for each takes minutes."""
    lengths, H = [10, 10, 8, 6, 4, 10, 3, 1], {3: 160, 2: 200}[blocks]
    return batch(seed, lengths, D=64, H=H, blocks=blocks, scale=1 / np.sqrt(H))


def describe(given: Given, more: str = "") -> str:
    """The size of an input in words, for feedback: no value of it is told."""
    T, N, D = given["x"].shape
    lengths = given["lengths"]
    if N > 4 or (lengths == T).all():
        words = "no padding" if (lengths == T).all() else "lengths differ"
    else:
        words = f"lengths {', '.join(map(str, lengths))}"
    return f"T={T}, N={N}, D={D}, H={given['v'].size}, {words}{more}"


def only(given: Given, names: Sequence[str]) -> Given:
    """The arguments of a function, in their order."""
    return {name: given[name] for name in names}


def in_blocks(values: Mapping[str, Any], blocks: Mapping[str, int]) -> dict[str, Any]:
    """Name each block of the arrays that have some: "dW_x[0]" and so on.

    What does not have that many blocks is put in the place of each, so that its shape is told.
    """
    named = {name: value for name, value in values.items() if name not in blocks}
    for name, count in blocks.items():
        if name in values:
            whole = values[name]
            try:
                parts = list(whole) if len(whole) == count else [whole] * count
            except TypeError:  # has no length
                parts = [whole] * count
            named |= {f"{name}[{k}]": part for k, part in enumerate(parts)}
    return named


def gradients(
    blocks: Mapping[str, int],
) -> Callable[[Any], Mapping[str, Any]]:
    """Make what reads the dict of gradients that a backward pass returns."""

    def unpack(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            kind = type(value).__name__
            raise UnusableError(f"what you returned is of type {kind}, not a dict of gradients")
        return in_blocks(value, blocks)

    return unpack


def pair(value: Any, what: str) -> tuple[Any, Any]:
    """Read an answer of two arrays.

    Raises:
        UnusableError: it is something else.
    """
    if not isinstance(value, tuple | list):
        raise UnusableError(f"what you returned is of type {type(value).__name__}, not {what}")
    if len(value) != 2:
        raise UnusableError(f"you returned {len(value)} values, not {what}")
    return value[0], value[1]


def states(value: Any) -> Mapping[str, Any]:
    """Name the one output of the GRU's forward pass."""
    return {"h": value}


def states_and_cells(value: Any) -> Mapping[str, Any]:
    """Name the two outputs of the LSTM's forward pass."""
    h, c = pair(value, "the pair (h, c)")
    return {"h": h, "c": c}


def outputs_and_states(value: Any) -> Mapping[str, Any]:
    """Name the outputs of the two-way layer's forward pass."""
    y, s = pair(value, "the pair (y, s)")
    return in_blocks({"y": y, "s": s}, {"s": 2})


# Each makes a hidden input from a batch, with the reference's answer. What a backward pass is
# given of the forward pass is the reference's, not the student's.


def gru_forward_case(group: str, given: Given) -> Case:
    """A hidden input of problem 4.1, forward."""
    arguments = only(given, GRU)
    return Case(group, arguments, states(gru_forward(**arguments)), describe(given))


def gru_backward_case(group: str, given: Given) -> Case:
    """A hidden input of problem 4.1, backward."""
    given = given | {"h": gru_forward(**only(given, GRU))}
    arguments = only(given, ("dh", *GRU[:3], "h", *GRU[3:]))
    expected = in_blocks(gru_backward(**arguments), GRU_BLOCKS)
    return Case(group, arguments, expected, describe(given))


def lstm_forward_case(group: str, given: Given) -> Case:
    """A hidden input of problem 4.2, forward."""
    arguments = only(given, LSTM)
    expected = states_and_cells(lstm_forward(**arguments))
    return Case(group, arguments, expected, describe(given, peephole_words(given)))


def lstm_backward_case(group: str, given: Given) -> Case:
    """A hidden input of problem 4.2, backward."""
    given = given | states_and_cells(lstm_forward(**only(given, LSTM)))
    arguments = only(given, ("dh", "dc", *LSTM[:4], "h", "c", *LSTM[4:]))
    expected = in_blocks(lstm_backward(**arguments), LSTM_BLOCKS)
    return Case(group, arguments, expected, describe(given, peephole_words(given)))


def peephole_words(given: Given) -> str:
    """What to add to a description where the peepholes are zero."""
    return "" if given["p"].any() else ", p=0"


def two_way_forward_case(group: str, given: Given) -> Case:
    """A hidden input of problem 4.3, forward."""
    arguments = only(given, TWO_WAY)
    return Case(group, arguments, outputs_and_states(two_way_forward(**arguments)), describe(given))


def two_way_backward_case(group: str, given: Given) -> Case:
    """A hidden input of problem 4.3, backward."""
    given = given | {"s": two_way_forward(**only(given, TWO_WAY))[1]}
    arguments = only(given, ("dy", "x", "lengths", "s", "s0", "W_x", "W_h", "b", "v"))
    expected = in_blocks(two_way_backward(**arguments), TWO_WAY_BLOCKS)
    return Case(group, arguments, expected, describe(given))


def without(given: Given, *names: str) -> Given:
    """The same batch with these arrays zero."""
    return given | {name: np.zeros_like(given[name]) for name in names}


FROM_ZERO, FROM_STATE = "one step from a zero state", "one step from a given state"
ONE, SEVERAL, PADDING, SHORT = "one step", "several steps", "padding", "lengths 0 and 1"
PLAIN = "one step without peepholes, read from h only"
LARGE = "a large network"


def forward_inputs(seed: int, single: str, blocks: int) -> list[tuple[str, Given]]:
    """What every forward pass is tried on, each input in its group.

    Args:
        seed: the inputs' seeds count up from it.
        single: the group of those with one step.
        blocks: how many blocks of weights the cell has.
    """
    return [
        (single, batch(seed, [1, 1], 2, 3, blocks)),
        (single, batch(seed + 1, [1], 3, 4, blocks)),
        (SEVERAL, batch(seed + 2, [5, 5, 5], 2, 4, blocks)),
        (SEVERAL, batch(seed + 3, [6], 3, 2, blocks)),
        (SEVERAL, batch(seed + 4, [4, 4], 1, 1, blocks)),
        (PADDING, batch(seed + 5, [5, 2, 4], 2, 4, blocks)),
        (PADDING, batch(seed + 6, [3, 4], 3, 3, blocks, T=6)),
        (SHORT, batch(seed + 7, [4, 1, 0], 2, 3, blocks)),
        (SHORT, batch(seed + 8, [0], 2, 3, blocks, T=3)),
    ]


def backward_inputs(seed: int, blocks: int) -> list[tuple[str, Given]]:
    """What every backward pass is tried on, each input in its group; see forward_inputs."""
    return [
        (ONE, batch(seed, [1, 1, 1], 2, 3, blocks)),
        (ONE, batch(seed + 1, [1], 3, 2, blocks)),
        (SEVERAL, batch(seed + 2, [2, 2], 2, 3, blocks)),
        (SEVERAL, batch(seed + 3, [6, 6, 6], 3, 5, blocks)),
        (SEVERAL, batch(seed + 4, [7], 2, 4, blocks)),
        (PADDING, batch(seed + 5, [3, 1], 2, 3, blocks)),
        (PADDING, batch(seed + 6, [5, 2, 0, 4], 3, 4, blocks, T=6)),
    ]


# Made once a process: a judge grades many submissions with them.


@cache
def gru_forward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 4.1, forward."""
    from_zero = without(batch(seed + 1, [1, 1], 2, 3, 3), "h0")
    inputs = [(FROM_ZERO, from_zero), *forward_inputs(seed + 2, FROM_STATE, 3)]
    return [gru_forward_case(group, given) for group, given in inputs]


@cache
def gru_backward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 4.1, backward."""
    return [gru_backward_case(group, given) for group, given in backward_inputs(seed + 11, 3)]


@cache
def gru_backward_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 4.1 with over 100,000 parameters."""
    return [gru_backward_case(LARGE, large_batch(seed + 18, 3))]


@cache
def lstm_forward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 4.2, forward."""
    from_zero = without(batch(seed + 21, [1, 1], 2, 3, 3), "h0", "c0")
    inputs = [(FROM_ZERO, from_zero), *forward_inputs(seed + 22, FROM_STATE, 3)]
    return [lstm_forward_case(group, given) for group, given in inputs]


@cache
def lstm_backward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 4.2, backward."""
    plain = [batch(seed + 31, [1, 1, 1], 2, 3, 3), batch(seed + 32, [1], 3, 2, 3)]
    inputs = [(PLAIN, without(given, "p", "dc")) for given in plain]
    inputs += backward_inputs(seed + 33, 3)
    return [lstm_backward_case(group, given) for group, given in inputs]


@cache
def lstm_backward_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 4.2 with over 100,000 parameters."""
    return [lstm_backward_case(LARGE, large_batch(seed + 40, 3))]


@cache
def two_way_forward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 4.3, forward."""
    return [
        two_way_forward_case(group, given) for group, given in forward_inputs(seed + 41, ONE, 2)
    ]


@cache
def two_way_backward_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 4.3, backward."""
    return [two_way_backward_case(group, given) for group, given in backward_inputs(seed + 51, 2)]


@cache
def two_way_backward_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 4.3 with over 100,000 parameters."""
    return [two_way_backward_case(LARGE, large_batch(seed + 58, 2))]


def by_block(blocks: Mapping[str, int], points: Mapping[str, float]) -> list[Output]:
    """An output for each block, each with these points."""
    return [Output(f"{name}[{k}]", points) for name, n in blocks.items() for k in range(n)]


STEPS = ("step", "sample")

GRU_FORWARD = Problem(
    "gru-forward",
    "gru_forward",
    gru_forward_cases,
    [Output("h", {FROM_ZERO: 1, FROM_STATE: 2, SEVERAL: 2, PADDING: 2, SHORT: 1}, STEPS)],
    states,
    CATALOGUE,
)
GRU_BACKWARD = Problem(
    "gru-backward",
    "gru_backward",
    gru_backward_cases,
    [
        Output("dx", {ONE: 0.5, SEVERAL: 1, PADDING: 1}, STEPS),
        Output("dh0", {ONE: 0.5, SEVERAL: 1, PADDING: 1}, ("sample",)),
        *by_block(GRU_BLOCKS, {ONE: 0.25, SEVERAL: 0.5, PADDING: 0.25}),
    ],
    gradients(GRU_BLOCKS),
    CATALOGUE,
)
GRU_BACKWARD_LARGE = Problem(
    "gru-backward",
    "gru_backward",
    gru_backward_large_cases,
    [
        Output("dx", {LARGE: 1.75}),
        Output("dh0", {LARGE: 1.5}),
        *by_block(GRU_BLOCKS, {LARGE: 0.75}),
    ],
    gradients(GRU_BLOCKS),
)
LSTM_FORWARD = Problem(
    "lstm-forward",
    "lstm_forward",
    lstm_forward_cases,
    [
        Output(name, {FROM_ZERO: 0.5, FROM_STATE: 1, SEVERAL: 1, PADDING: 1, SHORT: 0.5}, STEPS)
        for name in ("h", "c")
    ],
    states_and_cells,
    CATALOGUE,
)
LSTM_BACKWARD = Problem(
    "lstm-backward",
    "lstm_backward",
    lstm_backward_cases,
    [
        Output("dx", {PLAIN: 0.25, ONE: 0.25, SEVERAL: 0.75, PADDING: 0.5}, STEPS),
        Output("dh0", {PLAIN: 0.25, ONE: 0.25, SEVERAL: 0.75, PADDING: 0.5}, ("sample",)),
        Output("dc0", {PLAIN: 0.25, ONE: 0.25, SEVERAL: 0.5, PADDING: 0.5}, ("sample",)),
        *by_block(LSTM_BLOCKS, {PLAIN: 0.25, ONE: 0.25, SEVERAL: 0.25, PADDING: 0.25}),
    ],
    gradients(LSTM_BLOCKS),
    CATALOGUE,
)
LSTM_BACKWARD_LARGE = Problem(
    "lstm-backward",
    "lstm_backward",
    lstm_backward_large_cases,
    [
        *(Output(name, {LARGE: 1.5}) for name in ("dx", "dh0", "dc0")),
        *by_block(LSTM_BLOCKS, {LARGE: 0.5}),
    ],
    gradients(LSTM_BLOCKS),
)
TWO_WAY_FORWARD = Problem(
    "two-way-forward",
    "two_way_forward",
    two_way_forward_cases,
    [
        Output("y", {ONE: 1, SEVERAL: 1, PADDING: 1, SHORT: 0.5}, STEPS),
        Output("s[0]", {ONE: 0.5, SEVERAL: 0.5, PADDING: 0.5, SHORT: 0.25}, STEPS),
        Output("s[1]", {ONE: 0.5, SEVERAL: 0.75, PADDING: 1, SHORT: 0.5}, STEPS),
    ],
    outputs_and_states,
    CATALOGUE,
)
TWO_WAY_BACKWARD = Problem(
    "two-way-backward",
    "two_way_backward",
    two_way_backward_cases,
    [
        Output("dx", {ONE: 0.5, SEVERAL: 0.5, PADDING: 1}, STEPS),
        *by_block(TWO_WAY_BLOCKS, {ONE: 0.25, SEVERAL: 0.25, PADDING: 0.25}),
        Output("dv", {ONE: 0.5, SEVERAL: 0.5, PADDING: 1}),
    ],
    gradients(TWO_WAY_BLOCKS),
    CATALOGUE,
)
TWO_WAY_BACKWARD_LARGE = Problem(
    "two-way-backward",
    "two_way_backward",
    two_way_backward_large_cases,
    [
        Output("dx", {LARGE: 1}),
        *by_block(TWO_WAY_BLOCKS, {LARGE: 0.5}),
        Output("dv", {LARGE: 1}),
    ],
    gradients(TWO_WAY_BLOCKS),
)
