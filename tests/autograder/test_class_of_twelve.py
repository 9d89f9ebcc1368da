"""The demo's class of twelve, taken through nbgrader's own commands once for all these tests."""

import csv
import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.demo import notebooks, report
from autograder.demo.course import ASSIGNMENT, COURSE_ID, Course
from autograder.demo.students import the_class

pytestmark = [pytest.mark.slow, pytest.mark.full]

RIGHT = [student.name for student in the_class() if not student.loses]
MISTAKEN = [student.name for student in the_class() if student.story.startswith("wrong")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The finished demo: its course and what the command printed."""
    folder = tmp_path_factory.mktemp("demo") / "course"
    command = [sys.executable, "-m", "autograder.demo", "--course", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return Course(folder), result.stdout


@pytest.fixture(scope="module")
def course(run):
    return run[0]


@pytest.fixture(scope="module")
def results(course):
    return {result.student.name: result for result in report.results(course, the_class())}


@pytest.fixture(scope="module")
def solution_lines(course):
    """Lines that only somebody who has seen the instructor's notebook could know."""
    source = notebooks.read(course.source)
    hidden = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.DOTALL)
    blocks = [block for cell in source.cells for _, block in hidden.findall(cell.source)]
    assert blocks
    return {line.strip() for block in blocks for line in block.splitlines() if len(line) > 20}


def sources_of(notebook: Path) -> str:
    """The text of all cells."""
    return "\n".join(cell.source for cell in notebooks.read(notebook).cells)


def text_of(page: Path) -> str:
    """What a reader of an HTML page sees, scripts and styles left out."""
    body = re.sub(r"<(script|style).*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", body))


def test_there_are_twelve_and_the_table_names_them_all(run):
    names = [student.name for student in the_class()]
    assert len(set(names)) == 12
    for name in names:
        assert re.search(rf"^{name} ", run[1], re.MULTILINE)


def test_the_last_lines_name_a_feedback_page_and_the_log(run):
    course, printed = run
    page = re.search(r"^a feedback page: (.+)$", printed, re.MULTILINE)[1]
    assert "<html" in Path(page).read_text()
    assert str(course.logs) in printed


@pytest.mark.parametrize("name", RIGHT)
def test_right_solutions_have_full_marks(results, name):
    total = results[name].total
    assert total.points == total.most > 0


def test_a_right_solution_is_graded_after_all_the_trouble():
    assert the_class()[-1].name in RIGHT


@pytest.mark.parametrize("name", MISTAKEN)
def test_each_named_mistake_loses_marks_where_it_should_and_only_there(results, name):
    result = results[name]
    assert result.broken_promise() is None
    assert 0 < result.total.points < result.total.most


def test_there_are_four_named_mistakes_or_more():
    assert len(MISTAKEN) >= 4


def test_the_untouched_notebook_earns_nothing(results):
    assert results["iris"].total.points == 0


def test_a_cell_that_raises_costs_no_other_problem(results):
    problems = results["goran"].problems
    assert problems["forward"].points == 0
    assert problems["backward"].points == problems["backward"].most
    assert "ZeroDivisionError" in results["goran"].note


def test_an_endless_loop_loses_only_its_own_problem(results):
    result = results["jona"]
    assert result.problems["truncated"].points == 0
    assert result.broken_promise() is None
    assert "time limit" in result.note


def test_a_deleted_test_cell_costs_its_own_points(results, course):
    deleted = "backward-large-tests"
    source = notebooks.read(course.source)
    points = source.cells[notebooks.find(source, deleted)].metadata["nbgrader"]["points"]
    total = results["kofi"].total
    assert total.points == total.most - points
    assert deleted in results["kofi"].note


def test_a_duplicated_cell_stops_nobody_else(results, course):
    assert results["chen"].total.points == 0
    assert "duplicated cell" in results["chen"].note
    graded = {path.parent.parent.name for path in course.folder.glob("autograded/*/*/*.ipynb")}
    assert graded == results.keys() - {"chen"}


def test_everybody_graded_has_fetched_the_page_made_for_them(results, course):
    for name in results.keys() - {"chen"}:
        made = course.folder / "feedback" / name / ASSIGNMENT / f"{ASSIGNMENT}.html"
        assert course.feedback(name).read_bytes() == made.read_bytes()
    assert course.feedback("chen") is None


def test_feedback_shows_no_line_of_the_solution(results, course, solution_lines):
    # nbgrader shows the hidden cells in feedback; ours only call the instructor's grader.
    calls = {line for line in solution_lines if line.startswith(("from autograder", "ps2.grade"))}
    for name in results.keys() - {"chen"}:
        own = sources_of(course.submission(name))
        page = text_of(course.feedback(name))
        assert not [line for line in solution_lines - calls if line in page and line not in own]


def test_feedback_keeps_the_mark_scheme_to_the_grader(course):
    autograded = course.folder / "autograded" / "ada" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    assert "MARK SCHEME" in autograded.read_text(), "the grader would not see it"
    for name in RIGHT:
        assert "MARK SCHEME" not in text_of(course.feedback(name))


def test_the_feedback_check_would_see_a_solution(course, solution_lines):
    page = text_of(course.feedback("ada"))
    assert sum(line in page for line in solution_lines) > len(solution_lines) / 2


def test_the_release_has_no_solution_and_no_hidden_test(course, solution_lines):
    sources = sources_of(course.released)
    assert not [line for line in solution_lines if line in sources]
    for word in ("SOLUTION", "HIDDEN", "MARK SCHEME", "autograder.problems"):
        assert word not in sources
    assert [path.name for path in course.released.parent.iterdir()] == [course.released.name]


def test_the_export_has_the_scores_of_the_gradebook_and_of_the_table(results, course):
    with course.grades.open() as file:
        exported = {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}
    with Gradebook(course.database, COURSE_ID) as gradebook:
        for name, result in results.items():
            submission = gradebook.find_submission(ASSIGNMENT, name)
            # Nothing is marked by hand yet, so all the points are automatic ones.
            assert exported[name] == submission.score == result.total.points
            assert submission.max_code_score == result.total.most
    assert exported.keys() == results.keys()
