"""A small course for the catalogue: a source, submissions, and a course folder worth attacking."""

import functools
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbformat.v4 import writes as as_text

# Nobody can guess it, so whoever returns it has found the source, a test or the judge's memory.
SECRET = f"k3y-{secrets.token_hex(8)}"
# What a submission prints when it got hold of something that it must not reach.
LOOT = f"loot-{secrets.token_hex(8)}"
NOTEBOOK = "small"

RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "count": (
        "def count(text):\n"
        "    words = text.split()\n"
        "    return {word: words.count(word) for word in words}"
    ),
    "late": "def late(x):\n    return x + 1",
    "each": "import math\n\n\ndef each(x):\n    return math.prod([x, x])",
    "stream": "def stream(n):\n    yield from range(n)",
    "handed": "def handed():\n    return 0.0",
    "oracle": "def oracle():\n    return None",
}
WRONG = {
    "double": "def double(x):\n    return 0 * x",
    "count": "def count(text):\n    return {}",
    "late": "def late(x):\n    return 0 * x - 7",
    "each": "def each(x):\n    return -1",
    "stream": "def stream(n):\n    return None",
    "handed": "def handed():\n    return 0.0",
    "oracle": "def oracle():\n    return None",
}
TESTS = {
    "double": """\
np.testing.assert_allclose(double(np.arange(4.0)), [0.0, 2.0, 4.0, 6.0])
np.testing.assert_allclose(double(21.0), 42.0)""",
    "count": """\
unittest.TestCase().assertEqual(count("a b a"), {"a": 2, "b": 1})
assert isinstance(count("x"), dict)""",
    "late": """\
points = 0.0
if close(late(1.0), 2.0):
    points += 1
if late(5) == 6:
    points += 1
points""",
    # an iteration that the answers take part in, and a module that the solution cell imports
    "each": """\
for got, wanted in zip(map(each, [1, 2, 3]), [1, 4, 9]):
    assert math.isclose(got, wanted)""",
    "stream": "assert list(stream(3)) == [0, 1, 2]",
    # a careless test: the answer itself is what the cell displays
    "handed": "handed()",
    "oracle": "assert oracle() is not None",
}
HIDDEN = {"oracle": f"assert oracle() == {SECRET!r}"}
POINTS = {
    "double": 4, "count": 3, "late": 2, "each": 3, "stream": 2, "handed": 5, "oracle": 3
}  # fmt: skip
# Nobody can win these honestly: a returned number is no mark, and nobody knows the secret.
NOT_WON = ("handed", "oracle")


def metadata(name: str, **role: object) -> dict:
    """The metadata of an nbgrader cell."""
    cell = {"grade_id": name, "schema_version": 3, "task": False}
    return {"nbgrader": {"grade": False, "solution": False, "locked": False, **cell, **role}}


@functools.cache
def source() -> str:
    """The instructor's version."""
    solutions = {**RIGHT, "oracle": f"def oracle():\n    return {SECRET!r}"}
    cells = [
        new_markdown_cell("# A small assignment"),
        new_code_cell(
            "import unittest\n\nimport numpy as np\n\nTOLERANCE = 1e-9\n\n\n"
            "def close(a, b):\n    return abs(a - b) <= TOLERANCE",
            metadata=metadata("setup", locked=True),
        ),
    ]
    for name, solution in solutions.items():
        text = f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
        cells.append(new_code_cell(text, metadata=metadata(name, solution=True)))
        test = TESTS[name]
        if name in HIDDEN:
            test += f"\n### BEGIN HIDDEN TESTS\n{HIDDEN[name]}\n### END HIDDEN TESTS"
        role = metadata(f"{name}-test", grade=True, locked=True, points=POINTS[name])
        cells.append(new_code_cell(test, metadata=role))
    return as_text(notebook_of(cells))


def notebook_of(cells: list):
    """A notebook with these cells, whose ids tell their places."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def released():
    """What students fetch: no solutions, no hidden tests."""
    notebook = deepcopy(json.loads(source()))
    for cell in notebook["cells"]:
        role = cell["metadata"].get("nbgrader", {})
        if role.get("solution"):
            cell["source"] = "# YOUR CODE HERE\nraise NotImplementedError()"
        elif role.get("grade"):
            cell["source"] = TESTS[role["grade_id"].removesuffix("-test")]
    return notebook


def submission(cells: Mapping[str, str], edit: Callable[[dict], None] | None = None) -> bytes:
    """A released notebook with these solution cells filled in; `edit` comes last."""
    notebook = released()
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in cells:
            cell["source"] = cells[name]
    if edit:
        edit(notebook)
    return json.dumps(notebook).encode()


def make_folder(folder: Path) -> None:
    """Lay out a course whose every file may be read and written by anybody on the machine."""
    files = {
        f"source/{NOTEBOOK}/{NOTEBOOK}.ipynb": source(),
        f"submitted/neighbour/{NOTEBOOK}/{NOTEBOOK}.ipynb": submission(RIGHT).decode(),
        f"autograded/neighbour/{NOTEBOOK}/{NOTEBOOK}.ipynb": submission(RIGHT).decode(),
        "problems.py": f"ANSWER = {SECRET!r}\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with sqlite3.connect(folder / "gradebook.db") as gradebook:
        gradebook.execute("create table grade (student text, auto_score real)")
        gradebook.execute("insert into grade values ('attacker', 0), ('neighbour', 9)")
    gradebook.close()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
