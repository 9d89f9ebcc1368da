"""Right solutions of problem set 2 get full marks, wrong ones lose the marks of their mistake."""

import re
import signal
import sys
import time

import pytest

from autograder.problems import ps2
from autograder.problems.ps2 import hidden, reference
from autograder.problems.ps2.variants import RIGHT, SOLUTION, TOO_SLOW, WRONG
from autograder.student import ps2 as checks

GRADERS = {
    ps2.grade_forward: ("padded_forward", 20),
    ps2.grade_backward: ("padded_backward", 25),
    ps2.grade_backward_large: ("padded_backward", 15),
    ps2.grade_truncated: ("truncated_bptt", 20),
    ps2.grade_truncated_large: ("truncated_bptt", 10),
}
FULL = [points for _, points in GRADERS.values()]

# forward, backward, backward at size, truncated, truncated at size. A mistake in one function
# costs what it spoils in the functions that call it, and nothing else.
EARNED = {
    "padding is not held": [12, 25, 15, 18, 9],
    "padding is set to zero": [12, 25, 15, 18, 9],
    "one real step too many": [12, 25, 15, 18, 9],
    "h0 is ignored": [3, 25, 15, 0, 0],
    "W_hh transposed in the forward pass": [3, 25, 15, 0, 0],
    "no tanh": [0, 25, 15, 0, 0],
    "forward returns nothing": [0, 25, 15, 0, 0],
    "no sum over time": [20, 13, 6, 5, 1],
    "W instead of its transpose": [20, 4, 0, 5, 1],
    "derivative taken at h instead of a": [20, 0, 0, 5, 1],
    "carried gradient not added": [20, 5, 0, 5, 1],
    "dh overwritten by the carried gradient": [20, 5, 0, 5, 1],
    "padded steps counted": [20, 15, 0, 14, 1],
    "padding passes no gradient on": [20, 15, 0, 14, 1],
    "bias counted once a batch": [20, 20, 12, 15, 7],
    "dh0 missing": [20, 20, 12, 20, 10],
    "wrong sign": [20, 0, 0, 5, 1],
    "state of the same step in dW_hh": [20, 20, 12, 15, 7],
    "dW_xh transposed": [20, 20, 12, 15, 7],
    "empty samples raise": [20, 15, 15, 12, 0],
    "backward returns an empty dict": [20, 0, 0, 0, 0],
    "backward returns None": [20, 0, 0, 0, 0],
    "backward returns words": [20, 0, 0, 0, 0],
    "state reset in each window": [20, 25, 15, 4, 0],
    "gradient not cut": [20, 25, 15, 8, 1],
    "only the last window": [20, 25, 15, 8, 1],
    "last short window dropped": [20, 25, 15, 4, 0],
    "lengths not shifted": [20, 25, 15, 12, 0],
    "final state not returned": [20, 25, 15, 15, 9],
}

# What the feedback must say of a mistake, in one of its lines.
SAID = {
    "padding is not held": r"^h: 12 of 20 .*Wrong: padding .*from step 2 on.*in samples 1, 2 ",
    "no sum over time": r"^dW_hh: 1 of 5 .*Right: one step\. Wrong: several steps ",
    "W instead of its transpose": r"^dx: 1 of 5 .*at step 0 and not after",
    "bias counted once a batch": r"^db_h: 0 of 5 .*too small by a factor of 3 everywhere",
    "dh0 missing": r"^dh0: 0 of 5 .*missing from what you returned",
    "wrong sign": r"^dx, dh0, dW_xh, dW_hh, db_h: 0 of 25 .*wrong sign everywhere",
    "dW_xh transposed": r"^dW_xh: .*\(3, 2\) instead of \(2, 3\), as if transposed",
    "empty samples raise": r"Wrong: padding .*raised IndexError: .*in line \d+ of your cell",
    "backward returns None": r"of type NoneType, not a dict of gradients",
    "backward returns words": r"of type str, not an array of numbers",
    "gradient not cut": r"^db_h: 1 of 5 .*Right: one window.* Wrong: several windows ",
}


def grade_all(names: dict, graders=GRADERS) -> list[float]:
    return [grader(names[GRADERS[grader][0]]) for grader in graders]


def check_all(names: dict) -> None:
    forward, backward = names["padded_forward"], names["padded_backward"]
    checks.check_forward(forward)
    checks.check_backward(backward, forward)
    checks.check_truncated(names["truncated_bptt"], backward, forward)


@pytest.mark.parametrize("name", ["the model solution", *RIGHT])
def test_right_solutions_get_full_marks_and_leave_stderr_empty(name, run_cells, capsys):
    names = run_cells(RIGHT.get(name, SOLUTION))
    assert grade_all(names) == FULL
    assert capsys.readouterr().err == "", "under nbgrader, stderr would cost all marks"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["the model solution", *RIGHT])
def test_visible_checks_pass_on_right_solutions(name, run_cells, capsys):
    check_all(run_cells(RIGHT.get(name, SOLUTION)))
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith(("Forward", "Back", "Trunc"))]) == 11


def test_listed_points_are_of_wrong_solutions_there_are():
    assert EARNED.keys() <= WRONG.keys()
    assert SAID.keys() <= WRONG.keys()


@pytest.mark.parametrize("name", EARNED)
def test_wrong_solutions_lose_their_marks_and_are_told_why(name, run_cells, capsys):
    earned = grade_all(run_cells(WRONG[name]))
    printed = capsys.readouterr()
    assert earned == EARNED[name]
    assert sum(earned) < sum(FULL)
    assert printed.err == ""
    assert re.search(SAID.get(name, "Wrong: "), printed.out, re.MULTILINE), printed.out


@pytest.mark.parametrize("name", WRONG)
def test_visible_checks_catch_wrong_solutions(name, run_cells):
    expected = IndexError if name == "empty samples raise" else AssertionError
    with pytest.raises(expected) as raised:
        check_all(run_cells(WRONG[name]))
    assert len(str(raised.value)) > 20


def test_nothing_written_yet(capsys):
    def todo(*arguments):
        raise NotImplementedError()

    assert grade_all({name: todo for name, _ in GRADERS.values()}) == [0, 0, 0, 0, 0]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all(line.endswith("Not written yet (NotImplementedError).") for line in lines)


def test_arguments_changed_in_place_are_noted_and_graded(run_cells, capsys):
    source = SOLUTION["backward"].replace("total = dh[t] + carried", "dh[t] += carried")
    names = run_cells({"backward": source.replace("total", "dh[t]")})
    assert ps2.grade_backward(names["padded_backward"]) == 25
    assert "Note: your function changed its argument dh in place." in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"changed its argument dh in place.*dh\.copy\(\)"):
        checks.check_backward(names["padded_backward"], names["padded_forward"])


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("name", TOO_SLOW)
def test_numerical_differentiation_is_right_but_too_slow_at_size(name, run_cells):
    names = run_cells(TOO_SLOW[name])
    assert grade_all(names, [ps2.grade_forward, ps2.grade_backward]) == [20, 25]

    large = hidden.large_batch(0)
    passes = sum(large[p].size for p in hidden.PARAMETERS)  # at least one for each parameter
    times = []
    for _ in range(5):
        start = time.perf_counter()
        reference.padded_forward(*(large[k] for k in ("x", "lengths", "h0", *hidden.PARAMETERS)))
        times.append(time.perf_counter() - start)
    assert passes * min(times) > 2 * 30, "twice nbgrader's limit of 30 s for a cell"

    def interrupt(*_):
        raise KeyboardInterrupt  # as nbgrader does when a cell's time is up

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            ps2.grade_backward_large(names["padded_backward"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
