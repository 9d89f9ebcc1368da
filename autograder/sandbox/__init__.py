"""Students' code in a warm process of its own, isolated as far as the machine can."""

from .client import Sandbox, StudentProcess, Usage
from .environment import Environment
from .errors import (
    AnswerError,
    NoIsolationError,
    SandboxError,
    StudentDiedError,
    StudentError,
    StudentTimeoutError,
    UnknownPackageError,
)
from .limits import Limits
from .tiers import TierReport, available_tiers

__all__ = [
    "AnswerError",
    "Environment",
    "Limits",
    "NoIsolationError",
    "Sandbox",
    "SandboxError",
    "StudentDiedError",
    "StudentError",
    "StudentProcess",
    "StudentTimeoutError",
    "TierReport",
    "UnknownPackageError",
    "Usage",
    "available_tiers",
]
