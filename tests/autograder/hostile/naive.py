"""Two graders without a judge: what stock nbgrader's ways let a submission do.

`in_one_process` runs tests and answers in one IPython shell, as a kernel does, and marks what each
test cell leaves as nbgrader marks it. `believed` marks the outputs and the points that stand in
the notebook itself after running the submission's own tests.
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path


def run_cells(cells: list[tuple[str | None, float, str]], report) -> None:
    """Run (test's name or None, points, code) in order in this process's shell.

    Write a line of JSON with the test's name and its mark to `report` after each test.
    """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.showtraceback = lambda *a, **k: None  # it takes longer than the cell
    # the kernel of a notebook answers with what was displayed: watch the display hook for it
    displayed = []
    hook = type(shell.displayhook)
    shown = hook.__call__

    class Watch:
        def write_format_data(self, data, metadata=None):
            displayed.append(data.get("text/plain"))

    hook.write_format_data = Watch.write_format_data
    del shown
    for name, points, code in cells:
        displayed.clear()
        failed = not shell.run_cell(code, store_history=True).success
        if name is None:
            continue
        mark = 0.0
        if not failed:
            text = displayed[-1] if displayed else None
            try:
                mark = float(text) if text is not None else points
            except ValueError:
                mark = points
        report.write(json.dumps({"name": name, "mark": mark}) + "\n")
        report.flush()


def in_one_process(
    source: str, submission: bytes, folder: Path, patience: float, believe: bool = False
) -> tuple[dict[str, float], str, bool]:
    """Grade in a fork of this process whose working folder is `folder`.

    The answers come from the submission and the tests from the source; with `believe`, everything
    comes from the submission. Returns the marks, what was printed, and whether it was patience
    that ended it. A test that the process did not live to finish has no mark.
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
            descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for standard in (1, 2):
                os.dup2(descriptor, standard)
            sys.stdout = sys.__stdout__ = open(1, "w", closefd=False, buffering=1)
            sys.stderr = sys.__stderr__ = open(2, "w", closefd=False, buffering=1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            guard = os.fork()  # a kernel below its client: what ends the kernel is seen above
            if guard == 0:
                sys.path.insert(0, str(folder))
                with marks.open("a") as report:
                    run_cells(cells, report)
                import atexit

                atexit._run_exitfuncs()
                os._exit(0)
            stopped = os.waitpid(guard, 0)[1]
        finally:
            os._exit(1 if stopped else 0)
    deadline = time.monotonic() + patience
    late = False
    while not (late := time.monotonic() > deadline):
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    if late:
        for number in (pid, *children(pid)):
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(pid, 0)
    found = {}
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
