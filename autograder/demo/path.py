"""One student's way through every problem set, step by step, with the time that each step takes.

    python -m autograder.demo.path             all sets
    python -m autograder.demo.path ps1 ps2     these

The student fetches the released notebook, writes the model solution into it, checks it, hands it in
and fetches the feedback. Grading goes through the judge.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbgrader.api import Gradebook
from tqdm import tqdm

from autograder.demo import notebooks
from autograder.demo.course import COURSE_ID, ROOT, CommandError, Course

STUDENT = "ada"
TIME_LIMIT = 60  # seconds a cell
STEPS = (
    "generate_assignment",
    "release_assignment",
    "fetch_assignment",
    "solve",
    "validate",
    "submit",
    "collect",
    "autograde",
    "generate_feedback",
    "release_feedback",
    "fetch_feedback",
)


def walk(course: Course, done: "tqdm | None" = None) -> dict[str, float]:
    """Go the whole way; return the seconds of each step.

    Raises:
        CommandError: a step failed.
    """
    course.create([STUDENT], TIME_LIMIT)
    seconds = {}
    for step in STEPS:
        start = time.perf_counter()
        if step == "solve":
            solve(course)
        elif step == "validate":
            validate(course)
        else:
            theirs = step.startswith(("fetch", "submit"))
            course.nbgrader(step, course.assignment, student=STUDENT if theirs else None)
        seconds[step] = time.perf_counter() - start
        if done is not None:
            done.update()
    return seconds


def solve(course: Course) -> None:
    """Write the instructor's answers into the fetched notebook."""
    path = course.submission(STUDENT)
    notebook = notebooks.read(path)
    notebooks.solve(notebook, notebooks.read(course.source))
    notebooks.write(notebook, path)


def validate(course: Course) -> None:
    """Run the student's own check.

    Raises:
        CommandError: a check fails.
    """
    path = course.submission(STUDENT)
    command = [sys.executable, "-m", "autograder.student", path.name]
    result = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    course.log("validate", STUDENT).write_text(result.stdout + result.stderr)
    if result.returncode != 0:
        raise CommandError(f"a check of {path.name} fails: {course.log('validate', STUDENT)}")


def marks(course: Course) -> tuple[float, float]:
    """Return the automatic points and those there are."""
    with Gradebook(course.database, COURSE_ID) as gradebook:
        found = gradebook.find_submission_notebook(course.assignment, course.assignment, STUDENT)
        tests = [grade for grade in found.grades if not grade.needs_manual_grade]
        return sum(g.auto_score for g in tests), sum(g.max_score for g in tests)


def main(names: list[str]) -> int:
    """Walk through the sets; return 0 where the model solution has full marks and feedback."""
    there = sorted(path.name for path in (ROOT / "solutions").iterdir() if path.is_dir())
    if unknown := [name for name in names if name not in there]:
        print(f"demo: there is no {unknown[0]}; there are {', '.join(there)}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="unrolled-path-"))
    names, rows, wrong = names or there, [], []
    with tqdm(total=len(names) * len(STEPS), unit="step", dynamic_ncols=True) as bar:
        for name in names:
            bar.set_description(name)
            course = Course(folder / name, name, judged=True)
            (folder / name).mkdir()
            try:
                seconds = walk(course, bar)
            except CommandError as problem:
                wrong.append(f"{name}: {problem}")
                continue
            points, of = marks(course)
            if points < of or course.feedback(STUDENT) is None:
                wrong.append(
                    f"{name}: {points:g} of {of:g} points, feedback {course.feedback(STUDENT)}"
                )
            rows.append([name, *(f"{s:.1f}" for s in seconds.values()), f"{points:g}/{of:g}"])
    head = ["seconds", *STEPS, "points"]
    for line in zip(head, *rows, strict=True):  # a column a set: eleven steps are too wide
        print(f"{line[0]:20}" + "".join(f"{entry:>9}" for entry in line[1:]))
    for line in wrong:
        print(f"demo: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
