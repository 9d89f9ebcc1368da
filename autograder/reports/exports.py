"""Grades as the CSV files that Canvas, Moodle and Blackboard import, through nbgrader's exporters.

    nbgrader export --exporter=autograder.reports.exports.Canvas --to=canvas.csv

The scores are those of nbgrader's own exporter: less the penalty for lateness, never below 0. A
student who handed in nothing has an empty field, which all three leave as it is. `--assignment` and
`--student` choose, as with every exporter.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbgrader.api import Assignment, Gradebook, Student
from nbgrader.plugins import ExportPlugin


class LearningPlatform(ExportPlugin):
    """An exporter that writes one row a student and one column an assignment."""

    file = ""  # where to, if --to doesn't say

    def export(self, gradebook: Gradebook) -> None:
        """Write the file.

        Raises:
            ValueError: an assignment or a student that was asked for is not in the gradebook.
        """
        assignments = chosen("assignment", gradebook.assignments, "name", self.assignment)
        students = chosen("student", gradebook.students, "id", self.student)
        scores = {
            (handed.student_id, assignment.name): handed.score - handed.late_submission_penalty
            for assignment in assignments
            for handed in gradebook.assignment_submissions(assignment.name)
        }
        path = Path(self.to or self.file)
        self.log.info("Exporting grades to %s", path)
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, quoting=csv.QUOTE_ALL)
            rows.writerows(self.head(assignments))
            for student in students:
                found = [scores.get((student.id, a.name)) for a in assignments]
                points = ["" if p is None else f"{max(0.0, p):g}" for p in found]
                rows.writerow([*self.about(student), *points])

    def head(self, assignments: Sequence[Assignment]) -> Iterator[list[str]]:
        """Give the rows above the students'."""
        raise NotImplementedError

    def about(self, student: Student) -> list[str]:
        """Return what stands in a student's row before the grades."""
        raise NotImplementedError


class Canvas(LearningPlatform):
    """Canvas: Gradebook, Import.

    nbgrader's student id is taken for the SIS Login ID; Canvas finds students by it where ID and
    SIS User ID are empty. A column whose name is no assignment there makes a new one.
    """

    file = "canvas.csv"

    def head(self, assignments: Sequence[Assignment]) -> Iterator[list[str]]:
        """Give the names of columns, and the row of points that Canvas expects below them."""
        columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
        yield columns + [a.name for a in assignments]
        yield ["    Points Possible", "", "", "", "", *(f"{a.max_score:g}" for a in assignments)]

    def about(self, student: Student) -> list[str]:
        """Return name, the two numbers that Canvas gives, the login, the section."""
        names = ", ".join(filter(None, [student.last_name, student.first_name]))
        return [names or student.id, "", "", student.id, ""]


class Moodle(LearningPlatform):
    """Moodle: Grades, Import, CSV file.

    On the page that follows, map from Username to username (or from Email address to email
    address) and each assignment to its grade item, or to a new one.
    """

    file = "moodle.csv"

    def head(self, assignments: Sequence[Assignment]) -> Iterator[list[str]]:
        """Give the names of columns as Moodle's own export has them."""
        columns = ["First name", "Last name", "Username", "Email address"]
        yield columns + [f"{a.name} (Real)" for a in assignments]

    def about(self, student: Student) -> list[str]:
        """Return names, login and address."""
        names = [student.first_name or "", student.last_name or ""]
        return [*names, student.id, student.email or ""]


class Blackboard(LearningPlatform):
    """Blackboard: Full Grade Center, Work Offline, Upload.

    Students are found by Username. A column that has no Column ID in its name makes a new column;
    its points have to be entered there once.
    """

    file = "blackboard.csv"

    def head(self, assignments: Sequence[Assignment]) -> Iterator[list[str]]:
        """Give the names of columns as Blackboard's own download has them."""
        titles = [f"{a.name} [Total Pts: {a.max_score:g} Score]" for a in assignments]
        yield ["Last Name", "First Name", "Username", *titles]

    def about(self, student: Student) -> list[str]:
        """Return names and login."""
        return [student.last_name or "", student.first_name or "", student.id]


def chosen(kind: str, there: Sequence, key: str, wanted: Sequence[str]) -> list:
    """Return those of `there` that are wanted; all where none is named."""
    known = {str(getattr(one, key)): one for one in there}
    missing = [str(name) for name in wanted if str(name) not in known]
    if missing:
        raise ValueError(
            f"{kind} {', '.join(missing)} is not in the gradebook; "
            f"there are: {', '.join(known) or 'none'}"
        )
    return [known[str(name)] for name in wanted] or list(known.values())
