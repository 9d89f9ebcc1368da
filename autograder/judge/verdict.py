"""What goes into the judge and what comes out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Job:
    """One submission to grade.

    Attributes:
        source: the instructor's notebook, as JSON text.
        submission: the student's notebook as it lies on disk; it may be anything.
        notebook: name of the notebook.
        student: whose it is.
        source_files: files beside the source, for judge and student.
        student_files: files beside the submission, for the student's code only.
    """

    source: str
    submission: bytes
    notebook: str
    student: str
    source_files: Mapping[str, bytes] = field(default_factory=dict)
    student_files: Mapping[str, bytes] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The job as a dict, for the wire."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {
            "source_files": dict(self.source_files),
            "student_files": dict(self.student_files),
        }


@dataclass
class Verdict:
    """What came of one submission.

    Attributes:
        notebook: the autograded notebook as JSON text, with the judge's outputs; empty where it
            failed.
        scores: automatic score of each graded cell, None where a person has to give it.
        max_scores: points of each graded cell.
        messages: what to show with a score.
        flags: what is unusual about the submission, in plain words.
        failed: why it could not be graded at all, or None.
        tier: how the student's code was isolated.
        verified: False in the compatibility mode, where the tests ran beside the student's code.
        cpu_s, wall_s, peak_memory: what it took; memory in bytes, of the student's process.
    """

    notebook: str = ""
    scores: dict[str, float | None] = field(default_factory=dict)
    max_scores: dict[str, float] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    failed: str | None = None
    tier: str = ""
    verified: bool = True
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The verdict as a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Verdict":
        """The verdict that `as_dict` wrote."""
        return cls(**content)
