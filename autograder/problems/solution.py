"""The model solution of a problem set: its cells' sources, edited copies, and their functions."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Edits = tuple[tuple[str, str], ...]


class ModelSolution:
    """What the solution cells of a notebook hold, by their grade_id, in the notebook's order.

    Args:
        cells: for each cell the functions or classes of the reference that it defines, in order,
            or the cell's source.
        setup: what the notebook imports before them.
    """

    def __init__(
        self, cells: Mapping[str, Sequence[Callable] | str], setup: str = "import numpy as np"
    ):
        self.setup = setup
        self.sources = {
            cell: parts if isinstance(parts, str) else "\n\n".join(map(inspect.getsource, parts))
            for cell, parts in cells.items()
        }

    def edited(self, cell: str, edits: Edits) -> str:
        """Return a cell's source with each (old, new) text replaced, one after the other.

        Raises:
            ValueError: the source does not hold an old text exactly once.
        """
        source = self.sources[cell]
        for old, new in edits:
            if source.count(old) != 1:
                raise ValueError(f"{old!r} occurs {source.count(old)} times in {cell}, not once")
            source = source.replace(old, new)
        return source

    def names(self, changed: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run the setup and all cells, as a notebook does; return the names that they define.

        Args:
            changed: sources that take the place of the model's, by cell.
        """
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(self.setup, names)
        for cell, source in {**self.sources, **(changed or {})}.items():
            exec(compile(source, f"<{cell}>", "exec"), names)
        return names
