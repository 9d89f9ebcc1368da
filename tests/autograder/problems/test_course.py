"""All problem sets in one course: released, handed in, graded and given back by nbgrader."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.autograder.problems.sets import BEGIN, END, ROOT, SETS, SOLUTIONS
from tests.autograder.problems.test_secrets import numbers_in, reference_numbers

pytestmark = pytest.mark.slow
EACH_SET = pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)
SECRETS = ["BEGIN HIDDEN", "BEGIN SOLUTION", "MARK SCHEME", "autograder.problems"]
GENERIC = 25  # characters of a line from where on it can't be in two places by chance


def run(course: Path, *command: str) -> str:
    """Run a command of the environment in the course's folder; return what it printed."""
    scripts = Path(sys.executable).parent
    home = course / "home"
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    program, *rest = command
    done = subprocess.run(
        [str(scripts / program), *rest],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course with this checkout's configuration, in which every set has been released."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    shutil.copytree(SOLUTIONS, course / "solutions")
    for problem_set in SETS:
        run(course, "nbgrader", "generate_assignment", problem_set.name, "--create")
    return course


def released(course: Path, name: str) -> nbformat.NotebookNode:
    return nbformat.read(course / "release" / name / f"{name}.ipynb", 4)


def hand_in(course: Path, problem_set, student: str, variant: dict[str, str]) -> None:
    notebook = released(course, problem_set.name)
    sources = {**problem_set.model.sources, **variant}
    for cell in notebook.cells:
        cell.source = sources.get(cell.id, cell.source)
    folder = course / "submitted" / student / problem_set.name
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{problem_set.name}.ipynb")


def marks(course: Path, problem_set, student: str) -> list[float]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(problem_set.name, student)
        found = {grade.name: grade.auto_score for grade in submission.notebooks[0].grades}
    return [found[test.name] for test in problem_set.tests]


def secret_lines(problem_set, solutions: bool = True) -> set[str]:
    """Lines of hidden tests, mark schemes and solutions that stand in no visible cell."""
    hidden, visible = set(), set()
    marks = ("### BEGIN" if solutions else BEGIN, "=== BEGIN")
    for cell in problem_set.notebook.cells:
        within = False
        for line in map(str.strip, cell.source.split("\n")):
            within |= any(mark in line for mark in marks)
            (hidden if within else visible).add(line)
            within &= not ("### END" in line or "=== END" in line)
    return {line for line in hidden - visible if len(line) >= GENERIC and BEGIN not in line} - {END}


@EACH_SET
def test_the_release_holds_no_solution_and_no_hidden_test(course, problem_set):
    text = "\n".join(cell.source for cell in released(course, problem_set.name).cells)
    assert [secret for secret in SECRETS if secret in text] == []
    assert [line for line in secret_lines(problem_set) if line in text] == []
    assert os.listdir(course / "release" / problem_set.name) == [f"{problem_set.name}.ipynb"]
    for cell in released(course, problem_set.name).cells:
        if cell.id in problem_set.model.sources:
            assert "raise NotImplementedError()" in cell.source
            compile(cell.source, cell.id, "exec")


@EACH_SET
def test_the_path_of_a_set_from_release_to_feedback(course, problem_set):
    """`nbgrader autograde` gives the model and an alternative full marks, and a mutant fewer.

    What would do a student's work is not there: torch in the NumPy sets, and the course's library.
    """
    mutants = list(problem_set.catalogue)
    styles = list(problem_set.variants.RIGHT.values())
    work = {"model": {}, "right": styles[0], "wrong": problem_set.catalogue.variant(mutants[-1])}
    cell, source = next(iter(problem_set.model.sources.items()))
    absent = "unrolled" if problem_set.name == "ps5" else "torch"
    work["imports"] = {cell: f"import {absent}\n\n{source}"}
    for student, variant in work.items():
        hand_in(course, problem_set, student, variant)
    nothing = course / "submitted" / "nothing" / problem_set.name
    shutil.copytree(course / "release" / problem_set.name, nothing)
    run(course, "nbgrader", "autograde", problem_set.name, "--create")
    full = [test.points for test in problem_set.tests]
    assert marks(course, problem_set, "model") == full
    assert marks(course, problem_set, "right") == full
    assert sum(marks(course, problem_set, "wrong")) < sum(full)
    assert sum(marks(course, problem_set, "imports")) < sum(full)
    assert marks(course, problem_set, "nothing") == [0] * len(full)

    run(course, "nbgrader", "generate_feedback", problem_set.name)
    page = feedback(course, problem_set, "wrong")
    assert mutants[-1].sentence.split(".")[0] in page
    assert f"{absent} is not available" in feedback(course, problem_set, "imports")
    for student in (*work, "nothing"):
        assert_no_secret(problem_set, feedback(course, problem_set, student), student)


def feedback(course: Path, problem_set, student: str) -> str:
    name = problem_set.name
    page = (course / "feedback" / student / name / f"{name}.html").read_text()
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    text = re.sub(r"<[^>]+>", "", body)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    for mark in marks(course, problem_set, student):  # a hidden test's last expression shows it
        text = text.replace(f"\n{mark}\n", "\n")
    return text


def assert_no_secret(problem_set, text: str, writes_solutions: bool) -> None:
    """No hidden test, no expected number, and no solution but what the student wrote."""
    lines = secret_lines(problem_set, solutions=not writes_solutions)
    assert [line for line in lines if line in text] == []
    assert not set(numbers_in(text)) & reference_numbers(problem_set)


@pytest.mark.full
@EACH_SET
def test_the_feedback_pages_of_all_mutants_hold_no_secret(course, problem_set):
    for n, mutant in enumerate(problem_set.catalogue):
        hand_in(course, problem_set, f"mutant{n}", problem_set.catalogue.variant(mutant))
    run(course, "autograder", "grade", problem_set.name)
    run(course, "nbgrader", "generate_feedback", problem_set.name)
    for n, _ in enumerate(problem_set.catalogue):
        text = feedback(course, problem_set, f"mutant{n}")
        assert_no_secret(problem_set, text, writes_solutions=True)


@pytest.mark.full
@EACH_SET
def test_ten_regradings_are_identical_whatever_the_order_and_the_jobs(course, problem_set):
    variants = list(problem_set.variants.WRONG.values())[:8]
    for n, variant in enumerate(variants):
        hand_in(course, problem_set, f"again{n}", variant)
    names = [f"again{n}" for n in range(len(variants))]
    first = None
    for turn in range(10):
        order = names[turn % len(names) :] + names[: turn % len(names)]
        jobs = ("1", "2", "4")[turn % 3]
        command = ["grade", problem_set.name, "--force", "--jobs", jobs]
        run(course, "autograder", *command, "--students", ",".join(order))
        found = [marks(course, problem_set, name) for name in names]
        first = first or found
        assert found == first
