"""Visible checks of problem set 4, gated cells and two directions.

They need no answers. They look at shapes, at properties that every right solution has, and at
finite differences of your own forward pass. A check that passes prints a line; one that fails
says what is wrong, where, and what to look at. Passing them all is not yet full marks: a forward
pass that is wrong throughout can still agree with its own gradient.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autograder.student.checking import (
    assert_equal,
    central_differences,
    read_gradients,
    real_array,
    run,
    shaped_array,
)

GRU = ("x", "lengths", "h0", "W_x", "W_h", "b")
LSTM = ("x", "lengths", "h0", "c0", "W_x", "W_h", "p", "b")
TWO_WAY = ("x", "lengths", "s0", "W_x", "W_h", "b", "v")
NAMES = {"gru": "GRU", "lstm": "LSTM", "two_way": "Two directions"}
OPEN = 50.0  # a bias that opens a gate wide; its negative shuts it

Given = dict[str, Any]
Forward = Callable[[Given], tuple[np.ndarray, ...]]


def example(lengths: list[int], blocks: int, seed: int = 0) -> Given:
    """A small random batch with D = 2 and H = 3, for any of the three layers.

    Args:
        lengths: real steps of each sample; T is the largest of them.
        blocks: how many weight matrices of each kind there are.
        seed: of all random numbers.
    """
    rng = np.random.default_rng(seed)
    T, N, D, H = max(lengths), len(lengths), 2, 3
    return {
        "x": rng.normal(size=(T, N, D)),
        "lengths": np.array(lengths),
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "c0": rng.normal(size=(N, H)),
        "s0": rng.uniform(-0.9, 0.9, size=(2, H)),
        "W_x": rng.normal(size=(blocks, D, H)),
        "W_h": rng.normal(size=(blocks, H, H)),
        "p": rng.normal(size=(2, H)),
        "b": rng.normal(size=(blocks, H)),
        "v": rng.normal(size=H),
        "dh": rng.normal(size=(T, N, H)),
        "dc": rng.normal(size=(T, N, H)),
        "dy": rng.normal(size=(T, N, H)),
    }


def without_weights(given: Given, *biases: float | np.ndarray) -> Given:
    """The same batch with all weights and peepholes zero, and these biases (or arrays of them)."""
    b = np.array([np.broadcast_to(bias, given["v"].shape) for bias in biases])
    return given | {k: 0 * given[k] for k in ("W_x", "W_h", "p")} | {"b": b}


def states_of(gru_forward: Callable) -> Forward:
    """The states of the student's GRU, with their shape checked."""

    def forward(given: Given) -> tuple[np.ndarray]:
        return (shaped_array("h", run(gru_forward, given, *GRU), given["dh"].shape),)

    return forward


def states_and_cells_of(lstm_forward: Callable) -> Forward:
    """The states and cells of the student's LSTM, with their shapes checked."""

    def forward(given: Given) -> tuple[np.ndarray, np.ndarray]:
        h, c = pair("lstm_forward", run(lstm_forward, given, *LSTM), "h, then c")
        shape = given["dh"].shape
        return shaped_array("h", h, shape), shaped_array("c", c, shape)

    return forward


def outputs_and_states_of(two_way_forward: Callable) -> Forward:
    """The outputs and states of the student's two-way layer, with their shapes checked."""

    def forward(given: Given) -> tuple[np.ndarray, np.ndarray]:
        y, s = pair("two_way_forward", run(two_way_forward, given, *TWO_WAY), "y, then s")
        shape = given["dy"].shape
        return shaped_array("y", y, shape), shaped_array("s", s, (2, *shape))

    return forward


def pair(function: str, value: Any, what: str) -> tuple[Any, Any]:
    """Read an answer that consists of two arrays."""
    assert isinstance(value, tuple | list) and len(value) == 2, (
        f"{function} must return a pair: {what}."
    )
    return value[0], value[1]


def check_gru_forward(gru_forward: Callable) -> None:
    """Shapes, held states, samples apart, two halves, and gates that are open or shut.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    forward = states_of(gru_forward)
    check_batches("GRU", forward, 3, ("h0",))

    given = example([4, 4], 3)
    (h,) = forward(without_weights(given, -OPEN, 0, 0.5))
    message = "With the update gate shut (u = 0) each state must keep its old value."
    assert_equal(h, np.broadcast_to(given["h0"], h.shape), message)
    (h,) = forward(without_weights(given, OPEN, 0, given["b"][2]))
    message = "With the update gate open (u = 1) and no weights each state must be tanh(b[2])."
    assert_equal(h, np.broadcast_to(np.tanh(given["b"][2]), h.shape), message)
    print("GRU: the update gate keeps the old value where it is shut, and takes the new one open.")

    pinned = without_weights(example([1, 1], 3), OPEN, np.array([-OPEN, OPEN, OPEN]), 0)
    pinned |= {"W_h": np.concatenate([pinned["W_h"][:2], given["W_h"][2:]])}
    moved = pinned | {"h0": pinned["h0"] + np.array([0.3, 0, 0])}
    message = (
        "With the reset gate of unit 0 shut and the update gates open, no unit's new value may "
        "depend on the old value of unit 0. Look at what the reset gate multiplies, and when."
    )
    assert_equal(forward(moved)[0], forward(pinned)[0], message)
    moved = pinned | {"h0": pinned["h0"] + np.array([0, 0.3, 0])}
    apart = np.abs(forward(moved)[0] - forward(pinned)[0]).max()
    assert apart > 1e-3, "With the reset gate of unit 1 open, the new values must depend on it."
    print("GRU: what the reset gate shuts off reaches no candidate.")


def check_lstm_forward(lstm_forward: Callable) -> None:
    """Shapes, held states and cells, samples apart, two halves, and gates open or shut.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    forward = states_and_cells_of(lstm_forward)
    check_batches("LSTM", forward, 3, ("h0", "c0"))

    given = example([4, 4], 3)
    bias = given["b"][1]
    h, c = forward(without_weights(given, OPEN, bias, OPEN))
    message = "With the forget gate open (f = 1) each cell must keep its old value and add nothing."
    assert_equal(c, np.broadcast_to(given["c0"], c.shape), message)
    assert_equal(h, np.tanh(c), "With the output gate open (o = 1) the state must be tanh(c).")
    h, c = forward(without_weights(given, -OPEN, bias, -OPEN))
    message = "With the forget gate shut (f = 0) and no weights each cell must be tanh(b[1])."
    assert_equal(c, np.broadcast_to(np.tanh(bias), c.shape), message)
    assert_equal(h, 0 * h, "With the output gate shut (o = 0) the state must be zero.")
    print("LSTM: the gates keep, take and show what they should.")

    one = without_weights(example([1, 1], 3), 0, -0.5, OPEN) | {"c0": np.ones((2, 3))}
    one["p"] = np.array([[OPEN] * 3, [0] * 3])
    _, c = forward(one)
    message = "A large peephole p[0] must open the forget gate where the old cell is positive."
    assert_equal(c, np.ones(c.shape), message)
    one["p"] = np.array([[-OPEN] * 3, [OPEN] * 3])
    one["b"][2] = 0
    h, _ = forward(one)  # the old cell is 1, the new one negative
    message = (
        "A large peephole p[1] must shut the output gate where the new cell c_t is negative, "
        "whatever c_{t-1} is."
    )
    assert_equal(h, 0 * h, message)
    print("LSTM: each peephole looks at the right cell.")


def check_two_way_forward(two_way_forward: Callable) -> None:
    """Shapes, zeros at padded steps, samples apart, the starts, the mixing, and the mirror image.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    forward = outputs_and_states_of(two_way_forward)
    for lengths in ([5, 2, 0], [1], [4]):
        forward(example(lengths, 2))
    print("Two directions: the shapes are right, also for one sample and for one step.")

    given = example([5, 2, 0], 2)
    y, s = forward(given)
    for n, length in enumerate(given["lengths"]):
        message = f"Sample {n} has {length} real steps. At its padded steps y and s must be zero."
        assert not s[:, length:, n].any() and not y[length:, n].any(), message
        if length:
            alone = given | {k: given[k][:length, n : n + 1] for k in ("x", "dy")}
            alone |= {"lengths": given["lengths"][n : n + 1]}
            message = (
                f"Sample {n} gives other states alone, without padding, than in its batch. Look "
                "at where the second direction starts."
            )
            assert_equal(forward(alone)[1][:, :, 0], s[:, :length, n], message)
    print("Two directions: padding is zero, and each sample is the same alone, without padding.")

    plain = given | {"W_x": 0 * given["W_x"], "b": 0 * given["b"], "W_h": np.array([np.eye(3)] * 2)}
    _, s = forward(plain)
    starts = np.tanh(given["s0"])
    message = "The first direction must start from s0[0] at step 0."
    assert_equal(s[0, 0, 0], starts[0], message)
    message = "The second direction must start from s0[1] at each sample's last real step."
    assert_equal(s[1, [4, 1], [0, 1]], np.array([starts[1]] * 2), message)
    print("Two directions: each starts from its own start vector.")

    _, s = forward(given)
    for k, sign in enumerate((1, -1)):
        y, _ = forward(given | {"v": np.full(3, sign * OPEN)})
        message = f"With {'large' if sign > 0 else 'very negative'} v, y must equal s[{k}]."
        assert_equal(y, s[k], message)
    y, s = forward(given | {"v": np.zeros(3)})
    assert_equal(y, s.mean(axis=0), "With v = 0, y must be the mean of s[0] and s[1].")
    print("Two directions: v mixes them.")

    y, s = forward(given)
    mirrored = given | {k: given[k][::-1] for k in ("s0", "W_x", "W_h", "b")}
    mirrored |= {"x": turned(given["x"], given["lengths"]), "v": -given["v"]}
    y_mirrored, s_mirrored = forward(mirrored)
    message = (
        "Sequences turned round within their lengths, with the two directions' parameters "
        "exchanged and v negated, must give the same turned round."
    )
    assert_equal(turned(y_mirrored, given["lengths"]), y, message)
    back = np.array([turned(part, given["lengths"]) for part in s_mirrored[::-1]])
    assert_equal(back, s, message)
    print("Two directions: the mirror image of the input gives the mirror image of the output.")


def turned(array: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Each sample of an array (T, N, ...) turned round within its own length."""
    array = array.copy()
    for n, length in enumerate(lengths):
        array[:length, n] = array[:length, n][::-1]
    return array


def check_batches(name: str, forward: Forward, blocks: int, starts: tuple[str, ...]) -> None:
    """What holds of every layer that holds its states at padded steps.

    Args:
        name: of the layer, for what is printed.
        forward: gives the held arrays, each (T, N, H), in the order of `starts`.
        blocks: how many weight matrices of each kind there are.
        starts: the names of what the arrays start from.
    """
    for lengths in ([5, 2, 0], [1], [4]):
        forward(example(lengths, blocks))
    print(f"{name}: the shape is right, also for one sample and for one step.")

    given = example([5, 2, 0], blocks)
    whole = forward(given)
    for start, held in zip(starts, whole, strict=True):
        letter = start[0]
        for n, length in enumerate(given["lengths"]):
            before = held[length - 1, n] if length else given[start][n]
            for t in range(length, len(held)):
                message = f"Sample {n} has {length} real steps, but its {letter} changes at step"
                message += f" {t}. A padded step must hold it."
                assert_equal(held[t, n], before, message)
    print(f"{name}: padded steps hold what there is, and a sample of length 0 keeps its start.")

    for n in range(3):
        alone = given | {k: given[k][n : n + 1] for k in ("lengths", *starts)}
        alone |= {k: given[k][:, n : n + 1] for k in ("x", "dh")}
        message = f"Sample {n} gives something else alone than in its batch. Samples must not mix."
        for got, want in zip(forward(alone), whole, strict=True):
            assert_equal(got, want[:, n : n + 1], message)
    print(f"{name}: each sample gives the same alone as in a batch.")

    cut = 3
    first = given | {k: given[k][:cut] for k in ("x", "dh")}
    first["lengths"] = np.clip(given["lengths"], 0, cut)
    reached = forward(first)
    rest = given | {k: given[k][cut:] for k in ("x", "dh")}
    rest["lengths"] = np.clip(given["lengths"] - cut, 0, None)
    rest |= {k: part[-1].astype(float) for k, part in zip(starts, reached, strict=True)}
    message = (
        f"Steps 0 to {cut - 1}, and then the rest from what was reached there, must give the same "
        f"as all steps at once. Look at where {' and '.join(starts)} is used."
    )
    for one, two, want in zip(reached, forward(rest), whole, strict=True):
        assert_equal(np.concatenate([one, two]), want, message)
    print(f"{name}: a sequence run in two halves gives the same as in one.")


def check_gru_backward(gru_backward: Callable, gru_forward: Callable) -> None:
    """Keys, shapes, and finite differences of the student's own forward pass.

    Raises:
        AssertionError: says which gradient is off, in the simplest situation in which it is.
    """
    situations = [
        (
            "a single step",
            example([1, 1], 3),
            "Look at each of the ways by which the old state enters the new one.",
        ),
        (
            "several steps",
            example([3, 3], 3),
            "A single step was right, so look at what step t+1 sends to t.",
        ),
        (
            "padding",
            example([4, 2, 0], 3),
            "Without padding it was right, so look at what held steps pass on.",
        ),
    ]
    check_gradients(
        "gru",
        (gru_backward, ("dh", *GRU[:3], "h", *GRU[3:])),
        (gru_forward, states_of(gru_forward), GRU),
        ("h",),
        ("b", "W_x", "x", "W_h", "h0"),
        situations,
    )


def check_lstm_backward(lstm_backward: Callable, lstm_forward: Callable) -> None:
    """Keys, shapes, and finite differences of the student's own forward pass.

    Raises:
        AssertionError: says which gradient is off, in the simplest situation in which it is.
    """
    one = example([1, 1], 3)
    situations = [
        (
            "a single step whose cells nobody reads",
            one | {"dc": 0 * one["dc"], "p": 0 * one["p"]},
            "Look at each of the ways by which h_t depends on the gates.",
        ),
        (
            "a single step",
            one,
            "Without dc and with p = 0 it was right, so look at the peepholes and at dc.",
        ),
        (
            "several steps",
            example([3, 3], 3),
            "A single step was right, so look at what step t+1 sends to t, by h and by c.",
        ),
        (
            "padding",
            example([4, 2, 0], 3),
            "Without padding it was right, so look at what held steps pass on.",
        ),
    ]
    check_gradients(
        "lstm",
        (lstm_backward, ("dh", "dc", *LSTM[:4], "h", "c", *LSTM[4:])),
        (lstm_forward, states_and_cells_of(lstm_forward), LSTM),
        ("h", "c"),
        ("b", "p", "W_x", "x", "W_h", "h0", "c0"),
        situations,
    )


def check_two_way_backward(two_way_backward: Callable, two_way_forward: Callable) -> None:
    """Keys, shapes, and finite differences of the student's own forward pass.

    Raises:
        AssertionError: says which gradient is off, in the simplest situation in which it is.
    """
    situations = [
        (
            "a single step",
            example([1, 1], 2),
            "Look at how y depends on v and on the two states, and at the slope of tanh.",
        ),
        (
            "several steps",
            example([3, 3], 2),
            "A single step was right, so look at the order in which each direction goes back.",
        ),
        (
            "padding",
            example([4, 2, 0], 2),
            "Without padding it was right, so look at where the second direction starts.",
        ),
    ]
    check_gradients(
        "two_way",
        (two_way_backward, ("dy", "x", "lengths", "s", "s0", "W_x", "W_h", "b", "v")),
        (two_way_forward, outputs_and_states_of(two_way_forward), TWO_WAY),
        ("y", "s"),
        ("v", "b", "W_x", "x", "W_h", "s0"),
        situations,
    )


def check_gradients(
    layer: str,
    backward: tuple[Callable, tuple[str, ...]],
    forward: tuple[Callable, Forward, tuple[str, ...]],
    returned: tuple[str, ...],
    differentiated: tuple[str, ...],
    situations: Iterable[tuple[str, Given, str]],
) -> None:
    """Compare all gradients with finite differences of the student's own forward pass.

    Args:
        layer: how the names of its two functions begin.
        backward: the student's function and the names of its arguments.
        forward: the student's function, the same with its answer read, and its arguments' names.
        returned: what `forward` returns, in order. The loss reads those for which there is a
            gradient ("dh" for "h").
        differentiated: what there are gradients of, the simplest first.
        situations: words, a batch, and a hint for where something is wrong.
    """
    function, arguments = backward
    plain, checked, names = forward
    for words, given, hint in situations:
        values = checked(given)
        given = given | {k: v.astype(float) for k, v in zip(returned, values, strict=True)}
        answer = run(function, given, *arguments)
        grads = read_gradients(f"{layer}_backward", answer, given, differentiated)
        # Differences of float32 states need a larger step and can't be as exact.
        single = values[0].dtype == np.float32
        eps, tolerance = (1e-2, 1e-2) if single else (1e-6, 1e-6)

        def loss(given: Mapping[str, Any] = given) -> float:
            answer = plain(*(given[k] for k in names))
            read = zip(returned, [answer] if len(returned) == 1 else answer, strict=True)
            gradients = [(given.get(f"d{k}"), value) for k, value in read]
            return sum(
                float(np.sum(upstream * real_array(value), dtype=float))
                for upstream, value in gradients
                if upstream is not None
            )

        for k in differentiated:
            numerical = central_differences(loss, given[k], eps)
            message = f"d{k} differs from finite differences of your {layer}_forward, with {words}"
            assert_equal(grads[f"d{k}"], numerical, f"{message}. {hint}", tolerance)
        print(f"{NAMES[layer]}: with {words}, all gradients agree with finite differences.")
