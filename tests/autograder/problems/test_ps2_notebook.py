"""The notebook of problem set 2: its form, what is released of it, and stock nbgrader's marks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.problems.ps2 import variants

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "solutions" / "ps2" / "ps2.ipynb"

POINTS = {
    "forward-tests": 20,
    "backward-tests": 25,
    "backward-large-tests": 15,
    "truncated-tests": 20,
    "truncated-large-tests": 10,
    "open-question": 10,
}
CHECKS = ["forward-check", "backward-check", "truncated-check"]
SECRETS = ["BEGIN HIDDEN", "BEGIN SOLUTION", "MARK SCHEME", "autograder.problems", "ps2.grade_"]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def graded(notebook: nbformat.NotebookNode) -> dict[str, dict]:
    """nbgrader's metadata by grade_id."""
    found = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {entry.grade_id: entry for entry in found}


def solution_lines(source: str) -> list[str]:
    """The lines between the solution markers."""
    _, _, rest = source.partition("### BEGIN SOLUTION\n")
    return rest.partition("    ### END SOLUTION")[0].splitlines()


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course in which nbgrader's own commands have released and graded the problem set."""
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(SOURCE.parent, course / "source" / "ps2")
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'test'\n"
    )
    nbgrader(course, "generate_assignment", "ps2", "--create")
    released = read(course / "release" / "ps2" / "ps2.ipynb")
    for student, variant in {
        "model": variants.SOLUTION,
        "noisy": variants.RIGHT["with warnings"],
        "partly": variants.WRONG["empty samples raise"],
        "nothing": {},
    }.items():
        notebook = released.copy()
        cells = variant if student in ("model", "nothing") else variants.SOLUTION | variant
        notebook.cells = [
            nbformat.from_dict({**cell, "source": cells.get(cell.id, cell.source)})
            for cell in released.cells
        ]
        folder = course / "submitted" / student / "ps2"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "ps2.ipynb")
    nbgrader(course, "autograde", "ps2", "--create")
    return course


def nbgrader(course: Path, *command: str) -> None:
    home = course / "home"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # for alembic
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_points_add_up_to_what_the_statement_says():
    notebook = read(SOURCE)
    points = {k: entry.points for k, entry in graded(notebook).items() if entry.get("points")}
    assert points == POINTS
    assert sum(points.values()) == 100
    title = notebook.cells[0].source
    assert "100 points" in title
    for row in ("| 20 |", "| 25 + 15 |", "| 20 + 10 |", "| 10 |"):
        assert row in title


def test_the_release_holds_no_solution_and_no_hidden_test(course):
    path = course / "release" / "ps2" / "ps2.ipynb"
    text = path.read_text()
    for secret in SECRETS:
        assert secret not in text, secret

    released = {cell.id: cell for cell in read(path).cells}
    for cell in read(SOURCE).cells:
        if cell.id in variants.SOLUTION:
            lines = solution_lines(cell.source)
            assert len(lines) > 5
            for line in filter(str.strip, lines):
                assert line.strip() in ")" or line.strip() not in text, line
            stub = released[cell.id].source
            assert stub.endswith("# YOUR CODE HERE\n    raise NotImplementedError()")
            compile(stub, cell.id, "exec")
        if cell.id == "open-question":
            scheme = cell.source.partition("=== BEGIN MARK SCHEME ===")[2]
            for line in filter(None, map(str.strip, scheme.splitlines()[1:-1])):
                assert line not in text, line
    assert os.listdir(path.parent) == ["ps2.ipynb"]


def test_the_release_has_the_right_metadata(course):
    released = read(course / "release" / "ps2" / "ps2.ipynb")
    nbformat.validate(released)
    assert [cell.id for cell in released.cells] == [cell.id for cell in read(SOURCE).cells]
    entries = graded(released)
    for name in variants.SOLUTION:
        assert entries[name].solution and not entries[name].locked and not entries[name].grade
    for name, points in POINTS.items():
        assert entries[name].points == points
        assert entries[name].locked
        assert entries[name].task == (name == "open-question")
        assert entries[name].grade == (name != "open-question")
    for name in ["setup", *CHECKS]:
        assert entries[name].locked and not entries[name].grade


@pytest.mark.parametrize(
    ("student", "scores"),
    [
        ("model", [20, 25, 15, 20, 10]),
        ("noisy", [20, 25, 15, 20, 10]),
        ("partly", [20, 15, 15, 12, 0]),
        ("nothing", [0, 0, 0, 0, 0]),
    ],
)
def test_stock_nbgrader_gives_these_marks(course, student, scores):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission("ps2", student)
        marks = {grade.name: grade for grade in submission.notebooks[0].grades}
        assert [marks[name].auto_score for name in list(POINTS)[:5]] == scores
        assert marks["open-question"].needs_manual_grade
        assert submission.max_score == 100


def test_feedback_names_the_students_line_and_the_grader_sees_the_rubric(course):
    cells = {c.id: c for c in read(course / "autograded" / "partly" / "ps2" / "ps2.ipynb").cells}
    feedback = "".join(output.get("text", "") for output in cells["backward-tests"].outputs)
    assert "raised IndexError" in feedback
    assert "of your cell: last = [range(n)[-1] for n in lengths]" in feedback
    assert "=== BEGIN MARK SCHEME ===" in cells["open-question"].source
