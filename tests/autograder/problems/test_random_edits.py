"""Random wrong edits of the model solution all lose marks, whatever they change."""

from contextlib import suppress

import numpy as np
import pytest

from autograder.problems.answers import answer_of, call, close
from tests.autograder.problems.edits import edits_of
from tests.autograder.problems.sets import SETS

WANTED = 30  # edits a problem that change the result
CELLS = [pytest.param(s, cell, id=f"{s.name} {cell}") for s in SETS for cell in s.model.sources]


def small(problem_set, cell):
    """The problem of a cell that is not there for its size."""
    mine = [p for p in problem_set.problems if p.cell == cell]
    return min(mine, key=lambda p: sum(_size(c.arguments) for c in p.cases()))


def _size(arguments):
    return sum(a.size for a in arguments.values() if isinstance(a, np.ndarray))


def changes_a_result(problem, function) -> bool:
    """Whether it differs from the reference on inputs other than the hidden ones."""
    with np.errstate(all="ignore"):
        for seed in (10_000, 20_000):
            for case in problem.cases(seed):
                reply = call(function, case.arguments)
                for output in problem.outputs:
                    got = answer_of(reply, output.name, problem.unpack)
                    if got is None or not close(got, case.expected[output.name]):
                        return True
    return False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("problem_set, cell", CELLS)
def test_random_wrong_edits_lose_marks(problem_set, cell):
    problem = small(problem_set, cell)
    of = problem.points
    wrong, survived = 0, []
    for what, source in edits_of(problem_set.model.sources[cell]):
        if wrong == WANTED:
            break
        with suppress(Exception):
            function = problem_set.names({cell: source})[problem.function]
            if changes_a_result(problem, function):
                wrong += 1
                if problem.grade(function) >= of:
                    survived.append(what)
    assert not survived
    assert wrong == WANTED, f"only {wrong} edits of {cell} change a result: the tool needs more"
