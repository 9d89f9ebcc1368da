"""Find what is wrong with a problem set before students see it.

Points, visible tests, leaks, what the stub and known wrong solutions get. Run it in the folder of
nbgrader_config.py.
"""

import argparse

from tqdm import tqdm

from autograder.authoring.lint import lint
from autograder.batch.course import Course
from autograder.batch.errors import RefusedError
from autograder.commands.refusal import refuse
from autograder.sandbox import SandboxError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("assignment", help="such as ps2")


def run(given: argparse.Namespace) -> int:
    """Print what is wrong with a problem set; return 0 where nothing is."""
    found = 0
    try:
        source = Course.here(given.assignment).source()
        for name, text in source.notebooks.items():
            with tqdm(total=0, unit="mutant", dynamic_ncols=True) as bar:

                def progress(done: int, of: int, bar: tqdm = bar) -> None:
                    bar.total = of
                    bar.update(done - bar.n)

                for finding in lint(text, source.files, progress):
                    found += 1
                    bar.write(f"{name}, {finding.cell}: {finding.words}")
    except (RefusedError, SandboxError) as error:
        return refuse(str(error))
    print(f"{found} to look at." if found else "Nothing found.")
    return 1 if found else 0
