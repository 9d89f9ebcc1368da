"""A course in a folder of its own, and nbgrader's commands run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
COURSE_ID = "unrolled-demo"
ASSIGNMENT = "ps2"


JUDGED = """
import autograder

autograder.configure(c)
"""
STOCK = """
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import ClearMarkScheme, GetGrades

# nbgrader puts the mark scheme back for the grader to see. Feedback goes without it.
c.GenerateFeedback.preprocessors = [GetGrades, ClearMarkScheme, CSSHTMLHeaderPreprocessor]
"""


class CommandError(Exception):
    """An nbgrader command ended with an error. The message names the command and its log."""


class Course:
    """The course in `folder`, with one assignment.

    Args:
        folder: where the course goes.
        assignment: its problem set.
        judged: whether nbgrader grades through the judge. Without, it grades as it comes.

    folder/
      nbgrader_config.py, solutions/, release/, submitted/, autograded/, feedback/, gradebook.db
      exchange/          nbgrader's exchange
      students/NAME/     where a student fetches, solves and submits
      jupyter/           Jupyter's own folders, so that settings of whoever runs this don't count
      logs/              one file a command
    """

    def __init__(self, folder: Path, assignment: str = ASSIGNMENT, judged: bool = False) -> None:
        self.folder, self.assignment, self.judged = folder, assignment, judged
        self.logs = folder / "logs"
        self.source = folder / "solutions" / assignment / f"{assignment}.ipynb"
        self.released = folder / "release" / assignment / f"{assignment}.ipynb"
        self.grades = folder / "grades.csv"
        self.database = f"sqlite:///{folder / 'gradebook.db'}"

    def create(self, students: list[str], time_limit: int) -> None:
        """Lay out the folder; no test cell may run longer than `time_limit` seconds."""
        shutil.copytree(ROOT / "solutions" / self.assignment, self.source.parent)
        for name in ("exchange", "logs", "jupyter"):
            (self.folder / name).mkdir()
        (self.folder / "nbgrader_config.py").write_text(
            dedent(f"""\
            c = get_config()
            c.CourseDirectory.course_id = {COURSE_ID!r}
            c.CourseDirectory.source_directory = "solutions"
            c.CourseDirectory.root = {str(self.folder)!r}
            c.CourseDirectory.db_url = {self.database!r}
            c.Exchange.root = {str(self.folder / "exchange")!r}
            c.Exchange.cache = {str(self.folder / "cache")!r}
            c.Execute.timeout = {time_limit}
            # All the students are one user of this machine here.
            c.ExchangeCollect.check_owner = False
            """)
            + (JUDGED if self.judged else STOCK)
        )
        for student in students:
            home = self.home(student)
            home.mkdir(parents=True)
            (home / "nbgrader_config.py").write_text(
                dedent(f"""\
                c = get_config()
                c.CourseDirectory.course_id = {COURSE_ID!r}
                c.Exchange.root = {str(self.folder / "exchange")!r}
                c.Exchange.cache = {str(home / "cache")!r}
                """)
            )

    def home(self, student: str) -> Path:
        """Return the folder that `student` works in."""
        return self.folder / "students" / student

    def submission(self, student: str) -> Path:
        """Return the notebook as `student` fetched it and hands it in."""
        return self.home(student) / self.assignment / f"{self.assignment}.ipynb"

    def autograded(self, student: str) -> Path:
        """Return the executed notebook of `student`; it is not there when grading it failed."""
        name = self.assignment
        return self.folder / "autograded" / student / name / f"{name}.ipynb"

    def feedback(self, student: str) -> Path | None:
        """Return the feedback page that `student` fetched, or None."""
        name = self.assignment
        pages = (self.home(student) / name / "feedback").glob(f"*/{name}.html")
        return next(pages, None)

    def log(self, command: str, student: str | None) -> Path:
        """Return the file that holds what the command printed."""
        return self.logs / f"{'-'.join(filter(None, [command, student]))}.log"

    def nbgrader(self, command: str, *arguments: str, student: str | None = None) -> None:
        """Run one nbgrader command as the instructor, or for one student.

        fetch and submit are the student's own commands and run in the student's folder.

        Raises:
            CommandError: the command's exit status was not zero.
        """
        line = [command, *arguments] + ([f"--student={student}"] if student else [])
        as_student = student and command.startswith(("fetch", "submit"))
        log = self.log(command, student)
        programs = Path(sys.executable).parent
        with log.open("w") as output:
            result = subprocess.run(
                [str(programs / "nbgrader"), *line],
                cwd=self.home(student) if as_student else self.folder,
                env=os.environ
                | {
                    # nbgrader starts alembic by its name, so this environment's programs come first
                    "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
                    "JUPYTER_CONFIG_DIR": str(self.folder / "jupyter" / "config"),
                    "JUPYTER_DATA_DIR": str(self.folder / "jupyter" / "data"),
                    "IPYTHONDIR": str(self.folder / "jupyter" / "ipython"),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if result.returncode != 0:
            raise CommandError(
                f"'nbgrader {' '.join(line)}' failed with exit status {result.returncode}; "
                f"what it printed is in {log}"
            )
