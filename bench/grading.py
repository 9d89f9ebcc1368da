"""The same generated classes graded by stock nbgrader and by this engine, alternating in one run.

Medians over the runs. "Marks that differ" compares the two gradebooks row by row. Then: where one
submission's CPU time goes, in a warm process; how memory and time grow with the class; and a run
that is killed (-9) again and again, its gradebook compared with that of an undisturbed one.
"""

import contextlib
import io
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
from tqdm import tqdm

from autograder.judge import Job, Judge
from autograder.sandbox import Environment, Limits, Sandbox
from bench import courses
from bench.classes import Class, numpy_class, torch_class
from bench.courses import OURS, STOCK, Usage

WANTED = {"ps2": 12, "recurrent": 25}  # times stock's submissions per CPU-second


class Extent(NamedTuple):
    """How many students in a class, runs of each engine, students in the large class, and kills."""

    students: int
    repeats: int
    large: int
    kills: int


FULL = Extent(students=200, repeats=3, large=2000, kills=20)
QUICK = Extent(students=12, repeats=1, large=60, kills=2)


class WrongError(Exception):
    """A mark differs, or a student is lost."""


def rows(quick: bool) -> Iterator[dict]:
    """Give the rows of every table.

    Raises:
        WrongError: the engines disagree, or a killed run ended differently; after all rows.
        CourseError: a command failed.
    """
    extent = QUICK if quick else FULL
    wrong = []
    folder = Path(tempfile.mkdtemp(prefix="bench-grading-"))
    try:
        total = 4 * extent.repeats + 2 + extent.kills + 1
        with tqdm(total=total, unit="run", dynamic_ncols=True) as bar:
            for members in (numpy_class(), torch_class()):
                *engines, ratio = compare(folder, members, extent, bar)
                yield from engines
                yield ratio
                if ratio["marks_that_differ"]:
                    wrong.append(f"{members.name}: {ratio['marks_that_differ']} marks differ")
            yield from where_the_time_goes(extent)
            yield from grow(folder, extent, bar)
            killed = kill(folder, extent, bar)
            yield killed
            if killed["gradebook"] != "equal":
                wrong.append(f"kills: {killed['gradebook']}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        raise WrongError("; ".join(wrong))


def compare(folder: Path, members: Class, extent: Extent, bar: tqdm) -> list[dict]:
    """Grade one class by both engines in turn: a row for each, then the row of ratios."""
    n = extent.students
    template = courses.make(folder / f"{members.name}-template", members, n)
    used: dict[str, list[Usage]] = {"nbgrader": [], "ours": []}
    marks = {}
    for repeat in range(extent.repeats):
        for name, config, command in (
            ("nbgrader", STOCK, courses.stock("autograde", members.name)),
            ("ours", OURS, courses.ours(members.name, "--jobs", "1")),
        ):
            bar.set_description(f"{members.name}, {name}")
            course = courses.copy(template, folder / f"{members.name}-{name}-{repeat}", config)
            used[name].append(courses.run(course, command))
            marks[name] = courses.grades(course)
            shutil.rmtree(course)
            bar.update()
    found = [
        {
            "class": members.name,
            "engine": name,
            "students": n,
            "CPU_s_each": statistics.median(u.cpu for u in usages) / n,
            "s_each": statistics.median(u.seconds for u in usages) / n,
            "peak_MB": statistics.median(u.peak_mb for u in usages),
        }
        for name, usages in used.items()
    ]
    stock, ours = found
    return [
        *found,
        {
            "class": members.name,
            "submissions_per_CPU_second,_ours_over_nbgrader": stock["CPU_s_each"]
            / ours["CPU_s_each"],
            "wanted_at_least": WANTED[members.name] if extent is FULL else None,
            "per_second": stock["s_each"] / ours["s_each"],
            "marks": len(marks["nbgrader"]),
            "marks_that_differ": len(set(marks["ours"]) ^ set(marks["nbgrader"])),
        },
    ]


def where_the_time_goes(extent: Extent) -> Iterator[dict]:
    """CPU time of one submission in the sandbox alone and in the judge alone, both warm."""
    members = numpy_class()
    source = nbformat.writes(members.source)
    handed_in = list(members.submissions(extent.students, members.source))

    def cpu() -> float:
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        times = [process.cpu_times() for process in family]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def each(what: str, begin: float) -> dict:
        spent = 1000 * (cpu() - begin) / len(handed_in)
        return {"part_of_ps2": what, "CPU_ms_a_submission": spent}

    plain = "\n\n".join(c.source for c in members.source.cells if c.cell_type == "code")
    code = compile(plain, "<source>", "exec")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, {"__name__": "__main__"})
        begin = cpu()
        for _ in handed_in:
            exec(code, {"__name__": "__main__"})
    yield each("the cells themselves, by exec", begin)

    with Sandbox(Environment(), Limits()) as sandbox:
        sandbox.open({}).close()
        begin = cpu()
        for _ in handed_in:
            sandbox.open({}).close()
        yield each("an isolated process and back", begin)

    judge = Judge()
    try:

        def grade(student: str, notebook) -> None:
            text = nbformat.writes(notebook).encode()
            judge.grade(Job(source=source, submission=text, notebook=members.name,
                            student=student, source_files={}, student_files={}))  # fmt: skip

        grade(*handed_in[0])
        begin = cpu()
        for student, notebook in handed_in:
            grade(student, notebook)
        yield each("with the judge, cells and tests", begin)
    finally:
        judge.close()


def grow(folder: Path, extent: Extent, bar: tqdm) -> Iterator[dict]:
    """Memory and time of a submission among a hundred students, and among many."""
    members = numpy_class()
    for n in (min(100, extent.large // 2), extent.large):
        bar.set_description(f"{n} students")
        template = courses.make(folder / f"grow-{n}", members, n)
        (template / "nbgrader_config.py").write_text(OURS)
        used = courses.run(template, courses.ours(members.name, "--jobs", "1"))
        yield {
            "students_of_ps2": n,
            "CPU_s_each": used.cpu / n,
            "s_each": used.seconds / n,
            "peak_MB": used.peak_mb,
        }
        shutil.rmtree(template)
        bar.update()


def kill(folder: Path, extent: Extent, bar: tqdm) -> dict:
    """Kill a run at random moments, each time start it again; compare the gradebooks."""
    members, n, rng = numpy_class(), extent.students, random.Random(0)
    template = courses.make(folder / "kill-template", members, n)
    command = courses.ours(members.name, "--jobs", "1")
    undisturbed = courses.copy(template, folder / "kill-not", OURS)
    bar.set_description("undisturbed")
    whole = courses.run(undisturbed, command)
    bar.update()
    course = courses.copy(template, folder / "kill", OURS)
    counts = []
    for number in range(extent.kills):
        bar.set_description(f"kill {number + 1}")
        process = courses.start(course, command)
        if number % 4:  # three in four are killed while they grade, the others at any moment
            wait_for_more(process, course, counts[-1])
        time.sleep(rng.uniform(0, 1.5) * whole.seconds / extent.kills)
        victim = rng.choice(["run", "group", "any"])
        shoot(process, victim, rng)
        counts.append(graded_so_far(course))
        bar.update()
    courses.run(course, command)
    ours, wanted = courses.grades(course), courses.grades(undisturbed)
    outcome = "equal" if ours == wanted else f"{len(set(ours) ^ set(wanted))} rows differ"
    if len({student for student, _, _ in ours}) != n or len(ours) != len(set(r[:2] for r in ours)):
        outcome += ", and not every student is graded exactly once"
    return {
        "students": n,
        "kills": extent.kills,
        "graded_after_each_kill": " ".join(map(str, counts)),
        "gradebook": outcome,
    }


def graded_so_far(course: Path) -> int:
    """How many students are graded."""
    return len({student for student, _, score in courses.grades(course) if score is not None})


def wait_for_more(process: subprocess.Popen, course: Path, graded: int) -> None:
    """Wait until a run has graded more than so many students, or has ended."""
    while process.poll() is None and graded_so_far(course) <= graded:
        time.sleep(0.2)


def shoot(process: subprocess.Popen, victim: str, rng: random.Random) -> None:
    """Kill the run alone, everything it started, or one process of it and then the run."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        family = []
    targets = [process.pid]
    if victim == "any" and family:
        targets.insert(0, rng.choice(family).pid)
    for target in targets:
        try:
            os.kill(target, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if victim == "group":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    for member in family:  # what the kill left, if anything, is not the next run's business
        try:
            member.wait(timeout=5)
        except psutil.TimeoutExpired:
            left = f"after a kill of the {victim}, {member.pid} lived on: {member.name()}"
            tqdm.write(left, file=sys.stderr)
            member.kill()
        except psutil.Error:
            pass
