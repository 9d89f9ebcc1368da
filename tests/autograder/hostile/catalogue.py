"""The catalogue: every attack, and a table of what it holds.

`python -m hostile.catalogue`, from tests/autograder, prints the table.
"""

from collections import Counter

from hostile import answers, handed_in, inside, outside
from hostile.attack import Attack

ATTACKS: list[Attack] = [
    *inside.ATTACKS,
    *outside.ATTACKS,
    *answers.ATTACKS,
    *handed_in.ATTACKS,
]
assert len({attack.name for attack in ATTACKS}) == len(ATTACKS), "names must be unique"


def table() -> str:
    """How many attacks each section has, and how many are run with their protection off."""
    every = Counter(attack.kind for attack in ATTACKS)
    switched = Counter(attack.kind for attack in ATTACKS if attack.off)
    lines = [f"{'section':36} {'attacks':>8} {'also with the protection off':>30}"]
    lines += [f"{kind:36} {count:8} {switched[kind]:30}" for kind, count in every.items()]
    lines.append(f"{'all':36} {every.total():8} {switched.total():30}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
