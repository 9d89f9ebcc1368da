"""Problem set 5, decoding, a module, training: hidden inputs and marks."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from autograder.problems.answers import Case, Output, UnusableError
from autograder.problems.problem import Problem
from autograder.problems.ps5 import handles
from autograder.problems.ps5.misconceptions import CATALOGUE
from autograder.problems.ps5.reference import MODEL, decode, projected_lstm
from autograder.student import ps5 as given

GREEDY, TEMPERATURE, NUCLEUS = "greedy", "a temperature", "top-p"
MINIMUM, LARGE_LOGITS = "a minimum length", "large logits"
ONE, SEVERAL, RESETS, LARGE = "one step", "several steps", "resets", "a large network"
ONE_PART, PARTS, CLIPPED = "one update, one part", "one update, several parts", "clipping"
UPDATES, BROKEN = "several updates", "broken readings"
FIRST, SECOND = "the first start", "the second start"

# 5.1 decoding


def decoder(
    seed: int,
    L: int,
    N: int,
    C: int = 6,
    H: int = 5,
    temperature: float = 1.0,
    top_p: float = 1.0,
    min_length: int = 0,
    scale: float = 1.0,
    towards_end: float = 0.0,
) -> dict[str, Any]:
    """Arguments of `decode`: a random network, and how it is to write.

    Args:
        seed: decides everything random.
        L: the number of symbols at most.
        N: samples.
        C: symbols.
        H: hidden units.
        temperature: of the softmax; 0 is greedy.
        top_p: the nucleus' share.
        min_length: the number of symbols before the end symbol may come.
        scale: of the logits.
        towards_end: added to the end symbol's logit.
    """
    rng = np.random.default_rng(seed)
    start, end = (int(symbol) for symbol in rng.permutation(C)[:2])
    b_o = 0.5 * rng.normal(size=C)
    b_o[end] += towards_end
    return {
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "W_xh": rng.normal(size=(C, H)),
        "W_hh": rng.normal(size=(H, H)),
        "b_h": rng.normal(size=H),
        "W_ho": scale * rng.normal(size=(H, C)),
        "b_o": b_o,
        "start": start,
        "end": end,
        "uniforms": rng.random((L, N)),
        "temperature": temperature,
        "top_p": top_p,
        "min_length": min_length,
    }


def alike(arguments: dict[str, Any], b_o: list[float]) -> dict[str, Any]:
    """The same call for a network without weights, whose logits are these at every step."""
    weights = ("h0", "W_xh", "W_hh", "b_h", "W_ho")
    still = {name: np.zeros_like(arguments[name]) for name in weights}
    return arguments | still | {"b_o": np.array(b_o)}


def decode_case(group: str, arguments: dict[str, Any]) -> Case:
    """A hidden input of problem 5.1, with the reference's answer."""
    L, N = arguments["uniforms"].shape
    words = f"L={L}, N={N}, C={len(arguments['b_o'])}, H={len(arguments['b_h'])}"
    for name in ("temperature", "top_p", "min_length"):
        words += f", {name}={arguments[name]:g}"
    return Case(group, arguments, decode(**arguments), words)


@cache
def decode_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 5.1."""
    tie = decoder(seed + 1, L=3, N=2, C=4, temperature=0) | {"start": 3, "end": 0}
    even = decoder(seed + 2, L=6, N=4, C=5, top_p=0.5) | {"start": 1, "end": 4}
    return [
        decode_case(GREEDY, decoder(seed + 3, L=7, N=6, temperature=0, towards_end=0.8)),
        decode_case(GREEDY, decoder(seed + 4, L=1, N=1, temperature=0)),
        decode_case(GREEDY, decoder(seed + 5, L=9, N=5, C=8, H=3, temperature=0, top_p=0.3)),
        decode_case(GREEDY, alike(tie, [0.0, 1.5, 1.5, 0.5])),
        decode_case(TEMPERATURE, decoder(seed + 6, L=8, N=6, towards_end=1)),
        decode_case(TEMPERATURE, decoder(seed + 7, L=8, N=6, temperature=0.4, towards_end=1)),
        decode_case(TEMPERATURE, decoder(seed + 8, L=6, N=8, C=9, H=4, temperature=2.5)),
        decode_case(TEMPERATURE, decoder(seed + 9, L=1, N=1, temperature=1.7)),
        decode_case(NUCLEUS, decoder(seed + 10, L=8, N=8, top_p=0.7, towards_end=0.5)),
        decode_case(NUCLEUS, decoder(seed + 11, L=8, N=8, C=9, temperature=2.2, top_p=0.6)),
        decode_case(NUCLEUS, decoder(seed + 12, L=6, N=6, temperature=0.6, top_p=0.9)),
        decode_case(NUCLEUS, decoder(seed + 13, L=5, N=3, top_p=0.05)),
        decode_case(NUCLEUS, alike(even, [0.0] * 5)),
        decode_case(MINIMUM, decoder(seed + 14, L=8, N=6, min_length=3, towards_end=3)),
        decode_case(
            MINIMUM,
            decoder(seed + 15, L=7, N=7, temperature=1.5, top_p=0.8, min_length=2, towards_end=3),
        ),
        decode_case(
            MINIMUM, decoder(seed + 16, L=6, N=5, temperature=0, min_length=2, towards_end=4)
        ),
        decode_case(MINIMUM, decoder(seed + 17, L=3, N=4, min_length=5, towards_end=2)),
        decode_case(
            LARGE_LOGITS, decoder(seed + 18, L=6, N=5, scale=400, min_length=2, towards_end=3000)
        ),
        decode_case(
            LARGE_LOGITS,
            decoder(seed + 19, L=6, N=5, scale=300, temperature=0.5, top_p=0.9, min_length=1),
        ),
    ]


def named(value: Any) -> Mapping[str, Any]:
    """Read the dict that problem 5.1 asks for."""
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise UnusableError(
            f"what you returned is of type {kind}, not a dict with symbols, lengths and logp"
        )
    return value


DECODE = Problem(
    "decode",
    "decode",
    decode_cases,
    [
        Output(
            "symbols",
            {GREEDY: 2, TEMPERATURE: 2, NUCLEUS: 3, MINIMUM: 2, LARGE_LOGITS: 1},
            ("step", "sample"),
        ),
        Output("lengths", {GREEDY: 1, TEMPERATURE: 1, MINIMUM: 1}, ("sample",)),
        Output(
            "logp",
            {GREEDY: 1, TEMPERATURE: 2, NUCLEUS: 2, MINIMUM: 1, LARGE_LOGITS: 1},
            ("sample",),
        ),
    ],
    named,
    CATALOGUE,
)

# 5.2 a module


def module_case(
    group: str,
    seed: int,
    T: int,
    N: int,
    D: int,
    H: int,
    P: int,
    start: bool = True,
    resets: float = 0.0,
) -> Case:
    """A hidden input of problem 5.2, with the reference's answer.

    Args:
        group: of marks.
        seed: decides everything random.
        T: steps.
        N: samples.
        D: input features.
        H: hidden units.
        P: size of the projection.
        start: whether a first state and cell are given.
        resets: the share of places at which a sample starts anew.
    """
    rng = np.random.default_rng(seed)
    scale = 1.5 / np.sqrt(max(H, 4))
    shapes = handles.module_shapes(D, H, P)
    weights = {name: scale * rng.normal(size=shape) for name, shape in shapes.items()}
    arguments = {
        "x": 1.5 * rng.normal(size=(T, N, D)),
        "h0": start * rng.normal(size=(1, N, P)),
        "c0": start * rng.normal(size=(1, N, H)),
        "resets": rng.random((T, N)) < resets,
        "dh": rng.normal(size=(T, N, P)),
        "dh_T": rng.normal(size=(1, N, P)),
        "dc_T": rng.normal(size=(1, N, H)),
    }
    if resets:  # both kinds of step are there, also in the first and in the last of them
        arguments["resets"][0, 0] = arguments["resets"][-1, -1] = True
        arguments["resets"][0, -1] = arguments["resets"][-1, 0] = False
    x, h0, c0, anew, dh, dh_T, dc_T = arguments.values()
    expected = projected_lstm(x, h0[0], c0[0], anew, weights, dh, dh_T[0], dc_T[0])
    for name in ("h_T", "c_T", "dh0", "dc0"):
        expected[name] = expected[name][None]
    if not start:  # then nothing is given that could have a gradient
        expected |= {name: 0 * expected[name] for name in ("dh0", "dc0")}
    expected[handles.INITIAL] = np.ones((len(weights), 3))
    words = f"T={T}, N={N}, D={D}, H={H}, P={P}, {'with' if start else 'without'} a start"
    return Case(group, arguments | weights, expected, words + (", with resets" if resets else ""))


@cache
def module_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 5.2."""
    return [
        module_case(ONE, seed + 21, T=1, N=3, D=2, H=4, P=3),
        module_case(ONE, seed + 22, T=1, N=1, D=3, H=3, P=1, start=False),
        module_case(SEVERAL, seed + 23, T=5, N=3, D=2, H=5, P=3),
        module_case(SEVERAL, seed + 24, T=6, N=1, D=3, H=4, P=2, start=False),
        module_case(SEVERAL, seed + 25, T=4, N=2, D=1, H=3, P=2),
        module_case(RESETS, seed + 26, T=6, N=4, D=2, H=4, P=3, resets=0.3),
        module_case(RESETS, seed + 27, T=5, N=2, D=3, H=5, P=2, start=False, resets=0.4),
    ]


@cache
def module_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 5.2 with 119,680 parameters: a fraction of a second."""
    return [module_case(LARGE, seed + 28, T=10, N=8, D=64, H=160, P=96)]


def pieces(value: Any) -> Mapping[str, Any]:
    """Read what `handles` makes of a student's answer."""
    if isinstance(value, UnusableError):
        raise value
    return value


MODULE = Problem(
    "module",
    "ProjectedLSTM",
    module_cases,
    [
        Output("h", {ONE: 2, SEVERAL: 1, RESETS: 2}, ("step", "sample")),
        Output("h_T", {SEVERAL: 1}, ("layer", "sample")),
        Output("c_T", {SEVERAL: 1}, ("layer", "sample")),
        Output("dx", {SEVERAL: 1, RESETS: 1}, ("step", "sample")),
        Output("dh0", {RESETS: 1}, ("layer", "sample")),
        Output("dc0", {RESETS: 1}, ("layer", "sample")),
        Output("dweight_ih_l0", {SEVERAL: 1, RESETS: 1}),
        Output("dweight_hh_l0", {SEVERAL: 1, RESETS: 1}),
        Output("dweight_hr_l0", {SEVERAL: 1, RESETS: 1}),
        Output("dbias_ih_l0", {SEVERAL: 1}),
        Output("dbias_hh_l0", {SEVERAL: 1}),
        Output(handles.INITIAL, {ONE: 1}),
    ],
    pieces,
    CATALOGUE,
    handles.module_as_function,
)
MODULE_LARGE = Problem(
    "module",
    "ProjectedLSTM",
    module_large_cases,
    [
        Output("h", {LARGE: 1}, ("step", "sample")),
        Output("dx", {LARGE: 1}, ("step", "sample")),
        *(Output(f"dweight_{name}_l0", {LARGE: 1}) for name in ("ih", "hh", "hr")),
    ],
    pieces,
    adapt=handles.module_as_function,
)

# 5.3 training


def train_case(
    group: str,
    seed: int,
    sizes: list[list[int]],
    lr: float = 0.05,
    max_norm: float = 1e6,
    broken: tuple[int, ...] = (),
    full: bool = False,
    scales: tuple[float, ...] = (),
) -> Case:
    """A hidden input of problem 5.3, with what the model solution makes of it.

    Args:
        group: of marks.
        seed: decides everything random.
        sizes: how many sequences each part of each draw has.
        lr: Adam's learning rate.
        max_norm: the threshold.
        broken: draws with a reading that is not finite, in their last part.
        full: whether all positions count.
        scales: of the inputs of each draw; 1 if there are none.
    """
    rng = np.random.default_rng(seed)
    T, D, H, C = 4, 2, 3, 3
    U, K, N = len(sizes), max(map(len, sizes)), max(map(max, sizes))
    x = 2 * rng.normal(size=(U, K, T, N, D))
    x *= np.reshape(scales or [1.0] * U, (U, 1, 1, 1, 1))
    lengths = rng.integers(1, T + 1, size=(U, K, 1, N))
    mask = np.arange(T)[:, None] < (T if full else lengths)
    mask = np.broadcast_to(mask, (U, K, T, N)).copy()
    x[~mask] += 10.0
    for u in broken:
        x[u, len(sizes[u]) - 1, 0, 0, 0] = (np.inf, np.nan)[u % 2]
    filled = np.array([[*row, *[0] * (K - len(row))] for row in sizes])
    weights = given.first_weights(seed + 1, D, H, C, np.float64)
    arguments = {
        "x": x,
        "y": rng.integers(C, size=(U, K, T, N)),
        "mask": mask,
        "sizes": filled,
        "weights": np.concatenate([2 * array.ravel() for array in weights.values()]),
        "H": H,
        "C": C,
        "lr": lr,
        "max_norm": max_norm,
    }
    model = handles.train_as_function(MODEL.names()["train"])
    found = model(**arguments)
    expected = {handles.CHANGE: found[handles.CHANGE], "losses": np.array(found["losses"])}
    words = f"{U} updates of {' and '.join(str(len(row)) for row in sizes)} parts"
    if U == 1:
        words = f"1 update of {len(sizes[0])} part{'s' if len(sizes[0]) > 1 else ''}"
    words += f", lr={lr:g}, max_norm={max_norm:g}, {'all' if full else 'not all'} positions count"
    return Case(group, arguments, expected, words + (", with broken readings" if broken else ""))


@cache
def train_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 5.3."""
    several = [[3, 1], [2, 2], [1, 4]]
    return [
        train_case(ONE_PART, seed + 31, [[3]], full=True),
        train_case(ONE_PART, seed + 33, [[1]], lr=0.2, full=True),
        train_case(PARTS, seed + 35, [[3, 1, 2]]),
        train_case(PARTS, seed + 37, [[1, 4]], lr=0.01),
        train_case(CLIPPED, seed + 39, [[2, 1]] * 3, max_norm=0.1, scales=(3, 0.3, 1)),
        train_case(UPDATES, seed + 41, several, lr=0.1),
        train_case(UPDATES, seed + 43, [[2, 1]] * 4, lr=0.02, max_norm=0.3, scales=(1, 4, 0.2, 2)),
        train_case(BROKEN, seed + 45, several, broken=(1,)),
        train_case(BROKEN, seed + 47, [[2], [1, 2], [2, 1], [3]], max_norm=0.2, broken=(0, 3)),
    ]


def fit_case(group: str, seed: int) -> Case:
    """A start of the training to a target, and held-out data."""
    weights = given.first_weights(seed)
    x, y, mask = given.batch(np.random.default_rng(seed + 1), 300)
    arguments = {
        "weights": np.concatenate([array.ravel() for array in weights.values()]),
        "x": x,
        "y": y,
        "mask": mask,
        "seed": seed + 2,
        "updates": given.BUDGET,
    }
    return Case(group, arguments, {"target": np.array(1.0)}, f"{given.BUDGET} updates")


@cache
def fit_cases(seed: int = 0) -> list[Case]:
    """The two starts of the training to a target."""
    return [fit_case(FIRST, seed + 51), fit_case(SECOND, seed + 61)]


TRAIN = Problem(
    "training",
    "train",
    train_cases,
    [
        Output(handles.CHANGE, {ONE_PART: 2, PARTS: 3, CLIPPED: 2, UPDATES: 2, BROKEN: 2}),
        Output("losses", {ONE_PART: 1, PARTS: 1, UPDATES: 1, BROKEN: 1}),
    ],
    pieces,
    CATALOGUE,
    handles.train_as_function,
)
FIT = Problem(
    "training",
    "fit",
    fit_cases,
    [Output("target", {FIRST: 5, SECOND: 5})],
    pieces,
    adapt=handles.fit_as_function,
)
