"""Everything behind a grade is told; what isn't there is named."""

import datetime
import json
import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Base, Gradebook
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import create_engine

from autograder.batch.ledger import RECORD
from autograder.reports.explain import explain

DUE = datetime.datetime(2026, 3, 1, 12)


def graded_notebook() -> nbformat.NotebookNode:
    def cell(name: str, source: str, *outputs, **facts):
        made = new_code_cell(source, outputs=list(outputs))
        made.metadata["nbgrader"] = {"grade_id": name, "locked": True, "grade": False} | facts
        return made

    printed = new_output("stream", name="stdout", text="\x1b[31mhello\x1b[0m\x07\n" * 100)
    words = new_output("stream", name="stdout", text="dx: 2 of 5 points.\n")
    raised = new_output(
        "error", ename="AssertionError", evalue="3 != 4", traceback=["AssertionError: 3 != 4"]
    )
    return new_notebook(
        cells=[
            cell("answer", "x = 1", printed, solution=True, locked=False),
            cell("tests", "check(x)", words, grade=True, points=5),
            cell("more-tests", "assert x == 4", raised, grade=True, points=3),
            new_code_cell("print(2)", outputs=[new_output("stream", text="mine\n")]),
        ]
    )


@pytest.fixture(scope="module")
def gradebook_file(tmp_path_factory) -> Path:
    """A gradebook with one graded student, ann, and one who handed in nothing, bob."""
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    # nbgrader itself would start alembic to make the tables, which takes seconds.
    Base.metadata.create_all(create_engine(f"sqlite:///{path}"))
    with Gradebook(f"sqlite:///{path}", "small") as gradebook:
        fill(gradebook)
    return path


def fill(gradebook: Gradebook) -> None:
    gradebook.add_assignment("hw", duedate=DUE)
    gradebook.add_notebook("hw", "hw")
    for name, points in (("tests", 5), ("more-tests", 3), ("by-hand", 4)):
        gradebook.add_grade_cell(name, "hw", "hw", max_score=points, cell_type="code")
    gradebook.add_solution_cell("answer", "hw", "hw")
    gradebook.add_student("ann")
    gradebook.add_student("bob")
    submission = gradebook.add_submission("hw", "ann", timestamp=DUE + datetime.timedelta(hours=3))
    notebook = submission.notebooks[0]
    notebook.late_submission_penalty = 1.5
    scores = {"tests": (2, None, 0.5), "more-tests": (0, 3, None), "by-hand": (None,) * 3}
    for grade in notebook.grades:
        grade.auto_score, grade.manual_score, grade.extra_credit = scores[grade.name]
        grade.needs_manual_grade = grade.name == "by-hand"
    notebook.comments[0].manual_comment = "Look at chapter 4."
    gradebook.db.commit()
    RECORD.create(gradebook.engine)
    gradebook.db.execute(
        RECORD.insert().values(
            student="ann",
            assignment="hw",
            notebook="hw",
            submitted_notebook_id=notebook.id,
            key="a1b2",
            tier="landlock",
            verified=False,
            flags=json.dumps(["The test cell 'tests' was edited."]),
            cpu_s=0.031,
            wall_s=0.045,
            graded_at=datetime.datetime(2026, 3, 2, 8, 30),
        )
    )
    gradebook.db.commit()


@pytest.fixture
def course(tmp_path, gradebook_file) -> SimpleNamespace:
    """A course of its own with that gradebook, and the autograded notebook of ann."""
    shutil.copy(gradebook_file, tmp_path / "gradebook.db")
    coursedir = CourseDirectory(root=str(tmp_path), course_id="small")
    coursedir.db_url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    folder = tmp_path / "autograded" / "ann" / "hw"
    folder.mkdir(parents=True)
    nbformat.write(graded_notebook(), folder / "hw.ipynb")
    return SimpleNamespace(coursedir=coursedir)


def test_everything_behind_a_grade_is_told(course):
    text = explain(course, "hw", "ann")
    for line in (
        "hw, ann: 5.5 of 12 points",
        "handed in     2026-03-01 15:00:00 UTC, 3.0 h late",
        "late penalty  1.5",
        "graded        2026-03-02 08:30:00 UTC, tier landlock, UNVERIFIED "
        "(tests ran in the student's process)",
        "took          0.03 s of CPU, 0.04 s",
        "key           a1b2",
        "flag          The test cell 'tests' was edited.",
        "tests: 2.5 of 5 points",
        "  (automatic 2, by hand -, extra credit 0.5)",
        "    | dx: 2 of 5 points.",
        "more-tests: 3 of 3 points",
        "  (automatic 0, by hand 3)",
        "    | AssertionError: 3 != 4",
        "by-hand: 0 of 4 points",
        "  (automatic -, by hand -, still to be graded by hand)",
        "answer: answer",
        "  comment: Look at chapter 4.",
        "a cell of the student's own",
        "    | mine",
    ):
        assert line in text.splitlines(), line


def test_what_a_student_printed_is_bounded_and_can_not_drive_a_terminal(course):
    text = explain(course, "hw", "ann")
    assert "\x1b" not in text and "\x07" not in text
    assert text.count("hello") == 40
    assert "(60 more lines)" in text


def test_without_a_record_and_a_file_the_scores_are_told(course):
    coursedir = course.coursedir
    with sqlite3.connect(coursedir.db_url.removeprefix("sqlite:///")) as database:
        database.execute("drop table autograder_record")
    (Path(coursedir.root) / "autograded" / "ann" / "hw" / "hw.ipynb").unlink()
    text = explain(course, "hw", "ann")
    assert "no record of this engine" in text
    assert "There is no autograded notebook" in text
    assert "tests: 2.5 of 5 points" in text


def test_a_damaged_autograded_notebook_is_named(course):
    (Path(course.coursedir.root) / "autograded" / "ann" / "hw" / "hw.ipynb").write_text("{")
    text = explain(course, "hw", "ann")
    assert "can't be read" in text
    assert "more-tests: 3 of 3 points" in text


@pytest.mark.parametrize(
    ("assignment", "student", "words"),
    [
        ("ps9", "ann", "no assignment 'ps9' in the gradebook; there are: hw"),
        ("hw", "eve", "no student 'eve'"),
        ("hw", "bob", "bob has handed in nothing for hw"),
        ("hw", "../ann", "no student"),
    ],
)
def test_what_is_not_there_is_named(course, assignment, student, words):
    with pytest.raises(LookupError, match=words):
        explain(course, assignment, student)


def test_a_missing_gradebook_is_named_and_not_made(tmp_path):
    coursedir = CourseDirectory(root=str(tmp_path))
    coursedir.db_url = f"sqlite:///{tmp_path / 'none.db'}"
    with pytest.raises(LookupError, match="no gradebook at"):
        explain(SimpleNamespace(coursedir=coursedir), "hw", "ann")
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_gradebook_is_named(tmp_path):
    (tmp_path / "gradebook.db").write_bytes(b"not a database" * 100)
    coursedir = CourseDirectory(root=str(tmp_path))
    coursedir.db_url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with pytest.raises(LookupError, match="can't be read"):
        explain(SimpleNamespace(coursedir=coursedir), "hw", "ann")
