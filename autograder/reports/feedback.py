"""What students read of a graded notebook: everything but hidden tests, mark schemes and answers.

`PREPROCESSORS` replaces nbgrader's list: `c.GenerateFeedback.preprocessors = PREPROCESSORS`. It
works for every course, on notebooks that this engine has graded and on those that nbgrader's own
has. Hidden tests give way to a note, and what they left as output is rewritten by the rule that
`autograder.reports.assertions` states. Printed messages, plots and partial credit stay: the author
of the test chose to show them. Visible tests stay as they are.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader import utils
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    GetGrades,
    NbGraderPreprocessor,
)

from autograder.reports.assertions import (
    FAILED,
    AuthoredMessages,
    printed_without_answers,
    without_answers,
)

NOTE = "# Hidden tests ran here."
OUT_OF_TIME = "The cell took longer than it may."
MOST_FRAMES = 20
KERNEL_DIED = "The process that ran the cell died."

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME = re.compile(
    r"(?:^([^\n\"<>\[\]]{1,200})|(?:Cell In|Input In) ?\[(\d+)\][^\n]{0,80}?), line (\d+)",
    re.MULTILINE,
)
_WARNING = re.compile(r"\b[A-Z]\w*(?:Warning|Error)\b")


class HideHiddenTests(NbGraderPreprocessor):
    """Replace hidden tests by a note, and rewrite what they left as output."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Return the notebook without hidden tests and without values that they expect."""
        marks = ClearHiddenTests(parent=self)
        begin, end = marks.begin_test_delimeter, marks.end_test_delimeter
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        authored = AuthoredMessages(cell.source for cell in code if utils.is_locked(cell))
        secret = {line for cell in code for line in _region(cell.source, begin, end)}
        students = {  # by what tracebacks call them: nbgrader's by a count, the judge's by name
            str(name): cell.source
            for position, cell in enumerate(nb.cells, start=1)
            if cell.cell_type == "code" and not utils.is_locked(cell)
            for name in (cell.get("execution_count"), _grade_id(cell) or f"own cell {position}")
            if name is not None
        }
        for cell in code:
            hidden = begin in cell.source or _says_hidden(cell.metadata)
            cell.outputs = [
                _safe_output(output, authored, students, secret)
                if hidden or _says_hidden(output.get("metadata", {})) or _shows(output, secret)
                else output
                for output in cell.get("outputs", [])
            ]
            cell.source = _without_region(cell.source, begin, end, NOTE)
        return nb, resources


class HideMarkSchemes(NbGraderPreprocessor):
    """Leave out mark schemes, which nbgrader puts back for the graders to see."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Return the cell without its mark scheme, and without images that only that shows."""
        marks = ClearMarkScheme(parent=self)
        before = cell.source
        cell.source = _without_region(
            before, marks.begin_mark_scheme_delimeter, marks.end_mark_scheme_delimeter
        )
        if cell.source != before and "attachments" in cell:
            cell.attachments = NotebookNode(
                {name: image for name, image in cell.attachments.items() if name in cell.source}
            )
        return cell, resources


class TellHowGraded(NbGraderPreprocessor):
    """Put a note on top where there is something to know about how the notebook was graded."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Return the notebook with a note in front if it has flags or could not be verified."""
        note = grading_note(nb.metadata.get("autograder"))
        if note:
            nb.cells.insert(0, new_markdown_cell(note))
        return nb, resources


class FitScreens(NbGraderPreprocessor):
    """Let long lines of a message wrap and a cell's score show on a phone."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Return the notebook as it is, with a style sheet more."""
        resources.setdefault("inlining", {}).setdefault("css", []).append(STYLE)
        return nb, resources


STYLE = """\
div.nbgrader_cell div.panel-heading { height: auto; min-height: 37px; overflow: hidden; }
div.output_area div pre {
  white-space: pre-wrap; overflow-wrap: anywhere; word-break: normal;
}
"""

PREPROCESSORS = [
    GetGrades,
    HideHiddenTests,
    HideMarkSchemes,
    TellHowGraded,
    CSSHTMLHeaderPreprocessor,
    FitScreens,
]


def grading_note(facts: Any) -> str:
    """The note for a notebook with these facts in its metadata, in Markdown; empty if none."""
    if not isinstance(facts, Mapping):
        return ""
    parts = []
    if facts.get("failed"):
        parts.append(f"**This notebook could not be graded.** {_plain(facts['failed'])}")
    if facts.get("verified") is False:
        parts.append(
            "**Unverified.** The tests ran in the same process as your code, so this grade "
            "may be looked at again."
        )
    flags = facts.get("flags")
    if isinstance(flags, Sequence) and not isinstance(flags, str):
        flags = [flag for flag in flags if not str(flag).startswith("Unverified")]  # said above
    else:
        flags = []
    if flags:
        parts.append("**What was unusual about your notebook:**")
        parts.append("\n".join(f"- {_plain(flag)}" for flag in flags))
    return "\n\n".join(parts)


def _plain(text: Any) -> str:
    """A text that Markdown shows as it is."""
    words = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]()#+$|~-])", r"\\\1", words)


def _says_hidden(metadata: Mapping[str, Any]) -> bool:
    ours = metadata.get("autograder")
    return isinstance(ours, Mapping) and bool(ours.get("hidden"))


def _region(text: str, begin: str, end: str) -> Iterator[str]:
    """The telling lines within the regions, stripped."""
    inside = False
    for line in text.split("\n"):
        if begin in line:
            inside = True
        elif end in line:
            inside = False
        elif inside and len(line.strip()) > 7:
            yield line.strip()


def _without_region(text: str, begin: str, end: str, note: str | None = None) -> str:
    """The text without its regions; one that does not end is taken to the end of the text."""
    lines, inside = [], False
    for line in text.split("\n"):
        if begin in line:
            if note and not inside:
                lines.append(line[: len(line) - len(line.lstrip())] + note)
            inside = True
        elif end in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def _shows(output: NotebookNode, secret: Iterable[str]) -> bool:
    """Whether an error outside a hidden test shows a line of one: a helper defined there."""
    if output.output_type != "error":
        return False
    text = _ANSI.sub("", "\n".join([*output.get("traceback", []), output.get("evalue", "")]))
    return any(line in text for line in secret)


def _safe_output(
    output: NotebookNode,
    authored: AuthoredMessages,
    students: Mapping[str, str],
    secret: Iterable[str],
) -> NotebookNode:
    """What a student may see of an output of a hidden test."""
    safe = output.copy()
    if output.output_type == "error":
        message = _error_message(output, authored)
        safe.evalue = message
        safe.traceback = [f"{output.ename}: {message}", *_in_your_cells(output, students)]
    elif output.output_type == "stream" and output.get("name") == "stderr":
        # A warning shows the line of the test that it came from.
        kinds = sorted(set(_WARNING.findall(output.text)))
        safe.text = f"The error stream was written to{': ' * bool(kinds)}{', '.join(kinds)}.\n"
    elif output.output_type == "stream":
        # Printed warnings show the line of the test that they came from, too.
        lines = printed_without_answers(output.text, authored).split("\n")
        safe.text = "\n".join(line for line in lines if not any(s in line for s in secret))
    elif output.output_type == "execute_result" and not _is_number(output):
        safe.data = NotebookNode({"text/plain": "(a value, not shown)"})
    return safe


def _error_message(output: NotebookNode, authored: AuthoredMessages) -> str:
    # nbclient shows the first and last lines of a cell that ran out of time.
    if output.ename == "CellTimeoutError":
        return OUT_OF_TIME
    if output.ename == "DeadKernelError":
        return KERNEL_DIED
    return without_answers(output.ename, output.evalue, authored) or FAILED


def _is_number(output: NotebookNode) -> bool:
    """Whether an output is partial credit."""
    try:
        float(output.data.get("text/plain", ""))
    except (TypeError, ValueError):
        return False
    return True


def _in_your_cells(output: NotebookNode, students: Mapping[str, str]) -> Iterator[str]:
    """The frames of a traceback that lie in the student's own cells, with their lines."""
    text = _ANSI.sub("", "\n".join(output.get("traceback", [])))
    for name, count, number in _FRAME.findall(text)[:MOST_FRAMES]:
        lines = students.get(name or count, "").split("\n")
        if number and 0 < int(number) <= len(lines) and lines[int(number) - 1].strip():
            cell = f"[{count}]" if count else repr(name)
            yield f"  in your cell {cell}, line {number}: {lines[int(number) - 1].strip()}"


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")
