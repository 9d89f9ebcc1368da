"""Sandboxes that run the tests' own agent, kept warm, with protections to switch off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.sandbox import Environment, Limits, NoIsolationError, Sandbox, client, visible

AGENT = Path(__file__).with_name("running_agent.py")
LIMITS = Limits()
NUMPY = Environment(packages=("numpy",), preload=("numpy",))
TIERS = ("full", "landlock")


@pytest.fixture(autouse=True)
def running_agent(monkeypatch):
    """Every server in these tests runs the agent that executes what it is asked."""
    monkeypatch.setitem(visible.AGENT_FILES, "autograder/sandbox/agent.py", AGENT)


@pytest.fixture(scope="session")
def _warm() -> Iterator[dict]:
    servers: dict = {}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture
def sandbox(_warm, monkeypatch) -> Callable[..., Sandbox]:
    """A warm server of a tier, with some protections off; the test is skipped where it can't be."""

    def get(tier: str, *off: str, environment=NUMPY, limits=LIMITS) -> Sandbox:
        key = (tier, off, environment, limits)
        if key not in _warm:
            for name in off:
                monkeypatch.setitem(client._SWITCHES, name, False)
            try:
                _warm[key] = Sandbox(environment, limits, tier=tier)
            except NoIsolationError as error:
                pytest.skip(f"needs the tier {tier!r}: {error}")
        return _warm[key]

    return get


@pytest.fixture
def run(sandbox) -> Callable[..., str]:
    """Run source text as a student's and hand back what its name `answer` is, as text."""

    def run(tier: str, source: str, *off: str, files=None, **options) -> str:
        process = sandbox(tier, *off, **options).open(files or {})
        try:
            return process.ask(source.encode()).decode()
        finally:
            process.close()

    return run
