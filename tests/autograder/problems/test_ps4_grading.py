"""Marks, visible checks and time limits of problem set 4."""

import signal
import sys
import time

import pytest

from autograder.problems.ps4 import hidden, reference
from autograder.problems.ps4.variants import RIGHT, SOLUTION, TOO_SLOW, WRONG
from tests.autograder.problems.sets import ProblemSet, graded

PS4 = ProblemSet("ps4")
FULL = [8, 14, 10, 8, 16, 10, 8, 10, 6]

# A mistake costs what it spoils, and nothing of another problem.
EARNED = {
    "GRU: padding is not held": [5, 14, 10, 8, 16, 10, 8, 10, 6],
    "GRU: h0 is ignored": [1, 14, 10, 8, 16, 10, 8, 10, 6],
    "GRU: no reset gate": [1, 14, 10, 8, 16, 10, 8, 10, 6],
    "GRU's dh0 missing": [8, 11.5, 8.5, 8, 16, 10, 8, 10, 6],
    "GRU's gates side by side": [8, 11, 7.75, 8, 16, 10, 8, 10, 6],
    "GRU's gradients as a tuple": [8, 0, 0, 8, 16, 10, 8, 10, 6],
    "GRU: candidate's weights met the unscaled state": [8, 13, 9.25, 8, 16, 10, 8, 10, 6],
    "GRU: dx from the candidate only": [8, 11.5, 8.25, 8, 16, 10, 8, 10, 6],
    "LSTM: cell not held": [8, 14, 10, 6.5, 16, 10, 8, 10, 6],
    "cells not returned": [8, 14, 10, 0, 16, 10, 8, 10, 6],
    "LSTM: output gate's peephole met the old cell": [8, 14, 10, 8, 15, 9.5, 8, 10, 6],
    "LSTM's dp missing": [8, 14, 10, 8, 14, 9, 8, 10, 6],
    "two ways: mixed the other way round": [8, 14, 10, 8, 16, 10, 4.5, 10, 6],
    "two ways: only the outputs": [8, 14, 10, 8, 16, 10, 0, 10, 6],
    "two ways: sign of dv": [8, 14, 10, 8, 16, 10, 8, 8, 5],
    "two ways: start looked for at step T − 1": [8, 14, 10, 8, 16, 10, 8, 9.75, 5.5],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EARNED)
def test_wrong_solutions_lose_their_marks_and_no_others(name):
    assert [test.points for test in PS4.tests] == FULL
    assert [points for points, _ in graded(PS4, name)] == EARNED[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRONG)
def test_visible_checks_catch_wrong_solutions(name):
    with pytest.raises(Exception) as raised:
        PS4.names(WRONG[name], checks=True)
    assert len(str(raised.value)) > 20


@pytest.mark.parametrize("name", ["the model solution", *RIGHT])
@pytest.mark.filterwarnings("ignore")
def test_visible_checks_say_what_they_found_right(name, capsys):
    PS4.names(RIGHT.get(name, SOLUTION), checks=True)
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith(("GRU:", "LSTM:", "Two dir"))]) == 27


def test_arguments_changed_in_place_are_noted_and_graded(capsys):
    source = PS4.model.edited(
        "gru-backward", (("        total = dh[t] + carried\n", "        dh[t] += carried\n"),)
    ).replace("total", "dh[t]")
    names = PS4.names({"gru-backward": source})
    points, printed = PS4.score(names, PS4.tests[1])
    assert points == 14
    assert "Note: your function changed its argument dh in place." in printed
    with pytest.raises(AssertionError, match=r"changed its argument dh in place.*dh\.copy\(\)"):
        PS4.names({"gru-backward": source}, checks=True)


LARGE = {
    "gru_backward": (hidden.GRU_BACKWARD_LARGE, reference.gru_forward, hidden.GRU, 3),
    "lstm_backward": (hidden.LSTM_BACKWARD_LARGE, reference.lstm_forward, hidden.LSTM, 3),
    "two_way_backward": (
        hidden.TWO_WAY_BACKWARD_LARGE,
        reference.two_way_forward,
        hidden.TWO_WAY,
        2,
    ),
}


@pytest.mark.parametrize("name", TOO_SLOW)
def test_numerical_differentiation_is_right_on_small_networks(name):
    names = PS4.names(TOO_SLOW[name])
    small = [test for test in PS4.tests if "large" not in test.name]
    assert [PS4.score(names, test)[0] for test in small] == [test.points for test in small]


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("name", TOO_SLOW)
@pytest.mark.parametrize("function", LARGE)
def test_numerical_differentiation_is_too_slow_at_size(function, name):
    problem, forward, arguments, blocks = LARGE[function]
    large = hidden.large_batch(0, blocks)
    passes = sum(large[p].size for p in ("W_x", "W_h", "b"))  # at least one for each parameter
    times = []
    for _ in range(5):
        start = time.perf_counter()
        forward(*(large[k] for k in arguments))
        times.append(time.perf_counter() - start)
    assert passes * min(times) > 2 * 30, "twice nbgrader's limit of 30 s for a cell"

    def interrupt(*_):
        raise KeyboardInterrupt  # as nbgrader does when a cell's time is up

    student = PS4.names(TOO_SLOW[name])[function]
    problem.cases()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            problem.grade(student)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
