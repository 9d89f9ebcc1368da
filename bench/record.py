"""The result: one file of JSON, and the same as tables in Markdown."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

from bench.parts import PARTS
from unrolled.measure import record

SAME = ("device", "versions", "commit", "quick")  # only then may an old part stay beside a new one


def begin(path: Path, quick: bool) -> dict[str, Any]:
    """Return a result for this machine, with the parts that the file holds of the same state."""
    new = record.begin("cpu", "python -m bench", quick)
    result = {"date": new["date"]} | {key: new[key] for key in SAME} | {"parts": {}}
    result["device"]["cores"] = os.cpu_count()
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        if all(old[key] == result[key] for key in SAME):
            result["parts"] = {name: old["parts"][name] for name in PARTS if name in old["parts"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no file, or one of something else: it is written anew
    return result


def write(path: Path, text: str) -> None:
    """Write a file so that there is always a whole one, the old or the new."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def markdown(result: dict[str, Any]) -> str:
    """Return the result as a page: the machine, then a table for each kind of rows of a part."""
    device, versions = result["device"], result["versions"]
    lines = [
        "# Benchmark",
        "",
        f"- machine: {device['name']}, {device['cores']} cores",
        "- versions: " + ", ".join(f"{name} {v}" for name, v in versions.items() if v),
        f"- date: {result['date']}, commit: {result['commit'] or 'unknown'}",
        "",
        "Ratios are medians over interleaved repeats. Absolute times belong to the machine and its",
        "load; they are here to be compared within this page only.",
    ]
    if result["quick"]:
        lines.append("This was a quick run: few repeats, small classes, rough figures.")
    for name, part in result["parts"].items():
        lines += ["", f"## {PARTS[name].title}", "", PARTS[name].load().__doc__.strip()]
        for keys, rows in itertools.groupby(part["rows"], key=list):
            lines += ["", *table(keys, list(rows))]
        if part["why"]:
            lines += ["", f"{part['status']}: {part['why']}"]
    return "\n".join(lines) + "\n"


def table(keys: list[str], rows: list[dict[str, Any]]) -> list[str]:
    """Return a table's lines; numbers stand on the right."""
    numbers = [all(isinstance(row[key], int | float | None) for row in rows) for key in keys]
    head = "| " + " | ".join(key.replace("_", " ") for key in keys) + " |"
    rule = "|" + "|".join(" ---: " if right else " --- " for right in numbers) + "|"
    return [head, rule, *("| " + " | ".join(map(shown, row.values())) + " |" for row in rows)]


def shown(value: Any) -> str:
    """Return a value as a table shows it: a fraction with three significant digits."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:#.3g}".removesuffix(".") if abs(value) < 999.5 else f"{value:.0f}"
    return str(value).replace("|", r"\|")
