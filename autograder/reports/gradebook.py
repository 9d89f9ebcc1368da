"""A course's gradebook, open for reading, with the engine's own records in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from nbgrader.api import Assignment, Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import column, inspect, select, table
from sqlalchemy.engine import Row, make_url
from sqlalchemy.exc import SQLAlchemyError

RECORD = table(
    "autograder_record",
    *map(
        column,
        "student assignment notebook key tier verified flags cpu_s wall_s graded_at".split(),
    ),
)


class Course(Protocol):
    """What is needed of a course: nbgrader's own settings of its folders and its gradebook."""

    coursedir: CourseDirectory


@contextmanager
def opened(course: Course) -> Iterator[Gradebook]:
    """Open the gradebook of a course.

    Raises:
        LookupError: there is none, or it can't be read; the message names it, without a password.
    """
    coursedir = course.coursedir
    url = make_url(coursedir.db_url)
    if url.drivername.startswith("sqlite") and not Path(url.database or "").exists():
        raise LookupError(f"there is no gradebook at {url.database}")
    try:
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            yield gradebook
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        shown = url.render_as_string(hide_password=True)
        raise LookupError(f"the gradebook {shown} can't be read: {cause}") from error


def find_assignment(gradebook: Gradebook, assignment: str) -> Assignment:
    """Return an assignment.

    Raises:
        LookupError: there is none of this name; the message lists those there are.
    """
    try:
        return gradebook.find_assignment(assignment)
    except MissingEntry:
        known = ", ".join(sorted(found.name for found in gradebook.assignments)) or "none"
        raise LookupError(
            f"there is no assignment {assignment!r} in the gradebook; there are: {known}"
        ) from None


def records(
    gradebook: Gradebook, assignment: str, student: str | None = None
) -> dict[tuple[str, str], Row]:
    """Map (student, notebook) to the engine's record: of one student, or of all."""
    if not inspect(gradebook.engine).has_table(RECORD.name):
        return {}
    wanted = select(RECORD).where(RECORD.c.assignment == assignment)
    if student is not None:
        wanted = wanted.where(RECORD.c.student == student)
    return {(row.student, row.notebook): row for row in gradebook.db.execute(wanted)}


def flags_of(record: Row) -> list[str]:
    """What the engine remarked on a submission."""
    try:
        found = json.loads(record.flags)
    except ValueError:
        return [record.flags]
    return [str(flag) for flag in found] if isinstance(found, list) else [record.flags]
