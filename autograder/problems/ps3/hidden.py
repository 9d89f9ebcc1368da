"""Problem set 3, gradients that vanish and explode: hidden inputs and marks."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from autograder.problems.answers import Case, Output, UnusableError
from autograder.problems.problem import Problem
from autograder.problems.ps3.misconceptions import CATALOGUE
from autograder.problems.ps3.reference import (
    accumulated_update,
    clip_groups,
    jacobian_norms,
    orthogonal_blocks,
    products_back,
    products_forward,
    rotating_pairs,
    scaled_to_radius,
)

# 3.1: products of Jacobians


def leaky_run(seed: int, T: int, N: int, H: int, scale: float = 0.8) -> dict[str, Any]:
    """Pre-activations and parameters of a run, and vectors to multiply with."""
    rng = np.random.default_rng(seed)
    return {
        "v": rng.normal(size=(N, H)),
        "a": rng.normal(size=(T, N, H)),
        "alpha": rng.uniform(0.2, 0.9, size=H),
        "W_hh": scale * rng.normal(size=(H, H)),
    }


def without_weights(given: dict[str, Any]) -> dict[str, Any]:
    """The same run in a network whose units do not see each other."""
    return given | {"W_hh": 0 * given["W_hh"]}


def without_leak(given: dict[str, Any]) -> dict[str, Any]:
    """The same run in a network that keeps nothing of the state before."""
    return given | {"alpha": np.ones(given["alpha"].shape)}


def size_of(given: Mapping[str, Any]) -> str:
    """The size of a run in words, for feedback: no value of it is told."""
    T, N, H = given["a"].shape
    return f"T={T}, N={N}, H={H}"


def back_case(group: str, given: dict[str, Any]) -> Case:
    """A hidden input of problem 3.1a, with the reference's answer."""
    return Case(group, given, {"products": products_back(**given)}, size_of(given))


def ahead_case(group: str, given: dict[str, Any]) -> Case:
    """A hidden input of problem 3.1b, with the reference's answer."""
    arguments = {"u": given["v"]} | {k: given[k] for k in ("a", "alpha", "W_hh")}
    return Case(group, arguments, {"products": products_forward(**arguments)}, size_of(given))


def norms_case(group: str, given: dict[str, Any], rounds: int) -> Case:
    """A hidden input of problem 3.1c, with the reference's answer."""
    arguments = {k: given[k] for k in ("a", "alpha", "W_hh")}
    arguments |= {"start": given["v"], "rounds": rounds}
    norms = jacobian_norms(**arguments)
    return Case(group, arguments, {"norms": norms}, f"{size_of(given)}, rounds={rounds}")


ONE, SEVERAL, LARGE = "one step", "several steps", "a large network"
NO_WEIGHTS, NO_LEAK, GONE = "W_hh = 0", "alpha = 1", "nothing passes"
ONE_ROUND = "one round"

# Made once a process: a judge grades many submissions with them.


def runs(seed: int) -> list[tuple[str, dict[str, Any]]]:
    """The runs that problems 3.1a and b have in common, by their group of marks."""
    return [
        (ONE, leaky_run(seed, T=1, N=2, H=3)),
        (ONE, leaky_run(seed + 1, T=1, N=1, H=4)),
        (NO_WEIGHTS, without_weights(leaky_run(seed + 2, T=3, N=2, H=3))),
        (NO_LEAK, without_leak(leaky_run(seed + 3, T=1, N=3, H=2))),
        (NO_LEAK, without_leak(leaky_run(seed + 4, T=4, N=2, H=4))),
        (SEVERAL, leaky_run(seed + 5, T=2, N=2, H=3)),
        (SEVERAL, leaky_run(seed + 6, T=5, N=3, H=4)),
        (SEVERAL, leaky_run(seed + 7, T=6, N=1, H=1)),
        (SEVERAL, leaky_run(seed + 8, T=7, N=1, H=5)),
    ]


@cache
def back_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.1a."""
    return [back_case(group, given) for group, given in runs(seed + 100)]


@cache
def ahead_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.1b."""
    return [ahead_case(group, given) for group, given in runs(seed + 200)]


def large_run(seed: int) -> dict[str, Any]:
    """2.4 million weights: products with vectors take moments, those of whole Jacobians minutes."""
    return leaky_run(seed, T=40, N=16, H=1536, scale=1 / np.sqrt(1536))


@cache
def back_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 3.1a with over 100,000 parameters."""
    return [back_case(LARGE, large_run(seed + 300))]


@cache
def ahead_large_cases(seed: int = 0) -> list[Case]:
    """The hidden input of problem 3.1b with over 100,000 parameters."""
    return [ahead_case(LARGE, large_run(seed + 301))]


@cache
def norms_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.1c."""
    nothing = without_leak(without_weights(leaky_run(seed + 400, T=2, N=2, H=3)))
    return [
        norms_case(ONE, leaky_run(seed + 401, T=1, N=2, H=3), rounds=2),
        norms_case(ONE, leaky_run(seed + 402, T=1, N=1, H=4), rounds=3),
        norms_case(ONE_ROUND, leaky_run(seed + 403, T=4, N=2, H=3), rounds=1),
        norms_case(ONE_ROUND, leaky_run(seed + 404, T=3, N=3, H=4), rounds=1),
        norms_case(SEVERAL, leaky_run(seed + 405, T=5, N=3, H=4), rounds=2),
        norms_case(SEVERAL, leaky_run(seed + 406, T=6, N=1, H=5), rounds=4),
        norms_case(SEVERAL, leaky_run(seed + 407, T=2, N=2, H=1), rounds=3),
        norms_case(GONE, nothing, rounds=2),
    ]


# 3.2: clipping

SHAPES = {"W_xh": (2, 3), "W_hh": (3, 3), "b_h": (3,), "W_ho": (3, 2), "b_o": (2,)}
NAMES = tuple(SHAPES)
REPORTED = "list of names"


def random_gradients(seed: int, size: float = 1.0, order: Sequence[str] = NAMES) -> dict[str, Any]:
    """Gradients of the five parameters, some of them longer than others."""
    rng = np.random.default_rng(seed)
    made = {name: size * rng.normal(size=shape) for name, shape in SHAPES.items()}
    return {name: made[name] * (3.0 if name == "W_hh" else 1.0) for name in order}


def thresholds_of(seed: int, *about: float) -> np.ndarray:
    """Thresholds near the given numbers."""
    return np.array(about) * np.random.default_rng(seed).uniform(0.9, 1.1, size=len(about))


RECURRENT, READ_OUT = ("W_xh", "W_hh", "b_h"), ("W_ho", "b_o")
MIXTURES = (
    [("global", RECURRENT), ("value", READ_OUT)],
    [("array", ("b_o", "W_hh")), ("global", ("W_xh", "W_ho")), ("value", ("b_h",))],
    [("global", ("W_hh",)), ("global", ("W_xh", "b_h"))],  # the read-out is in no group
)


def clip_case(group: str, gradients, groups, thresholds, frozen=()) -> Case:
    """A hidden input of problem 3.2a, with the reference's answer."""
    arguments = {
        "gradients": gradients,
        "groups": [(kind, list(names)) for kind, names in groups],
        "thresholds": thresholds,
        "frozen": list(frozen),
    }
    kinds = ", ".join(kind for kind, _ in groups)
    words = f"groups clipped by {kinds}; {len(frozen)} frozen"
    return Case(group, arguments, clip_groups(**arguments), words)


VALUE, ARRAY, GLOBAL = "by value", "by array", "by global norm"
GROUPS, FROZEN, EXTREME = "several groups", "frozen parameters", "huge and zero entries"


@cache
def clip_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.2a."""

    def near(number: int, *about: float) -> np.ndarray:
        return thresholds_of(seed + 500 + number, *about)

    g = [random_gradients(seed + 520 + i) for i in range(12)]
    huge = random_gradients(seed + 540, 1e200)
    none = random_gradients(seed + 541) | {name: np.zeros(SHAPES[name]) for name in READ_OUT}
    turned = random_gradients(seed + 542, order=NAMES[::-1])
    return [
        clip_case(VALUE, g[0], [("value", NAMES)], near(0, 0.8)),
        clip_case(VALUE, g[1], [("value", NAMES)], near(1, 40.0)),
        clip_case(ARRAY, g[2], [("array", NAMES)], near(2, 2.5)),
        clip_case(ARRAY, g[3], [("array", NAMES)], near(3, 60.0)),
        clip_case(GLOBAL, g[4], [("global", NAMES)], near(4, 3.0)),
        clip_case(GLOBAL, g[5], [("global", NAMES)], near(5, 90.0)),
        clip_case(GROUPS, g[6], MIXTURES[0], near(6, 2.0, 0.5)),
        clip_case(GROUPS, turned, MIXTURES[1], near(7, 1.5, 2.0, 0.4)),
        clip_case(GROUPS, g[7], MIXTURES[2], near(8, 3.0, 50.0)),
        clip_case(FROZEN, g[8], [("global", NAMES)], near(9, 4.0), ["W_hh"]),
        clip_case(FROZEN, g[9], MIXTURES[0], near(10, 3.0, 0.3), ["b_o", "W_xh"]),
        clip_case(FROZEN, g[10], MIXTURES[1], near(11, 1.5, 2.0, 0.4), ["W_ho", "b_h"]),
        clip_case(FROZEN, g[11], MIXTURES[2], near(12, 2.0, 2.0), ["W_hh"]),
        clip_case(EXTREME, huge, MIXTURES[0], near(13, 2.0, 0.5)),
        clip_case(EXTREME, none, [("array", NAMES)], near(14, 2.0)),
        clip_case(EXTREME, none, [("global", RECURRENT), ("global", READ_OUT)], near(15, 2.0, 1.0)),
    ]


def update_case(group: str, parts, sizes, groups, thresholds, frozen=()) -> Case:
    """A hidden input of problem 3.2b, with the reference's answer."""
    arguments = {
        "micro_batches": parts,
        "sizes": np.array(sizes),
        "groups": [(kind, list(names)) for kind, names in groups],
        "thresholds": thresholds,
        "frozen": list(frozen),
    }
    with np.errstate(all="ignore"):
        update, bad = accumulated_update(**arguments)
    words = f"{len(parts)} micro-batches of {', '.join(map(str, sizes))}; {len(frozen)} frozen"
    return Case(group, arguments, {**update, REPORTED: flags_of(bad)}, words)


def spoilt(gradients: dict[str, Any], **entries: float) -> dict[str, Any]:
    """The same gradients with one entry of some of them replaced."""
    made = {name: g.copy() for name, g in gradients.items()}
    for name, entry in entries.items():
        made[name].flat[-1] = entry
    return made


EQUAL, SIZES = "micro-batches of one size", "micro-batches of different sizes"
NOT_FINITE, FROZEN_BAD = "not finite", "not finite but frozen"


@cache
def update_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.2b."""

    def near(number: int, *about: float) -> np.ndarray:
        return thresholds_of(seed + 600 + number, *about)

    def parts(number: int, count: int) -> list[dict[str, Any]]:
        return [random_gradients(seed + 620 + 10 * number + i) for i in range(count)]

    everything = [("global", NAMES)]
    inf, nan, apart, both = parts(7, 3), parts(8, 2), parts(9, 2), parts(10, 3)
    inf[0] = spoilt(inf[0], W_hh=np.inf)
    nan[1] = spoilt(nan[1], b_o=np.nan)
    apart = [spoilt(apart[0], W_xh=np.inf), spoilt(apart[1], W_xh=-np.inf, W_ho=-np.inf)]
    both[1] = spoilt(both[1], W_hh=np.nan, b_h=-np.inf)
    frozen_only, frozen_too = parts(11, 2), parts(12, 2)
    frozen_only[0] = spoilt(frozen_only[0], W_xh=np.nan, b_h=np.inf)
    frozen_too[1] = spoilt(frozen_too[1], b_o=np.nan, W_ho=np.inf)
    return [
        update_case(EQUAL, parts(1, 1), [4], everything, near(1, 3.0)),
        update_case(EQUAL, parts(2, 3), [8, 8, 8], everything, near(2, 2.0)),
        update_case(EQUAL, parts(3, 2), [2, 2], MIXTURES[0], near(3, 40.0, 0.5), ["b_h"]),
        update_case(SIZES, parts(4, 3), [8, 8, 3], everything, near(4, 90.0)),
        update_case(SIZES, parts(5, 2), [5, 1], MIXTURES[1], near(5, 1.5, 2.0, 0.4)),
        update_case(SIZES, parts(6, 4), [6, 6, 6, 1], everything, near(6, 2.0), ["W_hh"]),
        update_case(NOT_FINITE, inf, [4, 4, 2], everything, near(7, 2.0)),
        update_case(NOT_FINITE, nan, [3, 1], MIXTURES[0], near(8, 2.0, 0.5)),
        update_case(NOT_FINITE, apart, [2, 2], [("value", NAMES)], near(9, 0.8)),
        update_case(NOT_FINITE, both, [4, 2, 4], MIXTURES[2], near(10, 2.0, 2.0)),
        update_case(FROZEN_BAD, frozen_only, [2, 3], everything, near(11, 2.0), ["b_h", "W_xh"]),
        update_case(FROZEN_BAD, frozen_too, [4, 3], MIXTURES[0], near(12, 2.0, 0.5), ["b_o"]),
    ]


# 3.3: initialisers


def orthogonal_case(group: str, seed: int, rows: int, columns: int, blocks: int, gain: float):
    """A hidden input of problem 3.3a, with the reference's answer."""
    A = np.random.default_rng(seed).normal(size=(rows, blocks * columns))
    arguments = {"A": A, "blocks": blocks, "gain": gain}
    words = f"{blocks} block{'s' * (blocks > 1)} of {rows} rows and {columns} columns"
    return Case(group, arguments, {"W": orthogonal_blocks(**arguments)}, words)


SQUARE, TALL, WIDE, BLOCKS = "square", "more rows", "more columns", "several blocks"


@cache
def orthogonal_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.3a."""
    return [
        orthogonal_case(SQUARE, seed + 700, 4, 4, 1, 1.0),
        orthogonal_case(SQUARE, seed + 701, 5, 5, 1, 1.4),
        orthogonal_case(SQUARE, seed + 702, 1, 1, 1, 0.7),
        orthogonal_case(TALL, seed + 703, 6, 3, 1, 0.5),
        orthogonal_case(TALL, seed + 704, 4, 1, 1, 2.0),
        orthogonal_case(WIDE, seed + 705, 3, 5, 1, 1.0),
        orthogonal_case(WIDE, seed + 706, 2, 6, 1, 1.7),
        orthogonal_case(BLOCKS, seed + 707, 4, 4, 3, 1.3),
        orthogonal_case(BLOCKS, seed + 708, 6, 3, 2, 1.0),
        orthogonal_case(BLOCKS, seed + 709, 2, 3, 4, 0.8),
    ]


def with_eigenvalues(seed: int, real: Sequence[float], pairs: Sequence[complex] = ()) -> np.ndarray:
    """A random real matrix that has these eigenvalues (of a pair, one is named)."""
    rng = np.random.default_rng(seed)
    H = len(real) + 2 * len(pairs)
    core = np.zeros((H, H))
    core[range(len(real)), range(len(real))] = real
    for i, mu in enumerate(pairs):
        at = len(real) + 2 * i
        core[at : at + 2, at : at + 2] = [[mu.real, mu.imag], [-mu.imag, mu.real]]
    basis = np.eye(H) + 0.3 * rng.uniform(-1, 1, size=(H, H))
    return basis @ core @ np.linalg.inv(basis) * rng.uniform(0.8, 1.2)


def radius_case(group: str, W: np.ndarray, alpha: float, radius: float) -> Case:
    """A hidden input of problem 3.3b, with the reference's answer."""
    arguments = {"W": W, "alpha": alpha, "radius": radius}
    words = f"H={len(W)}, alpha={alpha}"
    return Case(group, arguments, {"W": scaled_to_radius(**arguments)}, words)


REAL, COMPLEX = "real eigenvalues", "complex eigenvalues"


@cache
def radius_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.3b."""

    def gaussian(number: int, H: int) -> np.ndarray:
        return np.random.default_rng(seed + number).normal(size=(H, H))

    return [
        radius_case(NO_LEAK, gaussian(800, 4), 1.0, 0.9),
        radius_case(NO_LEAK, with_eigenvalues(seed + 801, [0.5, -2.0, 0.0]), 1.0, 1.1),
        radius_case(REAL, with_eigenvalues(seed + 802, [-1.5, 1.0, 0.3]), 0.3, 0.95),
        radius_case(REAL, with_eigenvalues(seed + 803, [-0.8, -0.4]), 0.5, 1.2),
        radius_case(REAL, with_eigenvalues(seed + 804, [1.2, -1.1, 0.0]), 0.6, 0.9),
        radius_case(COMPLEX, with_eigenvalues(seed + 805, [0.6], [0.1 + 1.4j]), 0.4, 0.9),
        radius_case(COMPLEX, with_eigenvalues(seed + 806, [], [-0.9 + 0.8j, 0.5 + 0.2j]), 0.5, 1.0),
        radius_case(COMPLEX, gaussian(807, 6), 0.7, 1.05),
    ]


def rotation_case(group: str, seed: int, pairs: int, H: int) -> Case:
    """A hidden input of problem 3.3c, with the reference's answer."""
    rng = np.random.default_rng(seed)
    arguments = {
        "angles": rng.uniform(0.2, 1.3, size=pairs) * rng.choice([-1, 1], size=pairs),
        "moduli": rng.uniform(0.5, 0.95, size=pairs),
        "H": H,
    }
    words = f"{pairs} pair{'s' * (pairs != 1)}, H={H}"
    return Case(group, arguments, {"W": rotating_pairs(**arguments)}, words)


ONE_PAIR, PAIRS, REST = "one pair", "several pairs", "units outside the pairs"


@cache
def rotation_cases(seed: int = 0) -> list[Case]:
    """Hidden inputs of problem 3.3c."""
    return [
        rotation_case(ONE_PAIR, seed + 900, 1, 2),
        rotation_case(ONE_PAIR, seed + 901, 1, 2),
        rotation_case(PAIRS, seed + 902, 2, 4),
        rotation_case(PAIRS, seed + 903, 4, 8),
        rotation_case(REST, seed + 904, 2, 5),
        rotation_case(REST, seed + 905, 1, 4),
        rotation_case(REST, seed + 906, 3, 8),
    ]


# What a returned value holds


def one(name: str):
    """Read a returned value as the one output of this name."""

    def unpack(value: Any) -> Mapping[str, Any]:
        return {name: value}

    return unpack


def clipped_gradients(value: Any) -> Mapping[str, Any]:
    """Read the dict of arrays that problem 3.2a asks for."""
    if not isinstance(value, Mapping):
        raise UnusableError(
            f"what you returned is of type {type(value).__name__}, not a dict of arrays"
        )
    return value


def update_and_names(value: Any) -> Mapping[str, Any]:
    """Read the pair (dict of arrays, list of names) that problem 3.2b asks for."""
    if isinstance(value, Mapping):  # the names are missing, but the update may be right
        return value
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UnusableError(
            f"what you returned is of type {type(value).__name__}, not the pair "
            "(dict of arrays, list of names)"
        )
    try:
        update = clipped_gradients(value[0])
    except UnusableError:
        kind = type(value[0]).__name__
        update = dict.fromkeys(
            NAMES, UnusableError(f"the first part is of type {kind}, not a dict of arrays")
        )
    try:
        return {**update, REPORTED: flags_of(value[1])}
    except UnusableError as why:
        return {**update, REPORTED: why}


def flags_of(names: Any) -> np.ndarray:
    """1 for each of the five parameters that is named, and 0 for the others.

    Raises:
        UnusableError: it is no collection of these names.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise UnusableError(f"the second part is of type {type(names).__name__}, not a list")
    named = [str(name) for name in names]
    for name in named:
        if name not in NAMES:
            raise UnusableError(f"the list holds {name[:30]!r}, which is no key of the gradients")
    return np.array([float(name in named) for name in NAMES])


def five(points: Mapping[str, float]) -> list[Output]:
    """The five arrays of problem 3.2, each with these points."""
    return [Output(name, points) for name in NAMES]


STEPS = ("step", "sample")
BACK = Problem(
    "back",
    "products_back",
    back_cases,
    [Output("products", {ONE: 2, NO_WEIGHTS: 1, NO_LEAK: 2, SEVERAL: 5}, STEPS)],
    one("products"),
    CATALOGUE,
)
BACK_LARGE = Problem(
    "back",
    "products_back",
    back_large_cases,
    [Output("products", {LARGE: 10}, STEPS)],
    one("products"),
)
AHEAD = Problem(
    "ahead",
    "products_forward",
    ahead_cases,
    [Output("products", {ONE: 2, NO_WEIGHTS: 1, NO_LEAK: 1, SEVERAL: 4}, STEPS)],
    one("products"),
    CATALOGUE,
)
AHEAD_LARGE = Problem(
    "ahead",
    "products_forward",
    ahead_large_cases,
    [Output("products", {LARGE: 5}, STEPS)],
    one("products"),
)
NORMS = Problem(
    "norms",
    "jacobian_norms",
    norms_cases,
    [Output("norms", {ONE: 2, ONE_ROUND: 2, SEVERAL: 5, GONE: 1}, STEPS)],
    one("norms"),
    CATALOGUE,
)
CLIP = Problem(
    "clip",
    "clip_groups",
    clip_cases,
    five({VALUE: 0.5, ARRAY: 0.5, GLOBAL: 0.75, GROUPS: 0.5, FROZEN: 0.5, EXTREME: 0.25}),
    clipped_gradients,
    CATALOGUE,
)
UPDATE = Problem(
    "update",
    "accumulated_update",
    update_cases,
    [
        *five({EQUAL: 0.5, SIZES: 0.5, NOT_FINITE: 0.25, FROZEN_BAD: 0.25}),
        Output(REPORTED, {EQUAL: 0.5, SIZES: 0.5, NOT_FINITE: 2.5, FROZEN_BAD: 1}),
    ],
    update_and_names,
    CATALOGUE,
)
ORTHOGONAL = Problem(
    "orthogonal",
    "orthogonal_blocks",
    orthogonal_cases,
    [Output("W", {SQUARE: 2, TALL: 1, WIDE: 2, BLOCKS: 2})],
    one("W"),
    CATALOGUE,
)
RADIUS = Problem(
    "radius",
    "scaled_to_radius",
    radius_cases,
    [Output("W", {NO_LEAK: 2, REAL: 2, COMPLEX: 3})],
    one("W"),
    CATALOGUE,
)
ROTATION = Problem(
    "rotation",
    "rotating_pairs",
    rotation_cases,
    [Output("W", {ONE_PAIR: 2, PAIRS: 2, REST: 2})],
    one("W"),
    CATALOGUE,
)
