"""A judge, and notebooks in a few lines."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograder.judge import Job, Judge, Verdict
from autograder.judge.submission import released_text
from autograder.sandbox import Limits, NoIsolationError

LIMITS = Limits(call_s=3, cpu_s=30, wall_s=40)


def notebook(*cells: tuple[str, str, str], policy: dict | None = None) -> dict[str, Any]:
    """A notebook of (role, grade_id, text); roles as in AlignedCell, tests worth 10 points."""
    made = []
    for role, name, text in cells:
        facts: dict[str, Any] = {"grade_id": name, "schema_version": 3, "task": False}
        facts |= {"grade": role in ("test", "manual"), "solution": role in ("solution", "manual")}
        facts["locked"] = role in ("test", "instructor")
        if facts["grade"]:
            facts["points"] = 10
        cell = {"cell_type": "code", "id": name, "source": text, "outputs": []}
        cell |= {
            "execution_count": None,
            "metadata": {} if role == "extra" else {"nbgrader": facts},
        }
        made.append(cell)
    metadata = {} if policy is None else {"autograder": policy}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def submitted(source: dict, **texts: str) -> bytes:
    """A submission of a source, with these solution cells filled in."""
    copy = json.loads(json.dumps(source))
    copy["metadata"] = {}
    for cell in copy["cells"]:
        text = cell["source"] = released_text(cell["source"])
        cell["source"] = texts.get(cell["id"], text)
    return json.dumps(copy).encode()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """A judge with the best protection that this machine gives, for tests that need none."""
    with Judge(LIMITS) as best:
        try:
            best.sandbox(*_plain_key())
        except NoIsolationError:
            best.tier = "none"
        yield best


def _plain_key() -> tuple[Any, Limits]:
    from autograder.sandbox import Environment

    return Environment(), LIMITS


@pytest.fixture
def grade(judge: Judge) -> Callable[..., Verdict]:
    """Grade a student's cell against a test cell, with one setup cell before both."""

    def run(
        answer: str,
        test: str,
        *,
        solution: str | None = None,
        setup: str = "import numpy as np",
        policy: dict | None = None,
        more_tests: tuple[str, ...] = (),
    ) -> Verdict:
        cells = [("instructor", "setup", setup), ("solution", "answer", solution or answer)]
        cells += [
            ("test", f"test{n}" if n else "test", t) for n, t in enumerate((test, *more_tests))
        ]
        source = notebook(*cells, policy=policy)
        return judge.grade(
            Job(json.dumps(source), submitted(source, answer=answer), "nb", "student")
        )

    return run


def outputs(verdict: Verdict, name: str) -> list[dict]:
    """The outputs of a cell of the autograded notebook."""
    cells = json.loads(verdict.notebook)["cells"]
    return next(cell["outputs"] for cell in cells if cell["id"] == name)
