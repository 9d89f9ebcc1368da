"""Nothing that a student reads holds an expected value or a line of a solution."""

import re
from functools import cache

import numpy as np
import pytest

from tests.autograder.problems.sets import SETS, ProblemSet, graded

VARIANTS = [pytest.param(s, name, id=f"{s.name} {name}") for s in SETS for name in s.variants.WRONG]


@cache
def reference_numbers(problem_set: ProblemSet) -> frozenset[str]:
    """Every number in the hidden answers, to three and to six digits, if it has as many."""
    numbers: set[str] = set()
    for case in (case for problem in problem_set.problems for case in problem.cases()):
        for answer in case.expected.values():
            if answer.size < 1000:  # any three digits occur somewhere among 100,000 numbers
                entries = np.abs(answer[(answer != 0) & (answer != np.round(answer))])
                numbers.update(f"{v:{spec}}" for v in entries for spec in (".3g", ".6g"))
    exact = {n for n in numbers if len(digits(n)) >= 3}
    assert len(exact) > 300
    return frozenset(exact)


def digits(number: str) -> str:
    """The digits that say something: 0.0120 has three."""
    return number.split("e")[0].replace(".", "").lstrip("0")


def numbers_in(text: str) -> list[str]:
    """Numbers with a point or an exponent, those of equations, chapters and points left out."""
    text = re.sub(r"[\d.]+ of [\d.]+ points|Score: [\d.]+ / [\d.]+", "", text)
    return re.findall(r"(?<![\w.(])\d+\.\d+(?:e[+-]?\d+)?|\b\d+e[+-]?\d+", text)


@pytest.mark.parametrize("problem_set, name", VARIANTS)
def test_what_hidden_tests_print_gives_no_number_away(problem_set, name):
    try:
        printed = "".join(words for _, words in graded(problem_set, name))
    except Exception:
        return  # it fails before any hidden test
    numbers = numbers_in(printed)
    assert not set(numbers) & reference_numbers(problem_set), printed
    too_exact = [n for n in numbers if len(digits(n)) > 2]
    assert not too_exact, "the size of an error is told in one or two digits"
