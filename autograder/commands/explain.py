"""Show everything behind a student's grade."""

import argparse

from autograder.batch.course import Course
from autograder.batch.errors import RefusedError
from autograder.commands.refusal import refuse
from autograder.reports.explain import explain


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("assignment")
    parser.add_argument("student")


def run(given: argparse.Namespace) -> int:
    """Print everything behind a student's grade."""
    try:
        course = Course.here(given.assignment)
        print(explain(course, given.assignment, given.student))
    except (RefusedError, LookupError) as error:
        return refuse(str(error))
    return 0
