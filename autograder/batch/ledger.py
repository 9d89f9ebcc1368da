"""The gradebook, written in batches: one transaction for many submissions and their records."""

import datetime
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbgrader import api
from nbgrader.api import Gradebook, new_uuid
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from autograder.batch.course import Course
from autograder.batch.errors import RefusedError
from autograder.batch.notebooks import Marks, ReleasedNotebook, SourceCell

PATIENCE = 60.0  # seconds to wait for somebody else's lock in the middle of a run
START_PATIENCE = 10.0

# One row a graded notebook: what the grade depends on, and how it came about.
RECORD = Table(
    "autograder_record",
    MetaData(),
    Column("student", String(128), primary_key=True),
    Column("assignment", String(128), primary_key=True),
    Column("notebook", String(128), primary_key=True),
    # nbgrader's row: where that was removed, the record no longer counts.
    Column("submitted_notebook_id", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("tier", String(32), nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("flags", Text, nullable=False),
    Column("cpu_s", Float, nullable=False),
    Column("wall_s", Float, nullable=False),
    Column("graded_at", DateTime, nullable=False),
)


@dataclass(frozen=True)
class Record:
    """How a grade came about."""

    key: str
    tier: str
    verified: bool
    flags: tuple[str, ...]
    cpu_s: float
    wall_s: float

    def facts(self) -> dict[str, Any]:
        """What the student may know of it, for the notebook's metadata."""
        return {"tier": self.tier, "verified": self.verified, "flags": list(self.flags)}


@dataclass(frozen=True)
class Graded:
    """What there is to write about one submission.

    Notebooks of the assignment that are not among `handed_in` get zero points. Those handed in
    without being in `notebooks` could not be graded: they are entered, without any score.
    """

    student: str
    timestamp: datetime.datetime | None
    handed_in: frozenset[str]
    notebooks: Mapping[str, tuple[Marks, Record]] = field(default_factory=dict)


class Ledger:
    """The gradebook of one assignment, open for a whole run."""

    def __init__(self, course: Course) -> None:
        """Open a course's gradebook and read what it knows about the assignment.

        Raises:
            RefusedError: it can't be reached or is locked, or the assignment isn't in it.
        """
        db_url = course.coursedir.db_url
        self.assignment = course.assignment
        self._penalty = course.late_penalty()
        self._gradebook = open_gradebook(db_url, course.coursedir.course_id)
        self._session = self._gradebook.db
        try:
            self._read_assignment()
            _probe(self._session)
        except OperationalError as error:
            self.close()
            raise RefusedError(_unusable(db_url, error)) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._gradebook.close()

    def _read_assignment(self) -> None:
        session = self._session
        row = session.execute(
            select(api.Assignment.id, api.Assignment.duedate).where(
                api.Assignment.name == self.assignment
            )
        ).first()
        notebooks = () if row is None else self._read_notebooks(row.id)
        session.rollback()
        if not notebooks:
            raise RefusedError(
                f"'{self.assignment}' is not in the gradebook: it was not released yet "
                f"(run nbgrader generate_assignment {self.assignment})"
            )
        self._assignment_id, self._duedate = row.id, row.duedate
        self.notebooks = {notebook.name: notebook for notebook in notebooks}

    def _read_notebooks(self, assignment_id: str) -> list[ReleasedNotebook]:
        session = self._session
        found = []
        for notebook in session.execute(
            select(api.Notebook.id, api.Notebook.name, api.Notebook.kernelspec).where(
                api.Notebook.assignment_id == assignment_id
            )
        ):
            grades, comments, points = {}, {}, {}
            for cell in session.query(api.BaseCell).filter_by(notebook_id=notebook.id):
                if isinstance(cell, api.GradeCell | api.TaskCell):
                    grades[cell.name] = cell.id
                    points[cell.name] = cell.max_score
                if isinstance(cell, api.SolutionCell | api.TaskCell):
                    comments[cell.name] = cell.id
            cells = {
                cell.name: SourceCell(
                    cell.cell_type, cell.locked, cell.checksum, points.get(cell.name)
                )
                for cell in session.query(api.SourceCell).filter_by(notebook_id=notebook.id)
            }
            found.append(
                ReleasedNotebook(
                    notebook.id, notebook.name, notebook.kernelspec, cells, grades, comments
                )
            )
        return found

    def keys(self) -> dict[tuple[str, str], str]:
        """Map (student, notebook) to the key of the grade in the gradebook."""
        rows = self._session.execute(
            select(RECORD.c.student, RECORD.c.notebook, RECORD.c.key)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == RECORD.c.submitted_notebook_id)
            .where(RECORD.c.assignment == self.assignment)
        ).all()
        self._session.rollback()
        return {(student, notebook): key for student, notebook, key in rows}

    def scored(self) -> set[str]:
        """Return the students who have an automatic score for any cell of the assignment."""
        rows = self._session.execute(
            select(api.SubmittedAssignment.student_id)
            .join(api.SubmittedNotebook)
            .join(api.Grade)
            .where(
                api.SubmittedAssignment.assignment_id == self._assignment_id,
                api.Grade.auto_score.is_not(None),
            )
            .distinct()
        )
        found = set(rows.scalars())
        self._session.rollback()
        return found

    def students(self) -> set[str]:
        """Return the names of all students in the gradebook."""
        names = set(self._session.execute(select(api.Student.id)).scalars())
        self._session.rollback()
        return names

    def save(self, graded: Sequence[Graded]) -> None:
        """Write all of `graded` in one transaction; wait where somebody else holds a lock.

        Manual scores, manual comments and extra credit stay as they are.

        Raises:
            RefusedError: the database stays locked, or can't be reached any more; then none of
                `graded` was written.
        """
        patient_until = time.monotonic() + PATIENCE
        while True:
            try:
                self._save(graded)
                self._session.commit()
                return
            except (OperationalError, IntegrityError, DBAPIError) as error:
                self._session.rollback()
                if time.monotonic() > patient_until or not _may_pass(error):
                    raise RefusedError(
                        f"{_unusable(self._gradebook.engine.url, error)}. What is in it stays; "
                        "run the same command again for the rest"
                    ) from error
                time.sleep(0.5)

    def _save(self, graded: Sequence[Graded]) -> None:
        session = self._session
        by_student = {item.student: item for item in graded}
        self._enter_students(by_student)
        submissions = self._enter_submissions(by_student)
        notebooks = self._enter_notebooks(submissions)
        self._enter_cells(notebooks)

        grades = self._rows(api.Grade, notebooks)
        comments = self._rows(api.Comment, notebooks)
        new_grades, new_comments, penalties, records = [], [], [], []
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
        for student, name, identifier in notebooks:
            item, released = by_student[student], self.notebooks[name]
            rows = grades.get(identifier, {})
            if name not in item.handed_in:
                new_grades += [
                    {"b_id": row.id, "auto_score": 0, "needs_manual_grade": False}
                    for row in rows.values()
                ]
                continue
            if name not in item.notebooks:
                continue
            marks, record = item.notebooks[name]
            points = {row.cell_id: row for row in rows.values()}
            scores = {row.cell_id: _score(row, row.auto_score) for row in rows.values()}
            for grade_id, auto_score in marks.scores.items():
                row = points[released.grades[grade_id]]
                by_hand = row.manual_score is not None or auto_score is None
                new_grades.append(
                    {"b_id": row.id, "auto_score": auto_score, "needs_manual_grade": by_hand}
                )
                scores[row.cell_id] = _score(row, auto_score)
            for grade_id, words in marks.comments.items():
                row = comments[identifier][released.comments[grade_id]]
                if row.auto_comment != words:
                    new_comments.append({"b_id": row.id, "auto_comment": words})
            lost = self._points_lost(submissions[student], student, sum(scores.values()))
            penalties.append({"b_id": identifier, "late_submission_penalty": lost})
            records.append(
                {
                    "student": student,
                    "assignment": self.assignment,
                    "notebook": name,
                    "submitted_notebook_id": identifier,
                    "key": record.key,
                    "tier": record.tier,
                    "verified": record.verified,
                    "flags": json.dumps(record.flags, ensure_ascii=False),
                    "cpu_s": record.cpu_s,
                    "wall_s": record.wall_s,
                    "graded_at": now,
                }
            )
        connection = session.connection()
        for table, values in (
            (api.Grade.__table__, new_grades),
            (api.Comment.__table__, new_comments),
            (api.SubmittedNotebook.__table__, penalties),
        ):
            if values:
                connection.execute(update(table).where(table.c.id == bindparam("b_id")), values)
        if records:
            mine = (RECORD.c.student, RECORD.c.assignment, RECORD.c.notebook)
            same = [column == bindparam(f"b_{column.name}") for column in mine]
            which = [{f"b_{column.name}": row[column.name] for column in mine} for row in records]
            connection.execute(delete(RECORD).where(*same), which)
            connection.execute(insert(RECORD), records)

    def _enter_students(self, students: Iterable[str]) -> None:
        known = self._session.execute(select(api.Student.id).where(api.Student.id.in_(students)))
        new = set(students) - set(known.scalars())
        if new:
            self._session.execute(
                insert(api.Student.__table__), [{"id": student} for student in sorted(new)]
            )

    def _enter_submissions(self, by_student: Mapping[str, Graded]) -> dict[str, "Handed"]:
        """Make or update nbgrader's row of each submission; return what counts for lateness."""
        table = api.SubmittedAssignment.__table__
        rows = self._session.execute(
            select(table.c.id, table.c.student_id, table.c.timestamp, table.c.extension).where(
                table.c.assignment_id == self._assignment_id, table.c.student_id.in_(by_student)
            )
        )
        found = {row.student_id: Handed(row.id, row.timestamp, row.extension) for row in rows}
        inserted, updated = [], []
        for student, item in by_student.items():
            row = found.get(student)
            if row is None:
                row = Handed(new_uuid(), item.timestamp, None)
                inserted.append(
                    {
                        "id": row.identifier,
                        "assignment_id": self._assignment_id,
                        "student_id": student,
                        "timestamp": item.timestamp,
                    }
                )
            elif item.timestamp and item.timestamp != row.timestamp:
                row = Handed(row.identifier, item.timestamp, row.extension)
                updated.append({"b_id": row.identifier, "timestamp": item.timestamp})
            found[student] = row
        connection = self._session.connection()
        if inserted:
            connection.execute(insert(table), inserted)
        if updated:
            connection.execute(update(table).where(table.c.id == bindparam("b_id")), updated)
        return found

    def _enter_notebooks(self, submissions: Mapping[str, "Handed"]) -> list[tuple[str, str, str]]:
        """Make nbgrader's rows of notebooks; return (student, notebook, identifier) for all."""
        table = api.SubmittedNotebook.__table__
        names = {notebook.identifier: name for name, notebook in self.notebooks.items()}
        students = {handed.identifier: student for student, handed in submissions.items()}
        found = [
            (students[row.assignment_id], names[row.notebook_id], row.id)
            for row in self._session.execute(
                select(table.c.id, table.c.assignment_id, table.c.notebook_id).where(
                    table.c.assignment_id.in_(students)
                )
            )
            if row.notebook_id in names
        ]
        there = {(student, name) for student, name, _ in found}
        inserted = []
        for student, handed in submissions.items():
            for name, notebook in self.notebooks.items():
                if (student, name) not in there:
                    identifier = new_uuid()
                    found.append((student, name, identifier))
                    inserted.append(
                        {
                            "id": identifier,
                            "assignment_id": handed.identifier,
                            "notebook_id": notebook.identifier,
                        }
                    )
        if inserted:
            self._session.connection().execute(insert(table), inserted)
        return found

    def _enter_cells(self, notebooks: Sequence[tuple[str, str, str]]) -> None:
        """Make nbgrader's empty rows of grades and comments where there are none."""
        connection = self._session.connection()
        for model, part in ((api.Grade, "grades"), (api.Comment, "comments")):
            there = self._rows(model, notebooks)
            inserted = [
                {"id": new_uuid(), "notebook_id": identifier, "cell_id": cell}
                for _, name, identifier in notebooks
                for cell in getattr(self.notebooks[name], part).values()
                if cell not in there.get(identifier, ())
            ]
            if inserted:
                connection.execute(insert(model.__table__), inserted)

    def _rows(self, model: type, notebooks: Sequence[tuple[str, str, str]]) -> dict[str, dict]:
        """Read the rows of cells: notebook's identifier -> cell's identifier -> row."""
        table = model.__table__
        found: dict[str, dict] = {}
        wanted = [identifier for _, _, identifier in notebooks]
        for row in self._session.execute(select(table).where(table.c.notebook_id.in_(wanted))):
            found.setdefault(row.notebook_id, {})[row.cell_id] = row
        return found

    def _points_lost(self, handed: "Handed", student: str, score: float) -> float | None:
        """Ask the course's rule how many points are lost by handing in late; None: none."""
        if handed.timestamp is None or self._duedate is None:
            return None
        due = self._duedate + (handed.extension or datetime.timedelta())
        seconds = (handed.timestamp - due).total_seconds()
        lost = self._penalty(student, score, seconds) if seconds > 0 else None
        return None if lost is None else min(max(lost, 0), score)


@dataclass(frozen=True)
class Handed:
    """nbgrader's row of a submission: what decides how late it was."""

    identifier: str
    timestamp: datetime.datetime | None
    extension: datetime.timedelta | None


def _score(grade: object, auto_score: float | None) -> float:
    """The score of a cell as nbgrader's Grade.score has it."""
    points = grade.manual_score if grade.manual_score is not None else auto_score
    return 0.0 if points is None else points + (grade.extra_credit or 0.0)


def open_gradebook(db_url: str, course_id: str) -> Gradebook:
    """Open an existing gradebook, with the table of records in it.

    Raises:
        RefusedError: there is none, or it can't be reached or used.
    """
    url = make_url(db_url)
    if url.drivername.startswith("sqlite") and url.database and not Path(url.database).exists():
        raise RefusedError(
            f"there is no gradebook at {url.database}: nothing was released yet "
            "(run nbgrader generate_assignment)"
        )
    patient_until = time.monotonic() + START_PATIENCE
    while True:
        try:
            gradebook = Gradebook(db_url, course_id)
            RECORD.create(gradebook.engine, checkfirst=True)
            return gradebook
        except SQLAlchemyError as error:
            if time.monotonic() > patient_until or not _may_pass(error):
                raise RefusedError(_unusable(db_url, error)) from error
            time.sleep(0.5)


def _probe(session) -> None:
    """Take the lock for writing and let it go, so that a run doesn't start in vain."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("BEGIN IMMEDIATE"))
    session.rollback()


def _may_pass(error: Exception) -> bool:
    """Whether waiting may help: another program holds a lock, or has just written the same row."""
    return "locked" in str(error).lower() or isinstance(error, IntegrityError)


def _unusable(db_url: object, error: Exception) -> str:
    """Say in a line that the database can't be used, without its password."""
    url = make_url(db_url).render_as_string(hide_password=True)
    cause = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
    if "locked" in cause.lower():
        cause = "another program holds a lock on it (is a formgrader or a second grader writing?)"
    return f"the gradebook {url} can't be used: {cause}"
