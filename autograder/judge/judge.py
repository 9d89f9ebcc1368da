"""Grade submissions, one after the other, each in a process of its own."""

import hashlib
import json
import random
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from nbformat import NotebookNode

from autograder.judge.errors import SourceError, StudentGone
from autograder.judge.notebook import Run, fresh_surroundings
from autograder.judge.session import Session, random_state
from autograder.judge.source import COMPATIBILITY, Source
from autograder.judge.submission import UnreadableSubmission, align, read_submission
from autograder.judge.verdict import Job, Verdict
from autograder.sandbox import Environment, Limits, Sandbox, SandboxError, StudentProcess

DEFAULT_LIMITS = Limits()
_MAX_SANDBOXES, _MAX_SOURCES = 4, 16


class Judge:
    """Grades submissions; keeps its sandboxes and parsed sources warm. A context manager.

    Not for threads: it changes the working folder, and times cells by signals.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, tier: str | None = None) -> None:
        self.limits, self.tier = limits, tier
        self.sandboxes: OrderedDict[tuple[Environment, Limits], Sandbox] = OrderedDict()
        self.sources: OrderedDict[bytes, Source] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandboxes."""
        while self.sandboxes:
            self.sandboxes.popitem()[1].close()

    def source(self, text: str) -> Source:
        """The source, parsed once.

        Raises:
            SourceError: it can't be graded with.
        """
        key = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        source = self.sources.get(key)
        if source is None:
            source = self.sources[key] = Source(text)
            if len(self.sources) > _MAX_SOURCES:
                self.sources.popitem(last=False)
        self.sources.move_to_end(key)
        return source

    def sandbox(self, environment: Environment, limits: Limits) -> Sandbox:
        """The warm sandbox of an environment."""
        key = environment, limits
        sandbox = self.sandboxes.get(key)
        if sandbox is not None and sandbox.broken:
            self.sandboxes.pop(key).close()
            sandbox = None
        if sandbox is None:
            sandbox = self.sandboxes[key] = Sandbox(environment, limits, self.tier)
            if len(self.sandboxes) > _MAX_SANDBOXES:
                self.sandboxes.popitem(last=False)[1].close()
        self.sandboxes.move_to_end(key)
        return sandbox

    def limits_of(self, source: Source) -> Limits:
        """The limits, with what the source's policy changes."""
        policy = source.policy
        changed: dict[str, Any] = {k: policy[k] for k in ("cpu_s", "call_s") if policy[k]}
        if policy["memory_mb"]:
            changed["memory"] = int(policy["memory_mb"] * (1 << 20))
        return replace(self.limits, **changed) if changed else self.limits

    def grade(self, job: Job) -> Verdict:
        """Grade one submission.

        Raises:
            SourceError: the source is unusable.
            SandboxError: students' code can't be isolated here.
        """
        started, cpu = time.monotonic(), time.process_time()
        source = self.source(job.source)
        limits = self.limits_of(source)
        sandbox = self.sandbox(source.environment, limits)
        verdict = Verdict(tier=sandbox.tier, verified=source.policy["mode"] != COMPATIBILITY)
        try:
            submission = read_submission(job.submission)
            aligned, flags = align(source.notebook, submission)
        except UnreadableSubmission as why:
            verdict.failed = str(why)
            return verdict
        verdict.flags += flags
        files = {**job.student_files, **job.source_files}
        files = {k: v for k, v in files.items() if not k.endswith(".ipynb")}
        session = None
        seed_randomly()

        def open_process() -> StudentProcess:
            try:
                return self.sandbox(source.environment, limits).open(files)
            except SandboxError:  # the server had ended without a word: once more, with another
                return self.sandbox(source.environment, limits).open(files)

        try:
            session = Session(open_process, limits, source.policy["packages"])
            session.known_random = random_state()
            with fresh_surroundings(job.source_files):
                cells = Run(source, session, aligned, verdict).grade()
            verdict.notebook = written(source.notebook, cells)
        except StudentGone as gone:
            verdict.failed = f"The student's process did not start: {gone}."
        finally:
            if session is not None:
                session.close()
                verdict.flags += dict.fromkeys(session.flags)
                verdict.cpu_s += session.cpu_s
                verdict.peak_memory = session.peak_memory
        if not verdict.verified:
            verdict.flags.append(
                "Unverified: the tests ran beside the student's code (compatibility mode)."
            )
        verdict.cpu_s += time.process_time() - cpu
        verdict.wall_s = time.monotonic() - started
        return verdict


def seed_randomly() -> None:
    """The global random generators as a fresh kernel has them."""
    np.random.seed()
    random.seed()


def written(source: NotebookNode, cells: list[NotebookNode]) -> str:
    """The autograded notebook as JSON."""
    notebook = {
        "cells": cells,
        "metadata": {k: v for k, v in source.metadata.items() if k != "autograder"},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    taken: set[str] = set()
    for number, cell in enumerate(cells):
        if cell.get("id") in taken or not cell.get("id"):
            cell["id"] = f"cell-{number}"
        taken.add(cell["id"])
    return json.dumps(notebook, ensure_ascii=False)


def check_source(text: str, files: Mapping[str, bytes], judge: "Judge | None" = None) -> None:
    """Grade a source against itself.

    Raises:
        SourceError: it has no solutions, or fails its own tests; the message names the cell.
    """
    if judge is None:
        with Judge() as judge:
            check_source(text, files, judge)
        return
    source = judge.source(text)
    if not source.names and any(cell.role == "test" for cell in source.cells.values()):
        raise SourceError(
            "The source has no solutions: no solution cell of it defines a name, so there is "
            "nothing that its tests could test."
        )
    verdict = judge.grade(Job(text, text.encode(), "source", "instructor", files, {}))
    if verdict.failed is not None:
        raise SourceError(f"The source can't be graded against itself. {verdict.failed}")
    for cell in json.loads(verdict.notebook)["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "without a grade_id")
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                raise SourceError(
                    f"The source fails in its own cell {name!r}: "
                    f"{output['ename']}: {output['evalue'][:500]}"
                )
        score = verdict.scores.get(name)
        if cell["cell_type"] == "code" and score is not None and score != verdict.max_scores[name]:
            raise SourceError(
                f"The source's solution gets {score:g} of the {verdict.max_scores[name]:g} points "
                f"of its own test cell {name!r}. {verdict.messages.get(name, '')[:500]}"
            )
