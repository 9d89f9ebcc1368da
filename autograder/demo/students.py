"""The class: who they are, what they hand in, and where that has to cost them marks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.demo import notebooks
from autograder.problems.ps2.variants import RIGHT, SOLUTION, WRONG, stub

EVERYTHING = ("forward", "backward", "truncated")


@dataclass(frozen=True)
class Student:
    """A student of the class.

    `solve` edits the fetched notebook in place. `loses` names the problems that must not have full
    marks; all the others must, whatever happens to these and to everybody else.
    """

    name: str
    story: str
    solve: Callable[[NotebookNode], None]
    loses: tuple[str, ...] = ()


def writes(
    cells: Mapping[str, str] = SOLUTION, then: Callable[[NotebookNode], None] | None = None
) -> Callable[[NotebookNode], None]:
    """Make an edit that fills in `cells`, and the right solution elsewhere; `then` comes last."""

    def solve(notebook: NotebookNode) -> None:
        for name, source in {**SOLUTION, **cells}.items():
            notebooks.replace(notebook, name, source)
        if then:
            then(notebook)

    return solve


def right(name: str, style: str) -> Student:
    """Make a student who is right in a style of `RIGHT`."""
    return Student(name, f"right: {style}", writes(RIGHT[style]))


def wrong(name: str, mistake: str, *loses: str) -> Student:
    """Make a student who makes a mistake of `WRONG`. Problem 2.3 calls the answer to 2.2."""
    return Student(name, f"wrong: {mistake}", writes(WRONG[mistake]), loses)


def the_class() -> list[Student]:
    """Return the twelve, in the order in which they are graded: somebody right comes last."""
    return [
        Student("ada", "right", writes()),
        right("bela", "one sample after the other"),
        Student(
            "chen",
            "right, one cell twice",
            writes(then=lambda notebook: notebooks.duplicate(notebook, "forward")),
            loses=EVERYTHING,  # nbgrader takes no notebook in which a grade_id occurs twice
        ),
        wrong("dara", "no sum over time", "backward", "truncated"),
        wrong("emil", "W instead of its transpose", "backward", "truncated"),
        wrong("fay", "padded steps counted", "backward", "truncated"),
        Student(
            "goran",
            "a cell raises",
            writes({"forward": "rate = 1 / 0\n\n" + SOLUTION["forward"]}),
            loses=("forward", "truncated"),
        ),
        wrong("hana", "state reset in each window", "truncated"),
        Student("iris", "nothing: handed back untouched", lambda notebook: None, EVERYTHING),
        Student(
            "jona", "an endless loop", writes(stub("truncated", "while True: pass")), ("truncated",)
        ),
        Student(
            "kofi",
            "right, one test cell deleted",
            writes(
                RIGHT["recursion"],
                then=lambda notebook: notebooks.delete(notebook, "backward-large-tests"),
            ),
            loses=("backward",),
        ),
        right("lena", "with warnings"),
    ]
