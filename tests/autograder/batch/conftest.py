"""A small course, released, with a class that a fake judge grades."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CONFIG = """\
import autograder
from fake_judge import FakeJudge
c = get_config()
autograder.configure(c)
c.JudgeExporter.judge = FakeJudge
c.CourseDirectory.course_id = "small"
"""

SOLUTION = "def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"


def cell(make, source, name, **about):
    """A cell with nbgrader's metadata."""
    defaults = {"grade": False, "solution": False, "locked": False, "task": False}
    made = make(
        source, metadata={"nbgrader": defaults | about | {"grade_id": name, "schema_version": 3}}
    )
    made["id"] = name
    return made


def source_notebook():
    """One automatic problem with two tests, and one of each kind that is marked by hand."""
    hidden = "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(3) == 6\n### END HIDDEN TESTS"
    test = {"grade": True, "locked": True}
    by_hand = {"grade": True, "solution": True}
    notebook = new_notebook(
        cells=[
            cell(new_markdown_cell, "Write f.", "intro", locked=True),
            cell(new_code_cell, SOLUTION, "f", solution=True),
            cell(new_code_cell, hidden, "f-tests", points=4, **test),
            cell(new_code_cell, "f(0)", "f-more", points=4, **test),
            cell(
                new_code_cell,
                "### BEGIN SOLUTION\nplot = 1\n### END SOLUTION",
                "plot",
                points=3,
                **by_hand,
            ),
            cell(new_markdown_cell, "Why?", "why", points=5, **by_hand),
            cell(new_markdown_cell, "Write a report.", "report", points=2, locked=True, task=True),
        ]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


class SmallCourse:
    """A course in a folder, with commands run in it as an instructor would."""

    assignment = "ps1"

    def __init__(self, folder, db_url=None):
        self.folder = Path(folder)
        self.db_url = db_url or f"sqlite:///{self.folder / 'gradebook.db'}"

    @property
    def source(self):
        return self.folder / "source" / "ps1" / "ps1.ipynb"

    def submitted(self, student):
        return self.folder / "submitted" / student / "ps1" / "ps1.ipynb"

    def autograded(self, student):
        return self.folder / "autograded" / student / "ps1" / "ps1.ipynb"

    def hand_in(self, student, answer="# score: 2.5", extra=None, edit=None, when=None):
        """Hand in the released notebook with an answer to the first problem."""
        path = self.submitted(student)
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.read(self.folder / "release" / "ps1" / "ps1.ipynb", as_version=4)
        by_id = {one.metadata["nbgrader"]["grade_id"]: one for one in notebook.cells}
        by_id["f"].source = f"def f(x):\n    return 2 * x  {answer}"
        if edit:
            edit(notebook, by_id)
        nbformat.write(notebook, path)
        for name, data in (extra or {}).items():
            target = path.parent / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if when:
            (path.parent / "timestamp.txt").write_text(when)

    def use_database(self, db_url):
        """Keep the gradebook elsewhere."""
        (self.folder / "gradebook.db").unlink()
        with (self.folder / "nbgrader_config.py").open("a") as file:
            file.write(f"c.CourseDirectory.db_url = {db_url!r}\n")
        self.db_url = db_url

    def run(self, *command, check=True, **environment):
        """Run `python -m …` in the course."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def environment(self):
        private = self.folder / "jupyter"
        return os.environ | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(Path(__file__).parent),
            "JUPYTER_CONFIG_DIR": str(private / "config"),
            "JUPYTER_DATA_DIR": str(private / "data"),
            "IPYTHONDIR": str(private / "ipython"),
        }

    def grade(self, **options):
        """Grade in this process; returns the report."""
        from fake_judge import FakeJudge

        from autograder.batch.course import Course
        from autograder.batch.run import Run

        with contextlib.chdir(self.folder):
            run = Run(Course.here("ps1"), FakeJudge)
            try:
                return run.grade(**{"jobs": 1} | options)
            finally:
                run.close()

    def rows(self):
        """Everything that the gradebook says about the submissions, without row identifiers."""
        from nbgrader.api import Gradebook

        found = {}
        with Gradebook(self.db_url, "small") as gradebook:
            for submission in gradebook.assignment_submissions("ps1"):
                about = {"timestamp": submission.timestamp, "score": submission.score}
                for notebook in submission.notebooks:
                    about[notebook.name] = {
                        "penalty": notebook.late_submission_penalty,
                        "flagged": notebook.flagged,
                        "grades": {
                            grade.name: (
                                grade.auto_score,
                                grade.manual_score,
                                grade.extra_credit,
                                grade.needs_manual_grade,
                            )
                            for grade in notebook.grades
                        },
                        "comments": {
                            one.name: (one.auto_comment, one.manual_comment)
                            for one in notebook.comments
                        },
                    }
                found[submission.student.id] = about
        return found

    def record_names(self):
        """The students who have a record of their grade, one entry a record."""
        from sqlalchemy import create_engine, select

        from autograder.batch.ledger import RECORD

        engine = create_engine(self.db_url)
        with engine.connect() as connection:
            names = list(connection.execute(select(RECORD.c.student)).scalars())
        engine.dispose()
        return names

    def files(self):
        """Every file of the autograded folder with its bytes and permissions."""
        root = self.folder / "autograded"
        return {
            str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode)
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The course after `nbgrader generate_assignment`; copy it, don't change it."""
    course = SmallCourse(tmp_path_factory.mktemp("released"))
    course.source.parent.mkdir(parents=True)
    nbformat.write(source_notebook(), course.source)
    (course.source.parent / "data.csv").write_text("1,2\n")
    (course.folder / "nbgrader_config.py").write_text(CONFIG)
    course.run("nbgrader", "generate_assignment", "ps1")
    return course


@pytest.fixture
def make_course(released, tmp_path):
    """Copies of the released course, as many as a test wants."""

    def make(name="course", config=CONFIG):
        shutil.copytree(released.folder, tmp_path / name)
        (tmp_path / name / "nbgrader_config.py").write_text(config)
        return SmallCourse(tmp_path / name)

    return make


@pytest.fixture
def course(make_course):
    """One copy of the released course."""
    return make_course()
