"""What exists for a student's code: which packages, and which of them are loaded beforehand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """What exists for a student's code. Hashable: a judge keeps one warm fork server per value.

    Attributes:
        packages: names of the distributions that exist, as `pip` names them, with whatever they
            require; NumPy always exists, since answers travel as its arrays. None stands for all
            that is installed, except `unrolled` and the instructors' half of `autograder`.
        preload: modules imported once, before any submission; one that can't be imported is left
            out.
    """

    packages: tuple[str, ...] | None = None
    preload: tuple[str, ...] = ("numpy",)
