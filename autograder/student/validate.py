"""Check a notebook before it is handed in: run it from top to bottom and say which checks pass.

It runs your own code on your own machine, as "Restart and run all" does. Hidden tests come later.
"""

import argparse
import ast
import contextlib
import hashlib
import io
import json
import linecache
import os
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSED, FAILED, UNWRITTEN, NOTE = "passed", "FAILED", "not written yet", "note"
COLOURS = {PASSED: "32", FAILED: "31", UNWRITTEN: "33", NOTE: "33"}
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


class UnreadableError(Exception):
    """The file is no notebook that can be checked; the message says why."""


@dataclass(frozen=True)
class Finding:
    """What is said about one cell."""

    verdict: str
    cell: str
    words: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the notebooks named on the command line; return 0 where nothing is amiss."""
    parser = argparse.ArgumentParser(prog="python -m autograder.student", description=__doc__)
    parser.add_argument("notebook", help="such as ps2.ipynb")
    path = Path(parser.parse_args(arguments).notebook)
    try:
        notebook = read(path)
    except UnreadableError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    with beside(path):
        findings = [*misplaced(notebook), *run(notebook)]
    for finding in findings:
        print(line(finding, colour=sys.stdout.isatty()))
    counts = Counter(finding.verdict for finding in findings)
    checks = counts[PASSED] + counts[FAILED]
    print(f"{counts[PASSED]} of {checks} checks pass.", end=" ")
    if counts[UNWRITTEN]:
        print(f"{counts[UNWRITTEN]} answers are not written yet.", end=" ")
    print("Hidden tests run when your work is graded.")
    return int(counts[PASSED] < len(findings))


@contextlib.contextmanager
def beside(path: Path) -> Iterator[None]:
    """Work in a notebook's folder, with the modules there and without windows; then as before."""
    modules, variables = list(sys.path), dict(os.environ)
    sys.path.insert(0, "")
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        with contextlib.chdir(path.resolve().parent):
            yield
    finally:
        sys.path[:] = modules
        os.environ.clear()
        os.environ.update(variables)


def read(path: Path) -> Mapping[str, Any]:
    """Read a notebook.

    Raises:
        UnreadableError: there is none, or not one that can be checked.
    """
    try:
        notebook = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    except ValueError as error:
        raise UnreadableError("this is not a notebook (no JSON)") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(
        isinstance(cell, dict) and isinstance(cell.get("metadata"), dict) for cell in cells
    ):
        raise UnreadableError("this is not a notebook of format 4; save it again in Jupyter")
    if not any(role(cell) for cell in cells):
        raise UnreadableError("no cell of an assignment is in it. Is it the right notebook?")
    return notebook


def role(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """nbgrader's metadata of a cell; empty where it has none."""
    about = cell["metadata"].get("nbgrader")
    return about if isinstance(about, dict) and about.get("grade_id") else {}


def text(cell: Mapping[str, Any]) -> str:
    """The source of a cell."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def misplaced(notebook: Mapping[str, Any]) -> list[Finding]:
    """Find cells of the assignment that are deleted, there twice, or changed though locked."""
    known = [(role(cell)["grade_id"], cell) for cell in notebook["cells"] if role(cell)]
    names = Counter(name for name, _ in known)
    released = notebook.get("metadata", {}).get("autograder", {}).get("cells", [])
    findings = [
        Finding(FAILED, name, "the cell is missing. Fetch the assignment again and copy it back.")
        for name in released
        if name not in names
    ]
    findings += [
        Finding(FAILED, name, f"the cell is there {count} times. Delete the copies.")
        for name, count in names.items()
        if count > 1
    ]
    return findings + [
        Finding(NOTE, name, "you changed this cell. Your work is graded with the original.")
        for name, cell in known
        if locked(cell) and role(cell).get("checksum") not in (None, checksum(cell))
    ]


def locked(cell: Mapping[str, Any]) -> bool:
    """Whether the text of a cell is the instructor's."""
    about = role(cell)
    return not about.get("solution") and bool(about.get("grade") or about.get("locked"))


def checksum(cell: Mapping[str, Any]) -> str:
    """Compute nbgrader's checksum, by which it knows a cell that was left as it was."""
    about = role(cell)
    parts = [text(cell), cell["cell_type"]]
    parts += [str(about.get("grade", False)), str(about.get("solution", False)), str(locked(cell))]
    parts.append(about["grade_id"])
    if about.get("grade"):
        parts.append(str(float(about.get("points", 0))))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def run(notebook: Mapping[str, Any]) -> list[Finding]:
    """Run the code cells in order and say what came of checks and answers."""
    names: dict[str, Any] = {"__name__": "__main__"}
    findings = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell.get("cell_type") != "code":
            continue
        about = role(cell)
        title = about.get("grade_id") or f"cell {number}"
        error = execute(text(cell), f"<{title}>", names)
        if about.get("solution"):
            if about.get("checksum") == checksum(cell):
                findings.append(Finding(UNWRITTEN, title))
            elif error:
                findings.append(Finding(FAILED, title, error))
        elif error:
            findings.append(Finding(FAILED, title, error))
        elif locked(cell) and checks_something(text(cell)):
            findings.append(Finding(PASSED, title))
    return findings


def checks_something(source: str) -> bool:
    """Whether a cell does more than import and define names (hidden tests are cut out of it)."""
    try:
        body = ast.parse(MAGIC.sub(r"\1pass", source)).body
    except SyntaxError:
        return False
    quiet = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Pass)
    return any(
        not isinstance(one, (*quiet, ast.Assign, ast.AnnAssign))
        and not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in body
    )


def execute(source: str, title: str, names: dict[str, Any]) -> str:
    """Run a cell quietly; return what went wrong in words, or nothing."""
    if source.lstrip().startswith("%%"):
        return ""
    source = MAGIC.sub(r"\1pass", source)  # IPython's own commands don't count
    linecache.cache[title] = (len(source), None, source.splitlines(True), title)
    quiet = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(quiet),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            exec(compile(source, title, "exec"), names)
    except (Exception, SystemExit) as error:
        return describe(error, title)
    return ""


def describe(error: BaseException, title: str) -> str:
    """Say what an exception says, and where in the notebook it came from."""
    words = str(error).strip()
    if isinstance(error, NotImplementedError):
        return f"something it calls is not written yet. {words}".strip()
    if isinstance(error, AssertionError) and words:
        return words
    told = f"{type(error).__name__}: {words}" if words else type(error).__name__
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith("<") and frame.filename.endswith(">")
    ]
    if frames:
        last = frames[-1]
        where = f"line {last.lineno} of {'this cell' if last.filename == title else last.filename}"
        told += f", in {where}" + (f": {last.line}" if last.line else "")
    return told


def line(finding: Finding, colour: bool) -> str:
    """Write a finding as a line for a terminal or a file."""
    mark = f"{finding.verdict:<15}"
    if colour:
        mark = f"\033[{COLOURS[finding.verdict]}m{mark}\033[0m"
    words = finding.words.replace("\n", "\n" + " " * 16)
    return f"{mark} {finding.cell}" + (f": {words}" if words else "")
