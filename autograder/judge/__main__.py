"""The judge's process: reads jobs from standard input, writes verdicts to standard output."""

import os
import pickle
import sys
import threading
import time

from autograder.judge import Job, Judge, SourceError, check_source
from autograder.judge.processor import take_one_processor
from autograder.sandbox import SandboxError
from autograder.sandbox.channel import receive_frame, send_frame


def end_with_parent() -> None:
    """End this process soon after the one that started it, even in the middle of a test.

    A grader that was killed can't end a test of the instructor's that hangs.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Serve until standard input ends."""
    end_with_parent()
    processor = take_one_processor()  # ours until the end
    # Tests print: what they print must not get between the frames.
    answers = os.dup(1)
    os.dup2(2, 1)
    os.set_inheritable(answers, False)
    jobs = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    limits, tier = pickle.loads(receive_frame(jobs))
    with Judge(limits, tier) as judge:
        while True:
            try:
                request = pickle.loads(receive_frame(jobs))
            except EOFError:
                break
            try:
                if "check" in request:
                    source, files = request["check"]
                    check_source(source, files, judge)
                    answer = ("value", True)
                else:
                    answer = ("value", judge.grade(Job(**request["grade"])).as_dict())
            except (SourceError, SandboxError) as error:
                kinds = [c.__name__ for c in type(error).__mro__]
                known = next(k for k in kinds if k in _KNOWN)
                answer = ("error", (known, str(error)))
            except Exception as error:
                answer = ("error", ("SandboxError", f"{type(error).__name__}: {error}"))
            send_frame(answers, pickle.dumps(answer))
    if processor is not None:
        processor.close()
    return 0


_KNOWN = ("SourceError", "NoIsolationError", "SandboxError")

if __name__ == "__main__":
    sys.exit(main())
