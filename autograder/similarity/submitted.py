"""The code that students wrote themselves, out of what they handed in."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path


def students_code(notebooks: Iterable[Path]) -> str:
    """Return the code of all cells that are the student's: answers, and cells added.

    A notebook that can't be read has none: grading says what is wrong with it.
    """
    return "\n\n\n".join(
        source for path in notebooks for source, locked in code_cells(path) if not locked
    )


def all_code(notebooks: Iterable[Path]) -> str:
    """Return the code of all cells, for the release: what everybody was given."""
    return "\n\n\n".join(source for path in notebooks for source, _ in code_cells(path))


def code_cells(path: Path) -> Iterator[tuple[str, bool]]:
    """Give the source of each code cell that isn't empty, and whether it is the instructor's."""
    try:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = cell["source"]
            source = source if isinstance(source, str) else "".join(source)
            facts = cell["metadata"].get("nbgrader", {})
            if cell["cell_type"] == "code" and source.strip():
                yield source, bool(facts.get("locked") or facts.get("grade"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
