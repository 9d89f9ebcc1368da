"""The student's kit: complete, without a secret, and enough to do a problem set with."""

import json
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbgrader.api import Gradebook

from autograder.demo import notebooks
from autograder.demo.course import Course

ROOT = Path(__file__).parents[2]
SETS = sorted(folder.name for folder in (ROOT / "solutions").iterdir() if folder.is_dir())
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@pytest.fixture(scope="module")
def kit(site, tmp_path_factory) -> Path:
    """The unpacked kit."""
    command = [sys.executable, ROOT / "book" / "kit.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("kit")
    with zipfile.ZipFile(ROOT / "_build" / "unrolled-kit.zip") as file:
        file.extractall(folder)
    with zipfile.ZipFile(next(folder.glob("*/*.whl"))) as wheel:
        wheel.extractall(folder / "wheel")
    return folder


def texts(folder: Path) -> dict[str, str]:
    """Every file, also those in the wheel, as text."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".whl"]
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in files}


def test_it_holds_sets_lessons_library_checks_and_what_to_do(kit):
    there = texts(kit)
    for name in SETS:
        assert f"unrolled-kit/problem-sets/{name}/{name}.ipynb" in there
    for lesson in (ROOT / "lessons").glob("*.md"):
        assert f"unrolled-kit/lessons/{lesson.stem}.ipynb" in there
    assert "wheel/unrolled/nets/lstm.py" in there
    assert "wheel/autograder/student/ps2.py" in there
    readme = there["unrolled-kit/README.md"]
    assert len(readme.splitlines()) <= 40, "one screen"
    assert "{" not in readme
    wheel = next(kit.glob("*/*.whl")).name
    assert there["unrolled-kit/requirements.txt"].splitlines()[-1] == f"./{wheel}"


def test_no_part_of_the_instructors_half_is_in_it(kit):
    there = texts(kit)
    assert not [name for name in there if re.search("problems/|judge|solutions|bench/", name)]
    for name, text in there.items():
        assert "HIDDEN TESTS" not in text, name
        assert "from autograder.problems" not in text, name


@pytest.mark.parametrize("name", SETS)
def test_no_line_of_a_solution_is_in_it(name, kit):
    source = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", as_version=4)
    lines = set()
    for cell in source.cells:
        for part in cell.source.split(BEGIN)[1:]:
            lines |= {line.strip() for line in part.partition(END)[0].splitlines()}
    long = {line for line in lines if len(line) > 24 and not line.startswith("#")}
    assert len(long) > 10
    given = json.loads(texts(kit)[f"unrolled-kit/problem-sets/{name}/{name}.ipynb"])
    release = "\n".join("".join(cell["source"]) for cell in given["cells"])
    checks = texts(kit)[f"wheel/autograder/student/{name}.py"]
    leaked = {line for line in long if line in release or line in checks}
    assert leaked == set()


def test_the_students_half_runs_on_every_system(kit):
    """No module and no function that Windows lacks."""
    missing = re.compile(
        r"\bimport (fcntl|pwd|grp|resource|termios|tty|pty|posix|syslog)\b"
        r"|os\.(fork|getuid|geteuid|setsid|killpg|nice)\b|signal\.(SIGALRM|alarm|setitimer|SIGKILL)"
    )
    for path in (kit / "wheel").rglob("*.py"):
        assert not missing.search(path.read_text(encoding="utf-8")), path.name


@pytest.mark.slow
def test_from_the_zip_alone_to_full_marks(kit, tmp_path):
    """In an environment of its own: install, look, solve, check, hand in; then it is graded."""
    shutil.copytree(kit / "unrolled-kit", tmp_path / "kit")
    venv.create(tmp_path / "env", with_pip=True, symlinks=True)
    python = tmp_path / "env" / "bin" / "python"

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [python, *arguments], cwd=tmp_path / "kit", capture_output=True, text=True, timeout=300
        )

    wheel = next((tmp_path / "kit").glob("*.whl"))
    pip = ("-m", "pip", "install", "-q", "--disable-pip-version-check")
    done = run(*pip, f"numpy=={np.__version__}", f"./{wheel.name}")
    assert done.returncode == 0, done.stderr

    check = ("-m", "autograder.student", "problem-sets/ps2/ps2.ipynb")
    done = run(*check)
    assert done.returncode == 1 and "not written yet" in done.stdout, done.stdout + done.stderr

    path = tmp_path / "kit" / "problem-sets" / "ps2" / "ps2.ipynb"
    notebook = notebooks.read(path)
    course = Course(tmp_path / "course", "ps2", judged=True)
    course.create([], time_limit=60)
    for cell in notebooks.read(course.source).cells:
        facts = cell.metadata.get("nbgrader", {})
        if facts.get("solution") and not facts.get("grade"):
            notebooks.replace(notebook, facts["grade_id"], cell.source)
    notebooks.write(notebook, path)
    done = run(*check)
    assert done.returncode == 0, done.stdout + done.stderr

    submitted = course.folder / "submitted" / "ada" / "ps2"
    submitted.mkdir(parents=True)
    shutil.copy(path, submitted)
    course.nbgrader("generate_assignment", "ps2")
    course.nbgrader("autograde", "ps2")
    with Gradebook(course.database, "unrolled-demo") as gradebook:
        grades = gradebook.find_submission("ps2", "ada").notebooks[0].grades
        automatic = {
            g.name: (g.auto_score, g.max_score) for g in grades if g.auto_score is not None
        }
    assert len(automatic) > 4
    assert all(score == most for score, most in automatic.values()), automatic
