"""The pairs as a page: what two students share, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from autograder.similarity.pairs import Code, Pair


def page(
    assignment: str, pairs: Sequence[Pair], submissions: Mapping[str, Code], threshold: float
) -> str:
    """Return one HTML page that needs no other file and runs nothing.

    Args:
        assignment: its name.
        pairs: what was found.
        submissions: everybody's code, by student.
        threshold: from which share on a pair was reported.
    """
    # Students wrote most of what stands on the page, so all is escaped.
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    shown = [
        (pair, [(name, marked_lines(submissions[name], pair.shared)) for name in pair.students])
        for pair in pairs
    ]
    return environment.get_template("page.html").render(
        assignment=assignment, pairs=shown, students=len(submissions), threshold=threshold
    )


def marked_lines(code: Code, shared: frozenset[int]) -> list[tuple[str, bool]]:
    """Return a source's lines, each with whether it is shared."""
    marked = code.lines(shared)
    return [(line, n in marked) for n, line in enumerate(code.source.split("\n"), start=1)]
