"""Problem set 1: what the visible checks catch, what mistakes cost, what is too slow."""

import re
import signal
import sys
import time

import numpy as np
import pytest

from autograder.problems import ps1
from autograder.problems.ps1 import hidden, reference
from autograder.problems.ps1.variants import TOO_SLOW, UNUSABLE, WRONG
from autograder.student import ps1 as checks
from tests.autograder.problems.sets import ProblemSet

PS1 = ProblemSet("ps1")

# windows, step, sequence, loss, loss at size. A mistake in one function costs what it spoils in
# the functions that call it, and nothing else.
EARNED = {
    "padded behind": [10, 15, 20, 20, 10],
    "short last window dropped": [6, 15, 20, 20, 10],
    "targets not shifted": [17, 15, 20, 20, 10],
    "zeros for pad": [15, 15, 20, 20, 10],
    "mask of ones": [20, 15, 20, 20, 10],
    "documents without pairs not counted": [24, 15, 20, 20, 10],
    "empty documents raise": [21, 15, 20, 20, 10],
    "windows without targets": [17, 15, 20, 20, 10],
    "windows without padding, in lists": [4, 15, 20, 20, 10],
    "no leak": [25, 5, 0, 20, 10],
    "one leak for all units": [25, 10, 0, 20, 10],
    "state not carried": [25, 15, 3, 20, 10],
    "padding is not held": [25, 15, 9, 20, 10],
    "starts read as lengths": [25, 15, 0, 20, 10],
    "mean over all real steps": [25, 15, 20, 8, 0],
    "0/0 for an empty sequence": [25, 15, 20, 16, 10],
    "0/0 for an empty batch": [25, 15, 20, 16, 10],
    "no smoothing": [25, 15, 20, 3, 0],
    "gradient against the target alone": [25, 15, 20, 10, 2],
    "gradient at padding": [25, 15, 20, 13, 2],
    "exponential of the logits as they are": [25, 15, 20, 17, 10],
    "loss alone": [25, 15, 20, 8, 2],
    "probabilities, too": [25, 15, 20, 0, 0],
}

# What the feedback must say of something that can't be used, in one of its lines.
SAID = {
    "windows returns nothing": r"of type NoneType, not a dict with inputs, targets, mask",
    "windows as a tuple": r"of type tuple, not a dict",
    "windows without targets": r"^targets: 0 of 8 points.*missing from what you returned",
    "windows without padding, in lists": r"holds pieces of different shapes, not one array",
    "windows takes one argument": r"raised TypeError: .*takes 1 positional argument",
    "step calls itself for ever": r"raised RecursionError: maximum recursion depth exceeded",
    "step returns words": r"of type str, not an array of numbers",
    "complex states": r"holds complex numbers, not real ones",
    "only the last state": r"its shape is \(2, 3\) instead of \(1, 2, 3\)",
    "loss raises": r"raised IndexError: list index out of range, in line 2 of your cell",
    "loss alone": r"^dlogits: 0 of 12 points.*missing from what you returned",
    "gradient alone": r"of type ndarray, not the pair \(loss, dlogits\)",
    "probabilities, too": r"a tuple of length 3, not the pair \(loss, dlogits\)",
    "a loss for each sequence": r"^loss: 0 of 8 points.*its shape is \(2,\) instead of \(\)",
    "targets at padding are looked up": r"raised IndexError",
}


def marks(variant: dict[str, str]) -> tuple[list[float], str]:
    names = PS1.names(variant)
    scores = [PS1.score(names, test) for test in PS1.tests]
    return [points for points, _ in scores], "".join(printed for _, printed in scores)


@pytest.mark.parametrize("name", EARNED)
def test_a_mistake_costs_what_it_spoils(name):
    assert marks(WRONG[name])[0] == EARNED[name]


@pytest.mark.parametrize("name", SAID)
def test_what_cannot_be_used_is_named(name):
    printed = marks(UNUSABLE[name])[1]
    assert re.search(SAID[name], printed, re.MULTILINE), printed


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRONG)
def test_visible_checks_catch_wrong_solutions(name):
    errors = (AssertionError, IndexError, TypeError, RecursionError)
    with pytest.raises(errors) as raised:
        PS1.names(WRONG[name], checks=True)
    assert len(str(raised.value)) > 15


def test_arguments_changed_in_place_are_noted_and_graded(capsys):
    source = PS1.model.edited(
        "loss", (("z = logits - ", "logits -= "), ("log_p = z - ", "z = logits\n    log_p = z - "))
    )
    function = PS1.names({"loss": source})["loss_and_gradient"]
    assert ps1.grade_loss(function) == 20
    assert "Note: your function changed its argument logits in place." in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"changed its argument logits in place"):
        checks.check_loss(function)


def test_documents_changed_in_place_are_noted(capsys):
    source = PS1.model.edited(
        "windows",
        (("pairs = len(tokens) - 1", "pairs = len(tokens) - 1\n        documents[d] = 0"),),
    )
    function = PS1.names({"windows": source})["document_windows"]
    assert ps1.grade_windows(function) == 25
    assert "changed its argument documents in place" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="changed its argument documents in place"):
        checks.check_windows(function)


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("name", TOO_SLOW)
def test_numerical_differentiation_is_right_but_too_slow_at_size(name):
    function = PS1.names(TOO_SLOW[name])["loss_and_gradient"]
    for case in (case for case in hidden.loss_cases() if case.group != hidden.HUGE):
        with np.errstate(all="ignore"):
            _, dlogits = function(*case.arguments.values())
        np.testing.assert_allclose(dlogits, case.expected["dlogits"], rtol=0, atol=1e-6)

    (large,) = hidden.loss_large_cases()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        reference.loss_and_gradient(**large.arguments)
        times.append(time.perf_counter() - start)
    assert large.arguments["logits"].size * min(times) > 2 * 30, "twice nbgrader's limit for a cell"

    def interrupt(*_):
        raise KeyboardInterrupt  # as nbgrader does when a cell's time is up

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            ps1.grade_loss_large(function)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
