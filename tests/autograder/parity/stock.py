"""Grade a class with stock nbgrader, in a course of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook

CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.root = {folder!r}
c.CourseDirectory.db_url = {database!r}
c.Execute.timeout = 60
"""


class StockCourse:
    """A course with one assignment of one notebook, under stock configuration."""

    def __init__(self, folder: Path, name: str, source: NotebookNode) -> None:
        self.folder, self.name = folder, name
        self.database = f"sqlite:///{folder / 'gradebook.db'}"
        config = CONFIG.format(folder=str(folder), database=self.database)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nbgrader_config.py").write_text(config)
        self._write(folder / "source" / name / f"{name}.ipynb", source)
        self._nbgrader("generate_assignment", name)
        self.released = nbformat.read(folder / "release" / name / f"{name}.ipynb", 4)

    def hand_in(self, student: str, notebook: NotebookNode) -> None:
        """Put a submission where nbgrader collects them."""
        self._write(
            self.folder / "submitted" / student / self.name / f"{self.name}.ipynb", notebook
        )

    def grade(self) -> dict[str, dict[str, float | None]]:
        """Grade everybody; the automatic marks by student and cell."""
        self._nbgrader("autograde", self.name)
        marks = {}
        with Gradebook(self.database, "stock") as gradebook:
            for submitted in gradebook.assignment_submissions(self.name):
                (notebook,) = submitted.notebooks
                marks[submitted.student.id] = {g.name: g.auto_score for g in notebook.grades}
        return marks

    def _write(self, path: Path, notebook: NotebookNode) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)

    def _nbgrader(self, *arguments: str) -> None:
        programs = Path(sys.executable).parent
        jupyter = self.folder / "jupyter"
        done = subprocess.run(
            [programs / "nbgrader", *arguments],
            cwd=self.folder,
            env=os.environ
            | {
                "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
                "JUPYTER_CONFIG_DIR": str(jupyter / "config"),
                "JUPYTER_DATA_DIR": str(jupyter / "data"),
                "IPYTHONDIR": str(jupyter / "ipython"),
            },
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"nbgrader {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")


def stock_marks(
    folder: Path,
    name: str,
    source: NotebookNode,
    solvers: Mapping[str, Callable[[NotebookNode], NotebookNode]],
) -> tuple[dict[str, dict[str, float | None]], dict[str, NotebookNode]]:
    """Marks by student and cell, and what each handed in; `solvers` edit the released notebook."""
    course = StockCourse(folder, name, source)
    submissions = {student: solve(course.released) for student, solve in solvers.items()}
    for student, notebook in submissions.items():
        course.hand_in(student, notebook)
    return course.grade(), submissions
