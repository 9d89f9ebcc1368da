"""nbgrader's own commands and the formgrader's buttons: graded by the judge, safely collected.

nbgrader converts a notebook twice: it sanitizes what was handed in, then it grades the result.
Here the first conversion gives the judge's verdict, and the second writes down what is in it.
"""

import os
import sys
import weakref
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters import Autograde, BaseConverter, GenerateAssignment, NbGraderException
from nbgrader.preprocessors import CheckCellMetadata, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import rmtree
from traitlets import Any as AnyTrait
from traitlets import Bool
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from autograder.batch import work
from autograder.batch.collect import Collect
from autograder.batch.course import REPLACED, Course, Submission
from autograder.batch.errors import RefusedError, UngradableError
from autograder.batch.ledger import Graded, Record
from autograder.batch.lock import only_grader
from autograder.batch.notebooks import graded_notebook, marks
from autograder.batch.run import Run, record
from autograder.reports import feedback
from autograder.reports.markdown import markdown2html


class JudgeExporter(NotebookExporter):
    """Reads a submission through the judge instead of through nbconvert."""

    unprotected = Bool(
        False, help="Grade without isolation where this machine has none; recorded with each grade."
    ).tag(config=True)
    judge = AnyTrait(None, allow_none=True, help="Makes the judge; None: the real one.").tag(
        config=True
    )

    def __init__(self, **kwargs: Any) -> None:
        """Check, before any student's turn, that grading can start.

        Raises:
            NbGraderException: it can't; the message is in the log.
        """
        super().__init__(**kwargs)
        try:
            self.run = Run(Course(self.parent), self.judge, not self.unprotected)
            weakref.finalize(self, self.run.close)
            weakref.finalize(self, work.close)
            work.check_sources(self.run.check())
        except RefusedError as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from error
        self._verdicts: dict[tuple[str, str], tuple[str, Record]] = {}
        self._handed_in: dict[str, Graded] = {}
        self._remove_unfinished()

    def _remove_unfinished(self) -> None:
        """Let what a killed run left be graded again; nbgrader would skip it for ever."""
        scored = self.run.ledger.scored()
        for submission in self.run.course.submissions():
            folder = self.run.course.autograded(submission.student)
            if folder.exists() and submission.student not in scored:
                self.log.warning("Removing what an interrupted run left: %s", folder)
                rmtree(str(folder))

    def from_filename(self, filename: str, resources: dict, **kwargs: Any) -> tuple[str, dict]:
        """Convert a notebook: grade it where it was handed in, take it as it is elsewhere."""
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources, **kwargs)
        student, name = resources["nbgrader"]["student"], resources["nbgrader"]["notebook"]
        if (student, name) not in self._verdicts:
            self._grade(student, Path(filename).parent)
        text, about = self._verdicts[student, name]
        notebook = graded_notebook(text, self.run.ledger.notebooks[name], about.facts())
        return self.from_notebook_node(notebook, resources, **kwargs)

    def _grade(self, student: str, folder: Path) -> None:
        """Grade all notebooks of a student that nbgrader asks for.

        Raises:
            UngradableError: one of them can't be graded; then none of them counts.
        """
        self._verdicts.clear()  # those of the student before
        names = tuple(sorted(Path(path).stem for path in self.parent.notebooks))
        contents = self.run.read(Submission(student, folder, names))
        item = work.Item(student, contents.notebooks, contents.files)
        wanted = self.run.keys(contents)
        for name, verdict in work.grade_batch(self.run.batch([item]))[student].items():
            if verdict["failed"]:
                raise UngradableError(f"{name}.ipynb: {verdict['failed']}")
            for flag in (*contents.flags, *verdict["flags"]):
                self.log.warning("%s: %s", student, flag)
            about = record(wanted[name], verdict, contents.flags)
            self._verdicts[student, name] = verdict["notebook"], about
        there = frozenset(path.stem for path in folder.glob("*.ipynb"))
        self._handed_in[student] = Graded(student, contents.timestamp, there)

    def save(self, notebook: NotebookNode, student: str, name: str) -> None:
        """Write the marks in a student's graded notebook to the gradebook.

        Raises:
            RefusedError: the gradebook can't be used, or `autograder grade` is at work.
        """
        ledger, handed_in = self.run.ledger, self._handed_in[student]
        found = {name: (marks(notebook, ledger.notebooks[name]), self._verdicts[student, name][1])}
        with only_grader(self.run.course.root, self.run.course.assignment):
            ledger.save([Graded(student, handed_in.timestamp, handed_in.handed_in, found)])


class SaveGrades(SaveAutoGrades):
    """Writes a notebook's marks, comments, late penalty and record, in one transaction."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Write what the notebook says; it stays as it is."""
        about = resources["nbgrader"]
        self.parent.save(nb, about["student"], about["notebook"])
        return nb, resources


class NameCells(NbGraderPreprocessor):
    """Lists the assignment's cells in the released notebook, so that a deleted one is missed."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Write the names into the notebook's metadata."""
        names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells]
        nb.metadata["autograder"] = {"cells": [name for name in names if name]}
        return nb, resources


def configure(c: Config, unprotected: bool) -> None:
    """Set up an nbgrader configuration; see autograder.configure."""
    chosen = preprocessors(c, Autograde, "autograde_preprocessors")
    kept = [kind for kind in chosen if not issubclass(kind, REPLACED)]
    # Before the last check, as nbgrader has it; a course's own preprocessors stay.
    place = kept.index(CheckCellMetadata) if CheckCellMetadata in kept else len(kept)
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = [*kept[:place], SaveGrades, *kept[place:]]
    c.Autograde.exporter_class = JudgeExporter
    if unprotected:
        c.JudgeExporter.unprotected = True
    c.GenerateAssignment.preprocessors = [
        *preprocessors(c, GenerateAssignment, "preprocessors"),
        NameCells,
    ]
    c.GenerateFeedback.preprocessors = list(feedback.PREPROCESSORS)
    c.ExchangeFactory.setdefault("collect", Collect)
    c.HTMLExporter.filters = {"markdown2html": markdown2html, **c.HTMLExporter.get("filters", {})}

    # nbgrader calls alembic by its bare name when it makes the gradebook.
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([programs, path])


def preprocessors(c: Config, converter: type[BaseConverter], name: str) -> list[type]:
    """Return the preprocessors that a configuration names, or else nbgrader's own."""
    chosen = c[converter.__name__].get(name)
    if not isinstance(chosen, list):
        return list(converter.class_traits()[name].default())
    return [import_item(kind) if isinstance(kind, str) else kind for kind in chosen]
