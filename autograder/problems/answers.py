"""Hidden inputs, and what a student's function gives for them: a value or an error in words."""

import copy
import linecache
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.student.checking import real_array, unchanged

TOLERANCE = 1e-6
NOT_WRITTEN = "it is not written yet (NotImplementedError)"
FLOAT32_TOLERANCE = 200 * float(np.finfo(np.float32).eps)


class UnusableError(Exception):
    """A returned value in which no output can be looked for; the message says why, in words."""


@dataclass(frozen=True)
class Case:
    """One hidden input: its group of marks, the arguments in the order of the call, the answers."""

    group: str
    arguments: Mapping[str, Any]
    expected: Mapping[str, np.ndarray]
    description: str


@dataclass(frozen=True)
class Output:
    """One graded output: its name, the points of each group, and what its leading axes count.

    `axes` holds "step" and "sample" where an axis counts those, so that feedback can name them.
    """

    name: str
    points: Mapping[str, float]
    axes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What came back from a student's function: a value, or words about the error it raised."""

    value: Any = None
    error: str | None = None
    changed: Sequence[str] = field(default_factory=tuple)


def call(function: Callable, arguments: Mapping[str, Any]) -> Reply:
    """Call a student's function on copies of the arguments, by position.

    KeyboardInterrupt, nbgrader's way to end a cell that takes too long, passes through.
    """
    copies = copy.deepcopy(dict(arguments))
    value, error = None, None
    try:
        value = function(*copies.values())
    except (Exception, SystemExit) as raised:
        error = describe_error(raised)
    changed = tuple(k for k, v in arguments.items() if not unchanged(v, copies[k]))
    return Reply(value, error, changed)


def describe_error(raised: BaseException) -> str:
    """Type and message of an exception, and the line of the student's code it came from."""
    if isinstance(raised, NotImplementedError):
        return NOT_WRITTEN
    text = f"it raised {type(raised).__name__}: {str(raised)[:200]}"
    line = getattr(raised, "student_line", None)
    if line is not None:  # the judge: the student's frames are in another process
        source = getattr(raised, "student_source", "")
        return text + f", in line {line} of your cell" + (f": {source}" if source else "")
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(raised.__traceback__)
        if frame.f_globals.get("__name__") == "__main__"  # the notebook, not a library
    ]
    if frames:
        frame, number = frames[-1]
        source = linecache.getline(frame.f_code.co_filename, number).strip()
        text += f", in line {number} of your cell" + (f": {source}" if source else "")
    return text


def answer_of(
    reply: Reply, name: str, unpack: Callable[[Any], Mapping[str, Any]]
) -> np.ndarray | None:
    """Return one named output of an answer as an array, or None where there is none to be read."""
    if reply.error:
        return None
    try:
        return real_array(unpack(reply.value)[name])
    except (UnusableError, KeyError, ValueError):
        return None


def tolerance_for(got: np.ndarray) -> float:
    """How far an answer may be off, relative to the largest entry: more for float32 answers."""
    return FLOAT32_TOLERANCE if got.dtype == np.float32 else TOLERANCE


def close(got: np.ndarray, want: np.ndarray) -> bool:
    """Whether two answers are the same but for rounding, NaN and infinite entries included."""
    if got.shape != want.shape:
        return False
    got_number, number = np.isfinite(got), np.isfinite(want)
    if not np.array_equal(got_number, number) or not np.array_equal(
        got[~number], want[~number], equal_nan=True
    ):
        return False
    scale = np.abs(want[number]).max(initial=0.0) or 1.0
    error = np.abs(got[number].astype(float) - want[number]).max(initial=0.0)
    return bool(error <= max(tolerance_for(got), tolerance_for(want)) * scale)
