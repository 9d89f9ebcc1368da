"""The problem sets as their notebooks have them: cells, hidden tests, points, and variants of them.

A submission is run here as a notebook would be, in this process: setup, the student's cells, and
on request the check cells and the hidden tests. That is how the hidden tests run under stock
nbgrader; the judge is tested elsewhere to give the same marks.
"""

import ast
import contextlib
import importlib
import io
import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat

from autograder.problems.diagnoses import Catalogue
from autograder.problems.problem import Problem
from autograder.problems.solution import ModelSolution

ROOT = Path(__file__).parents[3]
SOLUTIONS = ROOT / "solutions"
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


@dataclass(frozen=True)
class HiddenTest:
    """A hidden-test cell: its grade_id, its points, its code, and the functions it calls with."""

    name: str
    points: float
    source: str
    functions: tuple[str, ...]


@dataclass(frozen=True)
class ProblemSet:
    """One set, by name: "ps2"."""

    name: str

    @property
    def path(self) -> Path:
        return SOLUTIONS / self.name / f"{self.name}.ipynb"

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        return nbformat.read(self.path, as_version=4)

    def part(self, module: str) -> ModuleType:
        return importlib.import_module(f"autograder.problems.{self.name}.{module}")

    @property
    def catalogue(self) -> Catalogue:
        return self.part("misconceptions").CATALOGUE

    @property
    def model(self) -> ModelSolution:
        return self.part("reference").MODEL

    @property
    def variants(self) -> ModuleType:
        return self.part("variants")

    @property
    def problems(self) -> list[Problem]:
        found = vars(self.part("hidden")).values()
        return [value for value in found if isinstance(value, Problem)]

    @cached_property
    def tests(self) -> list[HiddenTest]:
        """The hidden tests, in the notebook's order."""
        tests = []
        for cell in self.notebook.cells:
            entry = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and entry.get("grade") and BEGIN in cell.source:
                source = cell.source.partition(BEGIN)[2].partition(END)[0]
                call = ast.parse(source).body[-1].value
                names = tuple(n.id for n in ast.walk(call) if isinstance(n, ast.Name))
                functions = tuple(name for name in names if name != self.name)
                tests.append(HiddenTest(entry["grade_id"], entry["points"], source, functions))
        return tests

    @cached_property
    def _code(self) -> list[tuple[str, str, bool]]:
        """(grade_id, source, whether it is a check) of the cells that a student's copy runs."""
        found = []
        for cell in self.notebook.cells:
            entry = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and not (entry.get("grade") and not entry.get("solution")):
                name = entry.get("grade_id", "")
                found.append((name, cell.source, name.endswith("-check")))
        return found

    def names(self, variant: dict[str, str] | None = None, checks: bool = False) -> dict[str, Any]:
        """Run a submission's cells; return the names they define. The model fills in the rest."""
        names: dict[str, Any] = {"__name__": "__main__"}
        sources = {**self.model.sources, **(variant or {})}
        for name, source, is_check in self._code:
            if checks or not is_check:
                code = sources.get(name, source)
                exec(compile(code, f"<{name}>", "exec"), names)
        return names

    def score(self, names: dict[str, Any], test: HiddenTest) -> tuple[float, str]:
        """Run one hidden test; return the points and what it prints."""
        tree = ast.parse(test.source)
        last = ast.Expression(tree.body.pop().value)
        printed, there = io.StringIO(), dict(names)
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, f"<{test.name}>", "exec"), there)
            points = eval(compile(last, f"<{test.name}>", "eval"), there)
        return points, printed.getvalue()

    def of(self, cell: str) -> list[HiddenTest]:
        """The hidden tests that grade a function of this solution cell."""
        functions = {p.function for p in self.problems if p.cell == cell}
        return [test for test in self.tests if functions & set(test.functions)]


@cache
def graded(problem_set: ProblemSet, name: str) -> tuple[tuple[float, str], ...]:
    """Points and what is printed, for each hidden test, of the wrong variant of this name.

    Kept, because grading takes longest and several tests look at the same result.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = problem_set.names(problem_set.variants.WRONG[name])
        return tuple(problem_set.score(names, test) for test in problem_set.tests)


SETS = [ProblemSet(folder.name) for folder in sorted(SOLUTIONS.iterdir()) if folder.is_dir()]
