"""Visible checks of problem set 3, gradients that vanish and explode.

They need no answers. They look at shapes, at properties that every right solution has, and at
finite differences of the network itself. A check that passes prints a line; one that fails says
what is wrong, where, and what to look at. Passing them all is not yet full marks: they try a few
sizes, and some mistakes show in other situations only.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograder.student.checking import assert_equal, central_differences, run, shaped_array

JACOBIAN, REST = ("a", "alpha", "W_hh"), ("driven", "alpha", "W_hh")
SHAPES = {"W_xh": (2, 3), "W_hh": (3, 3), "b_h": (3,), "W_ho": (3, 2), "b_o": (2,)}
NAMES = list(SHAPES)


# 3.1: products of Jacobians


def example(T: int, N: int = 2, H: int = 3, seed: int = 0) -> dict[str, Any]:
    """A run of the leaky network from random states, and two vectors for each sample."""
    rng = np.random.default_rng(seed)
    alpha, W_hh = rng.uniform(0.2, 0.9, size=H), rng.normal(size=(H, H))
    driven, h = rng.normal(size=(T, N, H)), rng.normal(size=(N, H)) / 2
    states, a = network(h, driven, alpha, W_hh)
    u, v = rng.normal(size=(2, N, H))
    return {"u": u, "v": v, "a": a, "alpha": alpha, "W_hh": W_hh, "h": states, "driven": driven}


def network(
    h: np.ndarray, driven: np.ndarray, alpha: np.ndarray, W_hh: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Equation (1): states (T + 1, N, H) from h on, and pre-activations (T, N, H).

    `driven` is what inputs and bias add to each pre-activation.
    """
    states, a = [h], np.empty(driven.shape)
    for t, from_input in enumerate(driven):
        a[t] = from_input + states[-1] @ W_hh
        states.append((1 - alpha) * states[-1] + alpha * np.tanh(a[t]))
    return np.stack(states), a


def run_products(name: str, function: Callable, given: Mapping[str, Any]) -> np.ndarray:
    """All products of the student's function with v (back) or u (forward), shape checked."""
    vector = "v" if name == "products_back" else "u"
    found = run(function, given, vector, *JACOBIAN)
    T, N, H = given["a"].shape
    return shaped_array(f"what {name} returns", found, (T + 1, N, H))


def check_products(name: str, function: Callable) -> None:
    """What holds of products in both directions: shapes, their first entry, leak, samples."""
    back = name == "products_back"
    at, vector = (-1, "v") if back else (0, "u")
    for T, N in ((4, 2), (1, 1)):
        given = example(T, N)
        found = run_products(name, function, given)
        message = f"Entry {at} of what {name} returns must be {vector} itself: no step is taken."
        assert_equal(found[at], given[vector], message)
    print(f"{name}: the shape is right, and entry {at} is {vector}.")

    given = example(4) | {"W_hh": np.zeros((3, 3))}
    steps = np.arange(5)[::-1] if back else np.arange(5)
    kept = given[vector] * (1 - given["alpha"]) ** steps[:, None, None]
    message = "With W_hh = 0, each step must multiply by 1 − alpha. Look at the path past tanh."
    assert_equal(run_products(name, function, given), kept, message)
    print(f"{name}: without weights, each step multiplies by 1 − alpha.")

    given = example(4, 3)
    whole = run_products(name, function, given)
    for n in range(3):
        alone = given | {vector: given[vector][n : n + 1], "a": given["a"][:, n : n + 1]}
        message = f"Sample {n} gives other products alone than in its batch. Samples must not mix."
        assert_equal(run_products(name, function, alone), whole[:, n : n + 1], message)
    print(f"{name}: each sample gives the same alone as in a batch.")


def check_back(products_back: Callable) -> None:
    """What holds without an answer, then finite differences of the network.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    check_products("products_back", products_back)
    for T, words in ((1, "one step"), (5, "several steps")):
        given = example(T)
        found = run_products("products_back", products_back, given)
        for k in range(T):
            start = given["h"][k].copy()

            def loss(start: np.ndarray = start, k: int = k, given: Mapping = given) -> float:
                states, _ = network(start, given["driven"][k:], given["alpha"], given["W_hh"])
                return float(np.sum(given["v"] * states[-1]))

            message = (
                f"With {words}, entry {k} differs from finite differences of equation (1). "
                "Look at the transpose, and at the order of slope, alpha and W_hh."
            )
            assert_equal(found[k], central_differences(loss, start), message)
        print(f"products_back: with {words}, all entries agree with finite differences.")


def check_ahead(products_forward: Callable, products_back: Callable) -> None:
    """What holds without an answer, finite differences, and agreement with `products_back`.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    check_products("products_forward", products_forward)
    for T, words in ((1, "one step"), (5, "several steps")):
        given = example(T, seed=1)
        found = run_products("products_forward", products_forward, given)
        moved = [
            network(given["h"][0] + nudge * given["u"], *(given[k] for k in REST))[0]
            for nudge in (1e-6, -1e-6)
        ]
        message = (
            f"With {words}, the products differ from finite differences of equation (1). "
            "Look at the order of slope, alpha and W_hh, and at which step comes first."
        )
        assert_equal(found, (moved[0] - moved[1]) / 2e-6, message)
        print(f"products_forward: with {words}, all entries agree with finite differences.")

        back = run_products("products_back", products_back, given)
        message = "v · (P u) and (v P) · u must be the same number: one of your functions is off."
        ahead_v, back_u = found[-1] * given["v"], back[0] * given["u"]
        assert_equal(ahead_v.sum(axis=1), back_u.sum(axis=1), message)
    print("products_forward: it agrees with products_back.")


def check_norms(
    jacobian_norms: Callable, products_forward: Callable, products_back: Callable
) -> None:
    """The identity, a network without weights, one round, many rounds, and singular values.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """

    def norms(given: Mapping[str, Any], rounds: int) -> np.ndarray:
        arguments = {**given, "start": given["u"], "rounds": rounds}
        found = run(jacobian_norms, arguments, *JACOBIAN, "start", "rounds")
        T, N, _ = given["a"].shape
        return shaped_array("what jacobian_norms returns", found, (T + 1, N))

    for T, N in ((4, 2), (1, 1)):
        found = norms(example(T, N), 1)
        message = "The last norm is that of ∂h_T/∂h_T, the identity: it must be 1."
        assert_equal(found[-1], np.ones(N), message)
    print("Norms: the shape is right, and the last norm is 1.")

    given = example(4) | {"W_hh": np.zeros((3, 3)), "alpha": np.full(3, 0.25)}
    message = "With W_hh = 0 and all alpha 0.25, the norm over n steps must be 0.75 to the n."
    wanted = np.repeat(0.75 ** np.arange(4, -1, -1.0)[:, None], 2, axis=1)
    assert_equal(norms(given, 2), wanted, message)
    nothing = given | {"alpha": np.ones(3)}
    message = "With W_hh = 0 and all alpha 1 nothing passes: all norms but the last must be 0."
    assert_equal(norms(nothing, 2)[:-1], np.zeros((4, 2)), message)
    print("Norms: without weights they are powers of 1 − alpha, and 0 where nothing passes.")

    given = example(3)
    w = run_products("products_forward", products_forward, given)[-1]
    u = run_products("products_back", products_back, {**given, "v": w})[0]
    u = u.astype(float) / np.linalg.norm(u, axis=1, keepdims=True)
    w = run_products("products_forward", products_forward, {**given, "u": u})[-1]
    message = (
        "With one round, the first norm must be what your products_forward and products_back give: "
        "forward, back, length one, forward, length."
    )
    before = norms(given, 1)
    assert_equal(before[0], np.linalg.norm(w, axis=1), message)
    print("Norms: one round is forward and back, once.")

    for rounds in (2, 3, 10):
        after = norms(given, rounds)
        assert (after >= before * (1 - 1e-6)).all(), (
            f"With {rounds} rounds a norm is smaller than with fewer rounds. Each round turns the "
            "vector towards the direction that is stretched most. Look at forward and back."
        )
        before = after
    wanted = np.ones(before.shape)
    for k in range(3):
        later = {**given, "a": given["a"][k:]}
        columns = [
            run_products("products_forward", products_forward, unit(later, i)) for i in range(3)
        ]
        P = np.stack([column[-1] for column in columns], axis=-1)
        wanted[k] = np.linalg.svd(P.astype(float), compute_uv=False)[:, 0]
    message = (
        "After 200 rounds the norms must be the largest singular values of the products that "
        "your products_forward makes of unit vectors."
    )
    assert_equal(norms(given, 200), wanted, message)
    print("Norms: they grow with the rounds, up to the largest singular values.")


def unit(given: Mapping[str, Any], i: int) -> dict[str, Any]:
    """The same run with unit vector i as u, for each sample."""
    return {**given, "u": np.tile(np.eye(given["u"].shape[1])[i], (len(given["u"]), 1))}


# 3.2: clipping


def random_gradients(seed: int = 0, size: float = 1.0) -> dict[str, np.ndarray]:
    """Gradients of the five parameters."""
    rng = np.random.default_rng(seed)
    return {name: size * rng.normal(size=shape) for name, shape in SHAPES.items()}


def read_arrays(function: str, value: Any) -> dict[str, np.ndarray]:
    """Read a dict with one array for each of the five names, and check their shapes."""
    kind = type(value).__name__
    assert isinstance(value, Mapping), f"{function} must give a dict of arrays, not a {kind}."
    missing = [name for name in NAMES if name not in value]
    assert not missing, f"What {function} returns lacks {', '.join(missing)}."
    return {name: shaped_array(name, value[name], SHAPES[name]) for name in NAMES}


def length(*arrays: np.ndarray) -> float:
    """The norm of several arrays together."""
    return float(np.sqrt(sum(np.sum(np.square(array, dtype=float)) for array in arrays)))


def check_clip(clip_groups: Callable) -> None:
    """Small gradients, each of the three kinds, groups, frozen names, huge and zero entries.

    Raises:
        AssertionError: says which of these fails and what to look at.
    """
    g = random_gradients()

    def clipped(gradients: Any, groups: list, thresholds: list, frozen: tuple = ()) -> dict:
        given = {"gradients": gradients, "groups": groups, "thresholds": np.array(thresholds)}
        given["frozen"] = list(frozen)
        return read_arrays("clip_groups", run(clip_groups, given, *given))

    for kind in ("value", "array", "global"):
        found = clipped(g, [(kind, NAMES)], [100.0])
        for name in NAMES:
            assert_equal(found[name], g[name], f"{name} is below the threshold but has changed.")
    print("Clip: gradients below the threshold stay as they are.")

    found = clipped(g, [("value", NAMES)], [0.5])
    for name in NAMES:
        assert np.abs(found[name]).max() <= 0.5 + 1e-6, f"By value: {name} is beyond the threshold."
        inside = np.abs(g[name]) <= 0.5
        if inside.any():
            message = f"By value: an entry of {name} within the threshold has changed."
            assert_equal(found[name][inside], g[name][inside], message)
        outside = np.abs(np.where(inside, 0.5, found[name]))
        message = f"By value: entries of {name} beyond the threshold must end on the border."
        assert_equal(outside, np.full(outside.shape, 0.5), message)
        assert (found[name] * g[name] > 0).all(), f"By value: a sign in {name} has changed."
    print("Clip: by value, entries end on the border with their sign.")

    found = clipped(g, [("array", NAMES)], [1.0])
    for name in NAMES:
        wanted = g[name] / max(1.0, length(g[name]))
        message = f"By array: {name} must keep its direction and have a norm of at most 1."
        assert_equal(found[name], wanted, message)
    print("Clip: by array, each keeps its direction.")

    found = clipped(g, [("global", NAMES)], [2.0])
    norm = length(*found.values())
    assert abs(norm - 2) < 1e-5, "By global norm: all arrays together must have the norm η."
    factor = found["W_hh"].flat[0] / g["W_hh"].flat[0]
    for name in NAMES:
        message = f"By global norm: {name} and W_hh are not scaled by one factor."
        assert_equal(found[name], factor * g[name], message)
    print("Clip: by global norm, all arrays share one factor.")

    recurrent, read_out = NAMES[:3], NAMES[3:]
    first = clipped(g, [("global", recurrent)], [2.0])
    norm = length(*(first[name] for name in recurrent))
    assert abs(norm - 2) < 1e-5, "By global norm: the arrays of a group must have the norm η."
    for kind in ("value", "global"):
        both = clipped(g, [("global", recurrent), (kind, read_out)], [2.0, 0.3])
        second = clipped(g, [(kind, read_out)], [0.3])
        for name in NAMES:
            alone, other = (first, second) if name in recurrent else (second, first)
            message = f"{name} comes out differently when there is another group beside its own."
            assert_equal(both[name], alone[name], message)
            assert_equal(other[name], g[name], f"{name} is in no group but has changed.")
    print("Clip: groups do not touch each other, nor what is in no group.")

    found = clipped(g, [("global", NAMES)], [1.0], ("W_hh", "b_o"))
    assert not found["W_hh"].any() and not found["b_o"].any(), "Frozen names must get zeros."
    norm = length(*found.values())
    assert abs(norm - 1) < 1e-5, (
        "With W_hh and b_o frozen, the others together must have a norm of 1. Frozen gradients "
        "must not count."
    )
    found = clipped(g, [("array", ["W_hh"]), ("global", read_out)], [1.0, 100.0], ("W_ho", "b_o"))
    assert not found["W_ho"].any(), "A group may be frozen altogether."
    print("Clip: frozen names get zeros and do not count.")

    huge = clipped(random_gradients(size=1e200), [("global", NAMES)], [1.0])
    norm = length(*huge.values())
    assert abs(norm - 1) < 1e-5, (
        "Entries near 1e200 must come out with a norm of 1, too. Their squares overflow: divide by "
        "the largest entry first."
    )
    zero = {name: 0 * array for name, array in g.items()}
    for kind in ("array", "global"):
        found = clipped(zero, [(kind, NAMES)], [1.0])
        assert not any(array.any() for array in found.values()), "Zeros must stay zeros."
    print("Clip: huge entries and zeros are no trouble.")


def check_update(accumulated_update: Callable, clip_groups: Callable) -> None:
    """One micro-batch, the same gradient several times, sizes, and entries that are not finite.

    Raises:
        AssertionError: says which of these fails and what to look at.
    """
    groups, thresholds = [("global", NAMES[:3]), ("value", NAMES[3:])], np.array([1.0, 0.5])
    g, other = random_gradients(1), random_gradients(2)

    def update(parts: list, sizes: list, frozen: tuple = ()) -> tuple[dict, list]:
        given = {"micro_batches": parts, "sizes": np.array(sizes), "groups": groups}
        given |= {"thresholds": thresholds, "frozen": list(frozen)}
        found = run(accumulated_update, given, *given)
        assert isinstance(found, tuple | list) and len(found) == 2, (
            "accumulated_update must return a pair: the dict of arrays, then the list of names."
        )
        names = found[1]
        assert not isinstance(names, str) and hasattr(names, "__iter__"), (
            f"The second part must be a list of names, not a {type(names).__name__}."
        )
        return read_arrays("accumulated_update", found[0]), sorted(map(str, names))

    wanted = read_arrays("clip_groups", clip_groups(g, groups, thresholds, []))
    for parts, sizes in (([g], [4]), ([g, g, g], [4, 1, 2])):
        found, bad = update(parts, sizes)
        for name in NAMES:
            message = (
                f"With {len(parts)} micro-batches of the same gradient, {name} must be that "
                "gradient, clipped once."
            )
            assert_equal(found[name], wanted[name], message)
        assert not bad, f"All gradients are finite, but {', '.join(bad)} are reported."
    print("Update: equal micro-batches give what one of them gives.")

    first, _ = update([g, other], [4, 2])
    second, _ = update([other, g, g], [2, 2, 2])
    for name in NAMES:
        message = (
            f"{name}: a micro-batch of 4 samples must count as much as two of 2 samples with the "
            "same gradient. Each holds a mean over its own samples."
        )
        assert_equal(first[name], second[name], message)
    mean = {name: (2 * g[name] + other[name]) / 3 for name in NAMES}
    wanted = read_arrays("clip_groups", clip_groups(mean, groups, thresholds, []))
    for name in NAMES:
        message = f"{name} is not the mean over all samples, clipped once."
        assert_equal(first[name], wanted[name], message)
    print("Update: the gradient of the whole batch is clipped, once.")

    for entry in (np.inf, -np.inf, np.nan):
        spoilt = {name: array.copy() for name, array in other.items()}
        spoilt["W_hh"][0, 1] = spoilt["b_o"][0] = entry
        for parts in ([spoilt, g], [g, spoilt]):
            found, bad = update(parts, [3, 2])
            assert bad == ["W_hh", "b_o"], f"With {entry} in W_hh and b_o, {bad} are reported."
            for name in NAMES:
                assert not found[name].any(), f"The update must be skipped, but {name} is not zero."
        found, bad = update([spoilt, g], [3, 2], ("W_hh", "b_o"))
        assert not bad, f"W_hh and b_o are frozen and may hold {entry}, but {bad} are reported."
        assert found["W_xh"].any(), f"Where only frozen gradients hold {entry}, nothing is skipped."
    print("Update: what is not finite is named, and the update is skipped.")


# 3.3: initialisers


def check_orthogonal(orthogonal_blocks: Callable) -> None:
    """Orthonormal columns or rows, and that each is what Gram–Schmidt makes of it.

    Raises:
        AssertionError: says which of these fails and what to look at.
    """
    for rows, columns, blocks in ((4, 4, 1), (5, 2, 1), (2, 5, 1), (3, 3, 4), (1, 1, 2)):
        given = {"A": np.random.default_rng(rows).normal(size=(rows, blocks * columns))}
        given |= {"blocks": blocks, "gain": 1.5}
        W = run(orthogonal_blocks, given, "A", "blocks", "gain")
        W = shaped_array("what orthogonal_blocks returns", W, given["A"].shape)
        words = f"{blocks} block(s) of {rows} rows and {columns} columns"
        pairs = zip(np.split(W, blocks, axis=1), np.split(given["A"], blocks, axis=1), strict=True)
        for made, drawn in pairs:
            if rows < columns:
                made, drawn = made.T, drawn.T
            size = made.shape[1]
            message = f"With {words}: the vectors of a block are not orthogonal, of length gain."
            assert_equal(made.T @ made, 1.5**2 * np.eye(size), message)
            R = made.T @ drawn  # Gram–Schmidt: no later vector has a part in an earlier one
            message = (
                f"With {words}: a vector of W is not orthogonal to the earlier ones of A. "
                "Gram–Schmidt goes from the first to the last."
            )
            assert_equal(np.tril(R, -1) + np.eye(size), np.eye(size), message)
            assert (np.diag(R) > 0).all(), (
                f"With {words}: a vector points away from the one that it was made of. "
                "Look at the signs."
            )
        print(f"Orthogonal: {words} are right in kind.")


def check_radius(scaled_to_radius: Callable) -> None:
    """A multiple of W by a positive number, and the radius of a leaky step with it.

    Raises:
        AssertionError: says which of these fails and what to look at.
    """
    for seed, H, alpha, radius in ((0, 4, 1.0, 0.9), (1, 5, 0.5, 1.1), (2, 6, 0.3, 0.95)):
        given = {"W": np.random.default_rng(seed).normal(size=(H, H)), "alpha": alpha}
        made = run(scaled_to_radius, given | {"radius": radius}, "W", "alpha", "radius")
        made = shaped_array("what scaled_to_radius returns", made, (H, H))
        c = float(made[0, 0] / given["W"][0, 0])
        assert_equal(made, c * given["W"], "The result must be one number times W.")
        assert c > 0, "The factor must be positive."
        step = (1 - alpha) * np.eye(H) + alpha * made.astype(float)
        found = np.abs(np.linalg.eigvals(step)).max()
        assert abs(found - radius) < 1e-5, (
            f"With alpha = {alpha} the step must have the spectral radius {radius}, but it is too "
            f"{'large' if found > radius else 'small'}."
        )
        print(f"Radius: with alpha = {alpha} the step has the spectral radius {radius}.")


def check_rotation(rotating_pairs: Callable) -> None:
    """Where unit vectors go, and what stays of the units outside the pairs.

    Raises:
        AssertionError: says which of these fails and what to look at.
    """
    for P, H in ((1, 2), (2, 4), (2, 5), (1, 4)):
        rng = np.random.default_rng(H)
        given = {"angles": rng.uniform(0.3, 1.2, P), "moduli": rng.uniform(0.5, 0.9, P), "H": H}
        W = run(rotating_pairs, given, "angles", "moduli", "H")
        W = shaped_array("what rotating_pairs returns", W, (H, H))
        for i, (angle, modulus) in enumerate(zip(given["angles"], given["moduli"], strict=True)):
            h = np.zeros(H)
            h[i] = 1.0
            message = (
                f"With {P} pair(s) and H={H}: h W of unit vector {i} must be turned by angle {i} "
                f"towards unit {i + P} and have the length moduli[{i}]."
            )
            wanted = np.zeros(H)
            wanted[i], wanted[i + P] = modulus * np.cos(angle), modulus * np.sin(angle)
            assert_equal(h @ W, wanted, message)
        rest = np.eye(H)[2 * P :]
        if len(rest):
            message = f"With {P} pair(s) and H={H}: the units outside the pairs must keep a value."
            assert_equal(rest @ W, rest, message)
        lengths = np.linalg.norm(W.astype(float), axis=1)
        message = f"With {P} pair(s) and H={H}: both units of a pair have the pair's modulus."
        assert_equal(lengths[P : 2 * P], given["moduli"], message)
        turned = np.linalg.det(W.astype(float))
        message = f"With {P} pair(s) and H={H}: a pair is mirrored and not turned."
        assert_equal(np.array([turned]), np.array([np.prod(given["moduli"] ** 2)]), message)
    print("Rotation: each pair turns by its angle, and the rest keeps its value.")
