"""What the gradebook and the graded notebooks say about a whole class, read once.

Scores are nbgrader's: by hand where there is one, else automatic, plus extra credit, less the
penalty for lateness, never below 0. A student who handed in nothing has 0.
"""

import datetime
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbgrader import api
from nbgrader.api import Gradebook
from sqlalchemy import select

from autograder.reports.gradebook import Course, find_assignment, flags_of, opened, records

# As autograder.problems.diagnoses prints it; a test of another course may print the same.
_DIAGNOSIS = re.compile(r"^What is wrong with (?P<outputs>[^:\n]+): (?P<said>.+)$", re.MULTILINE)
_OUT_OF_TIME = re.compile(r"took longer than|CellTimeoutError")
_FOLLOWS = "This follows from an earlier part. "
_PLACE = re.compile(r"^(?P<sentence>.*?\.) See (?P<words>.+?): (?P<link>\S+\.html\S*)$")


@dataclass(frozen=True)
class Item:
    """A graded cell."""

    notebook: str
    name: str
    most: float


@dataclass(frozen=True)
class Misconception:
    """A sentence that students were told, and what they were told to read again."""

    sentence: str
    place: str = ""
    link: str = ""


@dataclass(frozen=True)
class StudentResults:
    """One student's results for the assignment.

    Attributes:
        points: by item; None where it is still to be graded.
        penalty: points lost by handing in late.
        late: how late.
        misconceptions: those diagnosed, each once.
        flags: what the engine remarked, and cells out of time.
    """

    student: str
    handed_in: bool
    points: dict[Item, float | None] = field(default_factory=dict)
    penalty: float = 0.0
    late: datetime.timedelta = datetime.timedelta()
    misconceptions: tuple[Misconception, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """The points that nbgrader exports."""
        return max(0.0, sum(p or 0.0 for p in self.points.values()) - self.penalty)

    @property
    def pending(self) -> int:
        """How many items are still to be graded by hand."""
        return sum(p is None for p in self.points.values())


@dataclass(frozen=True)
class ClassResults:
    """A class's results for one assignment, students by name."""

    assignment: str
    items: tuple[Item, ...]
    students: tuple[StudentResults, ...]

    @property
    def most(self) -> float:
        """The points there are."""
        return sum(item.most for item in self.items)

    @property
    def handed_in(self) -> tuple[StudentResults, ...]:
        """Those who handed something in."""
        return tuple(student for student in self.students if student.handed_in)


def class_results(
    course: Course, assignment: str, progress: Callable[[int, int], None] = lambda done, of: None
) -> ClassResults:
    """Read what there is about everybody.

    Args:
        course: whose gradebook and autograded notebooks are read.
        assignment: its name.
        progress: called with (students read, students).

    Raises:
        LookupError: there is no such assignment, nobody is in the gradebook, or it can't be read.
    """
    with opened(course) as gradebook:
        row = find_assignment(gradebook, assignment)
        items = {
            cell.id: Item(notebook.name, cell.name, cell.max_score)
            for notebook in sorted(row.notebooks, key=lambda one: one.name)
            for cell in _in_order(gradebook, notebook)
        }
        names = sorted(gradebook.db.execute(select(api.Student.id)).scalars())
        if not names:
            raise LookupError("there is no student in the gradebook")
        submissions = _submissions(gradebook, row, items)
        remarks = _remarks(gradebook, assignment)
    folders = course.coursedir
    students = []
    for done, name in enumerate(names, start=1):
        handed = submissions.get(name)
        if handed is None:
            students.append(StudentResults(name, False, dict.fromkeys(items.values(), 0.0)))
        else:
            folder = folders.format_path(folders.autograded_directory, name, assignment)
            told, slow = _told(Path(folder))
            flags = (*remarks.get(name, ()), *slow)
            students.append(StudentResults(name, True, misconceptions=told, flags=flags, **handed))
        progress(done, len(names))
    return ClassResults(assignment, tuple(items.values()), tuple(students))


def _in_order(gradebook: Gradebook, notebook: api.Notebook) -> list[Any]:
    """The notebook's graded cells; nbgrader keeps no order, so by name."""
    cells = gradebook.db.query(api.BaseCell).filter_by(notebook_id=notebook.id)
    graded = [cell for cell in cells if isinstance(cell, api.GradeCell | api.TaskCell)]
    return sorted(graded, key=lambda cell: cell.name)


def _submissions(
    gradebook: Gradebook, assignment: api.Assignment, items: dict[str, Item]
) -> dict[str, dict[str, Any]]:
    """Read everybody's points, penalty and lateness in two queries: {student: …}."""
    submitted, notebook, grade = api.SubmittedAssignment, api.SubmittedNotebook, api.Grade
    found: dict[str, dict[str, Any]] = {}
    rows = gradebook.db.execute(
        select(
            submitted.student_id,
            submitted.timestamp,
            submitted.extension,
            notebook.late_submission_penalty,
        )
        .join(notebook, notebook.assignment_id == submitted.id)
        .where(submitted.assignment_id == assignment.id)
    )
    for student, handed_in, extension, penalty in rows:
        entry = found.setdefault(student, {"points": {}, "penalty": 0.0})
        entry["penalty"] += penalty or 0.0
        if handed_in and assignment.duedate:
            late = handed_in - assignment.duedate - (extension or datetime.timedelta())
            entry["late"] = max(late, datetime.timedelta())
    rows = gradebook.db.execute(
        select(
            submitted.student_id,
            grade.cell_id,
            grade.auto_score,
            grade.manual_score,
            grade.extra_credit,
        )
        .join(notebook, notebook.id == grade.notebook_id)
        .join(submitted, submitted.id == notebook.assignment_id)
        .where(submitted.assignment_id == assignment.id)
    )
    for student, cell, automatic, by_hand, extra in rows:
        points = automatic if by_hand is None else by_hand
        value = None if points is None and extra is None else (points or 0.0) + (extra or 0.0)
        found[student]["points"][items[cell]] = value
    return found


def _remarks(gradebook: Gradebook, assignment: str) -> dict[str, list[str]]:
    """What the engine remarked on submissions: {student: flags}."""
    found: dict[str, list[str]] = {}
    for (student, _), record in records(gradebook, assignment).items():
        told = flags_of(record)
        if not record.verified:
            told = [*told, "unverified: tests ran in the student's process"]
        found.setdefault(student, []).extend(told)
    return found


def _told(folder: Path) -> tuple[tuple[Misconception, ...], list[str]]:
    """Read what a student's graded notebooks say: misconceptions, each once; cells out of time."""
    said: dict[Misconception, None] = {}
    slow: list[str] = []
    for path in sorted(folder.glob("*.ipynb")):
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            for cell in cells:
                # A student's own cell may print anything; only what tests print counts.
                facts = cell["metadata"].get("nbgrader", {})
                if not facts.get("grade") or facts.get("solution"):
                    continue
                text = "\n".join(_texts(cell))
                said.update(dict.fromkeys(misconceptions_in(text)))
                if _OUT_OF_TIME.search(text):
                    slow.append(f"{facts['grade_id']} took longer than it may")
        except (ValueError, KeyError, TypeError, OSError):
            slow.append(f"{path.name} can't be read")
    return tuple(said), slow


def _texts(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        for words in (
            output.get("text", ""),
            output.get("traceback", ""),
            output.get("evalue", ""),
        ):
            yield words if isinstance(words, str) else "".join(words)


def misconceptions_in(text: str) -> Iterator[Misconception]:
    """Find the diagnoses in what a test printed.

    One that follows from an earlier part is left out: it is counted there.
    """
    for found in _DIAGNOSIS.finditer(text):
        if found["said"].startswith(_FOLLOWS):
            continue
        for said in found["said"].split(" Also: "):
            where = _PLACE.match(said)
            yield (
                Misconception(where["sentence"], where["words"], where["link"])
                if where
                else Misconception(said)
            )
