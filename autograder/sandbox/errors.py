"""What can go wrong between a judge and a student's process."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox itself doesn't work; no submission is to blame."""


class NoIsolationError(SandboxError):
    """This machine can't give the protection asked for; the message says what is missing."""


class UnknownPackageError(SandboxError):
    """An environment names a distribution that isn't installed here."""


class StudentError(Exception):
    """A student's process gave no usable answer. It no longer runs."""


class StudentDiedError(StudentError):
    """The process ended before it answered; the message says why, as far as can be told."""


class StudentTimeoutError(StudentError):
    """The process didn't answer in time and was killed."""


class AnswerError(StudentError):
    """The process sent something too large, incomplete or unasked for, and was killed."""
