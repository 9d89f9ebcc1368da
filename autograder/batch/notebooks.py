"""From the judge's notebook to the one that nbgrader shows, and to the marks that it holds."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode, v4
from nbgrader import utils

from autograder.batch.errors import UngradableError


@dataclass(frozen=True)
class SourceCell:
    """What the gradebook knows about a cell since the assignment was generated."""

    cell_type: str
    locked: bool
    checksum: str | None
    points: float | None


@dataclass(frozen=True)
class ReleasedNotebook:
    """What the gradebook knows about a notebook of an assignment.

    `grades` and `comments` map a grade_id to the identifier of the cell in the gradebook.
    """

    identifier: str
    name: str
    kernelspec: str | None
    cells: Mapping[str, SourceCell]
    grades: Mapping[str, str]
    comments: Mapping[str, str]


@dataclass(frozen=True)
class Marks:
    """Automatic scores (None: to be marked by hand) and comments, by grade_id."""

    scores: Mapping[str, float | None]
    comments: Mapping[str, str | None]


def graded_notebook(
    text: str, released: ReleasedNotebook, facts: Mapping[str, Any]
) -> NotebookNode:
    """Read the judge's notebook; give it the kernel, and its cells the metadata, of the release.

    nbgrader tells by the checksum whether an answer was left as it was handed out. `facts` about
    the grading are for the feedback page.
    """
    notebook = v4.reads(text)  # it comes from the judge: checking it again takes 20 ms
    notebook.metadata["autograder"] = dict(facts)
    if released.kernelspec:
        notebook.metadata["kernelspec"] = json.loads(released.kernelspec)
    for cell in notebook.cells:
        known = released.cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if known is None:
            continue
        about = cell.metadata.nbgrader
        about["locked"] = known.locked
        about["checksum"] = known.checksum
        about["cell_type"] = known.cell_type
        if known.points is not None:
            about["points"] = known.points
    return notebook


def marks(notebook: NotebookNode, released: ReleasedNotebook) -> Marks:
    """Read scores and comments off an autograded notebook by nbgrader's own rules.

    Raises:
        UngradableError: the gradebook knows a graded cell otherwise, or a score is out of range.
    """
    scores: dict[str, float | None] = {}
    comments: dict[str, str | None] = {}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name is None:
            continue
        if utils.is_grade(cell):
            try:
                scores[name], _ = utils.determine_grade(cell)
            except ValueError as error:
                raise UngradableError(f"cell {name}: {error}") from error
        if utils.is_solution(cell) or utils.is_task(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
            comments[name] = "No response." if untouched and not utils.is_task(cell) else None
    unknown = scores.keys() - released.grades.keys()
    unknown |= comments.keys() - released.comments.keys()
    if unknown:
        raise UngradableError(
            f"the gradebook has no cell {', '.join(sorted(unknown))}: the source has changed since "
            "the assignment was released (run nbgrader generate_assignment again)"
        )
    return Marks(scores, comments)


def finish(
    notebook: NotebookNode,
    released: ReleasedNotebook,
    preprocessors: Sequence[Callable],
    resources: dict[str, Any],
) -> tuple[bytes, Marks]:
    """Make the autograded file of a graded notebook, and read its marks.

    Raises:
        UngradableError: see marks().
    """
    for preprocess in preprocessors:
        notebook, resources = preprocess(notebook, resources)
    found = marks(notebook, released)
    written = v4.writes(notebook)
    return (written if written.endswith("\n") else written + "\n").encode(), found
