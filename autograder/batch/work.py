"""What a worker does: it takes everything in a message and gives everything back in one.

Nothing here reads or writes the course, so a batch can be done twice, or on another machine.
"""

import atexit
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from autograder.batch.errors import RefusedError
from autograder.judge import Job, JudgeProcess, SourceError
from autograder.sandbox import NoIsolationError, SandboxError

UNPROTECTED = "none"  # the tier


class Judge(Protocol):
    """What grades a notebook."""

    def grade(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Grade one notebook; `job` holds the fields of a Job, the result those of a Verdict."""

    def check_source(self, source: str, files: Mapping[str, bytes]) -> None:
        """Grade the instructor's version against itself; RefusedError where that isn't full."""

    def close(self) -> None:
        """Stop it and all that it started."""


class ProcessJudge:
    """The judge in a process of its own, which is restarted when it dies or hangs."""

    def __init__(self, protected: bool) -> None:
        self._process = JudgeProcess(tier=None if protected else UNPROTECTED)

    def grade(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Grade one notebook.

        Raises:
            RefusedError: the source is unusable, or nothing can be isolated here.
        """
        with refusing():
            return self._process.grade(Job(**job)).as_dict()

    def check_source(self, source: str, files: Mapping[str, bytes]) -> None:
        """Grade the instructor's version against itself.

        Raises:
            RefusedError: it has no solutions or fails its own tests; names the cell.
        """
        with refusing():
            self._process.check_source(source, dict(files))

    def close(self) -> None:
        """Stop the judge's process."""
        self._process.close()


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what no submission is to blame for into a refusal."""
    try:
        yield
    except NoIsolationError as error:
        raise RefusedError(
            f"{error} (autograder doctor says more; --unprotected grades regardless)"
        ) from error
    except (SourceError, SandboxError) as error:
        raise RefusedError(str(error)) from error


@dataclass(frozen=True)
class Item:
    """One student's part of a batch: notebooks by name, and the files handed in beside them."""

    student: str
    notebooks: Mapping[str, bytes]
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Batch:
    """A few submissions with what they are graded by.

    `judge` makes the Judge; a worker calls it once and keeps what it made.
    """

    judge: Callable[[], Judge]
    sources: Mapping[str, str]
    source_files: Mapping[str, bytes]
    items: Sequence[Item]


Verdicts = dict[str, dict[str, Any]]  # notebook -> fields of its Verdict
Result = tuple[Item, Verdicts | str]  # what came of an item: verdicts, or why there are none

_judges: dict[bytes, Judge] = {}  # one a process, started when it is first needed


def grade_batch(batch: Batch) -> dict[str, Verdicts]:
    """Grade a batch; return the verdicts by student and notebook."""
    judge = warm(batch.judge)
    return {
        item.student: {
            name: judge.grade(
                {
                    "source": batch.sources[name],
                    "submission": data,
                    "notebook": name,
                    "student": item.student,
                    "source_files": batch.source_files,
                    "student_files": item.files,
                }
            )
            for name, data in item.notebooks.items()
        }
        for item in batch.items
    }


def check_sources(batch: Batch) -> None:
    """Check each of a batch's sources.

    Raises:
        RefusedError: one of them is unusable; names it.
    """
    judge = warm(batch.judge)
    for name, source in batch.sources.items():
        try:
            judge.check_source(source, batch.source_files)
        except RefusedError as error:
            raise RefusedError(f"the source {name}.ipynb can't be used: {error}") from error


def warm(make: Callable[[], Judge]) -> Judge:
    """Return this process's judge; start it the first time."""
    name = pickle.dumps(make)  # equal for what came in another message
    if name not in _judges:
        _judges[name] = make()
        atexit.register(close)
    return _judges[name]


def close() -> None:
    """Stop this process's judges."""
    while _judges:
        _, judge = _judges.popitem()
        judge.close()


def alone(batch: Batch, item: Item) -> Batch:
    """Make a batch of one item."""
    return Batch(batch.judge, batch.sources, batch.source_files, [item])


def why(error: BaseException | None) -> str:
    """Say why a batch came back without verdicts."""
    return f"the worker failed: {type(error).__name__}: {error}"


def in_this_process(batches: Iterator[Batch], grade: Callable = grade_batch) -> Iterator[Result]:
    """Grade batches here, one after the other."""
    for batch in batches:
        for item in batch.items:
            try:
                verdicts = grade(alone(batch, item))[item.student]
            except RefusedError:
                raise
            except Exception as error:
                yield item, why(error)
            else:
                yield item, verdicts
