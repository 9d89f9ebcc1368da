"""The same generated classes graded by stock nbgrader and by this engine, alternating in one run.

    python -m bench grading                      everything; about an hour
    python -m bench grading --students 12 --large 200 --kills 3      a quick look

Absolute times belong to the machine and its load. The ratios are what is claimed.
"""

import argparse
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
from pathlib import Path

import psutil
from tqdm import tqdm

from bench import courses
from bench.classes import Class, numpy_class, torch_class
from bench.courses import OURS, STOCK, Usage

WANTED = {"ps2": 12, "recurrent": 25}  # times stock's submissions per CPU-second


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 where a result is wrong (a mark, a lost student), else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m bench grading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--students", type=int, default=200, help="in each class (default 200)")
    parser.add_argument("--repeats", type=int, default=3, help="of each engine (default 3)")
    parser.add_argument("--large", type=int, default=2000, help="students for the memory's growth")
    parser.add_argument("--kills", type=int, default=20, help="kills of a run of 200 students")
    parser.add_argument("--jobs", type=int, default=1, help="judges at a time (default 1)")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="bench-grading-"))
    wrong = []
    try:
        total = 4 * options.repeats + 2 * bool(options.large) + options.kills + bool(options.kills)
        with tqdm(total=total, unit="run", dynamic_ncols=True, file=sys.stderr) as bar:
            for members in (numpy_class(), torch_class()):
                wrong += compare(folder, members, options, bar)
            where_the_time_goes(options)
            if options.large:
                grow(folder, options, bar)
            if options.kills:
                wrong += kill(folder, options, bar)
    except courses.CourseError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


def show(*lines: str) -> None:
    """Print above the progress bar."""
    for line in lines:
        tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def engine(members: Class, options: argparse.Namespace) -> list[str]:
    """The command that grades a class with this engine."""
    return courses.ours(members.name, "--jobs", str(options.jobs))


def compare(folder: Path, members: Class, options: argparse.Namespace, bar: tqdm) -> list[str]:
    """Grade one class by both, in turn; print the medians, return what is wrong."""
    n = options.students
    template = courses.make(folder / f"{members.name}-template", members, n)
    used: dict[str, list[Usage]] = {"stock": [], "ours": []}
    marks = {}
    for repeat in range(options.repeats):
        for name, config, command in (
            ("stock", STOCK, courses.stock("autograde", members.name)),
            ("ours", OURS, engine(members, options)),
        ):
            bar.set_description(f"{members.name}, {name}")
            course = courses.copy(template, folder / f"{members.name}-{name}-{repeat}", config)
            used[name].append(courses.run(course, command))
            marks[name] = courses.grades(course)
            shutil.rmtree(course)
            bar.update()

    head = f"{'':8}{'per CPU-s':>12}{'per s':>10}{'CPU-s each':>12}{'s each':>10}{'peak MB':>10}"
    runs = f"{n} students, medians of {options.repeats} alternating runs"
    show("", f"{members.name}: {runs}", head)
    middle = {}
    for name, usages in used.items():
        cpu = statistics.median(u.cpu for u in usages)
        seconds = statistics.median(u.seconds for u in usages)
        peak = statistics.median(u.peak_mb for u in usages)
        middle[name] = (n / cpu, n / seconds)
        rates = f"{n / cpu:12.2f}{n / seconds:10.2f}{cpu / n:12.4f}{seconds / n:10.4f}"
        show(f"{name:8}{rates}{peak:10.0f}")
    ratios = [ours / stock for ours, stock in zip(middle["ours"], middle["stock"], strict=True)]
    show(f"ratio   {ratios[0]:11.1f}×{ratios[1]:9.1f}×      wanted: at least "
         f"{WANTED[members.name]}× per CPU-second")  # fmt: skip
    different = len(set(marks["ours"]) ^ set(marks["stock"]))
    show(f"gradebooks: {len(marks['stock'])} marks each, {different or 'no'} rows differ")
    if different:
        return [f"{members.name}: {different} rows of the two gradebooks differ"]
    return []


def where_the_time_goes(options: argparse.Namespace) -> None:
    """CPU time of one submission in the sandbox alone and in the judge alone, both warm."""
    import nbformat

    from autograder.judge import Job, Judge
    from autograder.sandbox import Environment, Limits, Sandbox

    members = numpy_class()
    source = nbformat.writes(members.source)
    handed_in = list(members.submissions(options.students, members.source))

    def cpu() -> float:
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        times = [process.cpu_times() for process in family]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    plain = "\n\n".join(c.source for c in members.source.cells if c.cell_type == "code")
    code = compile(plain, "<source>", "exec")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, {"__name__": "__main__"})
        begin = cpu()
        for _ in handed_in:
            exec(code, {"__name__": "__main__"})
        tests = (cpu() - begin) / len(handed_in)

    with Sandbox(Environment(), Limits()) as sandbox:
        sandbox.open({}).close()
        begin = cpu()
        for _ in handed_in:
            sandbox.open({}).close()
        bare = (cpu() - begin) / len(handed_in)

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
        judged = (cpu() - begin) / len(handed_in)
    finally:
        judge.close()
    show("", "where the time goes (ps2, warm, CPU-ms a submission)",
         f"the cells themselves, by exec    {1000 * tests:8.1f}",
         f"an isolated process and back     {1000 * bare:8.1f}",
         f"with the judge, cells and tests  {1000 * judged:8.1f}",
         "the rest, up to 'CPU-s each' above, is files, gradebook and the run's start")  # fmt: skip


def grow(folder: Path, options: argparse.Namespace, bar: tqdm) -> None:
    """Memory and time per submission of a hundred students and of many."""
    members = numpy_class()
    show("", f"growth (ps2)  {'students':>10}{'CPU-s each':>12}{'s each':>10}{'peak MB':>10}")
    for n in (min(100, options.large), options.large):
        bar.set_description(f"{n} students")
        template = courses.make(folder / f"grow-{n}", members, n)
        (template / "nbgrader_config.py").write_text(OURS)
        used = courses.run(template, engine(members, options))
        show(
            f"              {n:10}{used.cpu / n:12.4f}{used.seconds / n:10.4f}{used.peak_mb:10.0f}"
        )
        shutil.rmtree(template)
        bar.update()


def kill(folder: Path, options: argparse.Namespace, bar: tqdm) -> list[str]:
    """Kill a run of 200 at random moments, each time start it again; compare the gradebooks."""
    members, n, rng = numpy_class(), 200, random.Random(0)
    template = courses.make(folder / "kill-template", members, n)
    command = engine(members, options)
    undisturbed = courses.copy(template, folder / "kill-not", OURS)
    bar.set_description("undisturbed")
    whole = courses.run(undisturbed, command)
    bar.update()
    course = courses.copy(template, folder / "kill", OURS)
    counts = []
    for number in range(options.kills):
        bar.set_description(f"kill {number + 1}")
        process = courses.start(course, command)
        if number % 4:  # three in four are killed while they grade, the others at any moment
            wait_for_more(process, course, counts[-1])
        time.sleep(rng.uniform(0, 1.5) * whole.seconds / options.kills)
        victim = rng.choice(["run", "group", "any"])
        shoot(process, victim, rng)
        counts.append(graded_so_far(course))
        bar.update()
    courses.run(course, command)
    wrong = []
    ours, wanted = courses.grades(course), courses.grades(undisturbed)
    if ours != wanted:
        wrong.append(f"kills: {len(set(ours) ^ set(wanted))} rows differ from an undisturbed run's")
    if len({student for student, _, _ in ours}) != n or len(ours) != len(set(r[:2] for r in ours)):
        wrong.append("kills: not every student is graded exactly once")
    outcome = "DIFFERS" if wrong else "equal to that of an undisturbed run"
    show("", f"{options.kills} kills (-9) of a run of {n}; students graded after each: {counts}")
    show(f"gradebook {outcome}")
    return wrong


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
            show(f"after a kill of the {victim}, {member.pid} lived on: {member.name()}")
            member.kill()
        except psutil.Error:
            pass
