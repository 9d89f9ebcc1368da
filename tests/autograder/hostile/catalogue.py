"""The catalogue: every attack, and a table of what it holds.

`python -m hostile.catalogue`, from tests/autograder, prints the table and writes it into the book.
"""

from collections import Counter
from pathlib import Path

from hostile import answers, handed_in, inside, outside, protocol
from hostile.attack import Attack, Off

ATTACKS: list[Attack] = [
    *inside.ATTACKS,
    *outside.ATTACKS,
    *answers.ATTACKS,
    *protocol.ATTACKS,
    *handed_in.ATTACKS,
]
PAGE = Path(__file__).parents[3] / "book" / "_data" / "attacks.md"
assert len({attack.name for attack in ATTACKS}) == len(ATTACKS), "names must be unique"


def table() -> str:
    """How many attacks of each kind there are, by the protection that is switched off for them."""
    count = Counter((attack.kind, attack.off) for attack in ATTACKS)
    kinds = dict.fromkeys(attack.kind for attack in ATTACKS)
    rows = [[kind, *(count[kind, off] for off in Off)] for kind in kinds]
    rows.append(["all", *(sum(count[kind, off] for kind in kinds) for off in Off)])
    lines = [
        "| kind of attack | attacks | " + " | ".join(off.name.lower() for off in Off) + " |",
        "| --- | --: |" + " --: |" * len(Off),
    ]
    lines += [f"| {k} | {sum(n)} | {' | '.join(str(x or '') for x in n)} |" for k, *n in rows]
    lines += ["", "What is switched off:", ""]
    lines += [f"- *{off.name.lower()}*: {off.value};" for off in Off]
    return "\n".join(lines)[:-1] + ".\n"


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
    print(table(), end="")
