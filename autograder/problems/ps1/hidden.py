"""Problem set 1, from documents to a loss: hidden inputs and marks."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from autograder.problems.answers import Case, Output, UnusableError
from autograder.problems.problem import Problem
from autograder.problems.ps1.misconceptions import CATALOGUE
from autograder.problems.ps1.reference import (
    document_windows,
    leaky_forward,
    leaky_step,
    loss_and_gradient,
)

# 1.1: windows of documents


def windows_case(
    group: str, seed: int, sizes: Sequence[int], length: int, stride: int, pad: int
) -> Case:
    """A hidden input of problem 1.1: random documents with these numbers of tokens."""
    rng = np.random.default_rng(seed)
    documents = [rng.integers(1, 60, size=size) for size in sizes]
    arguments = {"documents": documents, "length": length, "stride": stride, "pad": pad}
    expected = {k: v.astype(float) for k, v in document_windows(**arguments).items()}
    words = f"documents of {', '.join(map(str, sizes))} tokens, length={length}, stride={stride}"
    return Case(group, arguments, expected, words)


FIT, OVERLAP = "one document cut side by side", "overlapping windows"
SHORT_LAST, SEVERAL_DOCUMENTS = "a last window that is padded", "several documents"
TINY = "documents without pairs, or with one"

# Made once a process: a judge grades many submissions with them.


@cache
def windows_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 1.1."""
    return [
        windows_case(FIT, seed + 1, [13], length=4, stride=4, pad=77),
        windows_case(FIT, seed + 2, [6], length=5, stride=5, pad=-1),
        windows_case(OVERLAP, seed + 3, [12], length=5, stride=3, pad=77),
        windows_case(OVERLAP, seed + 4, [11], length=6, stride=2, pad=0),
        windows_case(OVERLAP, seed + 5, [9], length=3, stride=1, pad=-1),
        windows_case(SHORT_LAST, seed + 6, [12], length=4, stride=4, pad=77),
        windows_case(SHORT_LAST, seed + 7, [15], length=6, stride=3, pad=-1),
        windows_case(SHORT_LAST, seed + 8, [5], length=7, stride=2, pad=88),
        windows_case(SEVERAL_DOCUMENTS, seed + 9, [9, 14, 4], length=4, stride=3, pad=77),
        windows_case(SEVERAL_DOCUMENTS, seed + 10, [6, 5, 13, 7], length=5, stride=5, pad=-1),
        windows_case(SEVERAL_DOCUMENTS, seed + 11, [4, 3], length=1, stride=1, pad=77),
        windows_case(TINY, seed + 12, [1, 8, 0, 2, 11], length=4, stride=2, pad=-1),
        windows_case(TINY, seed + 13, [0, 2, 1, 1, 2], length=3, stride=3, pad=77),
    ]


def named_windows(value: Any) -> Mapping[str, Any]:
    """Read the dict that problem 1.1 asks for."""
    if not isinstance(value, Mapping):
        raise UnusableError(
            f"what you returned is of type {type(value).__name__}, not a dict with inputs, "
            "targets, mask and document"
        )
    return value


# 1.2: the leaky network


def network(seed: int, N: int, D: int, H: int, scale: float = 0.6) -> dict[str, np.ndarray]:
    """Random parameters with leaks from 0.1 to 0.9, and first states."""
    rng = np.random.default_rng(seed)
    return {
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "W_xh": scale * rng.normal(size=(D, H)),
        "W_hh": scale * rng.normal(size=(H, H)),
        "b_h": scale * rng.normal(size=H),
        "alpha": rng.uniform(0.1, 0.9, size=H),
    }


PARAMETERS = ("W_xh", "W_hh", "b_h", "alpha")


def step_case(
    group: str, seed: int, N: int, D: int, H: int, leak: float | Sequence[float] | None = None
) -> Case:
    """A hidden input of problem 1.2a; `leak` takes the place of the random leaks."""
    given = network(seed, N, D, H)
    if leak is not None:
        given["alpha"] = np.full(H, leak, dtype=float)
    x_t = np.random.default_rng(seed + 500).normal(size=(N, D))
    arguments = {"x_t": x_t, "h_prev": given["h0"]} | {k: given[k] for k in PARAMETERS}
    return Case(group, arguments, {"h_t": leaky_step(**arguments)}, f"N={N}, D={D}, H={H}")


def padded_batch(
    seed: int, starts: Sequence[int], T: int, D: int, H: int, scale: float = 0.6
) -> dict[str, np.ndarray]:
    """Random arguments for a batch with these first real steps, padded with large rubbish.

    The rubbish makes a step that should have been held visible; it stays finite, because
    multiplying by a mask is a right way to hold a step.
    """
    x = np.random.default_rng(seed + 600).normal(size=(T, len(starts), D))
    x[np.arange(T)[:, None] < np.array(starts)] += 20.0
    given = network(seed, len(starts), D, H, scale)
    parameters = {k: given[k] for k in PARAMETERS}
    return {"x": x, "starts": np.array(starts), "h0": given["h0"], **parameters}


def sequence_case(group: str, given: dict[str, np.ndarray]) -> Case:
    """A hidden input of problem 1.2b, with the reference's answer."""
    T, N, D = given["x"].shape
    starts = given["starts"]
    words = f"starts {', '.join(map(str, starts))}" if starts.any() else "no padding"
    described = f"T={T}, N={N}, D={D}, H={given['h0'].shape[1]}, {words}"
    return Case(group, given, {"h": leaky_forward(**given)}, described)


NO_LEAK, SAME_LEAK, OWN_LEAKS = "alpha = 1", "all units leak alike", "each unit has its own leak"
ONE, SEVERAL, PADDED, NONE_REAL = (
    "one step",
    "several steps",
    "left padding",
    "samples without a real step",
)


@cache
def step_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 1.2a."""
    return [
        step_case(NO_LEAK, seed + 21, N=2, D=2, H=3, leak=1.0),
        step_case(NO_LEAK, seed + 22, N=1, D=3, H=4, leak=1.0),
        step_case(SAME_LEAK, seed + 23, N=3, D=2, H=4, leak=0.3),
        step_case(SAME_LEAK, seed + 24, N=1, D=1, H=1, leak=0.8),
        step_case(OWN_LEAKS, seed + 25, N=2, D=3, H=4),
        step_case(OWN_LEAKS, seed + 26, N=1, D=2, H=5),
        step_case(OWN_LEAKS, seed + 27, N=4, D=3, H=4),
        step_case(OWN_LEAKS, seed + 28, N=3, D=4, H=3, leak=[0.0, 0.4, 1.0]),
    ]


@cache
def sequence_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 1.2b."""
    return [
        sequence_case(ONE, padded_batch(seed + 31, [0, 0], T=1, D=2, H=3)),
        sequence_case(ONE, padded_batch(seed + 32, [0], T=1, D=3, H=4)),
        sequence_case(SEVERAL, padded_batch(seed + 33, [0, 0, 0], T=5, D=2, H=4)),
        sequence_case(SEVERAL, padded_batch(seed + 34, [0], T=7, D=3, H=2)),
        sequence_case(SEVERAL, padded_batch(seed + 35, [0, 0], T=2, D=1, H=1)),
        sequence_case(PADDED, padded_batch(seed + 36, [0, 3, 1], T=5, D=2, H=4)),
        sequence_case(PADDED, padded_batch(seed + 37, [2, 4, 1, 2], T=6, D=3, H=3)),
        sequence_case(PADDED, padded_batch(seed + 38, [3], T=4, D=2, H=3)),
        sequence_case(NONE_REAL, padded_batch(seed + 39, [4, 0, 2], T=4, D=2, H=3)),
        sequence_case(NONE_REAL, padded_batch(seed + 40, [3, 3], T=3, D=1, H=2)),
    ]


def only(name: str) -> Callable[[Any], Mapping[str, Any]]:
    """Name the one output of a function."""
    return lambda value: {name: value}


# 1.3: loss and gradient


def scored_batch(
    seed: int, mask: Sequence[Sequence[int]] | np.ndarray, C: int, scale: float = 1.0
) -> dict[str, Any]:
    """Random logits and targets under a mask (T, N); where it is 0, large rubbish."""
    rng = np.random.default_rng(seed)
    mask = np.array(mask, dtype=float)
    logits = scale * rng.normal(size=(*mask.shape, C))
    targets = rng.integers(C, size=mask.shape)
    padding = mask == 0
    logits[padding] += 30.0 * rng.normal(size=logits[padding].shape)
    targets[padding] = rng.choice([-1, C + 4], size=int(padding.sum()))
    return {"logits": logits, "targets": targets, "mask": mask}


def loss_case(group: str, given: dict[str, Any], eps: float, note: str = "") -> Case:
    """A hidden input of problem 1.3, with the reference's answer."""
    T, N, C = given["logits"].shape
    arguments = {**given, "eps": eps}
    loss, dlogits = loss_and_gradient(**arguments)
    real = given["mask"].sum(axis=0)
    words = f"T={T}, N={N}, C={C}, eps={eps:g}, "
    words += f"real steps {', '.join(f'{n:g}' for n in real)}" if N < 6 else "real steps differ"
    return Case(group, arguments, {"loss": np.array(loss), "dlogits": dlogits}, words + note)


def left_padded(T: int, starts: Sequence[int]) -> np.ndarray:
    """A mask (T, N) with its ones from these steps on."""
    return np.arange(T)[:, None] >= np.array(starts)


HOLES = [[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 1, 0], [1, 1, 1]]
PLAIN, SMOOTHED = "without smoothing and padding", "smoothing"
LENGTHS, EMPTY, HUGE = "sequences that differ in length", "empty sequences", "huge logits"
LARGE = "many logits"


@cache
def loss_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 1.3."""
    everything = left_padded(4, [0, 0, 0])
    return [
        loss_case(PLAIN, scored_batch(seed + 51, [[1, 1]], C=3), eps=0.0),
        loss_case(PLAIN, scored_batch(seed + 52, everything, C=5, scale=2.0), eps=0.0),
        loss_case(PLAIN, scored_batch(seed + 53, [[1]], C=2), eps=0.0),
        loss_case(SMOOTHED, scored_batch(seed + 54, everything, C=4), eps=0.2),
        loss_case(SMOOTHED, scored_batch(seed + 55, [[1], [1], [1]], C=2, scale=2.0), eps=0.1),
        loss_case(SMOOTHED, scored_batch(seed + 56, [[1, 1]], C=6), eps=0.35),
        loss_case(LENGTHS, scored_batch(seed + 57, left_padded(5, [0, 3, 1]), C=4), eps=0.0),
        loss_case(LENGTHS, scored_batch(seed + 58, left_padded(6, [4, 0]), C=3), eps=0.15),
        loss_case(LENGTHS, scored_batch(seed + 59, HOLES, C=5), eps=0.1, note=", with holes"),
        loss_case(EMPTY, scored_batch(seed + 60, left_padded(4, [1, 4, 0, 2]), C=3), eps=0.1),
        loss_case(EMPTY, scored_batch(seed + 61, left_padded(2, [2, 2]), C=3), eps=0.2),
        loss_case(HUGE, scored_batch(seed + 62, left_padded(3, [0, 1]), C=4, scale=2e3), eps=0.1),
        loss_case(HUGE, scored_batch(seed + 63, [[1, 1, 1]], C=3, scale=5e3), eps=0.0),
    ]


@cache
def loss_large_cases(seed: int = 0) -> list[Case]:
    """153,600 logits: one gradient takes milliseconds, one loss per logit takes minutes."""
    rng = np.random.default_rng(seed + 64)
    mask = left_padded(16, rng.integers(0, 16, size=24))
    return [loss_case(LARGE, scored_batch(seed + 65, mask, C=400, scale=2.0), eps=0.1)]


def loss_and_dlogits(value: Any) -> Mapping[str, Any]:
    """Read the pair (loss, dlogits) that problem 1.3 asks for."""
    if isinstance(value, float | np.ndarray) and np.ndim(value) == 0:
        return {"loss": value}  # the gradient is missing, but the loss may be right
    kind = f"of type {type(value).__name__}"
    if isinstance(value, tuple | list):
        if len(value) == 2:
            return dict(zip(("loss", "dlogits"), value, strict=True))
        kind = f"a {type(value).__name__} of length {len(value)}"
    raise UnusableError(f"what you returned is {kind}, not the pair (loss, dlogits)")


TOKENS = {FIT: 1, OVERLAP: 2, SHORT_LAST: 2, SEVERAL_DOCUMENTS: 2, TINY: 1}
WINDOWS = Problem(
    "windows",
    "document_windows",
    windows_cases,
    [
        Output("inputs", TOKENS, ("step", "window")),
        Output("targets", TOKENS, ("step", "window")),
        Output("mask", {SHORT_LAST: 2, SEVERAL_DOCUMENTS: 2, TINY: 1}, ("step", "window")),
        Output("document", {SEVERAL_DOCUMENTS: 3, TINY: 1}, ("window",)),
    ],
    named_windows,
    CATALOGUE,
)
STEP = Problem(
    "step",
    "leaky_step",
    step_cases,
    [Output("h_t", {NO_LEAK: 5, SAME_LEAK: 5, OWN_LEAKS: 5}, ("sample",))],
    only("h_t"),
    CATALOGUE,
)
SEQUENCE = Problem(
    "sequence",
    "leaky_forward",
    sequence_cases,
    [Output("h", {ONE: 3, SEVERAL: 6, PADDED: 8, NONE_REAL: 3}, ("step", "sample"))],
    only("h"),
    CATALOGUE,
)
OF_LOSS = {PLAIN: 1, SMOOTHED: 2, LENGTHS: 2, EMPTY: 2, HUGE: 1}
OF_GRADIENT = {PLAIN: 2, SMOOTHED: 3, LENGTHS: 3, EMPTY: 2, HUGE: 2}
LOSS = Problem(
    "loss",
    "loss_and_gradient",
    loss_cases,
    [Output("loss", OF_LOSS), Output("dlogits", OF_GRADIENT, ("step", "sample"))],
    loss_and_dlogits,
    CATALOGUE,
)
LOSS_LARGE = Problem(
    "loss",
    "loss_and_gradient",
    loss_large_cases,
    [Output("loss", {LARGE: 2}), Output("dlogits", {LARGE: 8}, ("step", "sample"))],
    loss_and_dlogits,
)
