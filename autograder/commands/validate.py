"""Check your own notebook before handing it in."""

import argparse

from autograder.student.validate import main as validate


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("notebook")


def run(given: argparse.Namespace) -> int:
    """Check a student's own notebook."""
    return validate([given.notebook])
