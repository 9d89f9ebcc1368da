"""Every known misconception loses marks, and is told its own sentence and no other one."""

import re

import pytest

from autograder.problems.diagnoses import Misconception
from tests.autograder.problems.sets import ROOT, SETS, ProblemSet, graded

MUTANTS = [pytest.param(s, m, id=f"{s.name} {m.name}") for s in SETS for m in s.catalogue]
EACH_SET = pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)


def told(problem_set: ProblemSet, mutant: Misconception) -> tuple[float, float, str]:
    """Points, points there are, and all that is printed, in the tests of the mutant's own cell."""
    tests = problem_set.of(mutant.cell)
    found = zip(problem_set.tests, graded(problem_set, mutant.name), strict=True)
    scores = [score for test, score in found if test in tests]
    return sum(s for s, _ in scores), sum(t.points for t in tests), "".join(p for _, p in scores)


def diagnosed(problem_set: ProblemSet, mutant: Misconception) -> bool:
    """Whether the student is told this sentence, for one output at least."""
    lines = told(problem_set, mutant)[2].splitlines()
    return any(line.startswith("What is wrong") and mutant.sentence in line for line in lines)


@pytest.mark.parametrize("problem_set, mutant", MUTANTS)
def test_loses_marks_and_is_told_nothing_false(problem_set, mutant):
    points, of, printed = told(problem_set, mutant)
    assert 0 <= points < of
    said = [line for line in printed.splitlines() if line.startswith("What is wrong")]
    for line in said:
        if mutant.sentence not in line:
            others = {m.name for m in problem_set.catalogue if m.sentence in line}
            assert others and others <= set(mutant.looks_like), f"{mutant.name}: {line}"


@EACH_SET
def test_at_least_95_percent_are_told_their_own_sentence(problem_set):
    missed = [m.name for m in problem_set.catalogue if not diagnosed(problem_set, m)]
    assert len(missed) <= 0.05 * len(problem_set.catalogue.misconceptions), missed


@EACH_SET
def test_there_are_enough(problem_set):
    backward = re.compile("backward|bptt|gradient")
    for cell in problem_set.model.sources:
        functions = {p.function for p in problem_set.problems if p.cell == cell}
        there = [m for m in problem_set.catalogue if m.cell == cell]
        wanted = 12 if any(backward.search(f) for f in functions) else 6
        assert len(there) >= wanted, f"{cell}: {len(there)} of {wanted}"


@EACH_SET
def test_names_and_sentences_are_their_own_and_give_no_number_away(problem_set):
    catalogue = list(problem_set.catalogue)
    assert len({m.name for m in catalogue}) == len({m.sentence for m in catalogue})
    assert len({m.name for m in catalogue}) == len(catalogue)
    for m in catalogue:
        assert not re.search(r"\d\.\d", m.sentence), m.name
        assert m.sentence.endswith(".") and len(m.sentence) < 260, m.name


@EACH_SET
def test_places_are_in_the_lessons(problem_set):
    for m in problem_set.catalogue:
        text = (ROOT / "lessons" / f"{m.place.lesson}.md").read_text()
        if m.place.equation is None:
            assert f"({m.place.label})=\n" in text, (m.name, m.place)
        else:
            labels = re.findall(r"^\$\$ \(([A-Za-z0-9-]+)\)$", text, re.MULTILINE)
            assert labels.index(m.place.label) + 1 == m.place.equation, (m.name, m.place)
