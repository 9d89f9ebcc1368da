"""The learning platforms' files say what nbgrader's own exporter says, in columns they know."""

import csv
import datetime
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Base, Gradebook
from nbgrader.plugins import CsvExportPlugin
from sqlalchemy import create_engine

from autograder.reports.exports import Blackboard, Canvas, Moodle

DUE = datetime.datetime(2026, 3, 1)


@pytest.fixture(scope="module")
def gradebook(tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "gradebook.db"
    Base.metadata.create_all(create_engine(f"sqlite:///{path}"))
    with Gradebook(f"sqlite:///{path}", "class") as gradebook:
        for name, points in (("ps1", 8), ("ps2", 4.5)):
            gradebook.add_assignment(name, duedate=DUE)
            gradebook.add_notebook(name, name)
            gradebook.add_grade_cell("tests", name, name, max_score=points, cell_type="code")
        facts = {"first_name": "Ádám", "last_name": "Nagy, ifj.", "email": "a@example.org"}
        gradebook.add_student("adam", **facts)
        gradebook.add_student("bob")
        for student, name, points, penalty in (
            ("adam", "ps1", 7, 0.5),
            ("adam", "ps2", 1, 3),
            ("bob", "ps2", 4.25, 0),
        ):
            submission = gradebook.add_submission(name, student, timestamp=DUE)
            submission.notebooks[0].grades[0].auto_score = points
            submission.notebooks[0].late_submission_penalty = penalty
        gradebook.db.commit()
        yield gradebook


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def exported(plugin, gradebook, folder: Path, **settings) -> list[list[str]]:
    path = folder / "out.csv"
    plugin(to=str(path), **settings).export(gradebook)
    return rows(path)


@pytest.mark.parametrize(
    ("plugin", "login", "first", "heads"),
    [(Canvas, 3, 5, 2), (Moodle, 2, 4, 1), (Blackboard, 2, 3, 1)],
)
def test_scores_are_nbgraders(plugin, login, first, heads, gradebook, tmp_path):
    CsvExportPlugin(to=str(tmp_path / "nbgrader.csv")).export(gradebook)
    with (tmp_path / "nbgrader.csv").open(encoding="utf-8") as file:
        text = file.read().replace("Nagy, ifj.", "Nagy")  # nbgrader quotes nothing
    theirs = {
        (row["student_id"], row["assignment"]): float(row["score"])
        for row in csv.DictReader(text.splitlines())
        if row["timestamp"]
    }
    ours = {}
    for row in exported(plugin, gradebook, tmp_path)[heads:]:
        for name, score in zip(("ps1", "ps2"), row[first:], strict=True):
            if score:
                ours[row[login], name] = float(score)
    assert ours == theirs and len(ours) == 3


def test_canvas_has_its_columns_and_the_row_of_points(gradebook, tmp_path):
    head, points, bob, adam = exported(Canvas, gradebook, tmp_path)
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "ps1", "ps2"]
    assert points == ["    Points Possible", "", "", "", "", "8", "4.5"]
    assert adam == ["Nagy, ifj., Ádám", "", "", "adam", "", "6.5", "0"]
    assert bob == ["bob", "", "", "bob", "", "", "4.25"]


def test_moodle_has_its_columns(gradebook, tmp_path):
    head, _, adam = exported(Moodle, gradebook, tmp_path)
    assert head[:4] == ["First name", "Last name", "Username", "Email address"]
    assert head[4:] == ["ps1 (Real)", "ps2 (Real)"]
    assert adam[:4] == ["Ádám", "Nagy, ifj.", "adam", "a@example.org"]


def test_blackboard_has_its_columns_each_field_quoted(gradebook, tmp_path):
    head, _, adam = exported(Blackboard, gradebook, tmp_path)
    assert head[:3] == ["Last Name", "First Name", "Username"]
    assert head[3] == "ps1 [Total Pts: 8 Score]"
    assert adam == ["Nagy, ifj.", "Ádám", "adam", "6.5", "0"]
    text = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert all(line.startswith('"') and line.endswith('"') for line in text.splitlines())


def test_one_assignment_and_one_student(gradebook, tmp_path):
    found = exported(Moodle, gradebook, tmp_path, assignment=["ps2"], student=["bob"])
    assert [row[2:] for row in found[1:]] == [["bob", "", "4.25"]]


def test_what_is_not_there_is_named(gradebook, tmp_path):
    with pytest.raises(ValueError, match=r"assignment ps9 is not .* there are: ps1, ps2"):
        exported(Moodle, gradebook, tmp_path, assignment=["ps9"])


def test_nbgraders_command_finds_the_exporter(gradebook, tmp_path):
    command = [Path(sys.executable).parent / "nbgrader", "export"]
    options = [
        "--exporter=autograder.reports.exports.Canvas",
        f"--to={tmp_path / 'c.csv'}",
        f"--CourseDirectory.db_url={gradebook.engine.url}",
    ]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "c.csv")[0][-1] == "ps2"
