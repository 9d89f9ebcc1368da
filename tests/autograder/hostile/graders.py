"""The judge as it is, and graders that lack one of its protections."""

import json
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Protocol

from autograder.judge import Job, Judge
from autograder.sandbox import Limits
from hostile import harm, naive, weakened
from hostile.attack import Off
from hostile.course import NOTEBOOK, RIGHT, source, submission

SMALL = Limits(
    memory=1 << 30, cpu_s=10, call_s=1, wall_s=3, output=100_000, file_size=16 << 20,
    answer=16 << 20, open_files=64,
)  # fmt: skip
NONE = replace(
    SMALL, memory=8 << 30, cpu_s=600, call_s=600, wall_s=600, output=200 << 20,
    file_size=1 << 30, answer=1 << 64, open_files=8192,
)  # fmt: skip
MOST_MEMORY = 400 << 20  # that a weakened judge may take, for the sake of the machine


@dataclass
class Graded:
    """What a grader said: marks by test, everything that it shows, and why it gave up, if so."""

    marks: dict[str, float | None]
    shown: str
    problem: str | None = None
    megabytes: float = 0  # that the grading took in a process other than the tests' own


class Grader(Protocol):
    """Grades a student's submission. `judge` is Python for the process that decides."""

    @property
    def judge(self) -> str: ...

    def __call__(self, student: str, data: bytes) -> Graded: ...


class Here:
    """The judge in this process. It stays warm."""

    def __init__(self) -> None:
        self.judge = str(os.getpid())
        self.start()

    def start(self) -> None:
        """Begin anew, for example where a test has failed."""
        self.at_work = Judge(SMALL)
        self("warm", submission(RIGHT))

    def __call__(self, student: str, data: bytes) -> Graded:
        return graded_by(self.at_work, student, data)

    def close(self) -> None:
        """End its sandboxes."""
        self.at_work.close()


def graded_by(judge: Judge, student: str, data: bytes) -> Graded:
    """Grade, and write down the outcome as the batch does."""
    job = Job(
        source=source(), submission=data, notebook=NOTEBOOK, student=student,
        source_files={}, student_files={},
    )  # fmt: skip
    with warnings.catch_warnings():  # they are shown, as in the judge's own process
        warnings.simplefilter("default")
        warnings.showwarning = show
        verdict = judge.grade(job)
    verdict.notebook.encode()
    return Graded(verdict.scores, json.dumps(verdict.as_dict()), verdict.failed)


def show(message: Warning, category: type[Warning], name: str, line: int, *_: Any) -> None:
    """What Python does with a warning where no test records it."""
    sys.stderr.write(warnings.formatwarning(message, category, name, line))


class Apart:
    """A weakened judge in a fork of this process, which may end, hang or grow.

    It is started again when it has done so.
    """

    def __init__(
        self,
        limits: Limits = SMALL,
        tier: str | None = None,
        weaken: Callable[[], None] = lambda: None,
    ) -> None:
        self.limits, self.tier, self.weaken = limits, tier, weaken
        self.patience = 10.0
        self.pid = 0

    @property
    def judge(self) -> str:
        return str(self.pid)

    def ready(self) -> None:
        """See to it that there is a fork."""
        if self.pid not in harm.below():
            self.start()

    def __call__(self, student: str, data: bytes) -> Graded:
        self.ready()
        self.line.send((student, data))
        problem = "no end in sight"
        if self.line.poll(self.patience):
            try:
                return self.line.recv()
            except EOFError:
                problem = "the grader was ended"
        self.close()
        return Graded({}, "", problem)

    def start(self) -> None:
        """Fork, and wait until it has graded something."""
        self.line, theirs = Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.work(theirs)
            except Exception:
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(1)
        theirs.close()
        self.line.recv()

    def work(self, line: Any) -> None:
        """In the fork: grade what comes, and tell which error would have ended a program."""
        # Lines of other sandboxes, which would not notice that this process's parent hung up.
        os.closerange(3, line.fileno())
        os.closerange(line.fileno() + 1, 1 << 16)
        sys.stdout = sys.stderr = open(os.devnull, "w")
        self.weaken()
        judge = Judge(self.limits, self.tier)
        line.send(graded_by(judge, "warm", submission(RIGHT)))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        while True:
            student, data = line.recv()
            with harm.Peak() as memory:
                try:
                    graded = graded_by(judge, student, data)
                except BaseException as error:
                    graded = Graded({}, "", f"the grader ended: {type(error).__name__}: {error}")
            graded.megabytes = memory.growth
            line.send(graded)

    def close(self) -> None:
        """End it, where there is one; its sandboxes end with it."""
        if self.pid in harm.below():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class Naive:
    """Tests and answers in one process; `believe` the tests and outputs handed in, or not."""

    judge = "__import__('os').getppid()"

    def __init__(self, folder: Path, believe: bool) -> None:
        self.folder, self.believe = folder, believe
        self.patience = 10.0

    def ready(self) -> None:
        """Load what every fork needs."""
        naive.warm_up()

    def __call__(self, student: str, data: bytes) -> Graded:
        marks, shown, late = naive.in_one_process(
            source(), data, self.folder, self.patience, self.believe
        )
        for name in ("marks.jsonl", "printed.txt"):
            (self.folder / name).unlink(missing_ok=True)
        return Graded(marks, shown, "no end in sight" if late else None)

    def close(self) -> None:
        """Nothing is left."""


def without(off: Off, folder: Path) -> Apart | Naive:
    """A grader that lacks one protection, working in the course's folder where it has no other."""
    match off:
        case Off.ISOLATION:
            return Apart(tier="none")
        case Off.LIMITS:
            return Apart(NONE, weaken=weakened.without_limits)
        case Off.CHECKS:
            return Apart(weaken=weakened.without_checks)
        case Off.RECOVERY:
            return Apart(weaken=weakened.without_recovery)
    return Naive(folder, believe=off is Off.SOURCE)
