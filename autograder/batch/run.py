"""Grade an assignment: find what is new or changed, have it graded, write it down as it comes."""

import datetime
import errno
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from autograder.batch import files, keys, submissions, work
from autograder.batch.course import Course, Source, Submission
from autograder.batch.errors import RefusedError, UngradableError
from autograder.batch.ledger import Graded, Ledger, Record
from autograder.batch.lock import only_grader
from autograder.batch.notebooks import Marks, finish, graded_notebook
from autograder.batch.submissions import Contents
from autograder.batch.work import Batch, Item, Judge, ProcessJudge, Verdicts

BATCH = 8  # submissions in a message to a worker
TRANSACTION = 24  # submissions in a transaction
HOLD_S = 5.0  # what is graded is written after so long at the latest
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass
class Report:
    """What became of a run."""

    graded: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stopped: str | None = None  # why the run ended before its end


@dataclass(frozen=True)
class Ready:
    """A graded submission, ready to be written."""

    files: dict[str, bytes]
    graded: Graded
    flags: tuple[str, ...]


Progress = Callable[[int, int, int], None]  # (done, failed, of how many)


class Run:
    """One run over an assignment of a course."""

    def __init__(
        self,
        course: Course,
        judge: Callable[[], Judge] | None = None,
        protected: bool = True,
    ) -> None:
        """Open the gradebook and read the source.

        `judge` makes what grades: the real judge, unless a test has another.

        Raises:
            RefusedError: there is no source, or the assignment isn't in the gradebook, or the
                gradebook can't be used.
        """
        self.course = course
        self.judge = judge or partial(ProcessJudge, protected)
        self.source: Source = course.source()
        self.ledger = Ledger(course)
        self.report = Report()
        self._preprocessors = course.finishing()
        self._source_keys = {
            name: keys.of_source(text, self.source.files, protected)
            for name, text in self.source.notebooks.items()
        }
        self._contents: dict[str, Contents] = {}  # what was read of the submissions under way
        self._waiting: list[Ready] = []
        self._ungraded: list[Graded] = []
        self._since = time.monotonic()

    def close(self) -> None:
        """Let go of the gradebook."""
        self.ledger.close()

    def grade(
        self,
        students: list[str] | None = None,
        jobs: int | None = None,
        scheduler: str | None = None,
        force: bool = False,
        progress: Progress = lambda done, failed, total: None,
    ) -> Report:
        """Grade what has no grade yet and what changed; with `force`, everything.

        Raises:
            RefusedError: grading can't start. One that stops in the middle says so in the report.
        """
        found = self.course.submissions(students)
        with only_grader(self.course.root, self.course.assignment):
            for submission in found:
                files.tidy(self.course.autograded(submission.student))
            todo = self._todo(found, force)
            if not todo:
                return self.report
            progress(0, 0, len(todo))
            jobs = jobs or os.cpu_count() or 1
            if scheduler or jobs > 1:
                from autograder.batch import dask_run  # a quarter of a second, not always needed
            size = max(1, min(BATCH, math.ceil(len(todo) / (2 * jobs))))
            with ExitStack() as stack:
                batches = self._batches(todo, size)
                if scheduler or jobs > 1:
                    client = stack.enter_context(dask_run.connect(jobs, scheduler))
                if scheduler:
                    dask_run.check_there(client, self.check())
                else:
                    stack.callback(work.close)
                    work.check_sources(self.check())
                if scheduler or jobs > 1:
                    results = dask_run.stream(client, batches)
                else:
                    results = work.in_this_process(batches)
                self._collect(results, len(todo), progress)
        return self.report

    def check(self) -> Batch:
        """Make a batch of no submissions, with the sources of what the gradebook knows."""
        known = self.ledger.notebooks
        sources = {name: text for name, text in self.source.notebooks.items() if name in known}
        return Batch(self.judge, sources, self.source.files, ())

    def batch(self, items: Sequence[Item]) -> Batch:
        """Make a batch. Of the files that a course doesn't overwrite, only the students' count."""
        keeps = self.course.keeps()
        files = {name: data for name, data in self.source.files.items() if name not in keeps}
        return replace(self.check(), source_files=files, items=items)

    def _known(self, submission: Submission) -> tuple[str, ...]:
        """Names of the submitted notebooks that belong to the assignment."""
        return tuple(name for name in submission.notebooks if name in self.ledger.notebooks)

    def read(self, submission: Submission) -> Contents:
        """Read a submission's notebooks that belong to the assignment, and its files."""
        coursedir = self.course.coursedir
        wanted = Submission(submission.student, submission.folder, self._known(submission))
        if not wanted.notebooks:
            names = ", ".join(f"{name}.ipynb" for name in sorted(self.ledger.notebooks))
            raise UngradableError(f"no notebook of the assignment was handed in ({names})")
        missing = [name for name in wanted.notebooks if name not in self.source.notebooks]
        if missing:
            raise UngradableError(f"there is no source for {missing[0]}.ipynb")
        contents = submissions.read(wanted, coursedir.ignore, coursedir.max_dir_size * 1000)
        contents.timestamp  # noqa: B018 (a date that can't be read is better said now)
        return contents

    def keys(self, contents: Contents) -> dict[str, str]:
        """The key of each notebook of a submission."""
        return {
            name: keys.of_submission(self._source_keys[name], data, contents.files)
            for name, data in contents.notebooks.items()
        }

    def _todo(self, found: list[Submission], force: bool) -> list[Submission]:
        """Pick the submissions that have no grade yet, or another than they would get now."""
        known, students = self.ledger.keys(), self.ledger.students()
        todo = []
        for submission in found:
            student = submission.student
            if student not in students and not self.course.converter.create_student:
                self.report.failed[student] = "there is no such student in the gradebook"
                continue
            if not force:
                try:
                    wanted = self.keys(self.read(submission))
                except UngradableError:
                    wanted = None
                folder = self.course.autograded(student)
                if wanted and all(
                    known.get((student, name)) == key and (folder / f"{name}.ipynb").is_file()
                    for name, key in wanted.items()
                ):
                    self.report.unchanged.append(student)
                    continue
            todo.append(submission)
        return todo

    def _batches(self, todo: list[Submission], size: int) -> Iterator[Batch]:
        """Read the submissions, a batch at a time; those that can't be read have failed."""
        items: list[Item] = []
        for submission in todo:
            try:
                contents = self.read(submission)
            except UngradableError as error:
                self._fail(submission.student, str(error), self._known(submission))
                continue
            self._contents[submission.student] = contents
            items.append(Item(submission.student, contents.notebooks, contents.files))
            if len(items) == size:
                yield self.batch(items)
                items = []
        if items:
            yield self.batch(items)

    def _collect(self, results: Iterator, total: int, progress: Progress) -> None:
        """Take what comes from the workers and write it; whatever ends the run is reported."""
        skipped = len(self.report.failed)

        def tell() -> None:
            failed = len(self.report.failed) - skipped
            progress(len(self.report.graded) + len(self._waiting) + failed, failed, total)

        try:
            try:
                for item, verdicts in results:
                    self._take(item, verdicts)
                    late = time.monotonic() - self._since > HOLD_S
                    if len(self._waiting) >= TRANSACTION or late:
                        self._write()
                    tell()
            finally:
                self._write()
                tell()
        except RefusedError as error:
            self.report.stopped = str(error)
        except KeyboardInterrupt:
            self.report.stopped = "interrupted; run the same command again for the rest"

    def _take(self, item: Item, verdicts: Verdicts | str) -> None:
        """Make a submission ready for writing, or note why it can't be graded."""
        contents = self._contents.pop(item.student)
        try:
            ready = self._ready(item.student, contents, verdicts)
        except UngradableError as error:
            self._fail(item.student, str(error), item.notebooks, contents.timestamp)
            return
        self._waiting.append(ready)

    def _ready(self, student: str, contents: Contents, verdicts: Verdicts | str) -> Ready:
        if isinstance(verdicts, str):
            raise UngradableError(verdicts)
        wanted = self.keys(contents)
        written = {**contents.files}
        for name, data in self.source.files.items():
            if name not in self.course.keeps():
                written[name] = data
        notebooks: dict[str, tuple[Marks, Record]] = {}
        flags = list(contents.flags)
        for name, verdict in verdicts.items():
            if verdict["failed"]:
                raise UngradableError(f"{name}.ipynb: {verdict['failed']}")
            about = record(wanted[name], verdict, contents.flags)
            released = self.ledger.notebooks[name]
            try:
                notebook = graded_notebook(verdict["notebook"], released, about.facts())
                data, marks = finish(
                    notebook, released, self._preprocessors, self._resources(student, name)
                )
            except UngradableError:
                raise
            except Exception as error:  # a preprocessor of the course's own may raise anything
                raise UngradableError(f"{name}.ipynb: {type(error).__name__}: {error}") from error
            written[f"{name}.ipynb"] = data
            flags += verdict["flags"]
            notebooks[name] = (marks, about)
        graded = Graded(student, contents.timestamp, frozenset(contents.notebooks), notebooks)
        return Ready(written, graded, tuple(flags))

    def _resources(self, student: str, notebook: str) -> dict[str, Any]:
        """What nbgrader tells a preprocessor about the notebook."""
        about = {
            "student": student,
            "assignment": self.course.assignment,
            "notebook": notebook,
            "db_url": self.course.coursedir.db_url,
        }
        return {
            "unique_key": notebook,
            "output_files_dir": f"{notebook}_files",
            "nbgrader": about,
        }

    def _write(self) -> None:
        """Write what is ready: the files first, then the rows, all in one transaction.

        Raises:
            RefusedError: the disk is full, or the gradebook can't be used any more.
        """
        waiting, self._waiting = self._waiting, []
        ungraded, self._ungraded = self._ungraded, []
        self._since = time.monotonic()
        permissions = int(str(self.course.converter.permissions), 8)
        written, full = [], None
        for ready in waiting:
            student = ready.graded.student
            try:
                files.replace_folder(
                    self.course.autograded(student),
                    ready.files,
                    permissions,
                    self.course.coursedir.groupshared,
                )
            except OSError as error:
                self.report.failed[student] = (
                    f"its files could not be written: {error.strerror or error}"
                )
                full = full or (error if error.errno in DISK_FULL else None)
                continue
            written.append(ready)
        if written or ungraded:
            self.ledger.save([*(ready.graded for ready in written), *ungraded])
        for ready in written:
            self.report.graded.append(ready.graded.student)
            if ready.flags:
                self.report.flags[ready.graded.student] = ready.flags
        if full:
            raise RefusedError(
                f"the disk is full ({full.filename or self.course.root}): make room, then run the "
                "same command again for the rest"
            )

    def _fail(
        self,
        student: str,
        reason: str,
        notebooks: Iterable[str],
        timestamp: datetime.datetime | None = None,
    ) -> None:
        """Note why a submission can't be graded; enter it in the gradebook without a score.

        That is what nbgrader does, so that the submission isn't overlooked.
        """
        self.report.failed[student] = reason
        if notebooks:
            self._ungraded.append(Graded(student, timestamp, frozenset(notebooks)))


def record(key: str, verdict: dict[str, Any], flags: tuple[str, ...]) -> Record:
    """Make the record of a verdict; `flags` are those of the whole submission."""
    return Record(
        key,
        verdict["tier"],
        verdict["verified"],
        (*flags, *verdict["flags"]),
        verdict["cpu_s"],
        verdict["wall_s"],
    )
