"""The worked example of the page on writing problem sets, run as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "authoring.md").read_text()


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """The course of the page, with every file of it."""
    folder = tmp_path_factory.mktemp("course")
    blocks = re.findall(r"```\{code-block\} python\n:caption: (\S+)\n\n(.*?)\n```", PAGE, re.S)
    assert len(blocks) == 7
    for name, text in blocks:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    return folder


def run(course: Path, *command: str) -> subprocess.CompletedProcess:
    scripts = Path(sys.executable).parent
    program, *rest = command
    start = [sys.executable] if program == "python" else [str(scripts / program)]
    home = course / "home"
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{course}{os.pathsep}{ROOT}",
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    return subprocess.run(
        [*start, *rest], cwd=course, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_pages_commands_release_a_clean_set_and_the_feedback_is_what_it_says(course):
    commands = re.search(r":caption: commands\n\n(.*?)\n```", PAGE, re.S)[1].splitlines()
    for command in commands:
        done = run(course, *command.split())
        assert done.returncode == 0, done.stdout + done.stderr
        if "lint" in command:
            assert done.stdout == "Nothing found.\n"
    released = nbformat.read(course / "release" / "smoothing" / "smoothing.ipynb", 4)
    text = "".join(cell.source for cell in released.cells)
    assert text.count("raise NotImplementedError()") == 2 and "carried" not in text

    hand_in(course, released, "ada", "RIGHT['a list of rows']")
    hand_in(course, released, "bela", "WRONG['nothing carried back']")
    done = run(course, "autograder", "grade", "smoothing")
    assert done.returncode == 0 and "2 graded" in done.stdout, done.stdout + done.stderr
    assert scores(course, "ada") == [5, 5]
    assert scores(course, "bela") == [5, 2]
    told = printed(course, "bela")
    for line in re.search(r"```text\n(dx: .*?)\n```", PAGE, re.S)[1].splitlines():
        assert line.rstrip("…") in told, told


def hand_in(course: Path, released, student: str, variant: str) -> None:
    code = f"import json; from smoothing.variants import *; print(json.dumps({variant}))"
    done = run(course, "python", "-c", code)
    cells = {**model(course), **json.loads(done.stdout)}
    notebook = nbformat.from_dict(released)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = cells[cell.id]
    folder = course / "submitted" / student / "smoothing"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "smoothing.ipynb")


def model(course: Path) -> dict[str, str]:
    code = "import json; from smoothing.reference import MODEL; print(json.dumps(MODEL.sources))"
    return json.loads(run(course, "python", "-c", code).stdout)


def graded(course: Path, student: str):
    path = course / "autograded" / student / "smoothing" / "smoothing.ipynb"
    return [c for c in nbformat.read(path, 4).cells if c.metadata.nbgrader.grade]


def scores(course: Path, student: str) -> list[float]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission("smoothing", student)
        found = {grade.name: grade.auto_score for grade in submission.notebooks[0].grades}
    return [found[cell.metadata.nbgrader.grade_id] for cell in graded(course, student)]


def printed(course: Path, student: str) -> str:
    outputs = [o for cell in graded(course, student) for o in cell.outputs]
    return "".join(o.get("text", "") for o in outputs)


def test_lint_finds_the_mutant_that_a_missing_group_lets_through(course, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(course, copy, ignore=shutil.ignore_patterns("home", "*.db"))
    hidden = copy / "smoothing" / "hidden.py"
    text = hidden.read_text()
    sizes = re.search(r"SIZES = .*", text)[0]
    hidden.write_text(text.replace(sizes, "SIZES = ((ONE, 1, 3, 0.5), (SEVERAL, 1, 2, 0.5))"))
    run(copy, "python", "make_notebook.py")
    done = run(copy, "autograder", "lint", "smoothing")
    assert done.returncode == 1
    assert "'weights swapped' gets full marks" in done.stdout
    assert "'nothing carried back' gets full marks" in done.stdout
