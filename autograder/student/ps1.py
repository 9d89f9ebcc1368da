"""Visible checks of problem set 1, from documents to a loss.

They need no answers. They look at shapes, at properties that every right solution has, and at
finite differences of your own loss. A check that passes prints a line; one that fails says what is
wrong, where, and what to look at. Passing them all is not yet full marks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.student.checking import (
    assert_equal,
    central_differences,
    real_array,
    run,
    shaped_array,
)

PAD = -7
PARAMETERS = ("W_xh", "W_hh", "b_h", "alpha")


# 1.1: windows of documents


def marked_documents(sizes: Sequence[int]) -> list[np.ndarray]:
    """Documents whose tokens tell where they stand: token k of document d is 100 d + k."""
    return [100 * d + np.arange(size) for d, size in enumerate(sizes)]


def run_windows(
    document_windows: Callable, sizes: Sequence[int], length: int, stride: int
) -> dict[str, np.ndarray]:
    """The windows of marked documents, with their names and shapes checked."""
    given = {"documents": marked_documents(sizes), "length": length, "stride": stride, "pad": PAD}
    answer = run(document_windows, given, *given)
    kind = type(answer).__name__
    assert isinstance(answer, Mapping), f"document_windows must return a dict, not a {kind}."
    missing = [k for k in ("inputs", "targets", "mask", "document") if k not in answer]
    assert not missing, f"The dict of document_windows lacks {', '.join(missing)}."
    try:
        M = len(real_array(answer["document"]).reshape(-1))
    except ValueError as error:
        raise AssertionError(f"document {error}.") from None
    shapes = {"inputs": (length, M), "targets": (length, M), "mask": (length, M), "document": (M,)}
    found = {k: shaped_array(k, answer[k], shape) for k, shape in shapes.items()}
    assert np.isin(found["mask"], (0, 1)).all(), "mask must hold 0 and 1 only."
    return found


def check_windows(document_windows: Callable) -> None:
    """Shapes, padding, targets, where windows begin, and where they end.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    trials = [([9], 4, 4), ([10], 4, 2), ([12, 1, 6, 0, 2], 4, 3), ([3, 5, 9], 6, 2), ([4], 1, 1)]
    found = [(trial, run_windows(document_windows, *trial)) for trial in trials]
    print("Windows: names and shapes are right.")
    for trial, windows in found:
        _check_padding(windows, in_words(trial))
    print("Windows: padding stands in front, holds pad, and the mask is 0 there.")
    for trial, windows in found:
        _check_tokens(windows, in_words(trial))
    print("Windows: each target is the token after its input, and no window crosses a border.")
    for trial, windows in found:
        _check_starts(windows, *trial)
    print("Windows: they begin a stride apart, and the last one reaches the document's end.")


def in_words(trial: tuple[Sequence[int], int, int]) -> str:
    """What a trial cuts, for messages."""
    sizes, length, stride = trial
    return f"With documents of {list(sizes)} tokens, length={length} and stride={stride}"


def _check_padding(windows: Mapping[str, np.ndarray], situation: str) -> None:
    mask = windows["mask"]
    for m in range(mask.shape[1]):
        message = f"{situation}, window {m}"
        assert mask[-1, m] == 1, f"{message} ends in padding. It belongs in front."
        assert (np.diff(mask[:, m]) >= 0).all(), f"{message} has padding between real steps."
        for name in ("inputs", "targets"):
            padding = windows[name][mask[:, m] == 0, m]
            assert (padding == PAD).all(), f"{message}: {name} must hold pad where mask is 0."


def _check_tokens(windows: Mapping[str, np.ndarray], situation: str) -> None:
    for m, document in enumerate(windows["document"]):
        real = windows["mask"][:, m] == 1
        inputs, targets = windows["inputs"][real, m], windows["targets"][real, m]
        message = f"{situation}, window {m}"
        assert (inputs != PAD).all() and (targets != PAD).all(), (
            f"{message} holds pad at real steps. Every real step has an input and a target."
        )
        assert (targets == inputs + 1).all(), (
            f"{message}: a target is not the token after its input, or lies in another document."
        )
        assert (np.diff(inputs) == 1).all(), f"{message} does not hold its tokens in order."
        assert (inputs // 100 == document).all(), (
            f"{message} is said to be from document {document:g}, but holds tokens of another one. "
            "Documents count from 0, and those without a window count too."
        )


def _check_starts(
    windows: Mapping[str, np.ndarray], sizes: Sequence[int], length: int, stride: int
) -> None:
    situation = in_words((sizes, length, stride))
    for d, size in enumerate(sizes):
        columns = np.flatnonzero(windows["document"] == d)
        message = f"{situation}, document {d}"
        if size < 2:
            assert not len(columns), f"{message} holds no pair, but has a window."
            continue
        assert len(columns), f"{message} has no window."
        real = windows["mask"] == 1
        starts = np.array([windows["inputs"][real[:, m], m][0] for m in columns]) - 100 * d
        assert (starts == stride * np.arange(len(columns))).all(), (
            f"{message}: windows must begin at its pairs 0, {stride}, {2 * stride}, …"
        )
        last = [windows["targets"][-1, m] == 100 * d + size - 1 for m in columns]
        assert last[-1], f"{message}: no window reaches its last token."
        assert not any(last[:-1]), (
            f"{message}: a window reaches its last token, but another one follows."
        )
        full = all(real[:, m].all() for m in columns[:-1])
        assert full, f"{message}: a window before the last is padded."


# 1.2: the leaky network


def network(starts: Sequence[int], T: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A small random batch that is padded on the left, with D = 2 and H = 3."""
    rng = np.random.default_rng(seed)
    N, D, H = len(starts), 2, 3
    return {
        "x": rng.normal(size=(T, N, D)),
        "starts": np.array(starts),
        "h0": rng.uniform(-0.9, 0.9, size=(N, H)),
        "W_xh": rng.normal(size=(D, H)),
        "W_hh": rng.normal(size=(H, H)),
        "b_h": rng.normal(size=H),
        "alpha": rng.uniform(0.2, 0.8, size=H),
    }


def run_step(
    leaky_step: Callable, given: Mapping[str, Any], t: int = 0, **changed: np.ndarray
) -> np.ndarray:
    """The state after one step of the student's, from h0 with the input of step t."""
    arguments = {"x_t": given["x"][t], "h_prev": given["h0"]}
    arguments |= {k: given[k] for k in PARAMETERS} | changed
    h_t = run(leaky_step, arguments, "x_t", "h_prev", *PARAMETERS)
    return shaped_array("h_t", h_t, arguments["h_prev"].shape)


def check_step(leaky_step: Callable) -> None:
    """Shapes, the leak from 0 to 1, a network without weights, one connection, samples apart.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    for starts in ([0, 0], [0]):
        run_step(leaky_step, network(starts, T=1))
    print("Step: the shape is right, also for one sample.")

    given = network([0, 0, 0], T=1)
    closed, open_ = (run_step(leaky_step, given, alpha=np.full(3, leak)) for leak in (0.0, 1.0))
    assert_equal(closed, given["h0"], "With alpha = 0 a step must leave the state as it is.")
    alpha = given["alpha"]
    message = (
        "Unit by unit, a step must be 1 - alpha parts of the old state and alpha parts of what it "
        "gives for alpha = 1."
    )
    mixed = (1 - alpha) * given["h0"] + alpha * open_.astype(float)
    assert_equal(run_step(leaky_step, given), mixed, message)
    print("Step: the leak mixes the old state with a new value, each unit by its own.")

    nothing = {k: 0 * given[k] for k in ("W_xh", "W_hh")} | {"alpha": np.ones(3)}
    message = "With all weights zero and alpha = 1 a step must give tanh(b_h)."
    wanted = np.tanh(np.tile(given["b_h"], (3, 1)))
    assert_equal(run_step(leaky_step, given, **nothing), wanted, message)
    one_way = np.zeros((3, 3))
    one_way[0, 1] = 1.0
    moved = run_step(leaky_step, given, **nothing | {"W_hh": one_way, "b_h": np.zeros(3)})
    wanted = np.zeros((3, 3))
    wanted[:, 1] = np.tanh(given["h0"][:, 0])
    message = (
        "W_hh[0, 1] = 1 leads from unit 0 to unit 1: with all else zero and alpha = 1, unit 1 must "
        "get the tanh of unit 0's old state, and the others nothing."
    )
    assert_equal(moved, wanted, message)
    print("Step: without weights it gives tanh(b_h), and W_hh leads from rows to columns.")

    whole = run_step(leaky_step, given)
    for n in range(3):
        alone = given | {"x": given["x"][:, n : n + 1], "h0": given["h0"][n : n + 1]}
        message = f"Sample {n} gives another state alone than in its batch. Samples must not mix."
        assert_equal(run_step(leaky_step, alone), whole[n : n + 1], message)
    print("Step: each sample gives the same alone as in a batch.")


def run_sequence(leaky_forward: Callable, given: Mapping[str, Any]) -> np.ndarray:
    """The states of the student's forward pass, with their shape checked."""
    h = run(leaky_forward, given, "x", "starts", "h0", *PARAMETERS)
    return shaped_array("h", h, (len(given["x"]), *given["h0"].shape))


def check_sequence(leaky_forward: Callable, leaky_step: Callable) -> None:
    """Shapes, held states, each step against the student's own, rubbish, and two halves.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    for starts, T in (([2, 0, 4], 4), ([0], 1), ([1], 3)):
        run_sequence(leaky_forward, network(starts, T))
    print("Sequence: the shape is right, also for one sample and for one step.")

    given = network([2, 0, 5, 1], T=5)
    h = run_sequence(leaky_forward, given)
    for n, start in enumerate(given["starts"]):
        for t in range(start):
            message = f"The first real step of sample {n} is {start}, but at step {t} its state is "
            assert_equal(h[t, n], given["h0"][n], message + "not h0.")
    print("Sequence: the state is h0 until a sample starts, and always if it has no real step.")

    before = given["h0"]
    for t in range(5):
        step = run_step(leaky_step, given, t, h_prev=before)
        started = given["starts"] <= t
        message = (
            f"Step {t} is not what your leaky_step makes of the state before it. Look at which "
            "input and which state each step reads, and at the step with which a sample starts."
        )
        assert_equal(h[t][started], step[started], message)
        before = h[t].astype(float)
    print("Sequence: each real step is a step of your leaky_step.")

    other = given["x"].copy()
    other[np.arange(5)[:, None] < given["starts"]] += 9.0
    message = "The states change with what stands at padded steps."
    assert_equal(run_sequence(leaky_forward, given | {"x": other}), h, message)
    first = given | {"x": given["x"][:3], "starts": np.minimum(given["starts"], 3)}
    state = run_sequence(leaky_forward, first)[-1].astype(float)
    rest = given | {"x": given["x"][3:], "starts": np.maximum(given["starts"] - 3, 0), "h0": state}
    message = "Steps 0 to 2, and then the rest from there, must give the same as all at once."
    assert_equal(run_sequence(leaky_forward, rest), h[3:], message)
    print("Sequence: padding does not matter, and two halves give the same as the whole.")


# 1.3: loss and gradient


def scored(starts: Sequence[int], T: int, C: int = 4, seed: int = 0) -> dict[str, Any]:
    """Small random logits and targets, padded on the left; targets at padding are no classes."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(T)[:, None] >= np.array(starts)).astype(float)
    targets = rng.integers(C, size=mask.shape)
    targets[mask == 0] = C + 2
    logits = rng.normal(size=(*mask.shape, C))
    return {"logits": logits, "targets": targets, "mask": mask, "eps": 0.2}


def run_loss(
    loss_and_gradient: Callable, given: Mapping[str, Any], situation: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """The loss and dlogits of the student's function, with their shapes checked."""
    where = f", with {situation}," if situation else ""
    answer = run(loss_and_gradient, given, "logits", "targets", "mask", "eps")
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        "loss_and_gradient must return a pair: loss, then dlogits."
    )
    loss = shaped_array(f"loss{where}", answer[0], ())
    return loss, shaped_array(f"dlogits{where}", answer[1], given["logits"].shape)


def check_loss(loss_and_gradient: Callable) -> None:
    """Values known beforehand, means, smoothing, finite differences, huge logits.

    Raises:
        AssertionError: says which of these fails, where, and what to look at.
    """
    for starts, T in (([0, 2, 1], 3), ([0], 1), ([2], 4)):
        run_loss(loss_and_gradient, scored(starts, T))
    print("Loss: the shapes are right, also for one sample and for one step.")
    _check_known_losses(loss_and_gradient)
    print("Loss: equal logits give log C, also with smoothing.")
    _check_means(loss_and_gradient)
    print("Loss: padding does not count, and a batch gives the mean of its sequences.")
    _check_smoothing(loss_and_gradient)
    print("Loss: smoothing moves eps from the target to the other classes.")
    _check_gradient(loss_and_gradient)
    print("Loss: the gradient agrees with finite differences of your loss.")
    _check_huge(loss_and_gradient)
    print("Loss: huge logits do no harm.")


def _check_known_losses(loss_and_gradient: Callable) -> None:
    given = scored([0, 0], T=3)
    for eps in (0.0, 0.2):
        level = given | {"logits": np.full((3, 2, 4), 1.5), "eps": eps}
        loss, _ = run_loss(loss_and_gradient, level)
        message = f"With four equal logits everywhere and eps={eps:g} the loss must be log(4)."
        assert_equal(loss, np.log(4.0), message)


def _check_means(loss_and_gradient: Callable) -> None:
    starts = [0, 3, 1]
    given = scored(starts, T=4)
    loss, _ = run_loss(loss_and_gradient, given)
    other = given | {"logits": given["logits"] + 5 * (1 - given["mask"][..., None]) * np.arange(4)}
    message = "The loss changes with the logits of padded steps. They must not count."
    assert_equal(run_loss(loss_and_gradient, other)[0], loss, message)

    parts = ("logits", "targets", "mask")
    alone = []
    for n, start in enumerate(starts):
        real = given | {k: given[k][start:, n : n + 1] for k in parts}
        padded = given | {k: given[k][:, n : n + 1] for k in parts}
        alone.append(float(run_loss(loss_and_gradient, real)[0]))
        message = f"Sequence {n} gives another loss with its padding than without."
        assert_equal(run_loss(loss_and_gradient, padded)[0], np.array(alone[-1]), message)
    message = (
        "The loss of a batch of three sequences must be the mean of what each gives alone, however "
        "long they are."
    )
    assert_equal(loss, np.mean(alone), message)

    empty = scored([0, 4, 3, 1], T=4)
    for k in parts:
        empty[k][:, [0, 2, 3]] = given[k]
    message = "A sequence without a real step must change nothing."
    with_empty, _ = run_loss(loss_and_gradient, empty, "a sequence that has no real step")
    assert_equal(with_empty, loss, message)
    nothing = scored([2, 2], T=2)
    loss, dlogits = run_loss(loss_and_gradient, nothing, "no real step in the whole batch")
    assert loss == 0 and not dlogits.any(), (
        "Where no sequence has a real step, the loss and its gradient are zero."
    )


def _check_smoothing(loss_and_gradient: Callable) -> None:
    given = scored([0, 2], T=3)
    none, some, all_ = (
        run_loss(loss_and_gradient, given | {"eps": eps})[0] for eps in (0.0, 0.25, 1.0)
    )
    message = "The loss with eps=0.25 must lie a quarter of the way from eps=0 to eps=1."
    assert_equal(some, np.array(0.75 * none + 0.25 * all_), message)
    two = scored([0, 1], T=3, C=2)
    swapped = two | {"targets": np.where(two["mask"] == 1, 1 - two["targets"], 5), "eps": 0.0}
    message = (
        "With two classes, all of eps goes to the one that is not the target: eps=1 must give the "
        "loss of the swapped targets with eps=0."
    )
    swapped_loss, _ = run_loss(loss_and_gradient, swapped)
    assert_equal(run_loss(loss_and_gradient, two | {"eps": 1.0})[0], swapped_loss, message)


def _check_gradient(loss_and_gradient: Callable) -> None:
    situations = [
        ("one step and no smoothing", [0], 1, 0.0, "Look at the derivative of log softmax."),
        ("several steps", [0, 0], 2, 0.0, "One step was right: look at how the loss is averaged."),
        ("smoothing", [0, 0], 2, 0.3, "Without smoothing it was right: what is the truth now?"),
        ("padding", [0, 2, 3, 1], 3, 0.3, "Without padding it was right: look at the weights."),
    ]
    for words, starts, T, eps, hint in situations:
        given = scored(starts, T) | {"eps": eps}
        loss, dlogits = run_loss(loss_and_gradient, given)
        # Differences of float32 losses need a larger step and can't be as exact.
        rough = np.float32 in (loss.dtype, dlogits.dtype)
        nudge, tolerance = (1e-2, 1e-2) if rough else (1e-6, 1e-6)

        def value(given: Mapping[str, Any] = given) -> float:
            arguments = (given[k] for k in ("logits", "targets", "mask", "eps"))
            return float(loss_and_gradient(*arguments)[0])

        numerical = central_differences(value, given["logits"], nudge)
        message = f"dlogits differs from finite differences of your loss, with {words}. {hint}"
        assert_equal(dlogits, numerical, message, tolerance)


def _check_huge(loss_and_gradient: Callable) -> None:
    given = scored([0, 1], T=2) | {"eps": 0.0}
    given["targets"] = np.where(given["mask"] == 1, 1, -1)
    huge = given | {"logits": np.zeros((2, 2, 4))}
    huge["logits"][0, :, 0] = 3e4
    huge["logits"][1] = -3e4
    huge["logits"][1, :, 0] = 0
    with np.errstate(all="ignore"):
        loss, dlogits = run_loss(loss_and_gradient, huge, "huge logits")
    message = "Where the target's logit is 30000 below another one, the position's loss is 30000."
    assert_equal(loss, np.array(3e4), message)
    wanted = np.zeros((2, 2, 4))
    wanted[:, 0, :2] = [0.25, -0.25]
    wanted[1, 1, :2] = [0.5, -0.5]
    message = (
        "Where a wrong class is ahead by 30000, the gradient pushes it down as strongly as it "
        "pushes the target up, by the position's weight in the mean."
    )
    assert_equal(dlogits, wanted, message)
