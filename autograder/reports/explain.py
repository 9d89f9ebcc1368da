"""Everything behind a grade, as text: for an instructor who answers a student's question."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.engine import Row

from autograder.reports.gradebook import Course, find_assignment, flags_of, opened, records

MOST_LINES = 40  # shown of one output
WIDEST = 300  # characters of a line

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def explain(course: Course, assignment: str, student: str) -> str:
    """Tell how a student's grade for an assignment came about, cell by cell.

    Raises:
        LookupError: there is no such assignment or student, nothing was handed in, or the
            gradebook can't be read. The message says which.
    """
    with opened(course) as gradebook:
        return "\n".join(_told(gradebook, course.coursedir, assignment, student)) + "\n"


def _told(
    gradebook: Gradebook, coursedir: CourseDirectory, assignment: str, student: str
) -> Iterator[str]:
    find_assignment(gradebook, assignment)
    try:
        gradebook.find_student(student)
    except MissingEntry:
        raise LookupError(f"there is no student {student!r} in the gradebook") from None
    try:
        submission = gradebook.find_submission(assignment, student)
    except MissingEntry:
        raise LookupError(f"{student} has handed in nothing for {assignment}") from None

    yield f"{assignment}, {student}: {_points(submission.score, submission.max_score)}"
    if submission.timestamp:
        yield f"handed in     {submission.timestamp:%Y-%m-%d %H:%M:%S} UTC{_lateness(submission)}"
    found = records(gradebook, assignment, student)
    folder = coursedir.format_path(coursedir.autograded_directory, student, assignment)
    for notebook in sorted(submission.notebooks, key=lambda found: found.name):
        yield ""
        yield from _notebook(notebook, found.get((student, notebook.name)), Path(folder))


def _notebook(notebook: SubmittedNotebook, record: Row | None, folder: Path) -> Iterator[str]:
    yield f"Notebook {notebook.name}: {_points(notebook.score, notebook.max_score)}"
    if notebook.late_submission_penalty:
        yield f"late penalty  {notebook.late_submission_penalty:g}"
    yield from _record(record)
    path = folder / f"{notebook.name}.ipynb"
    cells: list[NotebookNode] = []
    try:
        cells = nbformat.read(path, as_version=4).cells
    except FileNotFoundError:
        yield f"There is no autograded notebook at {path}."
    except Exception as error:
        yield f"The autograded notebook at {path} can't be read: {_clean(str(error))}"

    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment for comment in notebook.comments}
    for cell in cells:
        facts = cell.metadata.get("nbgrader", {})
        name = facts.get("grade_id")
        outputs = list(_outputs(cell.get("outputs", [])))
        if name in grades or facts.get("solution"):
            yield from _cell(name, grades.pop(name, None), comments.pop(name, None), outputs)
        elif outputs:
            known = facts.get("locked") and name
            yield ""
            yield f"{name}: the course's cell" if known else "a cell of the student's own"
            yield from outputs
    for name, grade in grades.items():  # what the file lacks
        yield from _cell(name, grade, comments.get(name), [])


def _record(record: Row | None) -> Iterator[str]:
    if record is None:
        yield "There is no record of this engine: the grade comes from nbgrader's own, or by hand."
        return
    verified = "verified" if record.verified else "UNVERIFIED (tests ran in the student's process)"
    yield f"graded        {str(record.graded_at)[:19]} UTC, tier {record.tier}, {verified}"
    yield f"took          {record.cpu_s:.2f} s of CPU, {record.wall_s:.2f} s"
    yield f"key           {record.key}"
    yield from (f"flag          {_clean(flag)}" for flag in flags_of(record))


def _cell(name: str, grade: Any, comment: Any, outputs: Iterable[str]) -> Iterator[str]:
    """One cell: what it gave, how that came about, what stands below it."""
    yield ""
    if grade is None:
        yield f"{name}: answer"
    else:
        yield f"{name}: {_points(grade.score, grade.max_score)}"
        parts = [f"automatic {_number(grade.auto_score)}", f"by hand {_number(grade.manual_score)}"]
        if grade.extra_credit:
            parts.append(f"extra credit {grade.extra_credit:g}")
        if grade.needs_manual_grade:
            parts.append("still to be graded by hand")
        yield f"  ({', '.join(parts)})"
    if comment is not None:
        for kind, words in (("automatic", comment.auto_comment), ("", comment.manual_comment)):
            if words:
                yield f"  {kind} comment: {_clean(words)}".replace("   comment", "  comment")
    yield from outputs


def _outputs(outputs: Iterable[NotebookNode]) -> Iterator[str]:
    for output in outputs:
        if output.output_type == "stream":
            yield from _block(output.text)
        elif output.output_type == "error":
            trace = "\n".join(output.get("traceback", []))
            yield from _block(trace or f"{output.ename}: {output.evalue}")
        elif "text/plain" in output.get("data", {}):
            yield from _block(output.data["text/plain"])


def _block(text: str | list[str]) -> Iterator[str]:
    """An output, indented and bounded; the whole of it is in the autograded notebook."""
    lines = (text if isinstance(text, str) else "".join(text)).rstrip("\n").split("\n")
    for line in lines[:MOST_LINES]:
        yield f"    | {_clean(line)}"
    if len(lines) > MOST_LINES:
        yield f"    | ... ({len(lines) - MOST_LINES} more lines)"


def _clean(text: str) -> str:
    """One line that a terminal shows and does not obey: it may be a student's."""
    line = _ANSI.sub("", text).expandtabs(4).replace("\n", " ")
    line = "".join(c if c.isprintable() else "�" for c in line)
    return line if len(line) <= WIDEST else f"{line[:WIDEST]}..."


def _lateness(submission: Any) -> str:
    late = submission.total_seconds_late
    if late <= 0:
        return ""
    extension = f", extension {submission.extension}" if submission.extension else ""
    return f", {late / 3600:.1f} h late{extension}"


def _points(score: float | None, most: float | None) -> str:
    return f"{score or 0:g} of {most or 0:g} points"


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:g}"
