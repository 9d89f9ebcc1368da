"""A judge in a process of its own, started again where it dies or hangs."""

import os
import pickle
import subprocess
import sys
import threading
from typing import Any, Self

from autograder.judge.errors import SourceError
from autograder.judge.verdict import Job, Verdict
from autograder.sandbox import Limits, NoIsolationError, SandboxError
from autograder.sandbox.channel import receive_frame, send_frame

DEFAULT_LIMITS = Limits()
_ERRORS: dict[str, type[Exception]] = {
    "SourceError": SourceError,
    "NoIsolationError": NoIsolationError,
    "SandboxError": SandboxError,
}
# Small matrices, many processes: more threads would only take each other's processors.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
# jsonschema looks for this parser of web addresses, for a check that no notebook needs. To load it
# takes longer than all the rest.
_PROGRAM = """\
import sys
sys.modules["rfc3987_syntax"] = None
from autograder.judge.__main__ import main
sys.exit(main())
"""
# Memory for arrays is used again rather than given back and zeroed anew each time.
_KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": f"{1 << 27}",
    "MALLOC_TRIM_THRESHOLD_": f"{1 << 28}",
    "MALLOC_TOP_PAD_": f"{1 << 22}",
}


class JudgeProcess:
    """Grades through `autograder.judge.__main__`. A context manager.

    A judge that ends, or takes much longer than the limits allow, costs the one submission that
    it was at: the verdict then says that it failed, and the next one gets a new judge.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, tier: str | None = None) -> None:
        self.limits, self.tier = limits, tier
        # The student's wall time, what the test cells may add to it, and a start.
        self.patience = 2 * limits.wall_s + 4 * limits.call_s + 30
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def grade(self, job: Job) -> Verdict:
        """Grade one submission.

        Raises:
            SourceError: the source is unusable.
            SandboxError: students' code can't be isolated here.
        """
        answer = self.ask({"grade": job.as_dict()})
        if answer is None:
            return Verdict(
                failed="The judge ended or hung while it graded this submission. It was "
                "started again; grade the submission once more to see whether it was chance."
            )
        return Verdict.from_dict(answer)

    def check_source(self, source: str, files: dict[str, bytes]) -> None:
        """Grade a source against itself.

        Raises:
            SourceError: it has no solutions or fails its own tests.
            SandboxError: code can't be isolated here.
        """
        if self.ask({"check": (source, dict(files))}) is None:
            raise SourceError("The judge ended or hung while it ran the source against itself.")

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request; the answer, or None where the judge ended or hung.

        Raises:
            SourceError, SandboxError: as the judge raised them.
        """
        process = self.started()
        # Both ends are trusted and of one version; what a student's process says never gets here
        # but as the text and numbers of a verdict.
        timer = threading.Timer(self.patience, process.kill)
        timer.daemon = True
        timer.start()
        try:
            assert process.stdin is not None and process.stdout is not None
            send_frame(process.stdin.fileno(), pickle.dumps(request))
            status, content = pickle.loads(receive_frame(process.stdout.fileno()))
        except (EOFError, OSError):
            self.close()
            return None
        finally:
            timer.cancel()
        if status == "error":
            name, message = content
            raise _ERRORS.get(name, SandboxError)(message)
        return content

    def started(self) -> subprocess.Popen:
        """The judge's process, started where there is none."""
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | _ONE_THREAD | _KEPT_MEMORY,
            )
            assert self.process.stdin is not None
            send_frame(self.process.stdin.fileno(), pickle.dumps((self.limits, self.tier)))
        return self.process

    def close(self) -> None:
        """End the judge and, with it, its sandboxes."""
        process, self.process = self.process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
