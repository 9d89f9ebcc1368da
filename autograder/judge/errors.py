"""What can go wrong while a notebook is graded."""

from typing import Any

# Of an error of the student's. What describes it may have been forged, and be of any size.
MAX_NAME, MAX_MESSAGE, MAX_TRACEBACK = 200, 20_000, 20_000


class SourceError(Exception):
    """The instructor's notebook can't be graded with; the message names the cell."""


class ProxyError(Exception):
    """A student's function or object was used in a way that can't be served."""


class StudentGone(BaseException):
    """The student's process ended, hung or gave no usable answer.

    No `except Exception` of a test can catch it: the test cell ends here, as it does under
    nbgrader when its time is up.
    """


class CellTimeout(BaseException):
    """A test cell took too long in the judge."""


class StudentException(Exception):  # noqa: N818 (it stands for a class of the student's)
    """An error that the student's code raised, of a type that only exists there.

    Attributes:
        student_line: line of the student's cell, or None.
        student_source: the text of that line.
        student_traceback: a short traceback, of the student's cells only.
    """

    student_line: int | None = None
    student_source: str = ""
    student_traceback: str = ""


def mark(error: BaseException, described: dict[str, Any]) -> BaseException:
    """Let an error tell which line of the student's code it comes from."""
    line, source, text = (described.get(k) for k in ("line", "source", "traceback"))
    error.student_line = line if type(line) is int else None  # type: ignore[attr-defined]
    error.student_source = source[:MAX_MESSAGE] if type(source) is str else ""  # type: ignore[attr-defined]
    error.student_traceback = text[:MAX_TRACEBACK] if type(text) is str else ""  # type: ignore[attr-defined]
    return error
