"""Grade what is new or changed of an assignment.

Run it in the folder of nbgrader_config.py. It grades what has no grade yet and what changed since,
and can be stopped at any time.
"""

import argparse
import sys
from contextlib import ExitStack

from tqdm import tqdm

from autograder.batch.course import Course
from autograder.batch.errors import RefusedError
from autograder.batch.run import Report, Run
from autograder.commands.refusal import refuse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("assignment", help="such as ps2")
    parser.add_argument("--students", metavar="A,B", help="these students only")
    parser.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a running Dask scheduler, such as tls://host:8786 "
        "(its certificates are named in Dask's configuration, distributed.comm.tls)",
    )
    parser.add_argument("--force", action="store_true", help="grade the unchanged ones again, too")
    parser.add_argument(
        "--unprotected",
        action="store_true",
        help="grade on a machine without any isolation; recorded with each grade",
    )


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def run(given: argparse.Namespace) -> int:
    """Grade an assignment with a progress bar, then sum up."""
    students = given.students and [name.strip() for name in given.students.split(",")]
    try:
        grading = Run(Course.here(given.assignment), protected=not given.unprotected)
        try:
            with ExitStack() as stack:
                bars: list[tqdm] = []  # none where there is nothing to grade

                def progress(done: int, failed: int, total: int) -> None:
                    if not bars:
                        bar = tqdm(total=total, unit="sub", dynamic_ncols=True)
                        bars.append(stack.enter_context(bar))
                    bars[0].set_postfix(failed=failed, refresh=False)
                    bars[0].update(done - bars[0].n)

                report = grading.grade(students, given.jobs, given.scheduler, given.force, progress)
        finally:
            grading.close()
    except RefusedError as error:
        return refuse(str(error))
    print_report(report)
    return 1 if report.failed or report.stopped else 0


def print_report(report: Report) -> None:
    """Say what became of a run."""
    for student, flags in sorted(report.flags.items()):
        for flag in flags:
            print(f"flag    {student}: {flag}")
    for student, reason in sorted(report.failed.items()):
        print(f"FAILED  {student}: {reason}")
    parts = (report.graded, "graded"), (report.unchanged, "unchanged"), (report.failed, "failed")
    print(", ".join(f"{len(names)} {word}" for names, word in parts))
    if report.stopped:
        print(f"autograder: stopped: {report.stopped}", file=sys.stderr)
