"""The judge gives the marks that stock nbgrader gives, cell by cell, and more only for noise."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_grade, is_task

from autograder.demo import notebooks
from autograder.judge import Job, Judge, Verdict
from autograder.problems.ps2.variants import RIGHT, SOLUTION, WRONG
from parity import statistics_course
from parity.stock import stock_marks

ROOT = Path(__file__).parents[3]
Marks = dict[str, float | None]

STATISTICS = statistics_course.students()
PS2: Mapping[str, Mapping[str, str]] = {"model": SOLUTION, **RIGHT, **WRONG}
# They write to stderr while their cells run, outside the quiet that the tests keep.
PS2_FULL = ["model", *RIGHT]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()


def judged(judge: Judge, name: str, source: NotebookNode, submission: NotebookNode) -> Verdict:
    job = Job(
        source=nbformat.writes(source), submission=nbformat.writes(submission).encode(),
        notebook=name, student="student", source_files={}, student_files={},
    )  # fmt: skip
    verdict = judge.grade(job)
    assert verdict.failed is None
    return verdict


def marks_in(verdict: Verdict) -> Marks:
    """What nbgrader itself reads from the judge's notebook; it must be what the verdict says."""
    graded = nbformat.reads(verdict.notebook, 4)
    cells = filter(is_grade, graded.cells)
    read = {notebooks.grade_id(cell): determine_grade(cell)[0] for cell in cells}
    assert read == verdict.scores
    return verdict.scores


@dataclass
class Class:
    """A graded class: stock's marks and what everybody handed in."""

    name: str
    source: NotebookNode
    stock: dict[str, Marks]
    submissions: dict[str, NotebookNode]

    def most(self) -> Marks:
        """The points of each automatic test."""
        roles = [cell.metadata.get("nbgrader", {}) for cell in self.source.cells]
        return {
            r["grade_id"]: r["points"] for r in roles if r.get("grade") and not r.get("solution")
        }

    def compare(self, judge: Judge, student: str) -> tuple[Marks, Marks]:
        """(the judge's marks, stock's marks)"""
        verdict = judged(judge, self.name, self.source, self.submissions[student])
        tasks = {notebooks.grade_id(cell) for cell in self.source.cells if is_task(cell)}
        stock = {name: mark for name, mark in self.stock[student].items() if name not in tasks}
        return marks_in(verdict), stock


@pytest.fixture(scope="module")
def statistics(tmp_path_factory) -> Class:
    source = statistics_course.source()
    solvers = {name: student.solve for name, student in STATISTICS.items()}
    folder = tmp_path_factory.mktemp("stock")
    return Class("statistics", source, *stock_marks(folder, "statistics", source, solvers))


@pytest.fixture(scope="module")
def ps2(tmp_path_factory) -> Class:
    source = notebooks.read(ROOT / "solutions" / "ps2" / "ps2.ipynb")

    def solver(cells: Mapping[str, str]):
        def solve(released: NotebookNode) -> NotebookNode:
            notebook = deepcopy(released)
            for name, text in {**SOLUTION, **cells}.items():
                notebooks.replace(notebook, name, text)
            return notebook

        return solve

    # names of folders: no spaces or commas
    solvers = {name_of(variant): solver(cells) for variant, cells in PS2.items()}
    solvers["untouched"] = deepcopy
    return Class(
        "ps2", source, *stock_marks(tmp_path_factory.mktemp("stock"), "ps2", source, solvers)
    )


def name_of(variant: str) -> str:
    return variant.replace(" ", "-").replace(",", "")


@pytest.mark.slow
@pytest.mark.parametrize("student", [s for s in STATISTICS if not STATISTICS[s].stderr])
def test_statistics_has_the_marks_of_stock(student, statistics, judge):
    ours, stock = statistics.compare(judge, student)
    assert ours == stock
    if STATISTICS[student].full:
        assert {name: ours[name] for name in statistics.most()} == statistics.most()
    elif student != "untouched":
        assert any(ours[name] for name in statistics.most())


@pytest.mark.slow
@pytest.mark.parametrize("student", [s for s in STATISTICS if STATISTICS[s].stderr])
def test_noise_on_stderr_costs_marks_under_stock_only(student, statistics, judge):
    ours, stock = statistics.compare(judge, student)
    most = statistics.most()
    assert {name: ours[name] for name in most} == most
    assert sum(stock[name] for name in most) < sum(most.values())


@pytest.mark.slow
@pytest.mark.parametrize("variant", [*PS2, "untouched"])
def test_ps2_has_the_marks_of_stock(variant, ps2, judge):
    ours, stock = ps2.compare(judge, name_of(variant))
    assert ours == stock
    if variant in PS2_FULL:
        assert {name: ours[name] for name in ps2.most()} == ps2.most()
    else:
        assert sum(filter(None, ours.values())) < 90
