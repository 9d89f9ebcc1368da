"""Submissions of every kind are read and aligned; the tests always come from the source."""

import json
import time
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from autograder.judge.submission import (
    EXTRA,
    AlignedCell,
    UnreadableSubmission,
    align,
    names_bound,
    read_submission,
    released_text,
)

ROOT = Path(__file__).parents[3]
SOURCE = nbformat.read(ROOT / "solutions" / "ps2" / "ps2.ipynb", as_version=4)
RELEASE_STEPS = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
)
KNOWN = [cell for cell in SOURCE.cells if "nbgrader" in cell.metadata]
ANSWER = """\
def padded_forward(x, lengths, h0, W_xh, W_hh, b_h):
    return x
"""


def released() -> NotebookNode:
    """Problem set 2 as nbgrader's own steps release it."""
    notebook = deepcopy(SOURCE)
    for step in RELEASE_STEPS:
        notebook, _ = step().preprocess(notebook, {})
    return notebook


RELEASE = released()


def submitted(edit=lambda notebook: None) -> NotebookNode:
    """A submission that has gone through a file, edited first."""
    notebook = deepcopy(RELEASE)
    edit(notebook)
    return read_submission(json.dumps(notebook).encode())


def aligned(edit=lambda notebook: None) -> tuple[list[AlignedCell], list[str]]:
    cells, flags = align(SOURCE, submitted(edit))
    assert_invariants(cells, flags)
    return cells, flags


def assert_invariants(cells: list[AlignedCell], flags: list[str]) -> None:
    """Every cell of the source once, in order, untouched; only plain texts as flags."""
    ours = [cell.source for cell in cells if cell.source is not None]
    assert ours == KNOWN
    assert all(kept is known for kept, known in zip(ours, KNOWN, strict=True))
    assert all(cell.source is None or cell.role != EXTRA for cell in cells)
    assert all((cell.source or cell.student) is not None for cell in cells)
    ids = [(cell.source or cell.student).id for cell in cells]
    assert len(set(ids)) == len(ids)
    for cell in cells:
        if cell.source is not None and cell.student is not None:
            assert cell.source.cell_type == cell.student.cell_type
    assert all(isinstance(flag, str) and flag.endswith(".") for flag in flags)


def position(notebook: NotebookNode, name: str) -> int:
    return [c.metadata.get("nbgrader", {}).get("grade_id") for c in notebook.cells].index(name)


def find(notebook: NotebookNode, name: str) -> NotebookNode:
    return notebook.cells[position(notebook, name)]


def answer_to(cells: list[AlignedCell], name: str) -> str | None:
    """The student's text for a cell of the source."""
    for cell in cells:
        if cell.source is not None and cell.source.metadata.nbgrader.grade_id == name:
            return None if cell.student is None else cell.student.source
    raise KeyError(name)


def extras(cells: list[AlignedCell]) -> list[str]:
    return [cell.student.source for cell in cells if cell.role == EXTRA]


# Reading


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00", "not JSON"),
        (b"{'cells': []}", "not JSON"),
        (b'{"cells": [', "not JSON"),
        (b"null", "no list of cells"),
        (b'{"cells": {"cell_type": "code"}}', "no list of cells"),
        (b'[{"cell_type": "code", "source": "x = 1"}]', "no list of cells"),
        (b'{"cells": ' * 200_000, "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b" " * ((64 << 20) + 1), "64 MB"),
        (b'{"cells": [' + b"[]," * 11_000_000 + b"1]}", "10,000,000 values"),
        (b'{"cells": [' + b'{"cell_type":"raw"},' * 10_001 + b"1]}", "10,000 cells"),
        (b'{"cells": [' + b'{"cell_type":0},' * 300_000 + b"1]}", "10,000 cells"),
    ],
    ids=range(14),
)
def test_what_is_no_notebook_is_refused_in_plain_words(data, words):
    with pytest.raises(UnreadableSubmission, match=words):
        read_submission(data)


def test_a_file_that_is_too_large_is_not_parsed():
    start = time.perf_counter()
    with pytest.raises(UnreadableSubmission):
        read_submission(b"[" * (200 << 20))
    assert time.perf_counter() - start < 1


def test_outputs_are_dropped_however_many_there_are():
    output = {
        "output_type": "display_data",
        "data": {"image/png": "aGVsbG8="},
        "metadata": {"image/png": {"width": 3}},
    }
    text = json.dumps(output)
    cell = (
        f'{{"cell_type": "code", "source": "x = 1", "outputs": [{text + f", {text}" * 299_999}]}}'
    )
    notebook = read_submission(f'{{"cells": [{cell}], "nbformat": 4}}'.encode())
    assert notebook.cells[0].outputs == []
    assert notebook.cells[0].source == "x = 1"


def test_commas_in_texts_do_not_make_a_file_unreadable():
    cell = {"cell_type": "code", "source": "x = 1", "outputs": [{"text": "1, " * 11_000_000}]}
    assert len(read_submission(json.dumps({"cells": [cell]}).encode()).cells) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_encodings_are_read(encoding):
    notebook = {"cells": [{"cell_type": "code", "source": "x = 1  # é", "metadata": {}}]}
    data = json.dumps(notebook, ensure_ascii=False).encode(encoding)
    assert read_submission(data).cells[0].source.startswith("x = 1  # ")


def test_old_formats_are_read():
    old = {
        "nbformat": 3,
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 1, "source": ["Title"]},
                    {"cell_type": "code", "input": ["x = 1\n", "y = 2"], "prompt_number": 3},
                ]
            }
        ],
    }
    cells = read_submission(json.dumps(old).encode()).cells
    assert [(c.cell_type, c.source) for c in cells] == [
        ("markdown", "Title"),
        ("code", "x = 1\ny = 2"),
    ]


def test_what_was_read_is_a_valid_notebook_with_nothing_that_can_not_be_written():
    rubbish = {
        "cells": [
            {"cell_type": "code", "source": ["a", 3, "\ud800"], "id": "same", "outputs": 7},
            {"cell_type": "code", "source": None, "id": "same", "metadata": []},
            {"cell_type": "graph", "source": {"a": 1}, "id": "no id!"},
            {
                "cell_type": "markdown",
                "source": "![](a.png)",
                "attachments": {"a.png": {"image/png": "aGVsbG8=", "text/html": "<script>"}},
                "metadata": {"nbgrader": {"grade_id": ["x"], "points": "many", "locked": 1}},
            },
            {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "q", "points": True}}},
            None,
            17,
        ],
        "metadata": {"kernelspec": {"name": "bash"}, "autograder": {"mode": "compatibility"}},
        "nbformat": "four",
    }
    notebook = read_submission(json.dumps(rubbish).encode())
    nbformat.validate(notebook)
    nbformat.writes(notebook).encode()
    assert notebook.metadata == {}
    assert len(notebook.cells) == 5
    assert notebook.cells[3].metadata == {"nbgrader": {}}
    assert notebook.cells[4].metadata == {"nbgrader": {"grade_id": "q"}}


def test_attachments_of_answers_stay():
    cell = {"cell_type": "markdown", "source": "", "attachments": {"a": {"image/png": "aGk="}}}
    notebook = read_submission(json.dumps({"cells": [cell]}).encode())
    assert notebook.cells[0].attachments == {"a": {"image/png": "aGk="}}


def test_nan_and_huge_numbers_are_read():
    data = b'{"cells": [], "metadata": {"a": NaN, "b": 1e999, "c": %s}}' % (b"9" * 10_000)
    assert read_submission(data).cells == []


def test_reading_and_aligning_a_problem_set_takes_milliseconds():
    data = json.dumps(RELEASE).encode()
    took = []
    for _ in range(20):
        start = time.perf_counter()
        align(SOURCE, read_submission(data))
        took.append(time.perf_counter() - start)
    assert min(took) < 0.003


# Aligning


def test_an_untouched_release_has_no_flags():
    cells, flags = aligned()
    assert flags == []
    assert all(cell.student is not None for cell in cells)
    assert extras(cells) == [SOURCE.cells[-1].source]


def test_the_source_itself_has_no_flags():
    cells, flags = align(SOURCE, read_submission(json.dumps(SOURCE).encode()))
    assert_invariants(cells, flags)
    assert flags == []
    assert answer_to(cells, "forward") == find(SOURCE, "forward").source


def test_released_text_is_what_nbgrader_releases():
    for ours, theirs in zip(SOURCE.cells, RELEASE.cells, strict=True):
        assert released_text(ours.source).strip() == theirs.source.strip()


def test_roles_follow_nbgraders_metadata():
    roles = {c.source.metadata.nbgrader.grade_id: c.role for c in aligned()[0] if c.source}
    assert roles["title"] == "text"
    assert roles["setup"] == roles["forward-check"] == "instructor"
    assert roles["forward"] == "solution"
    assert roles["forward-tests"] == "test"
    assert roles["open-question"] == "task"


def test_edited_tests_and_metadata_come_from_the_source_with_a_flag():
    def edit(notebook):
        tests = find(notebook, "forward-tests")
        tests.source = "20"
        tests.metadata.nbgrader.update(points=1000, locked=False, grade=False, schema_version=17)
        find(notebook, "setup").source = "import os"
        find(notebook, "forward").metadata.nbgrader.update(grade=True, points=100)

    _, flags = aligned(edit)
    assert "The test cell 'forward-tests' was edited; the course's version counts." in flags
    assert "The course's cell 'setup' was edited; the course's version counts." in flags
    assert any("'forward-tests' has other metadata" in f and "points" in f for f in flags)
    assert any("'forward' has other metadata" in f for f in flags)
    assert len(flags) == 4


def test_deleted_tests_are_put_back_with_a_flag():
    def edit(notebook):
        del notebook.cells[position(notebook, "backward-tests")]

    _, flags = aligned(edit)
    assert flags == [
        "The test cell 'backward-tests' is missing; the course's version counts.",
    ]


def test_a_deleted_answer_is_missing():
    def edit(notebook):
        del notebook.cells[position(notebook, "forward")]

    cells, flags = aligned(edit)
    assert answer_to(cells, "forward") is None
    assert flags == ["The answer cell 'forward' is missing."]


def test_of_copies_the_last_that_was_worked_on_counts():
    def edit(notebook):
        place = position(notebook, "forward")
        first, second, third = (deepcopy(notebook.cells[place]) for _ in range(3))
        first.source = ANSWER.replace("return x", "return 1")
        second.source = ANSWER
        notebook.cells[place : place + 1] = [first, second, third]

    cells, flags = aligned(edit)
    assert answer_to(cells, "forward") == ANSWER
    assert flags == [
        "The answer cell 'forward' is there 3 times; the last one that was worked on counts."
    ]
    # The first one runs before it, as it did for the student; the bare stub would undo it.
    assert extras(cells)[0] == ANSWER.replace("return x", "return 1")
    assert sum("padded_forward" in text for text in extras(cells)) == 1


def test_a_copy_that_defines_nothing_does_not_count():
    def edit(notebook):
        find(notebook, "forward").source = ANSWER
        copy = deepcopy(find(notebook, "forward"))
        copy.source = "padded_forward(1, 2, 3, 4, 5, 6)"
        notebook.cells.append(copy)

    cells, _ = aligned(edit)
    assert answer_to(cells, "forward") == ANSWER
    assert extras(cells)[-1] == "padded_forward(1, 2, 3, 4, 5, 6)"


def test_a_copy_of_a_test_with_the_students_code_in_it_runs_as_the_students():
    def edit(notebook):
        copy = deepcopy(find(notebook, "forward-tests"))
        copy.source = "help_me = 3"
        notebook.cells.insert(position(notebook, "forward"), copy)

    cells, _ = aligned(edit)
    assert "help_me = 3" in extras(cells)


def strip(notebook, *names):
    for cell in notebook.cells:
        if not names or cell.metadata.get("nbgrader", {}).get("grade_id") in names:
            cell.metadata = NotebookNode()


def test_stripped_metadata_are_made_up_for_by_the_cell_ids():
    def edit(notebook):
        find(notebook, "forward").source = ANSWER
        strip(notebook)

    cells, flags = aligned(edit)
    assert answer_to(cells, "forward") == ANSWER
    assert extras(cells) == [SOURCE.cells[-1].source]
    assert "recognised by its cell id" in flags[0]


def test_without_ids_texts_and_names_tell():
    def edit(notebook):
        find(notebook, "forward").source = ANSWER
        find(notebook, "truncated").source = "truncated_bptt = lambda *a: None"
        strip(notebook)
        for cell in notebook.cells:
            del cell["id"]

    cells, flags = aligned(edit)
    assert answer_to(cells, "forward") == ANSWER
    assert answer_to(cells, "truncated") == "truncated_bptt = lambda *a: None"
    assert extras(cells) == [SOURCE.cells[-1].source]
    assert sum("the names it defines" in flag for flag in flags) == 2


def test_without_names_the_place_tells():
    def edit(notebook):
        find(notebook, "forward").source = "from mine import *"
        find(notebook, "forward").id = "other"
        strip(notebook, "forward")

    cells, flags = aligned(edit)
    assert answer_to(cells, "forward") == "from mine import *"
    assert "by its place" in flags[0]


def test_merged_cells_are_found_by_what_they_define():
    def edit(notebook):
        find(notebook, "forward").source += "\n\n" + find(notebook, "backward").source
        del notebook.cells[position(notebook, "backward")]

    cells, flags = aligned(edit)
    assert "def padded_backward" in answer_to(cells, "forward")
    assert flags == ["The answer cell 'backward' is missing; another cell defines what it should."]


def test_code_that_was_made_text_is_code_again():
    def edit(notebook):
        cell = find(notebook, "forward")
        cell.cell_type = "markdown"
        cell.source = ANSWER
        cell.attachments = {"a.png": {"image/png": "aGk="}}
        cell = find(notebook, "title")
        cell.cell_type = "code"

    cells, flags = aligned(edit)
    assert answer_to(cells, "forward") == ANSWER
    assert any("'forward' was turned from code into markdown" in flag for flag in flags)
    assert any("'title' was turned from markdown into code" in flag for flag in flags)


def test_moved_cells_run_in_the_courses_order_with_a_flag():
    def edit(notebook):
        here, there = position(notebook, "forward"), position(notebook, "truncated")
        cells = notebook.cells
        cells[here], cells[there] = cells[there], cells[here]

    cells, flags = aligned(edit)
    assert "def padded_forward" in answer_to(cells, "forward")
    assert flags == ["Cells were moved; they were run in the course's order."]


def test_the_students_own_cells_stay_where_they_were():
    def edit(notebook):
        for name in ("title", "forward"):
            new = nbformat.v4.new_code_cell(f"after = {name!r}")
            notebook.cells.insert(position(notebook, name) + 1, new)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell("first"))

    cells, flags = aligned(edit)
    assert flags == []
    before = {}
    for earlier, later in zip([None, *cells], cells, strict=False):
        if later.role == EXTRA:
            before[later.student.source] = earlier and earlier.source.metadata.nbgrader.grade_id
    assert before["first"] is None
    assert before["after = 'title'"] == "title"
    assert before["after = 'forward'"] == "forward"


def test_ids_of_another_assignment_are_the_students_own_and_flagged():
    def edit(notebook):
        new = nbformat.v4.new_code_cell("x = 1")
        new.metadata["nbgrader"] = {"grade_id": "ps9-q1", "grade": True, "points": 50}
        notebook.cells.append(new)

    cells, flags = aligned(edit)
    assert extras(cells)[-1] == "x = 1"
    assert cells[-1].student.metadata == {}
    assert len(flags) == 1 and "1 cell has an nbgrader id" in flags[0]


def test_a_notebook_of_another_assignment_is_refused():
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('hello')")])
    with pytest.raises(UnreadableSubmission, match="another one"):
        align(SOURCE, read_submission(json.dumps(other).encode()))


def test_a_notebook_without_cells_is_aligned():
    cells, flags = align(SOURCE, read_submission(b'{"cells": []}'))
    assert_invariants(cells, flags)
    assert flags == ["The notebook is empty: it has no cells."]
    assert all(cell.student is None for cell in cells)


def test_cells_that_students_may_edit_run_as_the_course_has_them_and_then_as_edited():
    source = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("import numpy as np", id="imports"),
            nbformat.v4.new_code_cell("tried = 1", id="scratch"),
            deepcopy(find(SOURCE, "forward")),
            nbformat.v4.new_markdown_cell("Write here.", id="write"),
        ]
    )
    theirs = deepcopy(source)
    theirs.cells[1].source = "tried = 2"
    theirs.cells[3].source = "My answer."
    cells, flags = align(source, read_submission(json.dumps(theirs).encode()))
    assert flags == []
    assert [(c.role, (c.source or c.student).source) for c in cells if c.role != "solution"] == [
        ("instructor", "import numpy as np"),
        ("instructor", "tried = 1"),
        ("extra", "tried = 2"),
        ("extra", "My answer."),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f(x):\n    def g(): pass\n", {"f"}),
        ("async  def f(): pass\nclass A: pass", {"f", "A"}),
        ("a, b = 1, 2\nc: int = 3\nif a == b: d = 4\nc == 4", {"a", "b", "c"}),
        ("  x = 1", set()),
    ],
)
def test_names_bound(text, names):
    assert names_bound(text) == names


def test_names_are_found_fast_in_texts_made_to_be_slow():
    start = time.perf_counter()
    for text in (
        "a," * 500_000,
        "a" * 1_000_000,
        "a " * 500_000,
        "a:" * 500_000,
        "a" + " " * 999_999,
    ):
        names_bound(text)
    assert time.perf_counter() - start < 1


# Whatever a student does to the notebook

POSITIONS = st.integers(0, len(RELEASE.cells) - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(["cell_type", "source", "id", "metadata", "outputs", "attachments"])
NBGRADER_KEYS = st.sampled_from(
    ["grade_id", "grade", "solution", "locked", "task", "points", "schema_version", "checksum"]
)
GRADE_IDS = st.sampled_from([cell.metadata.nbgrader.grade_id for cell in KNOWN])
EDITS = st.one_of(
    st.tuples(st.just("delete"), POSITIONS),
    st.tuples(st.just("copy"), POSITIONS, POSITIONS),
    st.tuples(st.just("swap"), POSITIONS, POSITIONS),
    st.tuples(st.just("merge"), POSITIONS, POSITIONS),
    st.tuples(st.just("strip"), POSITIONS),
    st.tuples(st.just("rename"), POSITIONS, GRADE_IDS),
    st.tuples(st.just("type"), POSITIONS, st.sampled_from(["code", "markdown", "raw", "heading"])),
    st.tuples(st.just("write"), POSITIONS, st.text(max_size=20)),
    st.tuples(st.just("set"), POSITIONS, KEYS, JSON),
    st.tuples(st.just("nbgrader"), POSITIONS, NBGRADER_KEYS, JSON),
    st.tuples(st.just("replace"), POSITIONS, JSON),
)


def apply(cells: list, edit: tuple) -> None:
    """Make one edit of a notebook's cells, given as plain JSON; nothing where it does not apply."""
    what, place, *rest = edit
    if place >= len(cells):
        return
    cell = cells[place]
    if what == "delete":
        del cells[place]
    elif what == "replace":
        cells[place] = rest[0]
    elif what == "copy":
        cells.insert(rest[0], deepcopy(cell))
    elif what in ("swap", "merge") and rest[0] < len(cells):
        if what == "swap":
            cells[place], cells[rest[0]] = cells[rest[0]], cell
        elif place != rest[0] and isinstance(cell, dict):
            other = cells.pop(rest[0])
            if isinstance(other, dict):
                cell["source"] = f"{cell.get('source')}\n{other.get('source')}"
    elif not isinstance(cell, dict):
        return
    elif what == "strip":
        cell["metadata"] = {}
    elif what == "type":
        cell["cell_type"] = rest[0]
    elif what == "write":
        cell["source"] = rest[0]
    elif what == "set":
        cell[rest[0]] = rest[1]
    elif what in ("rename", "nbgrader") and isinstance(cell.get("metadata"), dict):
        nbgrader = cell["metadata"].setdefault("nbgrader", {})
        if isinstance(nbgrader, dict):
            key, value = ("grade_id", rest[0]) if what == "rename" else rest
            nbgrader[key] = value


@settings(max_examples=150, deadline=None)
@given(st.lists(EDITS, max_size=12))
def test_no_edit_changes_the_courses_cells_or_their_order(edits):
    notebook = json.loads(json.dumps(RELEASE))
    for edit in edits:
        apply(notebook["cells"], edit)
    data = json.dumps(notebook).encode()
    read = read_submission(data)
    nbformat.writes(read).encode()
    try:
        cells, flags = align(SOURCE, read)
    except UnreadableSubmission:
        assert not any(cell.source.strip() for cell in read.cells) or len(edits) > 5
        return
    assert_invariants(cells, flags)
    assert align(SOURCE, read_submission(data)) == (cells, flags)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_else(data):
    try:
        align(SOURCE, read_submission(data))
    except UnreadableSubmission as why:
        assert str(why)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40_000), st.binary(min_size=1, max_size=4))
def test_no_damaged_file_raises_anything_else(place, rubbish):
    data = json.dumps(RELEASE).encode()
    try:
        cells, flags = align(SOURCE, read_submission(data[:place] + rubbish + data[place + 3 :]))
    except UnreadableSubmission as why:
        assert str(why)
    else:
        assert_invariants(cells, flags)
