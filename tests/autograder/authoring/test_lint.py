"""`autograder lint` finds what authors get wrong, and nothing in a set that is right."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from autograder.authoring.lint import lint

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture
def source():
    """A small set with one problem, that a test may spoil: cells by grade_id, and its text."""

    class Draft:
        def __init__(self):
            self.notebook = nbformat.v4.new_notebook(
                metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
            )
            self.add("title", "# Doubling\n\n10 points in all.", "markdown")
            self.add("setup", "import numpy as np")
            self.add(
                "double",
                "def double(x):\n    ### BEGIN SOLUTION\n    return np.add(x, x)\n"
                "    ### END SOLUTION",
                solution=True,
                locked=False,
            )
            self.add("double-check", "assert np.shape(double(np.ones(3))) == (3,)")
            self.add(
                "double-tests",
                "### BEGIN HIDDEN TESTS\nx = np.arange(4.0)\n"
                "10 * float(np.allclose(double(x), 2 * x))\n### END HIDDEN TESTS",
                grade=True,
                points=10,
            )

        def add(self, name, text, kind="code", **facts):
            new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
            cell = new(text, id=name)
            cell.metadata.nbgrader = {
                "grade_id": name,
                "schema_version": 3,
                "cell_type": kind,
                "locked": True,
                "solution": False,
                "grade": False,
                "task": False,
                **facts,
            }
            self.notebook.cells.append(cell)

        def __getitem__(self, name):
            return next(cell for cell in self.notebook.cells if cell.id == name)

        def findings(self, **files):
            return {(f.cell, f.words) for f in lint(nbformat.writes(self.notebook), files)}

    return Draft()


def says(findings, cell, words):
    return [f for f in findings if f[0] == cell and words in f[1]]


def test_a_right_set_is_clean(source):
    assert source.findings() == set()


def test_points_that_do_not_add_up(source):
    source["double-tests"].metadata.nbgrader.points = 8
    found = source.findings()
    assert says(found, "title", "add up to 8, but this cell says 10 points")
    assert says(found, "the model solution", "The score 10 is not between 0 and the 8"), found


def test_a_graded_cell_without_points(source):
    source["double-tests"].metadata.nbgrader.points = 0
    assert says(source.findings(), "double-tests", "worth no points")


def test_no_visible_test(source):
    source.notebook.cells.remove(source["double-check"])
    assert says(source.findings(), "double", "No visible test uses double")


def test_a_hidden_test_is_no_visible_one(source):
    source["double-check"].source = "### BEGIN HIDDEN TESTS\ndouble(1)\n### END HIDDEN TESTS"
    assert says(source.findings(), "double", "No visible test uses double")


def test_a_solution_that_leaks_into_another_cell(source):
    source["title"].source += "\n\nHint: `return np.add(x, x)`"
    found = says(source.findings(), "title", "a line that 'double' hides: 'return np.add(x, x)'")
    assert found


def test_a_solution_that_is_not_taken_out(source):
    cell = source["double"]
    cell.source = "def double(x):\n    return np.add(x, x)"
    assert says(source.findings(), "double", "Nothing of it is taken out")


def test_a_file_that_would_be_released(source):
    assert says(source.findings(**{"answers.py": b""}), "answers.py", "released with it")
    assert source.findings(**{"data.csv": b""}) == set()


def test_a_hidden_test_that_the_stub_passes(source):
    source["double-tests"].source = (
        "### BEGIN HIDDEN TESTS\ntry:\n    double(np.ones(2))\nexcept NotImplementedError:\n"
        "    pass\n10.0\n### END HIDDEN TESTS"
    )
    assert says(source.findings(), "double-tests", "gives 10 points for the stub")


def test_a_model_solution_that_fails(source):
    source["double"].source = source["double"].source.replace("np.add(x, x)", "np.add(x, 1)")
    assert says(source.findings(), "the model solution", "gets 0 of the 10 points")


def test_a_mutant_that_survives(source, tmp_path, monkeypatch):
    package = tmp_path / "lint_course"
    package.mkdir()
    (package / "__init__.py").write_text("def right(f, x):\n    return abs(f(x) - 2 * x) < 1e-9\n")
    (package / "variants.py").write_text(
        'WRONG = {"squares": {"double": "def double(x):\\n    return x * x"},'
        ' "nothing": {"double": "def double(x):\\n    return 0 * x"}}\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    source["double-tests"].source = (
        "### BEGIN HIDDEN TESTS\nimport lint_course\n\n"
        "10 * float(lint_course.right(double, 2.0))\n### END HIDDEN TESTS"
    )
    found = source.findings()
    assert says(found, "double", "'squares' gets full marks"), found
    assert not says(found, "double", "'nothing'")


OTHER_SETS = sorted({p.name for p in (ROOT / "solutions").iterdir()} - {"ps2"})


@pytest.mark.parametrize(
    "name", ["ps2", *(pytest.param(name, marks=pytest.mark.full) for name in OTHER_SETS)]
)
def test_our_own_sets_are_clean(name):
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "lint", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (0, "Nothing found.\n"), done.stdout + done.stderr


def test_an_unknown_set_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "lint", "ps99"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "ps99" in done.stderr and "Traceback" not in done.stderr
