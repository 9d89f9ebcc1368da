"""A second course, about statistics and text: not ours, in the ways that instructors write tests.

`source()` is the instructor's notebook; `students()` are submissions to it, right and wrong.
Everything here also runs under stock nbgrader, and `stderr` marks who would lose there for noise.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "statistics"


def role(name: str, **more: object) -> dict:
    """nbgrader's metadata for a cell."""
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": {**plain, "grade_id": name, "schema_version": 3, **more}}


def instructor(name: str, code: str) -> NotebookNode:
    """A locked cell that is not graded."""
    return new_code_cell(code.strip(), metadata=role(name, locked=True))


def solution(name: str, code: str) -> NotebookNode:
    """An answer cell; the whole of it is the solution."""
    text = f"### BEGIN SOLUTION\n{code.strip()}\n### END SOLUTION"
    return new_code_cell(text, metadata=role(name, solution=True))


def test(name: str, points: float, visible: str, hidden: str = "") -> NotebookNode:
    """A graded, locked cell."""
    text = visible.strip()
    if hidden:
        text += f"\n### BEGIN HIDDEN TESTS\n{hidden.strip()}\n### END HIDDEN TESTS"
    return new_code_cell(text, metadata=role(name, grade=True, locked=True, points=points))


SOLUTION = {
    "summary": '''
def summary(values):
    """Mean, median, extremes and size of some numbers; None where there are none."""
    if len(values) == 0:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return {
        "mean": sum(values) / len(values),
        "median": median,
        "range": (ordered[0], ordered[-1]),
        "n": len(values),
    }
''',
    "standardise": """
def standardise(x):
    x -= x.mean(axis=0)
    x /= x.std(axis=0)
""",
    "windows": """
def windows(x, size, step=1, *, reverse=False):
    parts = [x[i:i + size] for i in range(0, len(x) - size + 1, step)]
    return parts[::-1] if reverse else parts
""",
    "count": """
def count_words(text, *ignore, lower=True):
    counts = {}
    for word in text.split():
        word = word.strip(".,;!?")
        if lower:
            word = word.lower()
        if word and word not in ignore:
            counts[word] = counts.get(word, 0) + 1
    return counts
""",
    "caesar": """
def caesar(text, shift=3):
    if not isinstance(text, str):
        raise TypeError("text must be a string")
    def move(letter):
        start = "A" if letter.isupper() else "a"
        return chr((ord(letter) - ord(start) + shift) % 26 + ord(start))
    return "".join(move(c) if c.isalpha() else c for c in text)
""",
    "running": """
class EmptyError(ValueError):
    pass


class RunningMean:
    unit = "1"

    def __init__(self, start=()):
        self.total, self.n = 0.0, 0
        for value in start:
            self.push(value)

    def push(self, value):
        self.total += value
        self.n += 1
        return self

    @property
    def mean(self):
        if self.n == 0:
            raise EmptyError("no values")
        return self.total / self.n

    def __len__(self):
        return self.n
""",
    "collatz": """
def collatz(n):
    if n < 1:
        raise ValueError(f"n must be positive, not {n}")
    while n != 1:
        yield n
        n = n // 2 if n % 2 == 0 else 3 * n + 1
    yield 1
""",
    "roots": """
def roots(a, b, c):
    if a == 0:
        raise ZeroDivisionError("not quadratic")
    d = b * b - 4 * a * c
    if d < 0:
        return None
    s = d ** 0.5
    return (-b - s) / (2 * a), (-b + s) / (2 * a)
""",
    "data": """
temperatures = np.array([12.0, 14.5, 9.0, 21.0, 17.5])
warmest = float(temperatures.max())
cities = ["Oslo", "Bern", "Riga", "Rome", "Nice"]
hottest = cities[int(temperatures.argmax())]
by_city = dict(zip(cities, temperatures.tolist()))
missing = None
""",
    "normalise_list": """
def drop_negative(values):
    for i in range(len(values) - 1, -1, -1):
        if values[i] < 0:
            del values[i]


def tally(counter, key):
    counter[key] = counter.get(key, 0) + 1
    return counter
""",
    "matrix": """
def table(rows, columns):
    return [[(r + 1) * (c + 1) for c in range(columns)] for r in range(rows)]


def every_second(x):
    return x[::2]


def kinds(x):
    return {
        "mask": x > 0, "where": np.flatnonzero(x > 0), "total": x.sum(), "as32": x.astype("f4"),
        "complex": complex(1, 2), "bytes": b"ab", "set": {1, 2}, ("pair", 1): True, "none": None,
        "empty": np.zeros((0, 3)), "nan": np.array([np.nan, np.inf]),
    }
""",
    "closure": """
def scaler(factor):
    def scale(x):
        return factor * x
    return scale
""",
}

MODEL = {name: text.strip() for name, text in SOLUTION.items()}


def source() -> NotebookNode:
    """The instructor's notebook."""
    s = MODEL
    cells = [
        new_markdown_cell("# Statistics and text"),
        instructor(
            "setup",
            """
import itertools
import math
import unittest

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

SAMPLES = [[1.0, 2.0, 4.0], [3], [5, -1, 0, 2]]
check = unittest.TestCase()


def close(a, b, tolerance=1e-9):
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


class Score:
    def __init__(self):
        self.points = 0.0

    def add(self, points, passed):
        if passed:
            self.points += points
""",
        ),
        new_markdown_cell("## Numbers"),
        solution("summary", s["summary"]),
        test(
            "summary-visible",
            1,
            "assert callable(summary)\nassert summary([2.0])['mean'] == 2.0",
        ),
        test(
            "summary-partial",
            6,
            "# six values",
            """
score = Score()
for values in SAMPLES:
    try:
        found = summary(values)
        score.add(0.5, close(found["mean"], np.mean(values)))
        score.add(0.5, close(found["median"], np.median(values)))
        score.add(0.5, tuple(found["range"]) == (min(values), max(values)))
        score.add(0.5, found["n"] == len(values))
    except Exception as error:
        print(type(error).__name__)
score.points
""",
        ),
        test("summary-none", 1, "# nothing", "assert summary([]) is None"),
        solution("standardise", s["standardise"]),
        test(
            "standardise-inplace",
            3,
            """
x = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
kept = x.copy()
assert standardise(x) is None
assert x.shape == kept.shape
""",
            """
assert_allclose(x.mean(axis=0), 0, atol=1e-12)
assert_allclose(x.std(axis=0), 1)
assert_allclose(np.corrcoef(x[:, 0], kept[:, 0])[0, 1], 1)
""",
        ),
        solution("windows", s["windows"]),
        test(
            "windows-keywords",
            4,
            "assert windows([1, 2, 3], 2) == [[1, 2], [2, 3]]",
            """
assert windows([1, 2, 3, 4], size=2, step=2) == [[1, 2], [3, 4]]
assert windows([1, 2, 3], 2, reverse=True) == [[2, 3], [1, 2]]
assert windows("abc", 3) == ["abc"]
assert windows([], 1) == []
with check.assertRaises(TypeError):
    windows([1, 2, 3], 2, 1, True)
assert_array_equal(windows(np.arange(4), 3), [[0, 1, 2], [1, 2, 3]])
""",
        ),
        new_markdown_cell("## Text"),
        solution("count", s["count"]),
        test(
            "count-dict",
            3,
            "check.assertEqual(count_words('a b a'), {'a': 2, 'b': 1})",
            """
found = count_words("The cat. The dog; the end!", "end", lower=True)
assert isinstance(found, dict)
assert sorted(found.items()) == [("cat", 1), ("dog", 1), ("the", 3)]
assert count_words("A a", lower=False) == {"A": 1, "a": 1}
assert max(found, key=found.get) == "the"
""",
        ),
        solution("caesar", s["caesar"]),
        test(
            "caesar-partial",
            4,
            "points = 0",
            """
for text, shift, wanted in [("abc", 3, "def"), ("XYZ", 3, "ABC"), ("a-b c", 1, "b-c d")]:
    if caesar(text, shift) == wanted:
        points += 1
points += caesar(caesar("Hello, World", 7), -7) == "Hello, World"
int(points)
""",
        ),
        test(
            "caesar-raises",
            2,
            "assert caesar('abc') == 'def'",
            """
with check.assertRaisesRegex(TypeError, "string"):
    caesar(7)
""",
        ),
        new_markdown_cell("## A class and a generator"),
        solution("running", s["running"]),
        test(
            "running-object",
            4,
            "r = RunningMean()\nr.push(2).push(4)\nassert r.mean == 3.0",
            """
assert len(r) == 2
assert RunningMean([1.0, 2.0, 6.0]).mean == 3.0
other = RunningMean()
other.push(10.0)
assert (r.n, other.n) == (2, 1)
assert RunningMean.unit == "1"
r.n, r.total = 4, 8.0
assert r.mean == 2.0
assert hasattr(r, "push") and not hasattr(r, "pull")
""",
        ),
        test(
            "running-raises",
            2,
            "# an empty mean",
            """
with check.assertRaises(ValueError) as caught:
    RunningMean().mean
assert "no values" in str(caught.exception)
""",
        ),
        solution("collatz", s["collatz"]),
        test(
            "collatz-iterates",
            3,
            "assert list(collatz(6)) == [6, 3, 10, 5, 16, 8, 4, 2, 1]",
            """
steps = collatz(27)
assert next(steps) == 27
assert next(steps) == 82
assert list(itertools.islice(steps, 3)) == [41, 124, 62]
assert sum(1 for _ in collatz(27)) == 112
assert max(collatz(27)) == 9232
try:
    list(collatz(0))
except ValueError as error:
    assert "positive" in str(error)
else:
    raise AssertionError("no error for 0")
""",
        ),
        solution("roots", s["roots"]),
        test(
            "roots-tuple",
            3,
            "low, high = roots(1, -3, 2)\nassert (low, high) == (1.0, 2.0)",
            """
assert roots(1, 0, 1) is None
for a, b, c in [(1, 0, -1), (2, -4, -6), (1, 5, 0)]:
    np.testing.assert_allclose(sorted(roots(a, b, c)), sorted(np.roots([a, b, c]).real), atol=1e-9)
try:
    roots(0, 1, 2)
    caught = False
except ZeroDivisionError:
    caught = True
assert caught, "roots(0, ...) must raise ZeroDivisionError"
""",
        ),
        new_markdown_cell("## Data"),
        solution("data", s["data"]),
        test(
            "data-variables",
            4,
            "assert len(cities) == 5",
            """
assert warmest == 21.0
assert isinstance(hottest, str) and hottest.upper() == "ROME"
assert_allclose(temperatures.mean(), 14.8)
assert temperatures.shape == (5,) and temperatures.dtype == float
assert missing is None
assert by_city["Bern"] == 14.5 and set(by_city) == set(cities)
assert f"{warmest:.2f}" == "21.00"
assert [city for city in cities if city.startswith("R")] == ["Riga", "Rome"]
""",
        ),
        solution("normalise_list", s["normalise_list"]),
        test(
            "containers-inplace",
            3,
            "values = [3, -1, 0, -2, 5]\nassert drop_negative(values) is None",
            """
assert values == [3, 0, 5]
counter = {"a": 1}
tally(counter, "a")
again = tally(counter, "b")
assert counter == {"a": 2, "b": 1}
assert again == counter
again["c"] = 1
assert counter.get("c") == 1, "the same dict, not a copy"
""",
        ),
        solution("matrix", s["matrix"]),
        test(
            "matrix-values",
            4,
            "assert table(2, 3) == [[1, 2, 3], [2, 4, 6]]",
            """
assert table(0, 3) == []
assert_array_equal(every_second(np.arange(7)), [0, 2, 4, 6])
assert_array_equal(every_second(np.arange(12).reshape(4, 3).T[::-1]), [[2, 5, 8, 11], [0, 3, 6, 9]])
found = kinds(np.array([1.0, -2.0, 3.0]))
assert found["mask"].dtype == bool and found["mask"].tolist() == [True, False, True]
assert found["where"].tolist() == [0, 2]
assert found["total"] == 2.0
assert found["as32"].dtype == np.float32
assert found["complex"] == 1 + 2j and found["bytes"] == b"ab" and found["set"] == {1, 2}
assert found["pair", 1] is True and found["none"] is None
assert found["empty"].shape == (0, 3)
assert np.isnan(found["nan"][0]) and np.isinf(found["nan"][1])
""",
        ),
        solution("closure", s["closure"]),
        test(
            "closure-call",
            2,
            "double, triple = scaler(2), scaler(3)",
            "assert double(4) == 8 and triple(4) == 12\nassert_allclose(double(np.ones(3)), 2)",
        ),
        new_markdown_cell("## By hand"),
        new_markdown_cell(
            "Why is the median robust?",
            metadata=role("essay", grade=True, solution=True, points=5),
        ),
        new_code_cell(
            "# plot what you like",
            metadata=role("plot", grade=True, solution=True, points=3),
        ),
        new_markdown_cell("A free task.", metadata=role("task", task=True, locked=True, points=2)),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@dataclass(frozen=True)
class Submission:
    """What a student changes in the released notebook.

    cells   the source of answer cells; those not named stay as released
    extra   cells of the student's own, each put below the cell named
    full    every automatic test is passed
    stderr  it writes to stderr while a test runs, which costs marks under stock nbgrader
    """

    cells: Mapping[str, str]
    extra: Mapping[str, str] = field(default_factory=dict)
    full: bool = False
    stderr: bool = False

    def solve(self, released: NotebookNode) -> NotebookNode:
        """The released notebook as this student hands it in."""
        notebook = deepcopy(released)
        cells = []
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in self.cells:
                cell.source = self.cells[name].strip()
            cells.append(cell)
            if name in self.extra:
                extra = new_code_cell(self.extra[name].strip())
                extra["id"] = f"extra-{name}"
                cells.append(extra)
        notebook.cells = cells
        return notebook


def edited(**edits: tuple[str, str]) -> dict[str, str]:
    """The model's cells with one text replaced in each cell named."""
    cells = dict(MODEL)
    for name, (old, new) in edits.items():
        if old not in cells[name]:
            raise ValueError(f"{old!r} is not in {name}")
        cells[name] = cells[name].replace(old, new)
    return cells


NOISE = """
    import sys, warnings, logging
    warnings.warn("careful")
    print("noise", file=sys.stderr)
    logging.getLogger().warning("logged")
    np.exp(np.array([1e4]))
"""


def students() -> dict[str, Submission]:
    """Everybody by name."""
    with_noise = dict(MODEL)
    for name in ("summary", "roots", "closure"):
        head, rest = MODEL[name].split("\n", 1)
        with_noise[name] = f"{head}{NOISE}{rest}"
    return {
        "model": Submission(MODEL, full=True),
        "numpy-style": Submission(
            {
                **MODEL,
                "summary": """
def summary(values):
    x = np.asarray(values)
    if x.size == 0:
        return None
    return dict(mean=np.mean(x), median=np.median(x), range=[x.min(), x.max()], n=x.shape[0])
""",
                "standardise": """
def standardise(x):
    x[:] = (x - np.mean(x, 0)) / np.std(x, 0)
""",
                "roots": """
def roots(a, b, c):
    d = np.float64(b) ** 2 - 4 * a * c
    if a == 0:
        raise ZeroDivisionError
    return None if d < 0 else np.array([-b - np.sqrt(d), -b + np.sqrt(d)]) / (2 * a)
""",
            },
            full=True,
        ),
        "own-cells": Submission(
            {
                **MODEL,
                "collatz": """
def collatz(n):
    if n < 1:
        raise ValueError("n must be positive")
    yield from my_helper(n)
""",
                "essay": "Because one huge value moves it by one place at most.",
                "plot": "print('a plot')",
                "count": """
from collections import Counter

def count_words(text, *ignore, lower=True):
    words = (w.strip(PUNCTUATION) for w in (text.lower() if lower else text).split())
    return dict(Counter(w for w in words if w and w not in ignore))
""",
            },
            extra={
                "setup": """
import string
PUNCTUATION = string.punctuation

def my_helper(n):
    while n > 1:
        yield n
        n = [n // 2, 3 * n + 1][n % 2]
    yield 1
""",
                "collatz-iterates": "print(list(collatz(3)))\ncollatz(5)",
            },
            full=True,
        ),
        "magics": Submission(
            MODEL,
            extra={
                "setup": "%matplotlib inline\nimport matplotlib.pyplot as plt",
                "data": "plt.bar(cities, temperatures)\nplt.show()\nfrom IPython.display import "
                "display, Markdown\ndisplay(Markdown('*done*'))",
                "summary": "%time summary([1, 2])",
            },
            full=True,
        ),
        "prints-everything": Submission(
            {
                **MODEL,
                "summary": MODEL["summary"].replace("    if len", "    print(values)\n    if len"),
                "caesar": MODEL["caesar"].replace("    if not", "    print(3.5)\n    if not"),
                "closure": MODEL["closure"].replace("    def", "    print('made')\n    def"),
            },
            full=True,
        ),
        "views-and-float32": Submission(
            edited(
                standardise=("x -= x.mean(axis=0)", "x -= x.mean(axis=0, keepdims=True)"),
                closure=("factor * x", "np.float32(factor) * x"),
                matrix=("return x[::2]", "return np.asfortranarray(x)[0::2]"),
            ),
            full=True,
        ),
        "untouched": Submission({}),
        "half-done": Submission({k: MODEL[k] for k in ("summary", "windows", "count", "data")}),
        "syntax-error": Submission(
            {**MODEL, "caesar": "def caesar(text, shift=3)\n    return text"}
        ),
        "raises-while-defining": Submission({**MODEL, "running": "1 / 0\n\n" + MODEL["running"]}),
        "wrong-name": Submission(
            edited(summary=("def summary", "def summery"), collatz=("def collatz", "def colatz"))
        ),
        "off-by-one": Submission(
            edited(
                windows=("+ 1, step", ", step"),
                caesar=("% 26", "% 25"),
                collatz=("    yield 1", "    pass"),
                matrix=("(r + 1) *", "r *"),
            )
        ),
        "wrong-types": Submission(
            edited(
                summary=("return None", "return {}"),
                count=("return counts", "return list(counts.items())"),
                roots=("return None", "return ()"),
                collatz=("    while n", "    n = float(n)\n    while n"),
                data=("missing = None", "missing = 'None'"),
            )
        ),
        "partly-right": Submission(
            edited(
                summary=('"n": len(values)', '"n": 3'),
                caesar=('"A" if letter.isupper() else "a"', '"a"'),
                standardise=("x /= x.std(axis=0)", "x /= 2"),
            )
        ),
        "not-in-place": Submission(
            edited(
                standardise=(
                    "x -= x.mean(axis=0)\n    x /=",
                    "x = x - x.mean(axis=0)\n    x = x /",
                ),
                normalise_list=("return counter", "return dict(counter)"),
            )
        ),
        "other-exceptions": Submission(
            edited(
                caesar=("TypeError", "ValueError"),
                running=('EmptyError("no values")', 'KeyError("no values")'),
                collatz=("raise ValueError", "raise RuntimeError"),
                roots=("raise ZeroDivisionError", "raise ArithmeticError"),
            )
        ),
        "raises-inside": Submission(
            edited(
                summary=("ordered = sorted(values)", "ordered = values.sort()"),
                matrix=("x > 0,", "x > y,"),
                closure=("factor * x", "factor[x]"),
            )
        ),
        "list-for-generator": Submission(
            {**MODEL, "collatz": "def collatz(n):\n    return [n, 3 * n + 1, 41]"}
        ),
        "class-without-length": Submission(
            edited(running=("def __len__", "def length"), closure=("def scale(x)", "def scale()"))
        ),
        "shared-state": Submission(
            edited(
                running=(
                    "self.total, self.n = 0.0, 0",
                    "RunningMean.total, RunningMean.n = 0.0, 0",
                )
            ),
            full=True,  # nobody tests it: wrong, and yet with full marks
        ),
        "data-missing": Submission({**MODEL, "data": "cities = ['Oslo']\nwarmest = hotest"}),
        "function-for-data": Submission(
            edited(data=("warmest = float(", "warmest = (lambda t: t)("), roots=("s = d", "s = -d"))
        ),
        "redefined-later": Submission(
            MODEL, extra={"caesar": "def caesar(text, shift=3):\n    return text\n\nwarmest = 3"}
        ),
        "empty-cells": Submission({**MODEL, "windows": "", "running": "pass"}),
        "noise": Submission(with_noise, full=True, stderr=True),
    }
