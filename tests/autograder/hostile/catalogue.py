"""The catalogue: every attack, and a table of what it holds.

`python -m hostile.catalogue`, from tests/autograder, prints the table and writes it into the book.
"""

from collections import Counter
from pathlib import Path

from hostile import answers, handed_in, inside, outside
from hostile.attack import Attack

ATTACKS: list[Attack] = [
    *inside.ATTACKS,
    *outside.ATTACKS,
    *answers.ATTACKS,
    *handed_in.ATTACKS,
]
PAGE = Path(__file__).parents[3] / "book" / "_data" / "attacks.md"
assert len({attack.name for attack in ATTACKS}) == len(ATTACKS), "names must be unique"


def table() -> str:
    """How many attacks each section has, and how many also run with their protection off."""
    every = Counter(attack.kind for attack in ATTACKS)
    switched = Counter(attack.kind for attack in ATTACKS if attack.off)
    lines = ["| kind of attack | attacks | also run unprotected |", "| --- | --: | --: |"]
    lines += [f"| {kind} | {count} | {switched[kind]} |" for kind, count in every.items()]
    lines.append(f"| all | {every.total()} | {switched.total()} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
    print(table(), end="")
