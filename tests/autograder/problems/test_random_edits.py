"""Random wrong edits of the model solution all lose marks, whatever they change."""

from itertools import islice

import pytest

from tests.autograder.problems.random_edits import WANTED, wrong_edits
from tests.autograder.problems.sets import SETS

CELLS = [pytest.param(s, cell, id=f"{s.name} {cell}") for s in SETS for cell in s.model.sources]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [8, pytest.param(WANTED, marks=pytest.mark.full)])
@pytest.mark.parametrize("problem_set, cell", CELLS)
def test_random_wrong_edits_lose_marks(problem_set, cell, count):
    edits = list(islice(wrong_edits(problem_set, cell), count))
    assert [what for what, lost in edits if not lost] == []
    assert len(edits) == count, f"only {len(edits)} edits of {cell} change a result"
