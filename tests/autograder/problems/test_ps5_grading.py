"""Problem set 5: points of wrong solutions, and what is too slow."""

import signal
import sys
import time

import numpy as np
import pytest
import torch

from autograder.problems import ps5
from autograder.problems.ps5 import handles, hidden
from autograder.problems.ps5.variants import SOLUTION, TOO_SLOW, UNUSABLE
from tests.autograder.problems.sets import ProblemSet, graded

SET = ProblemSet("ps5")

# decode, module, module at size, train, fit. A mistake in one problem costs nothing in the others.
EARNED = {
    "no nucleus": [11, 20, 5, 15, 10],
    "end symbol not counted in logp": [14, 20, 5, 15, 10],
    "logp missing": [13, 20, 5, 15, 10],
    "samples by rows": [10, 20, 5, 15, 10],
    "resets ignored": [20, 12, 5, 15, 10],
    "gradient of the state cut": [20, 8, 1, 15, 10],
    "one bias only": [20, 1, 0, 15, 10],
    "initial values zero": [20, 19, 5, 15, 10],
    "torch's own layer inside": [20, 0, 0, 15, 10],
    "forward returns the states alone": [20, 6, 1, 15, 10],
    "forward without autograd": [20, 8, 1, 15, 10],
    "last states without the layer's axis": [20, 18, 5, 15, 10],
    "train returns the model alone": [20, 20, 5, 11, 0],
    "fit with a small rate": [20, 20, 5, 15, 0],
    "fit takes more draws than there are": [20, 20, 5, 15, 0],
}


@pytest.mark.parametrize("name", EARNED)
def test_wrong_solutions_lose_the_marks_of_their_mistake(name):
    assert [points for points, _ in graded(SET, name)] == EARNED[name]


def test_a_list_of_tensors_with_their_graph_is_read_as_losses():
    source = SOLUTION["training"].replace("total += loss.item()", "total = total + loss")
    assert ps5.grade_train(SET.names({"training": source})["train"]) == 15


def test_what_the_student_prints_of_a_share_is_no_exact_number(capsys):
    ps5.grade_fit(SET.names(UNUSABLE["fit trains nothing"])["fit"])
    assert "% of the held-out positions are right; the target is 95%" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("name", TOO_SLOW)
def test_numerical_differentiation_is_right_but_too_slow_at_size(name):
    module = SET.names(TOO_SLOW[name])["ProjectedLSTM"]
    assert ps5.grade_module(module) == 20

    arguments = hidden.module_large_cases()[0].arguments
    passes = sum(arguments[w].size for w in handles.WEIGHTS)  # at least one for each parameter
    model = SET.names()["ProjectedLSTM"](64, 160, 96).double()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with torch.no_grad():
            model(torch.tensor(arguments["x"]))
        times.append(time.perf_counter() - start)
    assert passes * min(times) > 2 * 60, "twice the time that the notebook allows for a call"

    def interrupt(*_):
        raise KeyboardInterrupt  # as nbgrader does when a cell's time is up

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            ps5.grade_module_large(module)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_hidden_training_data_are_not_those_of_the_visible_check():
    visible = {0, 1}  # the seeds of check_fit
    seeds = {case.arguments["seed"] for case in hidden.fit_cases()}
    assert not visible & seeds
    first, second = hidden.fit_cases()
    assert not np.array_equal(first.arguments["weights"], second.arguments["weights"])
