"""Trusted: runs the instructor's cells of a notebook and gives marks for a submission."""

from autograder.judge.errors import SourceError
from autograder.judge.judge import Judge, check_source
from autograder.judge.process import JudgeProcess
from autograder.judge.submission import UnreadableSubmission
from autograder.judge.verdict import Job, Verdict

__all__ = [
    "Job",
    "Judge",
    "JudgeProcess",
    "SourceError",
    "UnreadableSubmission",
    "Verdict",
    "check_source",
]
