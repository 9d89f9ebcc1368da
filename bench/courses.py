"""Course folders for the measurements: made once, copied for each run, graded by either engine."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from bench.classes import Class

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = Path(sys.executable).parent
STOCK = """\
c = get_config()
c.CourseDirectory.course_id = "bench"
c.Execute.timeout = 60
"""
OURS = "import autograder\n\n" + STOCK + "autograder.configure(c)\n"


class CourseError(Exception):
    """A command failed; the message holds the end of what it printed."""


@dataclass(frozen=True)
class Usage:
    """What a command took: seconds, CPU-seconds of it and all it started, and peak memory.

    `peak_mb` is the largest sum over its processes of the memory that is theirs alone plus their
    part of what they share (PSS), looked at twice a second.
    """

    seconds: float
    cpu: float
    peak_mb: float


def environment(folder: Path) -> dict[str, str]:
    """Nobody's own Jupyter settings, and this environment's programs first."""
    jupyter = folder / "jupyter"
    return os.environ | {
        "PATH": os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)]),
        "JUPYTER_CONFIG_DIR": str(jupyter / "config"),
        "JUPYTER_DATA_DIR": str(jupyter / "data"),
        "IPYTHONDIR": str(jupyter / "ipython"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def make(folder: Path, members: Class, students: int) -> Path:
    """Make a course whose students have handed in; nothing is graded yet.

    Raises:
        CourseError: nbgrader could not generate the assignment.
    """
    source = folder / "source" / members.name / f"{members.name}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(members.source, source)
    (folder / "nbgrader_config.py").write_text(STOCK)
    run(folder, stock("generate_assignment", members.name))
    released = nbformat.read(folder / "release" / members.name / source.name, 4)
    for student, notebook in members.submissions(students, released):
        path = folder / "submitted" / student / members.name / source.name
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    return folder


def copy(course: Path, folder: Path, config: str) -> Path:
    """Copy an ungraded course, to be graded under this configuration."""
    shutil.copytree(course, folder)
    (folder / "nbgrader_config.py").write_text(config)
    return folder


def stock(*arguments: str) -> list[str]:
    """The command line of one of nbgrader's own commands."""
    return [str(PROGRAMS / "nbgrader"), *arguments]


def ours(assignment: str, *options: str) -> list[str]:
    """The command line that grades an assignment with this engine."""
    return [sys.executable, "-m", "autograder", "grade", assignment, *options]


def start(folder: Path, command: list[str]) -> subprocess.Popen:
    """Start a command in the course, in a group of its own."""
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def run(folder: Path, command: list[str]) -> Usage:
    """Run a command in the course to its end.

    Raises:
        CourseError: its exit status was not zero.
    """
    begin = time.perf_counter()
    process = start(folder, command)
    peak = [0.0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done), daemon=True)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    done.set()
    watcher.join()
    if process.returncode:
        text = (folder / "log.txt").read_text(errors="replace")[-3000:]
        raise CourseError(f"'{' '.join(command)}' ended with {process.returncode}:\n{text}")
    return Usage(seconds, usage.ru_utime + usage.ru_stime, peak[0])


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.5):
        total = 0
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return
        for process in family:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                pass
        peak[0] = max(peak[0], total / 1e6)


def grades(folder: Path) -> list[tuple]:
    """Every automatic mark: (student, cell, marks), sorted; read without nbgrader's help."""
    with sqlite3.connect(folder / "gradebook.db") as database:
        rows = database.execute(
            """
            select submitted_assignment.student_id, base_cell.name, grade.auto_score
            from grade
            join submitted_notebook on grade.notebook_id = submitted_notebook.id
            join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
            join base_cell on grade.cell_id = base_cell.id
            """
        ).fetchall()
    database.close()
    return sorted(rows, key=str)
