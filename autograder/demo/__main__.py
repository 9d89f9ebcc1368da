"""Take the class through nbgrader's commands and show what became of everybody."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from autograder.demo import notebooks, report
from autograder.demo.course import ASSIGNMENT, CommandError, Course
from autograder.demo.students import Student, the_class

TIME_LIMIT = (
    10  # seconds a cell: nothing right needs two, and the endless loop costs it once a test
)
AT_A_TIME = 2  # students who fetch and submit at the same moment


def demonstrate(course: Course, students: list[Student], step: Callable[..., None]) -> None:
    """Go from the instructor's notebook to fetched feedback and exported grades.

    step(command, *arguments, student=None) runs one nbgrader command.

    Raises:
        CommandError: a command failed. Grading is the exception: where nbgrader can't grade
            somebody's notebook, its author has no points and the class goes on.
    """

    def hand_in(student: Student) -> None:
        step("fetch_assignment", ASSIGNMENT, student=student.name)
        path = course.submission(student.name)
        notebook = notebooks.read(path)
        student.solve(notebook)
        notebooks.write(notebook, path)
        step("submit", ASSIGNMENT, student=student.name)

    def fetch_feedback(student: Student) -> None:
        step("fetch_feedback", ASSIGNMENT, student=student.name)

    step("generate_assignment", ASSIGNMENT)
    step("release_assignment", ASSIGNMENT)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(hand_in, students))
    step("collect", ASSIGNMENT)
    failures = []
    for student in students:  # one command each, so that nobody's notebook can stop the others
        try:
            step("autograde", ASSIGNMENT, student=student.name)
        except CommandError as failure:
            failures.append(failure)
    if len(failures) == len(students):  # then it is not the students' doing
        raise failures[0]
    step("generate_feedback", ASSIGNMENT)
    step("release_feedback", ASSIGNMENT)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(fetch_feedback, students))
    step("export", f"--to={course.grades}")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0 where every promise about the class held."""
    parser = argparse.ArgumentParser(prog="python -m autograder.demo", description=__doc__)
    parser.add_argument(
        "--course",
        metavar="DIR",
        type=Path,
        help="an empty or new folder for the course (default: a new temporary folder, which stays)",
    )
    folder = parser.parse_args(arguments).course
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="unrolled-demo-"))
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return fail(f"{folder} is not an empty folder; name a new one, or none for a temporary one")

    course, students = Course(folder.resolve()), the_class()
    course.create([student.name for student in students], TIME_LIMIT)
    try:
        with tqdm(total=6 + 4 * len(students), unit="command", dynamic_ncols=True) as bar:

            def step(command: str, *arguments: str, student: str | None = None) -> None:
                bar.set_description(" ".join(filter(None, [command, student])))
                try:
                    course.nbgrader(command, *arguments, student=student)
                finally:
                    bar.update()

            demonstrate(course, students, step)
    except CommandError as problem:
        return fail(str(problem))

    found = report.results(course, students)
    print(report.table(found), end="\n\n")
    pages = [result.feedback for result in found if result.student.loses and result.feedback]
    if pages:
        print(f"a feedback page: {pages[0]}")
    print(f"exported grades: {course.grades}")
    print(f"what each command printed: {course.logs}")
    broken = list(filter(None, (result.broken_promise() for result in found)))
    return fail("; ".join(broken)) if broken else 0


def fail(line: str) -> int:
    """Say what went wrong in one line on stderr and return the exit status for it."""
    print(f"demo: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
