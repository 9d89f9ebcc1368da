"""Find what authors of a problem set get wrong: `autograder lint ps3`.

It works for every nbgrader course. Mutants are known where a hidden test imports a module that has
a submodule `variants` with `WRONG`, wrong submissions by name: sources of solution cells by
grade_id.
"""

import ast
import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

from nbformat import NotebookNode, writes

from autograder.judge import Job, JudgeProcess, SourceError, Verdict
from autograder.judge.source import Source, SourceCell
from autograder.judge.submission import released_text

TELLING = 12  # characters of a solution's line from where on it can't be there by chance
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finding:
    """Something an author should look at: where it is, and what to do."""

    cell: str
    words: str


def lint(
    text: str, files: Mapping[str, bytes], progress: Progress = lambda done, of: None
) -> Iterator[Finding]:
    """Yield what is wrong with a source notebook; the quick checks come first.

    Args:
        text: the source notebook.
        files: files beside it.
        progress: called with the number of mutants graded, and of all.
    """
    try:
        source = Source(text)
    except SourceError as error:
        yield Finding("the notebook", str(error))
        return
    yield from points(source)
    yield from visible_tests(source)
    yield from leaks(source, files)
    with JudgeProcess() as judge:
        try:
            judge.check_source(text, dict(files))
        except SourceError as error:
            yield Finding("the model solution", str(error))
            return
        yield from stub_passes(source, text, files, judge)
        yield from survivors(source, text, files, judge, progress)


def points(source: Source) -> Iterator[Finding]:
    """Points that are missing, or that don't add up to what the first cell promises."""
    graded = [c for c in source.notebook.cells if _facts(c).get("grade") or _facts(c).get("task")]
    for cell in graded:
        if not _facts(cell).get("points"):
            yield Finding(_name(cell), "It is graded but worth no points. Give it some.")
    total = sum(_facts(cell).get("points", 0) for cell in graded)
    first = source.notebook.cells[0] if source.notebook.cells else None
    promised = re.findall(r"(\d+(?:\.\d+)?) points", first.source) if first else []
    if promised and total not in map(float, promised):
        said = ", ".join(dict.fromkeys(promised))
        yield Finding(
            _name(first),
            f"The cells' points add up to {total:g}, but this cell says {said} points. Change one.",
        )
    if not graded:
        yield Finding("the notebook", "No cell is graded.")


def visible_tests(source: Source) -> Iterator[Finding]:
    """Solution cells whose names no test uses that students have."""
    seen = [_visible_names(c) for c in source.cells.values() if c.role in ("instructor", "test")]
    for cell in source.cells.values():
        if cell.role != "solution":
            continue
        names = cell.bound - cell.imported
        if names and not any(names & used for used in seen):
            yield Finding(
                cell.name,
                f"No visible test uses {_listed(names)}. Students learn nothing before they hand "
                "in: add a check of shapes, or of properties that every right answer has.",
            )


def leaks(source: Source, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Lines of solutions, hidden tests and mark schemes that students get to see elsewhere."""
    released = {_name(c): released_text(c.source) for c in source.notebook.cells}
    everything = "\n".join(released.values())
    for cell in source.notebook.cells:
        kept = set(map(str.strip, released_text(cell.source).split("\n")))
        for line in map(str.strip, cell.source.split("\n")):
            if len(line) >= TELLING and line not in kept and line in everything:
                where = next(name for name, shown in released.items() if line in shown)
                yield Finding(
                    where,
                    f"It shows a line that {_name(cell)!r} hides: {line[:60]!r}. Take it out.",
                )
                break
    for cell in source.cells.values():
        if cell.role == "solution" and cell.released == cell.text:
            yield Finding(
                cell.name,
                "Nothing of it is taken out of the release. Put the answer between ### BEGIN "
                "SOLUTION and ### END SOLUTION.",
            )
    for name in files:
        if name.endswith((".py", ".ipynb")):
            yield Finding(name, "It lies beside the notebook, so it is released with it.")


def stub_passes(
    source: Source, text: str, files: Mapping[str, bytes], judge: JudgeProcess
) -> Iterator[Finding]:
    """Tests that give points for a notebook in which nothing has been written."""
    verdict = _grade(judge, text, files, _released(source))
    for name, score in verdict.scores.items():
        if score:
            yield Finding(
                name, f"It gives {score:g} points for the stub. Test what only an answer can do."
            )


def survivors(
    source: Source,
    text: str,
    files: Mapping[str, bytes],
    judge: JudgeProcess,
    progress: Progress,
) -> Iterator[Finding]:
    """Wrong submissions of the set's own catalogue that get full marks."""
    mutants = wrong_submissions(source)
    automatic = {c.name for c in source.cells.values() if c.role == "test"}
    for done, (name, cells) in enumerate(mutants.items(), start=1):
        notebook = deepcopy(source.notebook)
        for cell in notebook.cells:
            cell.source = cells.get(_name(cell), cell.source)
        verdict = _grade(judge, text, files, notebook)
        progress(done, len(mutants))
        lost = [n for n in automatic if (verdict.scores.get(n) or 0) < verdict.max_scores.get(n, 0)]
        if not verdict.failed and not lost:
            yield Finding(
                ", ".join(cells),
                f"The wrong solution {name!r} gets full marks. Add a hidden input that tells it "
                "from a right one.",
            )


def wrong_submissions(source: Source) -> dict[str, dict[str, str]]:
    """Return `WRONG` of the modules that hidden tests import, as far as they have it."""
    found: dict[str, dict[str, str]] = {}
    for cell in source.cells.values():
        for module in _modules(cell) if cell.hidden else ():
            try:
                there = importlib.util.find_spec(f"{module}.variants")
            except (ImportError, AttributeError):
                continue
            if there:
                variants = importlib.import_module(f"{module}.variants")
                found |= getattr(variants, "WRONG", {})
    return found


def _modules(cell: SourceCell) -> Iterator[str]:
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _visible_names(cell: SourceCell) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", cell.released))


def _released(source: Source) -> NotebookNode:
    notebook = deepcopy(source.notebook)
    for cell in notebook.cells:
        cell.source = released_text(cell.source)
    return notebook


def _grade(
    judge: JudgeProcess, text: str, files: Mapping[str, bytes], submission: NotebookNode
) -> Verdict:
    return judge.grade(Job(text, writes(submission).encode(), "source", "author", files, {}))


def _facts(cell: NotebookNode) -> Mapping:
    return cell.metadata.get("nbgrader", {})


def _name(cell: NotebookNode) -> str:
    return _facts(cell).get("grade_id") or cell.get("id", "a cell")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
