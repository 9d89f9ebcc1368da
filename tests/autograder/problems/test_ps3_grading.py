"""Marks, visible checks and time limits of problem set 3."""

import signal
import sys
import time

import numpy as np
import pytest

from autograder.problems.ps3 import hidden
from autograder.problems.ps3.variants import RIGHT, SOLUTION, TOO_SLOW, WRONG
from tests.autograder.problems.sets import ProblemSet, graded

PS3 = ProblemSet("ps3")
FULL = [10, 10, 8, 5, 10, 15, 12, 7, 7, 6]

# A mistake costs what it spoils, and nothing of another problem.
EARNED = {
    "W_hh instead of its transpose on the way back": [1, 0, 8, 5, 1, 15, 12, 7, 7, 6],
    "no leak path on the way back": [2, 0, 8, 5, 1, 15, 12, 7, 7, 6],
    "steps visited forward on the way back": [3, 0, 8, 5, 3, 15, 12, 7, 7, 6],
    "tanh of the small change": [10, 10, 1, 0, 1, 15, 12, 7, 7, 6],
    "one round too few": [10, 10, 8, 5, 1, 15, 12, 7, 7, 6],
    "zero divided by zero": [10, 10, 8, 5, 9, 15, 12, 7, 7, 6],
    "outliers set to zero": [10, 10, 8, 5, 10, 10.5, 10.5, 7, 7, 6],
    "signs flipped where clipped": [10, 10, 8, 5, 10, 10.5, 10.5, 7, 7, 6],
    "always rescaled": [10, 10, 8, 5, 10, 7.25, 8.5, 7, 7, 6],
    "each array on its own": [10, 10, 8, 5, 10, 6, 6.75, 7, 7, 6],
    "one key only": [10, 10, 8, 5, 10, 8.5, 8, 7, 7, 6],
    "clip returns an empty dict": [10, 10, 8, 5, 10, 0, 5.75, 7, 7, 6],
    "clip returns one key only": [10, 10, 8, 5, 10, 3, 7, 7, 7, 6],
    "frozen ones count in the norm": [10, 10, 8, 5, 10, 12.5, 12, 7, 7, 6],
    "squares overflow": [10, 10, 8, 5, 10, 14.25, 12, 7, 7, 6],
    "clipped per micro-batch": [10, 10, 8, 5, 10, 15, 6.25, 7, 7, 6],
    "micro-batches weigh the same": [10, 10, 8, 5, 10, 15, 8.75, 7, 7, 6],
    "NaN noticed but not infinity": [10, 10, 8, 5, 10, 15, 6.25, 7, 7, 6],
    "only the bad array skipped": [10, 10, 8, 5, 10, 15, 10, 7, 7, 6],
    "update returns no names": [10, 10, 8, 5, 10, 15, 7.5, 7, 7, 6],
    "all blocks at once": [10, 10, 8, 5, 10, 15, 12, 5, 7, 6],
    "real parts only": [10, 10, 8, 5, 10, 15, 12, 7, 4, 6],
    "neighbours paired": [10, 10, 8, 5, 10, 15, 12, 7, 7, 2],
    "back raises for a single sample": [3, 10, 8, 5, 3, 15, 12, 7, 7, 6],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EARNED)
def test_wrong_solutions_lose_their_marks_and_no_others(name):
    assert [test.points for test in PS3.tests] == FULL
    assert [points for points, _ in graded(PS3, name)] == EARNED[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRONG)
def test_visible_checks_catch_wrong_solutions(name):
    with pytest.raises((Exception, SystemExit)) as raised:
        PS3.names(WRONG[name], checks=True)
    if raised.type is AssertionError:  # the others are the student's own
        assert len(str(raised.value)) > 20


@pytest.mark.parametrize("name", ["the model solution", *RIGHT])
@pytest.mark.filterwarnings("ignore")
def test_visible_checks_say_what_they_found_right(name, capsys):
    PS3.names(RIGHT.get(name, SOLUTION), checks=True)
    starts = ("products_", "Norms:", "Clip:", "Update:", "Orthogonal:", "Radius:", "Rotation:")
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith(starts)]) == 34


@pytest.mark.parametrize(
    ("cell", "test", "edit", "argument"),
    [
        ("back", 0, ("    back[-1] = v\n", "    back[-1] = v\n    v[:] = 0\n"), "v"),
        (
            "clip",
            5,
            ("    return clipped\n", "    gradients.clear()\n    return clipped\n"),
            "grad",
        ),
        ("update", 6, ("    mean = {}\n", "    mean, sizes[:] = {}, sizes * 2\n"), "sizes"),
        (
            "update",
            6,
            ("    return clip_groups", "    groups.reverse()\n    return clip_groups"),
            "groups",
        ),
    ],
)
def test_arguments_changed_in_place_are_noted(cell, test, edit, argument):
    names = PS3.names({cell: PS3.model.edited(cell, (edit,))})
    _, printed = PS3.score(names, PS3.tests[test])
    assert f"Note: your function changed its argument {argument}" in printed
    again, _ = PS3.score(PS3.names(), PS3.tests[test])
    assert again == PS3.tests[test].points, "the next submission gets the inputs as they were"


@pytest.mark.parametrize("name", TOO_SLOW)
def test_other_ways_are_right_on_small_networks(name):
    names = PS3.names(TOO_SLOW[name])
    small = [test for test in PS3.tests if "large" not in test.name]
    assert [PS3.score(names, test)[0] for test in small] == [test.points for test in small]


def test_whole_jacobians_and_loops_over_entries_take_too_long_at_size():
    a, W_hh = (hidden.large_run(0)[name] for name in ("a", "W_hh"))
    T, N, H = a.shape
    products = T * N * 2 * H**3
    assert products > 30 * 100e9, "more than 30 s at a hundred billion operations a second"
    start = time.perf_counter()
    for i in range(100_000):
        W_hh[i % H, 0] * a[0, 0, 0]
    assert T * N * H**2 * (time.perf_counter() - start) / 100_000 > 2 * 30


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("name", TOO_SLOW)
@pytest.mark.parametrize("problem", [hidden.BACK_LARGE, hidden.AHEAD_LARGE])
def test_other_ways_run_out_of_time_at_size(problem, name):
    def interrupt(*_):
        raise KeyboardInterrupt  # as nbgrader does when a cell's time is up

    student = PS3.names(TOO_SLOW[name])[problem.function]
    problem.cases()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            problem.grade(student)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_names_may_come_in_any_collection():
    named = ["W_hh", "b_o"]
    for value in (named, tuple(named), set(named), dict.fromkeys(named), np.array(named)):
        assert hidden.flags_of(value).tolist() == [0, 1, 0, 0, 1]
