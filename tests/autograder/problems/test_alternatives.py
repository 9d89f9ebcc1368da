"""Right solutions get full marks whatever their style; what can't be read gets a clear sentence."""

import re

import pytest

from autograder.student.checking import unchanged
from tests.autograder.problems.sets import SETS, graded

RIGHT = [pytest.param(s, name, id=f"{s.name} {name}") for s in SETS for name in s.variants.RIGHT]
UNUSABLE = [
    pytest.param(s, name, id=f"{s.name} {name}") for s in SETS for name in s.variants.UNUSABLE
]
EACH_SET = pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)


def scores(problem_set, variant):
    names = problem_set.names(variant)
    return [problem_set.score(names, test) for test in problem_set.tests]


@EACH_SET
def test_the_model_solution_gets_full_marks(problem_set, capsys):
    points = [points for points, _ in scores(problem_set, {})]
    assert points == [test.points for test in problem_set.tests]
    assert capsys.readouterr().err == "", "under stock nbgrader, stderr would cost all marks"


@pytest.mark.parametrize("problem_set, name", RIGHT)
def test_every_alternative_gets_full_marks_and_leaves_stderr_empty(problem_set, name, capsys):
    found = scores(problem_set, problem_set.variants.RIGHT[name])
    assert [p for p, _ in found] == [test.points for test in problem_set.tests], found
    assert capsys.readouterr().err == "", "under stock nbgrader, stderr would cost all marks"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("problem_set, name", RIGHT)
def test_visible_checks_pass_on_every_alternative(problem_set, name):
    problem_set.names(problem_set.variants.RIGHT[name], checks=True)


@EACH_SET
def test_every_solution_cell_has_ten_alternatives(problem_set):
    for cell, model in problem_set.model.sources.items():
        written = [v[cell] for v in problem_set.variants.RIGHT.values() if cell in v]
        assert len(set(written)) == len(written) >= 10, f"{cell}: {len(set(written))}"
        assert model not in written, cell


@pytest.mark.parametrize("problem_set, name", UNUSABLE)
def test_unusable_answers_lose_marks_with_a_sentence_and_keep_what_is_right(problem_set, name):
    lost = 0.0
    for test, (points, printed) in zip(problem_set.tests, graded(problem_set, name), strict=True):
        lost += test.points - points
        if points < test.points:
            assert re.search(r"\. (Right: .*\. )?(Wrong: |Not written yet)", printed), printed
            assert max(map(len, printed.splitlines())) < 1000
    assert lost > 0


@EACH_SET
def test_nothing_written_yet_is_what_the_feedback_says(problem_set):
    def todo(*arguments):
        raise NotImplementedError()

    names = problem_set.names()
    stubs = {function: todo for test in problem_set.tests for function in test.functions}
    for test in problem_set.tests:
        points, printed = problem_set.score({**names, **stubs}, test)
        assert points == 0
        assert "Not written yet" in printed


@EACH_SET
def test_hidden_inputs_are_the_same_each_time_and_others_for_another_seed(problem_set):
    for problem in problem_set.problems:
        assert problem.cases() is problem.cases()
        ours, others = problem.cases(), problem.cases(10_000)
        assert [c.group for c in ours] == [c.group for c in others]
        differ = [
            not unchanged(one.arguments, other.arguments)
            for one, other in zip(ours, others, strict=True)
        ]
        assert any(differ)
