"""What came of a submission, read from nbgrader's gradebook and from the graded notebook."""

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook

from autograder.demo import notebooks
from autograder.demo.course import ASSIGNMENT, COURSE_ID, Course
from autograder.demo.students import Student


@dataclass(frozen=True)
class Mark:
    """Points won out of the points there are."""

    points: float
    most: float

    def __add__(self, other: "Mark") -> "Mark":
        return Mark(self.points + other.points, self.most + other.most)

    def __str__(self) -> str:
        return f"{self.points:g}/{self.most:g}"


@dataclass(frozen=True)
class Result:
    """What a student got back: the marks for the automatic part, problem by problem, and feedback.

    `graded` is False where nbgrader could not grade the notebook; then there is no feedback.
    """

    student: Student
    problems: dict[str, Mark]
    note: str
    graded: bool
    feedback: Path | None

    @property
    def total(self) -> Mark:
        """The sum over the problems."""
        return sum(self.problems.values(), Mark(0, 0))

    def broken_promise(self) -> str | None:
        """Say in a line which promise about this student does not hold, or return None."""
        for problem, mark in self.problems.items():
            lost = mark.points < mark.most
            if lost != (problem in self.student.loses):
                wanted = "less than full" if problem in self.student.loses else "full"
                return (
                    f"{self.student.name} ({self.student.story}) should have {wanted} marks "
                    f"for {problem}, but has {mark}"
                )
        if self.graded and not self.feedback:
            return f"{self.student.name} ({self.student.story}) should have feedback, but has none"
        return None


def results(course: Course, students: list[Student]) -> list[Result]:
    """Read the results of the class from the course's gradebook and its graded notebooks."""
    tests = notebooks.tests_of(notebooks.read(course.source))
    with Gradebook(course.database, COURSE_ID) as gradebook:
        most = {
            cell.name: cell.max_score
            for cell in gradebook.find_notebook(ASSIGNMENT, ASSIGNMENT).grade_cells
        }
        found = []
        for student in students:
            submission = gradebook.find_submission_notebook(ASSIGNMENT, ASSIGNMENT, student.name)
            points = {grade.name: grade.auto_score for grade in submission.grades}
            problems = dict.fromkeys(tests.values(), Mark(0, 0))
            for test, problem in tests.items():
                problems[problem] += Mark(points[test] or 0, most[test])
            graded = course.autograded(student.name).exists()
            remark = note(course, student.name, list(tests))
            found.append(Result(student, problems, remark, graded, course.feedback(student.name)))
    return found


def note(course: Course, student: str, tests: list[str]) -> str:
    """Say in a few words what was unusual about grading this student's notebook, if anything."""
    if not course.autograded(student).exists():
        log = course.log("autograde", student)
        twice = re.search(r"Cell with id '(.+)' exists multiple times", log.read_text())
        reason = f"duplicated cell {twice[1]}" if twice else f"see {log}"
        return f"notebook could not be graded: {reason}"
    notebook = notebooks.read(course.autograded(student))
    return "; ".join(remarks(notebook, tests))


def remarks(notebook: NotebookNode, tests: list[str]) -> list[str]:
    """Collect what an executed notebook shows: lost tests, time-outs, cells that raised."""
    cells = {notebooks.grade_id(cell): cell for cell in notebook.cells}
    lines = [f"test cell {test} deleted" for test in tests if test not in cells]
    errors = {
        name: {output.ename for output in cell.get("outputs", []) if output.output_type == "error"}
        for name, cell in cells.items()
    }
    late = sum("CellTimeoutError" in names for names in errors.values())
    if late:
        lines.append(f"time limit in {late} {'cell' if late == 1 else 'cells'}")
    for name, cell in cells.items():
        if name and cell.metadata["nbgrader"]["solution"]:
            lines += [f"{error} in cell {name}" for error in sorted(errors[name])]
    return lines


def table(found: list[Result]) -> str:
    """Lay the results out in columns, one line a student."""
    rows = [["student", "handed in", *found[0].problems, "total", "note"]]
    for result in found:
        marks = [str(mark) for mark in [*result.problems.values(), result.total]]
        rows.append([result.student.name, result.student.story, *marks, result.note])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
