"""Results of the studies in lessons/studies, which take longer than a page may."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("recorded")


def recorded(name: str) -> dict[str, Any]:
    """Return what a study wrote down: its command, its versions and its runs.

    Args:
        name: of the study, such as "08_adding".

    Raises:
        ValueError: there is no such study.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.json")))
        raise ValueError(f"name: expected one of {known}, got {name!r}")
    return json.loads(path.read_text(encoding="utf-8"))
