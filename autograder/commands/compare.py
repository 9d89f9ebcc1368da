"""List submissions that are unusually alike.

What students wrote is compared beyond the release. Run it in the folder of nbgrader_config.py.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from autograder.batch.course import Course
from autograder.batch.errors import RefusedError
from autograder.commands.refusal import refuse
from autograder.similarity.page import page
from autograder.similarity.pairs import THRESHOLD, Code, pairs
from autograder.similarity.submitted import all_code, students_code


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("assignment", help="such as ps2")
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="SHARE",
        help="list pairs that share this much of their code, 0 to 1 (default %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="the page (default: reports/ASSIGNMENT-alike.html)"
    )


def run(given: argparse.Namespace) -> int:
    """List pairs of submissions that are alike, and write them side by side."""
    try:
        course = Course.here(given.assignment)
        released = sorted(course.release_folder.glob("*.ipynb"))
        if not released:
            raise RefusedError(
                f"there is no release in {course.release_folder}, and what everybody was given "
                f"must not count: run nbgrader generate_assignment {given.assignment} first"
            )
        handed_in = course.submissions()
        submissions = {
            found.student: Code.read(
                students_code(found.folder / f"{name}.ipynb" for name in found.notebooks)
            )
            for found in tqdm(handed_in, unit="sub", dynamic_ncols=True, leave=False)
        }
        alike = pairs(submissions, Code.read(all_code(released)), given.threshold)
        out = Path(given.out or Path("reports", f"{given.assignment}-alike.html"))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page(given.assignment, alike, submissions, given.threshold), "utf-8")
    except (RefusedError, ValueError) as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(f"the page can't be written: {error}")
    for pair in alike:
        print(f"{pair.share:4.0%}  {'  '.join(pair.students)}")
    print(f"{len(alike)} of all pairs of {len(submissions)} submissions are unusually alike: {out}")
    return 0
