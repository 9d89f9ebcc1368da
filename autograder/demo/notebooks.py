"""Edits that a student makes to a notebook, aimed at cells by their nbgrader grade_id."""

from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def read(path: Path) -> NotebookNode:
    """Read the notebook at `path`."""
    return nbformat.read(path, as_version=4)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write `notebook` to `path`."""
    nbformat.write(notebook, path)


def grade_id(cell: NotebookNode) -> str | None:
    """Return the cell's nbgrader grade_id; None for a cell that nbgrader does not know."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def find(notebook: NotebookNode, name: str) -> int:
    """Return the position of the cell whose grade_id is `name`; KeyError where there is none."""
    for position, cell in enumerate(notebook.cells):
        if grade_id(cell) == name:
            return position
    raise KeyError(f"no cell with the grade_id {name!r}")


def replace(notebook: NotebookNode, name: str, source: str) -> None:
    """Give the cell `name` a new source."""
    notebook.cells[find(notebook, name)].source = source


def solve(notebook: NotebookNode, source: NotebookNode) -> None:
    """Write the instructor's answers into a released notebook; open questions stay."""
    for cell in source.cells:
        facts = cell.metadata.get("nbgrader", {})
        if facts.get("solution") and not facts.get("grade"):
            replace(notebook, facts["grade_id"], cell.source)


def delete(notebook: NotebookNode, name: str) -> None:
    """Remove the cell `name`."""
    del notebook.cells[find(notebook, name)]


def duplicate(notebook: NotebookNode, name: str) -> None:
    """Put a copy of the cell `name` below it, metadata and all, as copy and paste does."""
    position = find(notebook, name)
    copy = deepcopy(notebook.cells[position])
    copy.id = f"{copy.id[:58]}-copy"  # a cell id has at most 64 characters
    notebook.cells.insert(position + 1, copy)


def tests_of(source: NotebookNode) -> dict[str, str]:
    """Map each automatic test of an instructor's notebook to its problem.

    A problem is named after its solution cell; the test cells below it, up to the next solution
    cell, are its tests. Cells that are marked by hand are in no problem.
    """
    tests, problem = {}, None
    for cell in source.cells:
        role = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code":
            continue
        if role.get("solution") and not role.get("grade"):
            problem = role["grade_id"]
        elif role.get("grade") and not role.get("solution"):
            tests[role["grade_id"]] = problem
    return tests
