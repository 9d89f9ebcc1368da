"""A course as nbgrader sees it: its configuration, its folders, who handed in what."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbgrader.apps import AutogradeApp
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    Execute,
    IgnorePattern,
    SaveAutoGrades,
)
from nbgrader.utils import find_all_files

from autograder.batch.errors import RefusedError


@dataclass(frozen=True)
class Submission:
    """What one student handed in: the folder, and the names of the notebooks in it."""

    student: str
    folder: Path
    notebooks: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """The instructor's version of an assignment: notebooks by name, and the files beside them."""

    notebooks: dict[str, str]
    files: dict[str, bytes]


# The judge runs the notebook and the ledger writes its marks and penalties, in place of these.
REPLACED = (Execute, IgnorePattern, SaveAutoGrades, AssignLatePenalties)


class Course:
    """One assignment of a course, with every setting of nbgrader's own in force.

    `converter` is nbgrader's Autograde: its options (permissions, files that are not overwritten,
    preprocessors, hooks) are the course's.
    """

    def __init__(self, converter: Autograde) -> None:
        self.converter = converter
        self.coursedir: CourseDirectory = converter.coursedir
        self.assignment: str = self.coursedir.assignment_id
        self.root = Path(self.coursedir.root)

    @classmethod
    def here(cls, assignment: str) -> "Course":
        """Load the course in the working directory the way nbgrader's commands do.

        Raises:
            RefusedError: nbgrader can't load the configuration, or the name is no assignment's.
        """
        app = AutogradeApp()
        app.log_level = logging.ERROR
        try:
            app.initialize(["--log-level=ERROR"])
            app.coursedir.assignment_id = assignment
        except Exception as error:
            raise RefusedError(f"nbgrader's configuration could not be used: {error}") from error
        return cls(Autograde(coursedir=app.coursedir, parent=app))

    def source(self) -> Source:
        """Read the instructor's version.

        Raises:
            RefusedError: there is none.
        """
        folder = self.source_folder
        notebooks = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.ipynb"))}
        if not notebooks:
            raise RefusedError(
                f"there is no notebook in {folder}: the instructor's version of "
                f"'{self.assignment}' must lie there. Is this the course's own folder?"
            )
        paths = find_all_files(str(folder), [*self.coursedir.ignore, "*.ipynb"])
        files = {str(Path(path).relative_to(folder)): Path(path).read_bytes() for path in paths}
        return Source(notebooks, files)

    @property
    def source_folder(self) -> Path:
        """Where the instructor's version lies."""
        step = self.coursedir.source_directory
        return Path(self.coursedir.format_path(step, ".", self.assignment)).resolve()

    @property
    def release_folder(self) -> Path:
        """Where what students were given lies."""
        step = self.coursedir.release_directory
        return Path(self.coursedir.format_path(step, ".", self.assignment)).resolve()

    def submissions(self, students: list[str] | None = None) -> list[Submission]:
        """List what was handed in, by student; of `students` only, where given.

        Raises:
            RefusedError: nothing was handed in, or one of `students` handed in nothing.
        """
        try:
            self.converter.init_notebooks()
        except NbGraderException as error:
            raise RefusedError(f"nothing to grade: {error}") from error
        pattern = self.converter._format_source("(?P<assignment>.*)", "(?P<student>.*)", True)
        excluded = self.coursedir.student_id_exclude.split(",")
        found = []
        for folder, notebooks in self.converter.assignments.items():
            student = re.match(pattern, folder)["student"]
            if student not in excluded:
                names = tuple(sorted(Path(path).stem for path in notebooks))
                found.append(Submission(student, Path(folder), names))
        found.sort(key=lambda submission: submission.student)
        if students is None:
            return found
        missing = set(students) - {submission.student for submission in found}
        if missing:
            names = ", ".join(sorted(missing))
            raise RefusedError(f"no notebook of '{self.assignment}' was handed in by {names}")
        return [submission for submission in found if submission.student in students]

    def autograded(self, student: str) -> Path:
        """Where the autograded files of a student go."""
        step = self.coursedir.autograded_directory
        return Path(self.coursedir.format_path(step, student, self.assignment))

    def keeps(self) -> set[str]:
        """Names of files that the student's version of wins over the source's."""
        return set(self.converter.exclude_overwriting.get(self.assignment, []))

    def finishing(self) -> list[Callable]:
        """Make those of nbgrader's autograde preprocessors that change the graded notebook.

        The check of the metadata is left out: they are those of the release, which was checked.
        """
        chosen = self.converter.autograde_preprocessors
        return [
            kind(parent=self.converter)
            for kind in chosen
            if not issubclass(kind, (*REPLACED, CheckCellMetadata))
        ]

    def late_penalty(self) -> Callable[[str, float, float], float | None]:
        """Return the course's rule for late submissions: (student, score, seconds) -> points."""
        chosen = AssignLatePenalties(parent=self.converter)
        chosen.init_plugin()
        return chosen.plugin_inst.late_submission_penalty
