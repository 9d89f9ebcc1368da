"""Write a page about the whole class, and the same as CSV.

Scores, what went wrong most often, each graded cell, flags, who needs a hand. Run it in the folder
of nbgrader_config.py.
"""

import argparse
import datetime
from pathlib import Path

from tqdm import tqdm

from autograder.batch.course import Course
from autograder.batch.errors import RefusedError
from autograder.commands.refusal import refuse
from autograder.reports import class_report
from autograder.reports.class_results import class_results


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("assignment", help="such as ps2")
    parser.add_argument(
        "--out", metavar="FILE", help="the page (default: reports/ASSIGNMENT.html); CSV beside it"
    )
    parser.add_argument(
        "--site", default="", metavar="ADDRESS", help="of the course's website, for the links"
    )


def run(given: argparse.Namespace) -> int:
    """Write the class report as a page and as CSV."""
    try:
        course = Course.here(given.assignment)
        with tqdm(total=0, unit="student", dynamic_ncols=True, leave=False) as bar:

            def progress(done: int, of: int) -> None:
                bar.total = of
                bar.update(done - bar.n)

            results = class_results(course, given.assignment, progress)
        out = Path(given.out or Path("reports", f"{given.assignment}.html"))
        site = given.site and given.site.rstrip("/") + "/"
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(class_report.page(results, datetime.date.today(), site), encoding="utf-8")
        rows = out.with_suffix(".csv")
        rows.write_text(class_report.table(results), encoding="utf-8")
    except (RefusedError, LookupError) as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(f"the report can't be written: {error}")
    print(f"{len(results.handed_in)} of {len(results.students)} students handed in.")
    print(f"{out}\n{rows}")
    return 0
