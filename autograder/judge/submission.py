"""Read what a student handed in, and lay it beside the instructor's version, cell by cell.

A submission may be anything: nothing here trusts it, executes it or lets it choose how it is
graded. Reading keeps the cells' type, text, attachments and nbgrader metadata and drops the rest
while the file is parsed, so that a million outputs cost little. Aligning takes every test from the
source, and finds the student's answers even where their metadata are lost.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

MAX_BYTES = 64 << 20
MAX_VALUES = 10_000_000
MAX_CELLS = 10_000
NAMES_ARE_IN = 1 << 20  # characters of a cell that are searched for definitions

INSTRUCTOR, TEST, SOLUTION = "instructor", "test", "solution"
MANUAL, TASK, TEXT, EXTRA = "manual", "task", "text", "extra"

_CELL_TYPES = ("code", "markdown", "raw")
_METADATA = {
    "grade_id": str,
    "grade": bool,
    "solution": bool,
    "locked": bool,
    "task": bool,
    "points": int | float,
    "schema_version": int,
    "checksum": str,
    "cell_type": str,
}
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BOUND = re.compile(
    r"^(?:async[ \t]++def|def|class)[ \t]++(\w++)"
    r"|^(\w++(?:[ \t]*+,[ \t]*+\w++)*+)[ \t]*+(?::[^=\n]*+)?=(?!=)",
    re.MULTILINE,
)
# What nbgrader leaves out of the released version, and what it writes in the place of a solution.
_REGIONS = ("HIDDEN TESTS", "MARK SCHEME")
_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")


class UnreadableSubmission(Exception):  # noqa: N818 (it names what is wrong, as users read it)
    """What was handed in can't be graded as this notebook; the message says why in plain words."""


@dataclass(frozen=True)
class AlignedCell:
    """A cell of the source, and what the student's version of it is.

    Roles:
        instructor: code of the source that is not graded; run as it stands in the source.
        test: code that gives marks; run as it stands in the source.
        solution: the student's answer in code; `student` is None where there is none.
        manual: an answer, in code or text, that is graded by hand.
        task: a question that is graded by hand; the answer is in the cells after it.
        text: the source's text.
        extra: a cell of the student's own; `source` is None.

    For the source's own cells `student` is the copy in the submission, for comparison, or None.
    Of a cell that students may edit but that is no solution, an edited copy follows as an extra.
    """

    source: NotebookNode | None
    student: NotebookNode | None
    role: str


def read_submission(data: bytes) -> NotebookNode:
    """Read a submitted notebook, of any version of the format, as a clean one of version 4.5.

    It has no outputs, and of the metadata only nbgrader's, with values of the right types.

    Raises:
        UnreadableSubmission: it is too large, not JSON, or not a notebook.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableSubmission(
            f"The file has {len(data) / (1 << 20):.0f} MB; more than {MAX_BYTES >> 20} MB are not "
            "read. Clear the notebook's outputs, save it and hand it in again."
        )
    cells = _list_of_cells(_parse(data))
    if len(cells) > MAX_CELLS:
        raise UnreadableSubmission(f"The notebook has more than {MAX_CELLS:,} cells.")
    taken: set[str] = set()
    return NotebookNode(
        cells=[_clean_cell(cell, taken) for cell in cells if isinstance(cell, dict)],
        metadata=NotebookNode(),
        nbformat=4,
        nbformat_minor=5,
    )


def _parse(data: bytes) -> Any:
    if not data.strip():
        raise UnreadableSubmission("The file is empty.")
    if _more_values_than(MAX_VALUES, data):
        raise UnreadableSubmission(
            f"The file holds more than {MAX_VALUES:,} values. Clear the notebook's outputs, "
            "save it and hand it in again."
        )
    # A text editor may have saved it in another encoding. A wrong byte in a comment costs nothing.
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    try:
        return json.loads(text, object_hook=_Keeper(), parse_int=_small_int)
    except RecursionError:
        raise UnreadableSubmission("The file's JSON is nested too deeply for a notebook.") from None
    except MemoryError:
        raise UnreadableSubmission("The file is too large to be read.") from None
    except ValueError as why:
        raise UnreadableSubmission(f"The file is not a notebook: it is not JSON ({why}).") from None


def _more_values_than(limit: int, data: bytes) -> bool:
    """Whether the JSON has more values than that, to bound memory before it is parsed."""
    if data.count(b",") + data.count(b"[") <= limit:
        return False
    skeleton = _STRING.sub(b"", data)  # commas within texts don't count
    return skeleton.count(b",") + skeleton.count(b"[") > limit


def _small_int(digits: str) -> int:
    return int(digits) if len(digits) < 10 else 0  # such a number means nothing in a notebook


class _Keeper:
    """Called with each JSON object as it is read: keeps what grading reads, drops the rest."""

    keys = frozenset({"cells", "worksheets", "cell_type", "nbgrader", "grade_id"})

    def __init__(self) -> None:
        self.kept = 0

    def __call__(self, found: dict) -> dict | None:
        if "output_type" in found and "cell_type" not in found:
            self.kept -= found.get("data") is not None  # an image, kept until it was known whose
            return None
        if self.keys.isdisjoint(found) and not _is_attachment(found):
            return None
        self.kept += 1
        if self.kept > 20 * MAX_CELLS:
            raise UnreadableSubmission(f"The notebook has more than {MAX_CELLS:,} cells.")
        found.pop("outputs", None)
        return found


def _is_attachment(found: dict) -> bool:
    """Whether it is an image in a cell's attachments, or a cell's attachments by name."""
    for key, value in found.items():
        if not isinstance(value, dict if "image/" not in key else str | list):
            return False
    return bool(found)


def _list_of_cells(content: Any) -> list:
    if isinstance(content, dict):
        if isinstance(content.get("cells"), list):
            return content["cells"]
        sheets = content.get("worksheets")  # nbformat 2 and 3
        if isinstance(sheets, list):
            lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
            return [cell for cells in lists if isinstance(cells, list) for cell in cells]
    raise UnreadableSubmission("The file is JSON, but not a notebook: it has no list of cells.")


def _clean_cell(found: Mapping[str, Any], taken: set[str]) -> NotebookNode:
    kind = found["cell_type"] if found.get("cell_type") in _CELL_TYPES else "raw"
    if found.get("cell_type") in ("heading", "html"):  # nbformat 3
        kind = "markdown"
    text = next((found[k] for k in ("source", "input", "code") if k in found), "")
    cell = NotebookNode(
        cell_type=kind,
        id=_free_id(found.get("id"), taken),
        metadata=_clean_metadata(found.get("metadata")),
        source=_clean_text(text),
    )
    if kind == "code":
        cell.execution_count = None
        cell.outputs = []
    elif attachments := _clean_attachments(found.get("attachments")):
        cell.attachments = attachments
    return cell


def _free_id(wanted: Any, taken: set[str]) -> str:
    """The cell's own id where it is valid and not taken, else the next free one."""
    if not isinstance(wanted, str) or not _CELL_ID.fullmatch(wanted) or wanted in taken:
        number = len(taken)
        while f"student-cell-{number}" in taken:
            number += 1
        wanted = f"student-cell-{number}"
    taken.add(wanted)
    return wanted


def _clean_metadata(found: Any) -> NotebookNode:
    nbgrader = found.get("nbgrader") if isinstance(found, dict) else None
    if not isinstance(nbgrader, dict):
        return NotebookNode()
    kept = NotebookNode()
    for key, kind in _METADATA.items():
        value = nbgrader.get(key)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            kept[key] = _clean_text(value) if kind is str else value
    return NotebookNode(nbgrader=kept)


def _clean_text(found: Any) -> str:
    if isinstance(found, list):
        found = "".join(part for part in found if isinstance(part, str))
    if not isinstance(found, str):
        return ""
    try:
        found.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no file could hold
        return found.encode(errors="replace").decode()
    return found


def _clean_attachments(found: Any) -> NotebookNode | None:
    if not isinstance(found, dict):
        return None
    clean = NotebookNode()
    for name, bundle in found.items():
        if isinstance(bundle, dict):
            images = {_clean_text(k): _clean_text(v) for k, v in bundle.items() if "image/" in k}
            clean[_clean_text(name)] = NotebookNode(images)
    return clean or None


# Aligning


def align(source: NotebookNode, submission: NotebookNode) -> tuple[list[AlignedCell], list[str]]:
    """Lay a submission, as `read_submission` returns it, beside the instructor's notebook.

    Returns the cells in the source's order, each followed by the student's own cells that followed
    it, and flags: what is unusual about the submission, in plain words.

    Raises:
        UnreadableSubmission: no cell of the submission can be recognised as one of the source's.
    """
    return _Alignment(source, submission).result()


def role_of(cell: NotebookNode) -> str:
    """The role of a cell of the source (see AlignedCell); "extra" for text that is not locked."""
    facts = _facts(cell)
    code = cell.cell_type == "code"
    if facts.get("task"):
        return TASK
    if facts.get("grade"):
        return TEST if code and not facts.get("solution") else MANUAL
    if code:
        return SOLUTION if facts.get("solution") else INSTRUCTOR
    return TEXT if facts.get("locked") else EXTRA


def released_text(text: str) -> str:
    """The text of a cell of the source as nbgrader releases it, with its default marks and stub."""
    lines, within = [], None
    for line in text.split("\n"):
        if within:
            if f"END {within}" in line:
                within = None
            continue
        within = next((r for r in (*_REGIONS, "SOLUTION") if f"BEGIN {r}" in line), None)
        if within is None:
            lines.append(line)
        elif within == "SOLUTION":
            indent = line[: len(line) - len(line.lstrip())]
            lines.extend(indent + stub for stub in _STUB)
    return "\n".join(lines)


def names_bound(text: str) -> frozenset[str]:
    """Names that functions, classes and assignments at the left margin of a text bind.

    By their look only: a student's text is never parsed in a process that is to be trusted.
    """
    names: set[str] = set()
    for defined, assigned in _BOUND.findall(text[:NAMES_ARE_IN]):
        names.update([defined] if defined else re.split(r"\W+", assigned))
    return frozenset(names)


class _Alignment:
    """One alignment at work: which cell of the source each cell of the submission belongs to."""

    def __init__(self, source: NotebookNode, submission: NotebookNode) -> None:
        self.source = source.cells
        self.cells = submission.cells
        self.flags: list[str] = []
        self.roles = [role_of(cell) for cell in self.source]
        self.released = [released_text(cell.source) for cell in self.source]
        self.owner: dict[int, int] = {}  # position in the submission -> position in the source
        self.match: dict[int, int] = {}  # position in the source -> position in the submission
        self.bound: dict[int, frozenset[str]] = {}  # see names_in

    def result(self) -> tuple[list[AlignedCell], list[str]]:
        self.match_by_grade_id()
        self.match_by_cell_id()
        self.match_by_text()
        self.match_by_names()
        self.match_by_position()
        if not self.owner and any(cell.source.strip() for cell in self.cells):
            raise UnreadableSubmission(
                "No cell of the notebook belongs to this assignment. "
                "Is it the notebook of another one?"
            )
        if self.cells:
            self.flag_what_differs()
        else:
            self.flags.append("The notebook is empty: it has no cells.")
        return list(self.in_order()), self.flags

    def claim(self, here: int, there: int) -> None:
        """The cell `there` of the submission is the student's version of the source's `here`."""
        self.match[here] = there
        self.owner[there] = here

    def missing(self, *roles: str) -> list[int]:
        """Positions in the source that have no match yet."""
        return [i for i, r in enumerate(self.roles) if r in roles and i not in self.match]

    def free(self) -> list[int]:
        """Positions in the submission of cells that belong to nothing yet."""
        return [j for j in range(len(self.cells)) if j not in self.owner]

    def match_by_grade_id(self) -> None:
        places: dict[str, list[int]] = {}
        for there, cell in enumerate(self.cells):
            if name := _facts(cell).get("grade_id"):
                places.setdefault(name, []).append(there)
        for here, cell in enumerate(self.source):
            found = places.pop(_facts(cell).get("grade_id"), [])
            if self.roles[here] == EXTRA or not found:
                continue
            best = self.best_of(here, found) if len(found) > 1 else found[0]
            self.claim(here, best)
            if len(found) > 1:
                self.flags.append(
                    f"{self.called(here)} is there {len(found)} times"
                    + ("; the last one that was worked on counts." if self.answer(here) else ".")
                )
                # The others run as cells of the student's own, unless that undoes an answer.
                copies = [j for j in found if j != best and self.unchanged(here, j)]
                self.owner.update(dict.fromkeys(copies, here))

    def best_of(self, here: int, found: list[int]) -> int:
        """Of several copies, the one that counts."""
        if not self.answer(here):
            return next((j for j in found if self.unchanged(here, j)), found[0])
        names = names_bound(self.source[here].source)
        kind = self.source[here].cell_type
        found = [j for j in found if self.cells[j].cell_type == kind] or found
        worked_on = [j for j in found if not self.unchanged(here, j)] or found
        binding = [j for j in worked_on if names <= self.names_in(j)]
        return (binding or worked_on)[-1]

    def match_by_cell_id(self) -> None:
        """Where nbgrader's metadata are lost, the notebook format's own ids may be left."""
        places = {self.cells[j].id: j for j in self.free()}
        for here in self.missing(*_OF_THE_SOURCE, SOLUTION, MANUAL):
            there = places.get(self.source[here].get("id"))
            if there is not None:
                self.claim_stripped(here, there, "its cell id")

    def match_by_text(self) -> None:
        longest = 2 * max(map(len, self.released), default=0)
        places: dict[str, list[int]] = {}
        for there in self.free():
            text = self.cells[there].source
            if len(text) <= longest and (text := _bare(text)):
                places.setdefault(text, []).append(there)
        for here in self.missing(*_OF_THE_SOURCE, SOLUTION, MANUAL):
            found = places.get(_bare(self.released[here]))
            if found:
                self.claim_stripped(here, found.pop(0), "its text")

    def match_by_names(self) -> None:
        code = [j for j in self.free() if self.cells[j].cell_type == "code"]
        for here in self.missing(SOLUTION):
            names = names_bound(self.source[here].source)
            found = [j for j in code if names <= self.names_in(j)]
            if names and found:
                code.remove(found[-1])
                self.claim_stripped(here, found[-1], "the names it defines")

    def match_by_position(self) -> None:
        """As many unknown cells between two known ones as answers are missing there: these."""
        for role in (SOLUTION, MANUAL):
            gaps: dict[tuple[int, int], list[int]] = {}
            for here in self.missing(role):
                before = [self.match[i] for i in range(here) if i in self.match]
                after = [self.match[i] for i in range(here, len(self.source)) if i in self.match]
                if before and after:
                    gaps.setdefault((before[-1], after[0]), []).append(here)
            for (first, last), wanted in gaps.items():
                kind = self.source[wanted[0]].cell_type
                inside = [
                    j
                    for j in range(first + 1, last)
                    if j not in self.owner and self.cells[j].cell_type == kind
                ]
                if len(inside) == len(wanted):
                    for here, there in zip(wanted, inside, strict=True):
                        self.claim_stripped(here, there, "its place")

    def claim_stripped(self, here: int, there: int, known_by: str) -> None:
        self.claim(here, there)
        if _managed(self.source[here]) and self.roles[here] != TEXT:
            self.flags.append(
                f"{self.called(here)} has lost nbgrader's metadata; "
                f"it was recognised by {known_by}."
            )

    def flag_what_differs(self) -> None:
        for here, cell in enumerate(self.source):
            if not _managed(cell):
                continue
            there = self.match.get(here)
            if there is None:
                self.flag_missing(here)
                continue
            self.flag_type_and_metadata(here, there)
            if self.answer(here) or self.unchanged(here, there):
                continue
            self.flags.append(f"{self.called(here)} was edited; the course's version counts.")
        places = [self.match[here] for here in sorted(self.match)]
        if places != sorted(places):
            self.flags.append("Cells were moved; they were run in the course's order.")
        known = {_facts(cell).get("grade_id") for cell in self.source}
        strange = [c for c in self.cells if _facts(c).get("grade_id") not in {*known, None}]
        if strange:
            self.flags.append(
                f"{_count(len(strange), 'cell has', 'cells have')} an nbgrader id that this "
                "assignment does not have; they count as the student's own."
            )

    def flag_missing(self, here: int) -> None:
        if self.answer(here):
            names = names_bound(self.source[here].source)
            there = names and any(names <= self.names_in(j) for j in range(len(self.cells)))
            merged = "; another cell defines what it should" if there else ""
            self.flags.append(f"{self.called(here)} is missing{merged}.")
        elif self.roles[here] != TEXT:
            self.flags.append(f"{self.called(here)} is missing; the course's version counts.")

    def flag_type_and_metadata(self, here: int, there: int) -> None:
        wanted, got = self.source[here], self.cells[there]
        if wanted.cell_type != got.cell_type:
            self.flags.append(
                f"{self.called(here)} was turned from {wanted.cell_type} into {got.cell_type}; "
                f"it counts as {wanted.cell_type}."
            )
        ours, theirs = _facts(wanted), _facts(got)
        changed = [
            key
            for key in ("grade", "solution", "locked", "task", "points")
            if key in theirs and (ours.get(key) or 0) != theirs[key]
        ]
        if changed:
            self.flags.append(
                f"{self.called(here)} has other metadata than the course's "
                f"({', '.join(changed)}); the course's count."
            )

    def in_order(self) -> Iterator[AlignedCell]:
        """The aligned cells: the source's in its order, the student's own after those before."""
        followers: dict[int | None, list[int]] = {None: []}
        last = None
        for there in range(len(self.cells)):
            if there in self.owner:
                last = self.owner[there]
            else:
                followers.setdefault(last, []).append(there)
        taken = {cell.get("id") for cell in self.source}
        yield from self.extras(followers[None], taken)
        for here, cell in enumerate(self.source):
            role = self.roles[here]
            there = self.match.get(here)
            if role != EXTRA:
                yield AlignedCell(cell, self.converted(here, there), role)
            edited = there is not None and role != EXTRA and not self.unchanged(here, there)
            if edited and not _managed(cell):
                yield from self.extras([there], taken)
            yield from self.extras(followers.get(here, ()), taken)

    def converted(self, here: int, there: int | None) -> NotebookNode | None:
        """The student's version with the cell type of the source's, as nbgrader has it."""
        if there is None:
            return None
        return with_type(self.cells[there], self.source[here].cell_type)

    def extras(self, places: Iterable[int], taken: set[str]) -> Iterator[AlignedCell]:
        """The student's own cells, with ids that no other cell has and nothing of nbgrader's."""
        for there in places:
            cell = deepcopy(self.cells[there])
            cell.id = _free_id(cell.get("id"), taken)
            cell.metadata = NotebookNode()
            yield AlignedCell(None, cell, EXTRA)

    def answer(self, here: int) -> bool:
        return self.roles[here] in (SOLUTION, MANUAL)

    def unchanged(self, here: int, there: int) -> bool:
        """Whether a cell of the submission still has the course's text, released or in full."""
        text, texts = self.cells[there].source, (self.released[here], self.source[here].source)
        if text in texts or len(text) > 2 * max(map(len, texts)) + 100:
            return text in texts
        return _bare(text) in map(_bare, texts)

    def names_in(self, there: int) -> frozenset[str]:
        """Names that a cell of the submission binds, by its look."""
        if there not in self.bound:
            self.bound[there] = names_bound(self.cells[there].source)
        return self.bound[there]

    def called(self, here: int) -> str:
        """What to call a cell of the source in a flag."""
        kind = {
            INSTRUCTOR: "The course's cell",
            TEST: "The test cell",
            SOLUTION: "The answer cell",
            MANUAL: "The answer cell",
            TASK: "The question",
            TEXT: "The text cell",
        }[self.roles[here]]
        return f"{kind} {_facts(self.source[here]).get('grade_id', '')!r}"


_OF_THE_SOURCE = (INSTRUCTOR, TEST, TASK, TEXT)


def with_type(cell: NotebookNode, cell_type: str) -> NotebookNode:
    """A cell as one of another type; its text stays."""
    if cell.cell_type == cell_type:
        return cell
    changed = NotebookNode(
        cell_type=cell_type, id=cell.id, metadata=deepcopy(cell.metadata), source=cell.source
    )
    if cell_type == "code":
        changed.execution_count = None
        changed.outputs = []
    return changed


def _facts(cell: NotebookNode) -> Mapping[str, Any]:
    """nbgrader's metadata of a cell; empty where there are none."""
    return cell.metadata.get("nbgrader") or {}


def _managed(cell: NotebookNode) -> bool:
    """Whether nbgrader knows a cell of the source as more than a place for the student's own."""
    return any(_facts(cell).get(key) for key in ("grade", "solution", "locked", "task"))


def _bare(text: str) -> str:
    """A text without the white space that editors change."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
