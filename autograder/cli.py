"""The command `autograder`: grade, explain, report, compare, lint, doctor, validate."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    # jsonschema looks for this parser of web addresses, for a check that no notebook needs. To load
    # it takes longer than all the rest.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    given = parser().parse_args(arguments)
    return given.run(given)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    whole = argparse.ArgumentParser(prog="autograder", description=__doc__)
    commands = whole.add_subparsers(required=True, metavar="command")

    grade = commands.add_parser(
        "grade",
        help="grade what is new or changed of an assignment",
        description="Grade an assignment; run it in the folder of nbgrader_config.py. It grades "
        "what has no grade yet and what changed since, and can be stopped at any time.",
    )
    grade.add_argument("assignment", help="such as ps2")
    grade.add_argument("--students", metavar="A,B", help="these students only")
    grade.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    grade.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a running Dask scheduler, such as tls://host:8786 "
        "(its certificates are named in Dask's configuration, distributed.comm.tls)",
    )
    grade.add_argument("--force", action="store_true", help="grade the unchanged ones again, too")
    grade.add_argument(
        "--unprotected",
        action="store_true",
        help="grade on a machine without any isolation; recorded with each grade",
    )
    grade.set_defaults(run=run_grade)

    doctor = commands.add_parser("doctor", help="say what protection this machine gives")
    doctor.set_defaults(run=run_doctor)

    explain = commands.add_parser("explain", help="show everything behind a student's grade")
    explain.add_argument("assignment")
    explain.add_argument("student")
    explain.set_defaults(run=run_explain)

    report = commands.add_parser(
        "report",
        help="write a page about the whole class, and the same as CSV",
        description="Write what an assignment shows about the class: scores, what went wrong most "
        "often, each graded cell, flags, who needs a hand. Run it in the folder of "
        "nbgrader_config.py.",
    )
    report.add_argument("assignment", help="such as ps2")
    report.add_argument(
        "--out", metavar="FILE", help="the page (default: reports/ASSIGNMENT.html); CSV beside it"
    )
    report.add_argument(
        "--site", default="", metavar="ADDRESS", help="of the course's website, for the links"
    )
    report.set_defaults(run=run_report)

    compare = commands.add_parser(
        "compare",
        help="list submissions that are unusually alike",
        description="Compare what students wrote in an assignment, beyond the release. Run it in "
        "the folder of nbgrader_config.py.",
    )
    compare.add_argument("assignment", help="such as ps2")
    compare.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="list pairs that share this much of their code, 0 to 1 (default 0.5)",
    )
    compare.add_argument(
        "--out", metavar="FILE", help="the page (default: reports/ASSIGNMENT-alike.html)"
    )
    compare.set_defaults(run=run_compare)

    lint = commands.add_parser(
        "lint",
        help="find what is wrong with a problem set before students see it",
        description="Check an assignment's source: points, visible tests, leaks, what the stub "
        "and known wrong solutions get. Run it in the folder of nbgrader_config.py.",
    )
    lint.add_argument("assignment", help="such as ps2")
    lint.set_defaults(run=run_lint)

    validate = commands.add_parser("validate", help="check your own notebook before handing it in")
    validate.add_argument("notebook")
    validate.set_defaults(run=run_validate)
    return whole


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def run_grade(given: argparse.Namespace) -> int:
    """Grade an assignment with a progress bar, then sum up."""
    from tqdm import tqdm

    from autograder.batch.course import Course
    from autograder.batch.errors import RefusedError
    from autograder.batch.run import Run

    students = given.students and [name.strip() for name in given.students.split(",")]
    try:
        run = Run(Course.here(given.assignment), protected=not given.unprotected)
        try:
            with ExitStack() as stack:
                bars: list[tqdm] = []  # none where there is nothing to grade

                def progress(done: int, failed: int, total: int) -> None:
                    if not bars:
                        bar = tqdm(total=total, unit="sub", dynamic_ncols=True)
                        bars.append(stack.enter_context(bar))
                    bars[0].set_postfix(failed=failed, refresh=False)
                    bars[0].update(done - bars[0].n)

                report = run.grade(students, given.jobs, given.scheduler, given.force, progress)
        finally:
            run.close()
    except RefusedError as error:
        return refuse(str(error))
    print_report(report)
    return 1 if report.failed or report.stopped else 0


def print_report(report) -> None:
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


def run_doctor(given: argparse.Namespace) -> int:
    """Print each tier of protection, whether it works here, and what is missing."""
    from autograder.sandbox import available_tiers

    tiers = available_tiers()
    for tier in tiers:
        print(f"{tier.name:<10} {'works' if tier.works else f'missing: {tier.missing}'}")
        if not tier.works and tier.how:
            print(f"{'':<10} {tier.how}")
    best = next((tier.name for tier in tiers if tier.works), None)
    if best is None:
        print("This machine can't isolate what students write. Grading is refused here.")
        return 1
    print(f"Submissions are graded at tier '{best}' on this machine.")
    return 0


def run_explain(given: argparse.Namespace) -> int:
    """Print everything behind a student's grade."""
    from autograder.batch.course import Course
    from autograder.batch.errors import RefusedError
    from autograder.reports.explain import explain

    try:
        course = Course.here(given.assignment)
        print(explain(course, given.assignment, given.student))
    except (RefusedError, LookupError) as error:
        return refuse(str(error))
    return 0


def run_report(given: argparse.Namespace) -> int:
    """Write the class report as a page and as CSV."""
    import datetime
    from pathlib import Path

    from tqdm import tqdm

    from autograder.batch.course import Course
    from autograder.batch.errors import RefusedError
    from autograder.reports import class_report
    from autograder.reports.class_results import class_results

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


def run_compare(given: argparse.Namespace) -> int:
    """List pairs of submissions that are alike, and write them side by side."""
    from pathlib import Path

    from tqdm import tqdm

    from autograder.batch.course import Course
    from autograder.batch.errors import RefusedError
    from autograder.similarity.page import page
    from autograder.similarity.pairs import Code, pairs
    from autograder.similarity.submitted import all_code, students_code

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


def run_lint(given: argparse.Namespace) -> int:
    """Print what is wrong with a problem set; return 0 where nothing is."""
    from tqdm import tqdm

    from autograder.authoring.lint import lint
    from autograder.batch.course import Course
    from autograder.batch.errors import RefusedError
    from autograder.sandbox import SandboxError

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


def run_validate(given: argparse.Namespace) -> int:
    """Check a student's own notebook."""
    from autograder.student.validate import main as validate

    return validate([given.notebook])


def refuse(message: str) -> int:
    """Say in one line on stderr why nothing was done; return the exit status for it."""
    print(f"autograder: {message}", file=sys.stderr)
    return 1
