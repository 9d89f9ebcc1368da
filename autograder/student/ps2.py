"""Visible checks of problem set 2, backpropagation through time.

They need no answers. They look at shapes, at properties that every right solution has, and at
finite differences of your own forward pass. A check that passes prints a line; one that fails
says what is wrong, where, and what to look at. Passing them all is not yet full marks: a forward
pass that is wrong throughout can still agree with its own gradient.
"""

from collections.abc import Callable, Mapping
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

PARAMETERS = ("W_xh", "W_hh", "b_h")


def example(lengths: list[int], seed: int = 0) -> dict[str, np.ndarray]:
    """A small random batch: x, lengths, h0, dh and the parameters, with D = 2 and H = 3."""
    rng = np.random.default_rng(seed)
    T, N, D, H = max(lengths), len(lengths), 2, 3
    return {
        "x": rng.normal(size=(T, N, D)),
        "lengths": np.array(lengths),
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "dh": rng.normal(size=(T, N, H)),
        "W_xh": rng.normal(size=(D, H)),
        "W_hh": rng.normal(size=(H, H)),
        "b_h": rng.normal(size=H),
    }


def run_forward(padded_forward: Callable, given: Mapping[str, Any]) -> np.ndarray:
    """The states of the student's forward pass, with their shape checked."""
    h = run(padded_forward, given, "x", "lengths", "h0", *PARAMETERS)
    return shaped_array("h", h, given["dh"].shape)


def check_forward(padded_forward: Callable) -> None:
    """Shapes, held states, a network without weights, samples apart, and two halves.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    for lengths in ([5, 2, 0], [1], [4]):
        run_forward(padded_forward, example(lengths))
    print("Forward: the shape is right, also for one sample and for one step.")

    given = example([5, 2, 0])
    h = run_forward(padded_forward, given)
    for n, length in enumerate(given["lengths"]):
        before = h[length - 1, n] if length else given["h0"][n]
        for t in range(length, len(h)):
            message = f"Sample {n} has {length} real steps, but its state changes at step {t}."
            assert_equal(h[t, n], before, f"{message} A padded step must hold the state.")
    print("Forward: padded steps hold the state, and a sample of length 0 keeps h0.")

    no_weights = given | {"W_xh": 0 * given["W_xh"], "W_hh": 0 * given["W_hh"]}
    h_0 = run_forward(padded_forward, no_weights)[:, 0]
    message = (
        "With all weights zero, each real step must give tanh(b_h). Look at the bias and tanh."
    )
    assert_equal(h_0, np.tanh(np.tile(given["b_h"], (len(h_0), 1))), message)
    print("Forward: without weights, real steps give tanh(b_h).")

    for n in range(3):
        alone = given | {k: given[k][n : n + 1] for k in ("lengths", "h0")}
        alone |= {k: given[k][:, n : n + 1] for k in ("x", "dh")}
        message = f"Sample {n} gives other states alone than in its batch. Samples must not mix."
        assert_equal(run_forward(padded_forward, alone), h[:, n : n + 1], message)
    print("Forward: each sample gives the same alone as in a batch.")

    first, second = cut(given, 3)
    first_h = run_forward(padded_forward, first)
    second_h = run_forward(padded_forward, second | {"h0": first_h[-1].astype(float)})
    message = (
        "Steps 0 to 2, and then the rest from the state reached there, must give the same as all "
        "steps at once. Look at where h0 is used and which state each step starts from."
    )
    assert_equal(np.concatenate([first_h, second_h]), h, message)
    print("Forward: a sequence run in two halves gives the same as in one.")


def check_backward(padded_backward: Callable, padded_forward: Callable) -> None:
    """Keys, shapes, and finite differences of the student's own forward pass.

    Raises:
        AssertionError: says which gradient is off, in the simplest situation in which it is.
    """
    situations = [
        ("a single step", [1, 1], "Look at the derivative of tanh and at the matrix products."),
        ("several steps", [3, 3], "A single step was right, so look at what step t+1 sends to t."),
        ("padding", [4, 2, 0], "Without padding it was right, so look at what held steps pass on."),
    ]
    for words, lengths, hint in situations:
        given = example(lengths)
        h = run_forward(padded_forward, given)
        grads = run_backward(padded_backward, given, h)
        # Differences of float32 states need a larger step and can't be as exact.
        eps, tolerance = (1e-2, 1e-2) if h.dtype == np.float32 else (1e-6, 1e-6)

        def loss(given: dict[str, np.ndarray] = given) -> float:
            states = padded_forward(*(given[k] for k in ("x", "lengths", "h0", *PARAMETERS)))
            return float(np.sum(given["dh"] * real_array(states), dtype=float))

        for name in ("db_h", "dW_xh", "dx", "dW_hh", "dh0"):
            numerical = central_differences(loss, given[name[1:]], eps)
            message = (
                f"{name} differs from finite differences of your padded_forward, with {words}. "
                f"{hint}"
            )
            assert_equal(grads[name], numerical, message, tolerance)
        print(f"Backward: with {words}, all five gradients agree with finite differences.")


def run_backward(
    padded_backward: Callable, given: Mapping[str, Any], h: np.ndarray
) -> dict[str, np.ndarray]:
    """The gradients of the student's backward pass, with their names and shapes checked."""
    names = ("dh", "x", "lengths", "h0", "h", *PARAMETERS)
    grads = run(padded_backward, {**given, "h": h.astype(float)}, *names)
    return read_gradients("padded_backward", grads, given, ("x", "h0", *PARAMETERS))


def check_truncated(
    truncated_bptt: Callable, padded_backward: Callable, padded_forward: Callable
) -> None:
    """The carried state, one window for all, and a sequence cut between two windows.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    given = example([7, 3, 4])
    h = run_forward(padded_forward, given)
    for tau in (1, 3, 7, 9):
        _, h_T = run_truncated(truncated_bptt, given, tau)
        message = (
            f"With tau={tau}, h_T is not the last state of your padded_forward. "
            "Look at the state that each window starts from."
        )
        assert_equal(h_T, h[-1], message)
    print("Truncated: the state is carried from window to window.")

    full = run_backward(padded_backward, given, h)
    for tau in (7, 9):
        grads, _ = run_truncated(truncated_bptt, given, tau)
        for name, grad in grads.items():
            message = (
                f"With tau={tau} and T=7 there is one window, but {name} differs from that of "
                "your padded_backward."
            )
            assert_equal(grad, full[name], message)
    print("Truncated: with tau >= T the gradients are those of padded_backward.")

    for tau in (1, 3):
        first, second = cut(given, tau)
        first_grads, state = run_truncated(truncated_bptt, first, tau)
        second_grads, _ = run_truncated(truncated_bptt, second | {"h0": state.astype(float)}, tau)
        grads, _ = run_truncated(truncated_bptt, given, tau)
        for name, grad in grads.items():
            message = (
                f"With tau={tau}, {name} must be what the first window gives plus what the rest "
                "gives from the state carried to it. Look at where the gradient is cut, and at "
                "whether every window is added."
            )
            assert_equal(grad, first_grads[name] + second_grads[name], message)
    print("Truncated: the gradient is cut between windows, and all windows are added.")


def run_truncated(
    truncated_bptt: Callable, given: Mapping[str, Any], tau: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The gradients and the final state of the student's function, with their shapes checked."""
    names = ("x", "lengths", "h0", "dh", "tau", *PARAMETERS)
    answer = run(truncated_bptt, {**given, "tau": tau}, *names)
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        "truncated_bptt must return a pair: the dict of gradients, then h_T."
    )
    grads = read_gradients("truncated_bptt", answer[0], given, PARAMETERS)
    return grads, shaped_array("h_T", answer[1], given["h0"].shape)


def cut(given: dict[str, Any], t: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same batch in two parts: steps 0 to t - 1, and the others."""
    lengths = given["lengths"]
    T = len(given["x"])
    first = given | {"lengths": np.clip(lengths, 0, t)}
    second = given | {"lengths": np.clip(lengths - t, 0, T - t)}
    for name in ("x", "dh"):
        first[name], second[name] = given[name][:t], given[name][t:]
    return first, second
