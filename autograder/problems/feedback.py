"""Run a student's function on hidden inputs, give marks per output, and say in words what is wrong.

The words may tell shapes, time steps, signs, factors and the size of an error. They never tell
an expected number. Shared by all problem sets.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.problems.answers import (
    NOT_WRITTEN,
    Case,
    Output,
    Reply,
    UnusableError,
    call,
    tolerance_for,
)
from autograder.student.checking import real_array


@contextlib.contextmanager
def quiet():
    """Silence printing, warnings, floating-point errors and logging; restore all afterwards.

    Under nbgrader anything on stderr costs a cell all its marks, and a right answer may well
    overflow on purpose; so may the comparison with huge wrong numbers.
    """
    disabled = logging.root.manager.disable
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


def grade(
    function: Callable,
    cases: Sequence[Case],
    outputs: Sequence[Output],
    unpack: Callable[[Any], Mapping[str, Any]],
    diagnose: Callable[..., Sequence[object]] | None = None,
) -> float:
    """Give the points of each output and group whose cases are all right; print why not.

    Args:
        function: the student's, called by position with each case's arguments.
        cases: the hidden inputs.
        outputs: what is graded of each answer.
        unpack: turns the returned value into named outputs, or raises UnusableError.
        diagnose: looks for wrong answers among known misconceptions, as `Catalogue.diagnose` does
            for one cell and function; what it returns is printed.

    Returns:
        The points earned, a float that nbgrader reads as partial credit.
    """
    wrong: dict[tuple[str, str], str] = {}  # (output, group) -> what is wrong in its first bad case
    changed: dict[str, None] = {}
    replies = []
    with quiet():
        for case in cases:
            reply = call(function, case.arguments)
            replies.append(reply)
            changed.update(dict.fromkeys(reply.changed))
            for output in outputs:
                if case.group in output.points and (output.name, case.group) not in wrong:
                    with np.errstate(all="ignore"):  # whatever the student's code has set
                        trouble = find_trouble(reply, output, case, unpack)
                    if trouble:
                        wrong[output.name, case.group] = f"({case.description}): {trouble}"
        bad = list(dict.fromkeys(name for name, _ in wrong))
        diagnoses = diagnose(cases, outputs, unpack, replies, bad) if diagnose and bad else ()

    earned = 0.0
    lines: dict[str, list[tuple[str, float, float]]] = {}
    for output in outputs:
        marks = {g: p for g, p in output.points.items() if (output.name, g) not in wrong}
        earned += sum(marks.values())
        verdict = verdict_on(output, marks, wrong)
        total = sum(output.points.values())
        lines.setdefault(verdict, []).append((output.name, sum(marks.values()), total))
    for verdict, rows in lines.items():
        names = ", ".join(name for name, _, _ in rows)
        got, of = sum(row[1] for row in rows), sum(row[2] for row in rows)
        print(f"{names}: {got:g} of {of:g} points. {verdict}")
    for diagnosis in diagnoses:
        print(diagnosis)
    if changed:
        print(f"Note: your function changed its argument {', '.join(changed)} in place.")
    return round(earned, 2)


def verdict_on(output: Output, right: Mapping[str, float], wrong: Mapping) -> str:
    """One or two sentences on an output: which groups are right, and the first that is wrong."""
    bad = [group for group in output.points if group not in right]
    if not bad:
        return "All right."
    if not right and all(wrong[output.name, group].endswith(NOT_WRITTEN) for group in bad):
        return "Not written yet (NotImplementedError)."
    good = f"Right: {', '.join(right)}. " if right else ""
    more = f" Also wrong: {', '.join(bad[1:])}." if bad[1:] else ""
    return f"{good}Wrong: {bad[0]} {wrong[output.name, bad[0]]}.{more}"


def find_trouble(reply: Reply, output: Output, case: Case, unpack: Callable) -> str | None:
    """Say what is wrong with one output in one case, or None."""
    if reply.error:
        return reply.error
    try:
        values = unpack(reply.value)
    except UnusableError as why:
        return str(why)
    if output.name not in values:
        return "it is missing from what you returned"
    if isinstance(values[output.name], UnusableError):  # this output alone can't be read
        return str(values[output.name])
    return difference(values[output.name], case.expected[output.name], output.axes)


def difference(value: Any, want: np.ndarray, axes: tuple[str, ...] = ()) -> str | None:
    """Say in words how an answer differs from the reference, or None where it is right.

    Right means: the same shape, and no entry further off than 1e-6 of the largest entry
    (2.4e-5 for float32 answers, which can't hold more).
    """
    try:
        got = real_array(value)
    except ValueError as why:
        return f"it {why}"
    if got.shape != want.shape:
        hint = ", as if transposed" if got.shape == want.shape[::-1] else ""
        return f"its shape is {got.shape} instead of {want.shape}{hint}"
    tolerance = tolerance_for(got)
    got = got.astype(float)
    if not np.isfinite(got).all():
        return f"it holds NaN or infinite values{whereabouts(~np.isfinite(got), axes)}"
    scale = np.abs(want).max() or 1.0
    error = np.abs(got - want) / scale
    if error.max() <= tolerance:
        return None
    pattern = pattern_of(got, want, tolerance * scale)
    if pattern:
        return pattern
    return f"it is off by {in_size(error.max())}{whereabouts(error > tolerance, axes)}"


def pattern_of(got: np.ndarray, want: np.ndarray, tolerance: float) -> str | None:
    """Recognise an answer that is wrong as a whole: zero, transposed, sign, constant factor."""

    def close(a: np.ndarray, b: np.ndarray) -> bool:
        return a.shape == b.shape and np.abs(a - b).max() <= tolerance

    if not got.any():
        return "it is zero everywhere"
    if want.ndim == 2 and close(got, want.T):
        return "it is the transpose of what it should be"
    if close(got, -want):
        return "it has the wrong sign everywhere"
    factor = np.vdot(want, got) / (np.vdot(want, want) or 1.0)
    if want.size > 2 and factor and close(got, factor * want):
        size = abs(factor)
        words = "large" if size > 1 else "small"
        sign = ", with the wrong sign" if factor < 0 else ""
        return f"it is too {words} by a factor of {max(size, 1 / size):.2g} everywhere{sign}"
    return None


def in_size(error: float) -> str:
    """The size of a relative error, to one digit."""
    if error > 9.5:
        return "more than nine times its largest entry"
    if error < 0.01:
        return f"about {error:.0e} of its largest entry"
    return f"up to {float(f'{100 * error:.0e}'):.0f} % of its largest entry"


def whereabouts(bad: np.ndarray, axes: tuple[str, ...]) -> str:
    """Name the time steps and samples that hold bad entries, where an output has such axes."""
    words = ""
    for axis, what in enumerate(axes):
        others = tuple(i for i in range(bad.ndim) if i != axis)
        flags = bad.any(axis=others)
        if flags.size > 1:
            words += f", {in_words(flags, what)}"
    return words


def in_words(flags: np.ndarray, what: str) -> str:
    """Say which of the flagged steps or samples (counted from 0) are bad."""
    bad = np.flatnonzero(flags)
    if flags.all():
        return f"at every {what}"
    if what == "step" and flags[bad[0] :].all():
        return f"from step {bad[0]} on (steps count from 0)"
    if what == "step" and flags[: bad[-1] + 1].all():
        steps = f"steps 0 to {bad[-1]}" if bad[-1] else "step 0"
        return f"at {steps} and not after (steps count from 0)"
    plural = "s" if len(bad) > 1 else ""
    return f"in {what}{plural} {', '.join(map(str, bad))} (counted from 0)"
