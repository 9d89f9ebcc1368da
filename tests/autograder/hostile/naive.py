"""Two graders without a judge: what stock nbgrader's ways let a submission do.

`in_one_process` runs tests and answers in one IPython shell, as a kernel does, and marks what each
test cell leaves as nbgrader marks it. `believed` marks the outputs and the points that stand in
the notebook itself after running the submission's own tests.
"""

import atexit
import faulthandler
import importlib
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path


def run_cells(cells: list[tuple[str | None, float, str]], report) -> None:
    """Run (test's name or None, points, code) in order in this process's shell.

    Write a line of JSON with the test's name and its mark to `report` after each test.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    # nobody reads these, and they take far longer than the cells
    shell.showtraceback = shell._format_exception_for_storage = lambda *a, **k: None
    # the kernel of a notebook answers with what was displayed: watch the display hook for it
    displayed = []

    def write_format_data(self, data, metadata=None):
        displayed.append(data.get("text/plain"))

    type(shell.displayhook).write_format_data = write_format_data
    for name, points, code in cells:
        displayed.clear()
        failed = not shell.run_cell(code, store_history=True).success
        if name is None:
            continue
        mark = 0.0
        if not failed:
            text = displayed[0] if displayed else None  # as nbgrader's determine_grade
            try:
                mark = float(text) if text is not None else points
            except ValueError:
                mark = points
        report.write(json.dumps({"name": name, "mark": mark}) + "\n")
        report.flush()


def warm_up() -> None:
    """Load here, once, what every fork would load again."""
    for name in ("application", "completerlib", "interactiveshell", "magics", "oinspect"):
        importlib.import_module(f"IPython.core.{name}")
    importlib.import_module("numpy.testing")


def in_one_process(
    source: str, submission: bytes, folder: Path, patience: float, believe: bool = False
) -> tuple[dict[str, float], str, bool]:
    """Grade in a fork of this process whose working folder is `folder`.

    The answers come from the submission and the tests from the source; with `believe`, everything
    comes from the submission. Returns the marks, what was printed, and whether it was patience
    that ended it. A test that the process did not live to finish has no mark.

    Two processes: a kernel, and above it the client that hears from it and writes the marks down.
    Standard input is a terminal at which nobody sits.
    """
    cells = list(arranged(json.loads(source), json.loads(submission), believe))
    marks, printed = folder / "marks.jsonl", folder / "printed.txt"
    marks.write_text("")
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        stopped = 1
        try:
            os.setpgid(0, 0)
            os.chdir(folder)
            silence, _ = os.pipe()
            os.dup2(silence, 0)
            sys.stdin = sys.__stdin__ = open(0, closefd=False)
            descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for standard in (1, 2):
                os.dup2(descriptor, standard)
            sys.stdout = sys.__stdout__ = open(1, "w", closefd=False, buffering=1)
            sys.stderr = sys.__stderr__ = open(2, "w", closefd=False, buffering=1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            kernel = os.fork()
            if kernel == 0:
                faulthandler.disable()  # a crash is what some attacks are after; no trace of it
                sys.path.insert(0, str(folder))
                with marks.open("a") as report:
                    run_cells(cells, report)
                threading._shutdown()  # the end of a Python program: threads, then exit handlers
                atexit._run_exitfuncs()
                os._exit(0)
            stopped = os.waitpid(kernel, 0)[1]
        finally:
            os._exit(1 if stopped else 0)
    deadline = time.monotonic() + patience
    late = False
    while not (late := time.monotonic() > deadline):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    if late:
        for number in (pid, *children(pid)):
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        _, status = os.waitpid(pid, 0)
    found = {}
    if os.WIFSIGNALED(status) and not late:
        return {}, "", False  # nobody is left who heard of a mark
    for line in marks.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
            found[entry["name"]] = entry["mark"]
        except (ValueError, TypeError, KeyError):
            pass  # the submission wrote into it
    text = printed.read_text(errors="replace") if printed.exists() else ""
    return found, text, late


def children(pid: int) -> list[int]:
    """The processes below `pid`, deepest last."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    found = []
    for child in map(int, text.split()):
        found += [child, *children(child)]
    return found


def arranged(source: dict, submission: dict, believe: bool):
    """The cells to run: (name of the test or None, points, code)."""
    handed_in = submission["cells"] if believe else []
    answers = {}
    for cell in submission["cells"]:
        role = cell["metadata"].get("nbgrader", {})
        if role.get("solution"):
            answers[role["grade_id"]] = cell["source"]
    for cell in handed_in or source["cells"]:
        role = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] != "code":
            continue
        text = "".join(cell["source"])
        if believe:
            name = role.get("grade_id", "")
            graded = name.endswith("-test")
            if graded and cell["outputs"]:  # never run again: the outputs are believed
                text = cell["outputs"][0]["data"]["text/plain"]
            points = role.get("points", 0)
            yield (name if graded else None), float(points), text
        elif role.get("grade"):
            yield role["grade_id"], role["points"], re.sub(r"### (BEGIN|END).*\n?", "", text)
        else:
            yield None, 0, answers.get(role.get("grade_id"), text)
