"""What protection a machine gives, and what is missing for more."""

from __future__ import annotations

from dataclasses import dataclass

from .client import TIERS, Sandbox
from .environment import Environment
from .errors import SandboxError, StudentError
from .limits import Limits


@dataclass(frozen=True)
class TierReport:
    """Whether a tier works here; if not, what is missing and how to get it."""

    name: str
    works: bool
    missing: str = ""
    how: str = ""


def available_tiers() -> list[TierReport]:
    """Try each tier with a process that does nothing, from the strongest on."""
    return [_try(tier) for tier in TIERS[:-1]]


def _try(tier: str) -> TierReport:
    try:
        with Sandbox(Environment(packages=(), preload=()), Limits(), tier=tier) as sandbox:
            sandbox.open({}).close()
    except (SandboxError, StudentError) as error:
        text = str(error).partition(f"{tier}: ")[2] or str(error)
        missing, _, how = text.partition(". ")
        if not how:
            missing, _, how = text.partition(": ")
        return TierReport(tier, False, missing, how)
    return TierReport(tier, True)
