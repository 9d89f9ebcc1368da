"""A graded problem: its hidden inputs, its marks, and the misconceptions it is searched for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from autograder.problems.answers import Case, Output
from autograder.problems.diagnoses import Catalogue, as_it_is
from autograder.problems.feedback import grade


@dataclass(frozen=True)
class Problem:
    """What a hidden-test cell grades.

    Attributes:
        cell: the grade_id of the solution cell that holds the function.
        function: the function's name.
        cases: makes the hidden inputs with the right answers. Without an argument it gives those
            that are graded, the same list every time; with a seed it gives others of their kind,
            for tests.
        outputs: what is graded of an answer, with its points.
        unpack: turns what the function returns into named outputs, or raises `UnusableError`.
        catalogue: the problem set's misconceptions, or None where nothing is to be looked for.
        adapt: makes what the cell defines into a function of a case's arguments, where it is none
            itself: a class, say, that has to be made and called.
    """

    cell: str
    function: str
    cases: Callable[..., Sequence[Case]]
    outputs: Sequence[Output]
    unpack: Callable[[Any], Mapping[str, Any]]
    catalogue: Catalogue | None = None
    adapt: Callable[[Any], Callable] = as_it_is

    @property
    def points(self) -> float:
        """What all outputs are worth together."""
        return sum(sum(output.points.values()) for output in self.outputs)

    def grade(self, student: Any) -> float:
        """Grade what a cell defines, print what is wrong with it, and return the points earned."""
        diagnose = self.catalogue and partial(
            self.catalogue.diagnose, self.cell, self.function, adapt=self.adapt
        )
        return grade(self.adapt(student), self.cases(), self.outputs, self.unpack, diagnose)
