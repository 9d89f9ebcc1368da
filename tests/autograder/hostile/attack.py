"""What an entry of the catalogue is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from textwrap import dedent

from hostile.course import POINTS, RIGHT, WRONG, submission


class Off(Enum):
    """A way to grade without the protection that an attack aims at; there it must do harm."""

    SEPARATION = "tests and answers in one process, as in a student's kernel"
    ISOLATION = "a process of its own, but with the grader's rights"
    LIMITS = "no limit on time or memory, or on the size of an answer, an error or a printed text"
    CHECKS = "names, types, errors and texts of an answer taken for what they say they are"
    RECOVERY = "a process that is lost, or an answer that can't be read, ends the grading"
    SOURCE = "cells, points and outputs believed as they were handed in"


@dataclass(frozen=True)
class Attack:
    """A hostile submission.

    name    unique, says what it tries
    kind    the section of the catalogue
    off     the protection it aims at: with that switched off it must do harm
    cells   replace the wrong answers (see course.WRONG) in these solution cells
    right   the solution cells that hold right answers: their marks must survive, no others are won
    edit    forges something in the notebook itself
    then    the solution cells of a second submission, graded after this one, that harvests
    lost    right answers whose marks the attack may cost its own author
    hangs   its harm is that grading never ends, so that there is no point in waiting for long
    """

    name: str
    kind: str
    off: Off
    cells: Mapping[str, str] = field(default_factory=dict)
    right: tuple[str, ...] = ()
    edit: Callable[[dict], None] | None = None
    then: Mapping[str, str] | None = None
    lost: tuple[str, ...] = ()
    hangs: bool = False

    def honest(self) -> dict[str, float]:
        """The marks that the answers are worth without the attack."""
        return {f"{name}-test": POINTS[name] * (name in self.right) for name in POINTS}

    def submission(self, prelude: str) -> bytes:
        """What is handed in; `prelude` defines the places that the attacks name in capitals."""
        return self._submission(self.cells, prelude, self.edit)

    def harvest(self, prelude: str) -> bytes | None:
        """What the accomplice hands in afterwards, if there is one."""
        return None if self.then is None else self._submission(self.then, prelude, None)

    def _submission(self, cells: Mapping[str, str], prelude: str, edit) -> bytes:
        texts = {**WRONG, **{name: RIGHT[name] for name in self.right}}
        texts.update({name: dedent(text).strip() for name, text in cells.items()})
        texts["double"] = prelude + texts["double"]
        return submission(texts, edit)
