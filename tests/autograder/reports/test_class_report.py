"""The class report: its numbers are nbgrader's, its sentences the feedback's; it runs nothing."""

import csv
import datetime
import io
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Base, Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import CsvExportPlugin
from sqlalchemy import create_engine

from autograder.problems.ps2.misconceptions import CATALOGUE
from autograder.reports import class_report, statistics
from autograder.reports.class_results import class_results, misconceptions_in
from tests.autograder.problems.sets import ProblemSet

PS2 = ProblemSet("ps2")
DUE = datetime.datetime(2026, 3, 1, 12)
COMMON, RARE = CATALOGUE.misconceptions[0], CATALOGUE.misconceptions[10]
ESSAY = 10  # points of a cell marked by hand
# What each student hands in: a known mistake, the model solution, or nothing.
CLASS = {
    "ann": COMMON,
    "bob": COMMON,
    "cem": RARE,
    "dee": "right",
    "eva": "right",
    "=fay": None,
    "<b>gus": None,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> SimpleNamespace:
    """A graded class: what the hidden tests printed, and the marks, as a run leaves them."""
    folder = tmp_path_factory.mktemp("class")
    url = f"sqlite:///{folder / 'gradebook.db'}"
    Base.metadata.create_all(create_engine(url))
    with Gradebook(url, "class") as gradebook:
        gradebook.add_assignment("ps2", duedate=DUE)
        gradebook.add_notebook("ps2", "ps2")
        for test in PS2.tests:
            gradebook.add_grade_cell(
                test.name, "ps2", "ps2", max_score=test.points, cell_type="code"
            )
        gradebook.add_grade_cell("essay", "ps2", "ps2", max_score=ESSAY, cell_type="markdown")
        for student, hands_in in CLASS.items():
            gradebook.add_student(student)
            if hands_in is not None:
                grade(gradebook, folder, student, hands_in)
        gradebook.db.commit()
    coursedir = CourseDirectory(root=str(folder), course_id="class")
    coursedir.db_url = url
    return SimpleNamespace(coursedir=coursedir)


def grade(gradebook: Gradebook, folder: Path, student: str, hands_in) -> None:
    names = PS2.names({} if hands_in == "right" else CATALOGUE.variant(hands_in))
    marks, cells = {}, [new_markdown_cell("No more than one.")]
    for test in PS2.tests:
        marks[test.name], printed = PS2.score(names, test)
        facts = {"grade_id": test.name, "grade": True, "solution": False, "locked": True}
        cell = new_code_cell(test.source, outputs=[new_output("stream", text=printed)])
        cell.metadata["nbgrader"] = facts
        cells.append(cell)
    lie = "What is wrong with dx: I was told nothing. See chapter 1: x.html"
    cells.append(new_code_cell(f"print({lie!r})", outputs=[new_output("stream", text=lie)]))
    path = folder / "autograded" / student / "ps2" / "ps2.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), path)
    submission = gradebook.add_submission("ps2", student, timestamp=DUE)
    if student == "bob":
        submission.timestamp += datetime.timedelta(hours=5)
        submission.notebooks[0].late_submission_penalty = 2.5
    for row in submission.notebooks[0].grades:
        row.auto_score = marks.get(row.name)
        if student == "dee" and row.name == "essay":
            row.manual_score, row.extra_credit = 7, 0.5


@pytest.fixture(scope="module")
def results(course):
    return class_results(course, "ps2")


@pytest.fixture(scope="module")
def exported(course, tmp_path_factory) -> dict[str, dict[str, str]]:
    """What nbgrader's own exporter says of each student."""
    path = tmp_path_factory.mktemp("export") / "grades.csv"
    with Gradebook(course.coursedir.db_url, "class") as gradebook:
        CsvExportPlugin(to=str(path)).export(gradebook)
    return {row["student_id"]: row for row in csv.DictReader(path.open())}


def test_scores_are_those_that_nbgrader_exports(results, exported):
    assert {s.student: s.score for s in results.students} == {
        student: float(row["score"]) for student, row in exported.items()
    }
    assert {float(row["max_score"]) for row in exported.values()} == {results.most}
    rows = list(csv.DictReader(io.StringIO(class_report.table(results))))
    for row in rows:
        student = row["student"].removeprefix("'")
        assert float(row["score"]) == float(exported[student]["score"])
        assert float(row["late_penalty"]) == float(exported[student]["late_submission_penalty"])


def test_the_commonest_mistake_comes_first_with_the_section_to_read(results):
    found = statistics.misconceptions(results)
    assert [(m.sentence, count) for m, count in found] == [(COMMON.sentence, 2), (RARE.sentence, 1)]
    assert found[0][0].link == str(COMMON.place).split(": ")[1]


def test_what_a_students_own_cell_prints_is_not_believed(results):
    assert "I was told nothing" not in class_report.page(results, DUE.date())


def test_items_are_described_over_those_who_handed_in(results):
    figures = {row.item.name: row for row in statistics.item_figures(results)}
    essay = figures.pop("essay")
    assert (essay.share, essay.pending, essay.full) == (0.75, 4, 0)
    assert essay.discrimination is None
    spoilt = figures[PS2.of(COMMON.cell)[0].name]
    assert spoilt.share < 1 and spoilt.full == 3 - (RARE.cell == COMMON.cell)
    assert spoilt.discrimination is not None


def test_who_needs_a_hand(results):
    named = {student.student: why for student, why in statistics.need_a_hand(results)}
    assert named["=fay"] == "handed in nothing"
    assert "dee" not in named and "eva" not in named


def test_histogram_counts_everybody_once(results):
    scores = [student.score for student in results.handed_in]
    assert sum(statistics.histogram(scores, results.most)) == len(scores)
    assert statistics.histogram([0, 5, 10, 11], 10) == [1, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert statistics.histogram([0], 0)[0] == 1


def test_the_page_needs_no_other_file_and_runs_nothing(results):
    page = class_report.page(results, DUE.date(), "https://example.org/course/")
    assert "<script" not in page and "url(" not in page and "<link" not in page
    assert "<b>gus" not in page and "&lt;b&gt;gus" in page
    assert f'href="https://example.org/course/{str(COMMON.place).split(": ")[1]}"' in page
    assert "4 answers are still to be graded by hand" in page


def test_the_table_holds_no_formula(results):
    rows = list(csv.reader(io.StringIO(class_report.table(results))))
    assert "'=fay" in {row[0] for row in rows}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]


def test_an_empty_class_still_has_a_page(course):
    with Gradebook(course.coursedir.db_url, "class") as gradebook:
        gradebook.update_or_create_assignment("ps9")
    page = class_report.page(class_results(course, "ps9"), DUE.date())
    assert "Nobody has handed in yet." in page


def test_what_is_not_there_is_named(course):
    with pytest.raises(LookupError, match=r"no assignment 'ps7'.*there are: ps2"):
        class_results(course, "ps7")


def test_one_that_follows_from_an_earlier_part_is_counted_there():
    follows = "What is wrong with h: This follows from an earlier part. A. See chapter 4: a.html"
    assert list(misconceptions_in(follows)) == []
    both = "What is wrong with h, c: One. See chapter 4: a.html#x Also: Two. See chapter 5: b.html"
    assert [(m.sentence, m.link) for m in misconceptions_in(both)] == [
        ("One.", "a.html#x"),
        ("Two.", "b.html"),
    ]


def test_rare_misconceptions_are_folded(results, monkeypatch):
    assert "<details>" not in class_report.page(results, DUE.date())
    monkeypatch.setattr(class_report, "COMMONEST", 1)
    page = class_report.page(results, DUE.date())
    open_, folded = page.split("<details>")
    rarer = len(statistics.misconceptions(results)) - 1
    assert f"{rarer} more, each told to" in folded
    assert open_.count("read again</th>") == folded.count("read again</th>") == 1
    assert "</details>" in folded
