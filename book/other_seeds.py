"""Do a lesson's experiments say the same on seeds that its page doesn't show?

    python book/other_seeds.py            all lessons that make a claim
    python book/other_seeds.py 5 8        these chapters

A lesson names its seeds once, in a line `SEEDS = (0, 1, 2)`. Its code is run here from top to
bottom with five other seeds in that line. Cells tagged `claim` print one line a claim and assert
it; cells tagged `these-seeds` assert numbers that the page's own seeds give, and are left out. What
the claims printed is kept in _data/claims.json, and as a table for the page in _data/claims.md.
"""

import json
import os
import re
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from jupyter_cache.readers import get_reader
from tqdm import tqdm

BOOK = Path(__file__).parent
LESSONS = BOOK.parent / "lessons"
RESULTS = BOOK / "_data" / "claims.json"
TABLE = BOOK / "_data" / "claims.md"
OTHER_SEEDS = (2001, 2002, 2003, 2004, 2005)
SEEDS_LINE = re.compile(r"^SEEDS = \(.*\)$", re.MULTILINE)


def code_cells(lesson: Path) -> list[tuple[str, set[str]]]:
    """Return source and tags of the lesson's code cells, in order."""
    notebook = get_reader({"name": "myst_nb_md", "type": "plugin"})(str(lesson))
    return [
        (cell.source, set(cell.metadata.get("tags", ())))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def makes_claims(lesson: Path) -> bool:
    """Whether a cell of the lesson is tagged `claim`."""
    return any("claim" in tags for _, tags in code_cells(lesson))


def claims_on(lesson: Path, seeds: tuple[int, ...]) -> list[str]:
    """Run a lesson's code with these seeds and return the lines that its claims print.

    Raises:
        ValueError: the lesson has no claim, or not exactly one line that names its seeds.
        AssertionError: a claim does not hold.
    """
    cells = code_cells(lesson)
    named = sum(len(SEEDS_LINE.findall(source)) for source, _ in cells)
    if named != 1:
        raise ValueError(f"{lesson.name}: expected one line 'SEEDS = (…)', found {named}")
    if not makes_claims(lesson):
        raise ValueError(f"{lesson.name}: expected a cell tagged 'claim', found none")
    names, lines = {"__name__": "__main__"}, []
    for number, (source, tags) in enumerate(cells, 1):
        if "these-seeds" in tags:
            continue
        source = SEEDS_LINE.sub(f"SEEDS = {seeds}", source)
        with redirect_stdout(StringIO()) as printed:
            exec(compile(source, f"{lesson.name}, code cell {number}", "exec"), names)
        if "claim" in tags:
            lines += printed.getvalue().splitlines()
    return lines


def table(results: dict[str, dict]) -> str:
    """Return the results as a Markdown table, in the order of the chapters."""
    rows = ["| chapter | seeds | what the claims printed |", "| --- | --- | --- |"]
    for chapter in sorted(results, key=int):
        result = results[chapter]
        seeds = ", ".join(map(str, result["seeds"]))
        lines = "<br>".join(line.replace("|", r"\|") for line in result["lines"])
        rows.append(f"| {{chapter}}`{chapter}` | {seeds} | {lines} |")
    return "\n".join(rows) + "\n"


def main(chapters: list[str]) -> None:
    """Run the claims of these chapters, or of all, and keep what they printed."""
    os.environ["MPLBACKEND"] = "agg"
    lessons = {str(int(p.name[:2])): p for p in sorted(LESSONS.glob("[0-9][0-9]-*.md"))}
    unknown = [chapter for chapter in chapters if chapter not in lessons]
    if unknown:
        sys.exit(f"expected chapters from {', '.join(lessons)}, got {', '.join(unknown)}")
    chosen = chapters or [number for number, path in lessons.items() if makes_claims(path)]
    for chapter in tqdm(chosen, unit="chapter", leave=False):
        lines = claims_on(lessons[chapter], OTHER_SEEDS)
        print(f"chapter {chapter}:", *lines, sep="\n  ")
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[chapter] = {"seeds": OTHER_SEEDS, "lines": lines}
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        TABLE.write_text(table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
