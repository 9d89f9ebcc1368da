"""The table in the book is of the problem sets there are."""

import re

import pytest

from tests.autograder.problems import measure
from tests.autograder.problems.sets import SETS


def test_the_books_table_counts_what_there_is():
    rows = re.findall(r"^\| (\w+) \| ([\w-]*) \| ([\d |]+) \|$", measure.PAGE.read_text(), re.M)
    shown = {(name, cell): [int(n) for n in numbers.split("|")] for name, cell, numbers in rows}
    cells = [(s, cell) for s in SETS for cell in s.model.sources]
    assert [*shown] == [(s.name, cell) for s, cell in cells] + [("all", "")], "run measure again"
    for problem_set, cell in cells:
        mutants, killed, _, edits, lost, styles, accepted = shown[problem_set.name, cell]
        assert mutants == killed == sum(m.cell == cell for m in problem_set.catalogue)
        assert edits == lost >= 30
        assert styles == accepted == sum(cell in v for v in problem_set.variants.RIGHT.values())


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_the_books_table_is_what_is_measured():
    assert measure.table() == measure.PAGE.read_text()
