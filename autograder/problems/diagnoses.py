"""What a wrong answer has in common with a known misconception, in a sentence for the student.

A misconception is an edit of the model solution: the mutant. Where a student's answers are wrong
and equal the mutant's answers on every hidden input, the student is told the sentence, which names
an equation of the lesson and no number of the answer. The same catalogue tests the grader: every
mutant has to lose marks and to be told its own sentence.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from autograder.problems.answers import Case, Output, Reply, answer_of, call, close
from autograder.problems.solution import Edits, ModelSolution


@dataclass(frozen=True)
class Place:
    """Where a lesson has what the student should read again.

    Attributes:
        lesson: the lesson's file name without its ending, "04-backpropagation-through-time".
        label: the label of an equation or a section of it.
        equation: the equation's number on that page, or None for a section.
    """

    lesson: str
    label: str
    equation: int | None = None

    def __str__(self) -> str:
        number, _, _ = self.lesson.partition("-")
        anchor = self.label if self.equation is None else f"equation-{self.label}"
        where = "" if self.equation is None else f", equation ({int(number)}.{self.equation})"
        return f"chapter {int(number)}{where}: lessons/{self.lesson}.html#{anchor.lower()}"


@dataclass(frozen=True)
class Misconception:
    """One mistake that students make.

    Attributes:
        name: a few words for instructors and tests.
        cell: the grade_id of the solution cell that it spoils.
        edits: what turns the model's source of that cell into the mutant's.
        sentence: what the student reads; no number of the answer.
        place: what to read again; in another course than this, a text.
        looks_like: names of others whose sentence is as true of this mutant's answers, so that
            either may be told.
    """

    name: str
    cell: str
    edits: Edits
    sentence: str
    place: Place | str
    looks_like: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """A sentence for the student, and the outputs that it explains."""

    outputs: tuple[str, ...]
    misconceptions: tuple[Misconception, ...]
    follows: bool  # from a mistake in an earlier cell

    def __str__(self) -> str:
        names = ", ".join(self.outputs)
        start = "This follows from an earlier part. " if self.follows else ""
        said = " Also: ".join(f"{m.sentence} See {m.place}" for m in self.misconceptions)
        return f"What is wrong with {names}: {start}{said}"


def as_it_is(defined: Any) -> Callable:
    """Return what a cell defines: for the usual one, which is a function of a case's arguments."""
    return defined


@dataclass(frozen=True)
class Given:
    """What a student's function gave for one output in one case, and whether it is right."""

    output: str
    number: int  # of the case
    got: np.ndarray | None
    right: bool

    @classmethod
    def sorted(
        cls,
        output: Output,
        cases: Sequence[Case],
        unpack: Callable[[Any], Mapping[str, Any]],
        replies: Sequence[Reply],
    ) -> "list[Given]":
        """Return an output's answers to its cases, the wrong ones first: they tell most."""
        found = []
        for number, (case, reply) in enumerate(zip(cases, replies, strict=True)):
            if case.group in output.points:
                got = answer_of(reply, output.name, unpack)
                right = got is not None and close(got, case.expected[output.name])
                found.append(cls(output.name, number, got, right))
        return sorted(found, key=lambda one: one.right)


class Answers:
    """A mutant's answers to hidden inputs, each found out when it is asked for: few are needed."""

    def __init__(self, function: Callable, cases: Sequence[Case]):
        self.function, self.cases = function, cases
        self.replies: dict[int, Reply] = {}

    def __getitem__(self, number: int) -> Reply:
        if number not in self.replies:
            with np.errstate(all="ignore"):
                self.replies[number] = call(self.function, self.cases[number].arguments)
        return self.replies[number]


class Catalogue:
    """The misconceptions of a problem set.

    Args:
        model: the model solution that they edit.
        misconceptions: the mutants, each of one cell.
    """

    def __init__(self, model: ModelSolution, misconceptions: Sequence[Misconception]):
        self.model = model
        self.misconceptions = list(misconceptions)
        self._answers: dict[tuple, Answers] = {}

    def __iter__(self) -> Iterator[Misconception]:
        return iter(self.misconceptions)

    def variant(self, *misconceptions: Misconception) -> dict[str, str]:
        """Return the sources of the cells that these misconceptions of one cell change.

        Raises:
            ValueError: an edit does not fit, for example beside another one.
        """
        edits = tuple(edit for m in misconceptions for edit in m.edits)
        return {misconceptions[0].cell: self.model.edited(misconceptions[0].cell, edits)}

    def diagnose(
        self,
        cell: str,
        function: str,
        cases: Sequence[Case],
        outputs: Sequence[Output],
        unpack: Callable[[Any], Mapping[str, Any]],
        replies: Sequence[Reply],
        wrong: Sequence[str],
        adapt: Callable[[Any], Callable] = as_it_is,
    ) -> list[Diagnosis]:
        """Explain the wrong outputs of a student's function as far as the catalogue can.

        One misconception is looked for first: in this cell, then in earlier ones whose functions
        this one calls. What is left may come from two at once, both in this cell.

        Args:
            cell: the grade_id of the function's cell.
            function: its name.
            cases: the hidden inputs, with the right answers.
            outputs: what is graded of each answer.
            unpack: reads an answer's named outputs.
            replies: what the student's function gave, case by case.
            wrong: the names of the outputs that lost marks.
            adapt: makes what the cell defines into a function of a case's arguments.
        """
        given = {
            output.name: Given.sorted(output, cases, unpack, replies)
            for output in outputs
            if output.name in wrong
        }
        told: list[Diagnosis] = []
        # An output that is there and wrong in no case looks like any mutant that raises.
        left = [
            name
            for name in wrong
            if any(one.got is not None and not one.right for one in given[name])
        ]
        for candidates in (self._single(cell), self._pairs(cell)):
            suspects = {}
            for misconceptions in candidates if left else ():
                mutants = self._answers_of(misconceptions, function, cases, adapt)
                explained = [name for name in left if _explains(mutants, given[name], unpack)]
                if explained:
                    suspects[misconceptions] = explained
            while left and suspects:
                # The one that explains most of what is left; of equals, the first.
                best = max(suspects, key=lambda m: sum(name in left for name in suspects[m]))
                names = tuple(name for name in suspects.pop(best) if name in left)
                if names:
                    told.append(Diagnosis(names, best, best[0].cell != cell))
                    left = [name for name in left if name not in names]
        return told

    def _single(self, cell: str) -> list[tuple[Misconception, ...]]:
        """Return this cell's misconceptions, then those of the cells before it."""
        cells = list(self.model.sources)
        before = cells[: cells.index(cell)]
        own = [(m,) for m in self.misconceptions if m.cell == cell]
        return own + [(m,) for m in self.misconceptions if m.cell in before]

    def _pairs(self, cell: str) -> Iterator[tuple[Misconception, ...]]:
        """Yield pairs of this cell's misconceptions whose edits go together."""
        own = [m for m in self.misconceptions if m.cell == cell]
        for pair in combinations(own, 2):
            try:
                for source in self.variant(*pair).values():
                    compile(source, "<pair>", "exec")
            except (ValueError, SyntaxError):
                continue
            yield pair

    def _answers_of(
        self,
        misconceptions: tuple[Misconception, ...],
        function: str,
        cases: Sequence[Case],
        adapt: Callable[[Any], Callable],
    ) -> Answers:
        """Return the mutant's answers, which a judge that grades many submissions needs often."""
        key = (*(m.name for m in misconceptions), function, id(cases))
        if key not in self._answers:
            names = self.model.names(self.variant(*misconceptions))
            # It holds the cases, so that their id in the key stays theirs.
            self._answers[key] = Answers(adapt(names[function]), cases)
        return self._answers[key]


def _explains(
    mutants: Answers, given: Sequence[Given], unpack: Callable[[Any], Mapping[str, Any]]
) -> bool:
    """Whether an output equals a mutant's in every case."""
    for one in given:
        theirs = answer_of(mutants[one.number], one.output, unpack)
        if one.got is None or theirs is None:
            if one.got is not theirs:
                return False
        elif not close(one.got, theirs):
            return False
    return True
