"""From a test cell's outcome to the output that nbgrader reads its marks from."""

import math
import numbers
from typing import Any

import numpy as np
from nbformat import NotebookNode, from_dict

from autograder.judge.proxies import Proxy
from autograder.sandbox import cells

HANDED_ON = (
    "The last expression of this test cell is a value that the student's code returned. It gives "
    "no marks: end the cell with a calculation or comparison of the test's own."
)


class NoScoreError(Exception):
    """A test cell's value can't be a score; the message says why."""


def score_of(value: Any, points: float, handed_on: bool) -> float | None:
    """The partial credit that a test cell's last expression gives; None for full marks.

    As in nbgrader, a real number is the score, and anything else is none. A number from outside
    0 … points, which nbgrader takes for full marks or stops at, gives nothing here, since the
    student's numbers may have gone into it.

    Raises:
        NoScoreError: the value came from the student's code, or is no possible score.
    """
    if value is None:
        return None
    if handed_on or isinstance(value, Proxy):
        raise NoScoreError(HANDED_ON)
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return None
    score = float(value)
    if math.isnan(score) or score < 0 or score > points:
        raise NoScoreError(f"The score {score:g} is not between 0 and the {points:g} points.")
    return score


def _output(kind: str, **fields: Any) -> NotebookNode:
    """An output. nbformat's own `new_output` also validates each: a tenth of the judge's time."""
    return from_dict({"output_type": kind, **fields})


def stream(text: str) -> NotebookNode:
    """Printed text as an output. Never stderr, which would cost all marks."""
    return _output("stream", name="stdout", text=clean(text))


def result(score: float) -> NotebookNode:
    """A score as the output that nbgrader reads it from."""
    data = {"text/plain": repr(score)}
    return _output("execute_result", data=data, metadata={}, execution_count=None)


def shown(text: str) -> NotebookNode:
    """A value that a student's cell displays, as text. Never a result, which would be a score."""
    return _output("display_data", data={"text/plain": clean(text)}, metadata={})


def figure(png: str) -> NotebookNode:
    """A figure that a student's cell drew."""
    data = {"image/png": png, "text/plain": "<figure>"}
    return _output("display_data", data=data, metadata={})


def error(name: str, message: str, lines: list[str]) -> NotebookNode:
    """An error as an output."""
    return _output(
        "error",
        ename=clean(name),
        evalue=clean(message),
        traceback=[clean(line) for line in lines],
    )


def error_of(raised: BaseException, filename: str) -> NotebookNode:
    """An error that a test cell raised, with the frames of that cell only."""
    lines = cells.error_lines(raised, lambda name: name == filename)
    text = getattr(raised, "student_traceback", "")
    if text:
        lines = [*lines[:-1], *text.split("\n")]
    return error(type(raised).__name__, cells.message_of(raised), lines)


def clean(text: str) -> str:
    """Text that can be written as UTF-8, cut where it is long."""
    if len(text) > 200_000:
        text = text[:200_000] + "\n… (what follows was cut)\n"
    return text.encode("utf-8", "replace").decode("utf-8")


def grade_of(cell: NotebookNode, outputs: list[NotebookNode]) -> float:
    """The score that nbgrader's `determine_grade` reads from a test cell's outputs."""
    points = float(cell.metadata["nbgrader"]["points"])
    for output in outputs:
        if output.output_type == "error":
            return 0.0
        if output.output_type == "execute_result":
            return float(output["data"]["text/plain"])
    return points
