"""One submission from its first cell to its last."""

import contextlib
import hashlib
import io
import logging
import os
import re
import signal
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from nbformat import NotebookNode

from autograder.judge import scoring
from autograder.judge.errors import (
    MAX_MESSAGE,
    MAX_NAME,
    MAX_TRACEBACK,
    CellTimeout,
    StudentGone,
)
from autograder.judge.namespace import Namespace
from autograder.judge.session import MAX_PRINTED, Session
from autograder.judge.source import COMPATIBILITY, Source, SourceCell, ends_in_students_value
from autograder.judge.submission import AlignedCell
from autograder.judge.verdict import Verdict
from autograder.sandbox import cells

_PNG = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")
_WORD = re.compile(r"[^\W\d]\w*")


class Printed(io.StringIO):
    """What a test cell prints, bounded."""

    def write(self, text: str) -> int:
        """Keep the text up to the bound."""
        if self.tell() < MAX_PRINTED:
            super().write(text[:MAX_PRINTED])
        return len(text)


class Run:
    """Runs an aligned notebook: instructor's cells here, the student's in the session."""

    def __init__(
        self, source: Source, session: Session, aligned: list[AlignedCell], verdict: Verdict
    ) -> None:
        self.source, self.session, self.verdict = source, session, verdict
        self.aligned = aligned
        self.names = Namespace(session)
        self.names["__name__"] = "__main__"
        self.names["get_ipython"] = cells.Shell
        self.names["display"] = _display
        self.compatible = source.policy["mode"] == COMPATIBILITY
        self.cell_s = 2 * session.limits.call_s
        self.cells: list[NotebookNode] = []

    def grade(self) -> list[NotebookNode]:
        """Run every cell; the notebook's cells with their outputs. Scores go to the verdict."""
        later = self.words_of_later_cells()
        with as_main_module(self.names):
            for position, aligned in enumerate(self.aligned):
                cell = merged(aligned)
                self.cells.append(cell)
                if aligned.role == "manual":
                    self.note_manual(aligned, cell)
                if cell.cell_type != "code":
                    continue
                cell.outputs, cell.execution_count = [], None
                if aligned.role == "instructor":
                    self.run_instructors(self.source.of(aligned.source), cell)
                elif aligned.role == "test":
                    self.run_test(self.source.of(aligned.source), cell, later[position])
                else:
                    self.run_students(aligned, cell, position)
        return self.cells

    def words_of_later_cells(self) -> list[set[str]]:
        """For each cell, the names in the student's own cells after it."""
        words: set[str] = set()
        later: list[set[str]] = []
        for aligned in reversed(self.aligned):
            later.append(set(words))
            cell = aligned.student if aligned.role not in ("test", "instructor") else None
            if cell is not None and cell.cell_type == "code":
                words.update(_WORD.findall(cell.source))
        return later[::-1]

    # The student's side

    def run_students(self, aligned: AlignedCell, cell: NotebookNode, position: int) -> None:
        """Run a cell of the student's, and note what it shows."""
        known = self.source.of(aligned.source) if aligned.source is not None else None
        name = known.name if known is not None else f"own cell {position + 1}"
        if cell.source.strip():
            self.run_over_there(cell.source, f"<{name}>", cell)
        if known is not None:
            self.names.of_student |= known.bound - known.imported
            for bound, code in known.imports:
                self.run_imports(bound, code)

    def run_imports(self, bound: frozenset[str], code: types.CodeType) -> None:
        """Modules that the source's solution imports are the judge's own for the tests."""
        needed = self.source.helpers.union(
            *(known.used for known in self.source.cells.values() if known.role == "test")
        )
        if bound & needed:
            with contextlib.suppress(ImportError):
                exec(code, self.names)

    def run_over_there(self, text: str, filename: str, cell: NotebookNode | None) -> None:
        """Run a cell's text in the student's process; where `cell` is given, show what it shows."""
        printed = Printed()
        outputs: list[NotebookNode] = []
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                done = self.session.run(text, filename, show=cell is not None)
        except StudentGone as gone:
            outputs.append(scoring.error("StudentProcessError", str(gone), [str(gone)]))
            done = {}
        except Exception as error:
            outputs.append(scoring.error_of(error, filename))
            done = {}
        if cell is None:
            return
        printed.write(self.session.output())
        if "error" in done:
            outputs.append(described_error(done["error"]))
        if type(done.get("shown")) is str:
            outputs.insert(0, scoring.shown(done["shown"]))
        figures = done.get("figures")
        for png in figures[: cells.MAX_FIGURES] if type(figures) is list else ():
            if type(png) is str and len(png) <= 2 * cells.MAX_PNG and _PNG.fullmatch(png):
                outputs.append(scoring.figure(png))
        if printed.getvalue():
            outputs.insert(0, scoring.stream(printed.getvalue()))
        cell.outputs = outputs

    # The instructor's side

    def run_instructors(self, known: SourceCell, cell: NotebookNode) -> None:
        """Run an ungraded cell of the instructor's: there as released, and here."""
        self.run_over_there(known.released, known.filename, cell)
        if known.is_check:
            return
        there = cell.outputs
        outputs, _ = self.run_here(known, in_test=False)
        cell.outputs = outputs or there
        if known.hidden:
            cell.metadata["autograder"] = {"hidden": True}

    def run_test(self, known: SourceCell, cell: NotebookNode, later: set[str]) -> None:
        """Run a test cell and note its score."""
        points = float(cell.metadata["nbgrader"].get("points", 0))
        cell.metadata["nbgrader"]["points"] = points
        if self.compatible:
            outputs = self.run_test_over_there(known, points)
        else:
            if known.bound & later:
                self.run_over_there(known.released, known.filename, None)
            outputs, value = self.run_here(known, in_test=True)
            if not any(output.output_type == "error" for output in outputs):
                try:
                    score = scoring.score_of(value, points, self.handed_on(known, value))
                except scoring.NoScoreError as why:
                    outputs.append(scoring.error("NoScore", str(why), [str(why)]))
                else:
                    if score is not None and not cells.ends_quietly(known.text):
                        outputs.append(scoring.result(score))
            extra = self.session.output()
            if extra:
                outputs.insert(0, scoring.stream(extra))
        cell.outputs = outputs
        if known.hidden:
            cell.metadata["autograder"] = {"hidden": True}
        self.verdict.scores[known.name] = scoring.grade_of(cell, outputs)
        self.verdict.max_scores[known.name] = points
        self.verdict.messages[known.name] = message_of(outputs)

    def handed_on(self, known: SourceCell, value: Any) -> bool:
        """Whether a test's value is one that the student's code gave."""
        if any(value is received for received in self.session.received):
            return True
        assert known.tree is not None
        return ends_in_students_value(known.tree, self.names.of_student)

    def run_here(self, known: SourceCell, in_test: bool) -> tuple[list[NotebookNode], Any]:
        """Run a cell in the judge; its outputs and the value of its last expression."""
        printed = Printed()
        outputs: list[NotebookNode] = []
        value = None
        self.session.received.clear()
        self.session.bytes_received = 0
        self.session.revive()
        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                time_limit(self.cell_s),
            ):
                self.names.open_cell(known.used | self.source.helpers, in_test)
                value = cells.run_cell(*known.code, self.names)
        except StudentGone as gone:
            text = f"The student's code gave no answer: {gone}."
            outputs.append(scoring.error("StudentProcessError", text, [text]))
        except CellTimeout:
            text = f"The cell took longer than {self.cell_s:g} s."
            outputs.append(scoring.error("CellTimeoutError", text, [text]))
            self.session.lose("its time is up")
        except BaseException as raised:
            outputs.append(scoring.error_of(raised, known.filename))
        if printed.getvalue():
            outputs.insert(0, scoring.stream(printed.getvalue()))
        return outputs, value

    def run_test_over_there(self, known: SourceCell, points: float) -> list[NotebookNode]:
        """The compatibility mode: run a test beside the student's code, and believe it."""
        printed = Printed()
        outputs: list[NotebookNode] = []
        done: dict[str, Any] = {}
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                done = self.session.run(known.text, known.filename, show=False)
        except StudentGone as gone:
            outputs.append(scoring.error("StudentProcessError", str(gone), [str(gone)]))
        except Exception as raised:
            outputs.append(scoring.error_of(raised, known.filename))
        if "error" in done:
            outputs.append(described_error(done["error"]))
        elif done:
            try:
                score = scoring.score_of(done.get("number"), points, handed_on=False)
            except scoring.NoScoreError as why:
                outputs.append(scoring.error("NoScore", str(why), [str(why)]))
            else:
                if score is not None:
                    outputs.append(scoring.result(score))
        printed.write(self.session.output())
        if printed.getvalue():
            outputs.insert(0, scoring.stream(printed.getvalue()))
        return outputs

    def note_manual(self, aligned: AlignedCell, cell: NotebookNode) -> None:
        """A cell that is graded by hand: no score, or 0 where the released text is unchanged."""
        facts = cell.metadata["nbgrader"]
        name = facts["grade_id"]
        points = float(facts.get("points", 0))
        facts["points"] = points
        unchanged = facts.get("checksum") == checksum(cell)
        self.verdict.scores[name] = 0.0 if unchanged else None
        self.verdict.max_scores[name] = points


def described_error(described: Any) -> NotebookNode:
    """An error that the student's process describes, as an output."""
    found = described if type(described) is dict else {}
    name, message, trace = (
        value[:most] if type(value := found.get(key)) is str else "?"
        for key, most in (
            ("name", MAX_NAME),
            ("message", MAX_MESSAGE),
            ("traceback", MAX_TRACEBACK),
        )
    )
    lines = trace.split("\n")[:200]
    if name == "ModuleNotFoundError":  # the message says which packages there are
        lines[-1] = f"{name}: {message}"
    return scoring.error(name, message, lines)


def merged(aligned: AlignedCell) -> NotebookNode:
    """The cell as the autograded notebook has it: the source's, with the student's answer."""
    source, student = aligned.source, aligned.student
    if source is None:
        cell = deepcopy(student)
        cell.metadata.pop("nbgrader", None)
        return cell
    if aligned.role not in ("solution", "manual"):
        return deepcopy(source)
    cell = deepcopy(student) if student is not None else deepcopy(source)
    facts = dict(source.metadata.get("nbgrader", {}))
    facts.pop("checksum", None)
    cell.metadata["nbgrader"] = facts
    facts = cell.metadata["nbgrader"]  # a copy: a notebook's dicts are of a type of their own
    if student is None:
        cell.source = ""
        facts["checksum"] = checksum(cell)
    else:
        known = student.metadata.get("nbgrader", {}).get("checksum")
        if isinstance(known, str):
            facts["checksum"] = known
    return cell


def checksum(cell: NotebookNode) -> str:
    """nbgrader's checksum of a cell."""
    facts = cell.metadata["nbgrader"]
    solution, grade = bool(facts.get("solution")), bool(facts.get("grade"))
    locked = not solution and (grade or bool(facts.get("locked")))
    digest = hashlib.md5(usedforsecurity=False)
    for part in (cell.source, cell.cell_type, str(grade), str(solution), str(locked)):
        digest.update(part.encode("utf-8", "replace"))
    digest.update(str(facts["grade_id"]).encode())
    if grade:
        digest.update(str(float(facts["points"])).encode())
    return digest.hexdigest()


def message_of(outputs: list[NotebookNode]) -> str:
    """What to show with a score: what the test printed, and its error."""
    parts = []
    for output in outputs:
        if output.output_type == "stream":
            parts.append(output.text.strip())
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}".strip())
    return "\n".join(parts)


def _display(*values: Any, **_: Any) -> None:
    for value in values:
        print(cells.shown(value))


class _Main(types.ModuleType):
    """What `import __main__` gives in a test: the notebook's names."""

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_names")[name]
        except KeyError:
            raise AttributeError(f"module '__main__' has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        object.__getattribute__(self, "_names")[name] = value

    def __delattr__(self, name: str) -> None:
        del object.__getattribute__(self, "_names")[name]

    def __dir__(self) -> list[str]:
        return list(object.__getattribute__(self, "_names").keys())


@contextlib.contextmanager
def as_main_module(names: Namespace) -> Iterator[None]:
    """Let `__main__` be the notebook."""
    before = sys.modules["__main__"]
    module = _Main("__main__")
    object.__setattr__(module, "_names", names)
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise CellTimeout in the block after so many seconds. In a thread there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise CellTimeout

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def fresh_surroundings(files: Mapping[str, bytes]) -> Iterator[None]:
    """A temporary working folder with these files; all that a test could leave set is put back."""
    here, path, variables = os.getcwd(), list(sys.path), dict(os.environ)
    modules = set(sys.modules)
    errors, disabled = np.geterr(), logging.root.manager.disable
    with tempfile.TemporaryDirectory(prefix="autograder-") as folder:
        for name, content in files.items():
            place = Path(folder, name)
            if not place.resolve().is_relative_to(Path(folder).resolve()):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        os.chdir(folder)
        sys.path.insert(0, folder)
        options = np.get_printoptions()
        try:
            with warnings.catch_warnings():
                yield
        finally:
            os.chdir(here)
            sys.path[:] = path
            if os.environ != variables:
                os.environ.clear()
                os.environ.update(variables)
            np.seterr(**errors)
            np.set_printoptions(**options)
            logging.disable(disabled)
            for name in set(sys.modules) - modules:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if file.startswith(folder):
                    del sys.modules[name]
