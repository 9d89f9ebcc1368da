"""No hostile submission wins a mark, costs anybody else one, or leaves a trace.

And the other way round: with the protection switched off that an attack aims at, it does.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autograder.judge import Job, Judge
from autograder.sandbox import Limits, available_tiers
from hostile import harm
from hostile.attack import Attack, Off
from hostile.catalogue import ATTACKS, PAGE, table
from hostile.course import LOOT, NOT_WON, NOTEBOOK, POINTS, RIGHT, make_folder, source, submission
from hostile.naive import in_one_process

SMALL = Limits(
    memory=1 << 30, cpu_s=10, call_s=1, wall_s=3, output=100_000, file_size=16 << 20,
    answer=16 << 20, open_files=64,
)  # fmt: skip
NONE = replace(
    SMALL, memory=8 << 30, cpu_s=600, call_s=20, wall_s=40, output=200 << 20,
    file_size=1 << 30, answer=1 << 30,
    open_files=8192,
)  # fmt: skip
MOST_SECONDS = 8.0  # a call's, and the submission's other cells' after a restart, on a busy machine
MOST_MEGABYTES = 80  # a few copies of the largest answer allowed
MOST_CHARACTERS = 1_000_000
NEIGHBOUR = {f"{name}-test": 0 if name in NOT_WON else POINTS[name] for name in POINTS}
ALL_RIGHT = tuple(name for name in POINTS if name not in NOT_WON)


def protected() -> bool:
    return any(tier.works and tier.name in ("full", "landlock") for tier in available_tiers())


pytestmark = [
    pytest.mark.skipif(
        not protected(), reason="no isolation on this machine: see `autograder doctor`"
    ),
    pytest.mark.filterwarnings("ignore"),  # the submissions' own
]


@dataclass
class Graded:
    """What a grader said: marks by test, everything that it shows, and why it gave up, if so."""

    marks: dict[str, float | None]
    shown: str
    problem: str | None = None


Grader = Callable[[str, bytes], Graded]  # of a student's name and submission


class Scene:
    """A course folder to attack, a server that listens, and what to watch."""

    def __init__(self) -> None:
        # not below tmp_path, which only its owner may enter: here anybody could, if let
        self.place = Path(tempfile.mkdtemp(prefix="course-"))
        self.folder = self.place / "course"
        self.token = os.urandom(6).hex()
        self.listener = harm.Listener(self.token)
        self.reset()

    def reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.place.chmod(0o755)
        self.folder.mkdir()
        make_folder(self.folder)

    def close(self) -> None:
        self.listener.close()
        shutil.rmtree(self.place)

    def prelude(self) -> str:
        half = len(LOOT) // 2
        return (
            f"COURSE, PORT, TOKEN = {str(self.folder)!r}, {self.listener.port}, {self.token!r}\n"
            f"JUDGE, GROUP = {os.getpid()}, {os.getpgrp()}\n"
            f"LOOT = {LOOT[:half]!r} + {LOOT[half:]!r}\n\n"
        )

    def harms(self, attack: Attack, grade: Grader, patience: float = MOST_SECONDS) -> list[str]:
        """Grade the attack, its accomplice and a neighbour; say what harm was done."""
        found = []
        files, processes = harm.fingerprint(self.folder), harm.below()
        self.listener.count()
        begin = time.monotonic()
        with harm.Peak() as memory:
            graded = grade("attacker", attack.submission(self.prelude()))
        seconds = time.monotonic() - begin

        if graded.problem:
            found.append(f"not graded: {graded.problem}")
        if seconds > patience:
            found.append(f"took {seconds:.1f} s")
        if memory.growth > MOST_MEGABYTES:
            found.append(f"took {memory.growth:.0f} MB of the judge's memory")
        for name, worth in attack.honest().items():
            mark = graded.marks.get(name) or 0.0
            if mark > worth:
                found.append(f"won {mark} instead of {worth} in {name}")
            if mark < worth and name.removesuffix("-test") not in attack.lost:
                found.append(f"has {graded.marks.get(name)} instead of {worth} in {name}")
        harvest = attack.harvest(self.prelude())
        if harvest is not None:
            graded.shown += grade("accomplice", harvest).shown
        if LOOT in graded.shown:
            found.append("reached what it must not")
        if len(graded.shown) > MOST_CHARACTERS:
            found.append(f"shows {len(graded.shown)} characters")

        left = harm.below() - processes
        deadline = time.monotonic() + 1.5
        while len(left) > self.allowed_new(processes) and time.monotonic() < deadline:
            time.sleep(0.02)
            left = harm.below() - processes
        if len(left) > self.allowed_new(processes):
            found.append(f"left {len(left)} processes")
        neighbour = grade("neighbour", submission(RIGHT))
        if {name: neighbour.marks.get(name) for name in NEIGHBOUR} != NEIGHBOUR:
            found.append(f"the neighbour got {neighbour.marks}, {neighbour.problem}")
        if files != harm.fingerprint(self.folder):
            found.append("changed the course")
        if harm.left_behind(self.token):
            found.append(f"left {harm.left_behind(self.token)}")
        if self.listener.count():
            found.append("reached the network")
        return found

    def allowed_new(self, before: set[int]) -> int:
        """A fork server that had to be started again is no harm."""
        return len(before) - len(before & harm.below())

    def clean(self, processes: set[int]) -> None:
        """Put right what an attack did that was let through."""
        harm.end(harm.below() - processes)
        harm.reap_strangers(processes)
        for path in harm.left_behind(self.token):
            os.remove(path)
        self.reset()


def by(judge: Judge) -> Grader:
    def grade(student: str, data: bytes) -> Graded:
        job = Job(
            source=source(), submission=data, notebook=NOTEBOOK, student=student,
            source_files={}, student_files={},
        )  # fmt: skip
        verdict = judge.grade(job)
        return Graded(verdict.scores, json.dumps(verdict.as_dict()), verdict.failed)

    return grade


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    harm.adopt_orphans()
    made = Scene()
    os.environ["COURSE_TOKEN"] = made.token  # a secret of the grader's environment
    yield made
    del os.environ["COURSE_TOKEN"]
    made.close()


class Warm:
    """One judge for many submissions; another after it has failed a test."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        self.make = lambda: Judge(*arguments, **keywords)
        self.start()

    def start(self) -> None:
        self.judge = self.make()
        by(self.judge)("warm", submission(RIGHT))


@pytest.fixture(scope="module")
def warm(scene) -> Iterator[Warm]:
    made = Warm(SMALL)
    yield made
    made.judge.close()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_does_no_harm(attack, scene, warm):
    before = harm.below()
    try:
        harms = scene.harms(attack, by(warm.judge))
        assert harms == []
    except BaseException:
        warm.judge.close()
        scene.clean(before)
        warm.start()
        raise


def test_an_honest_submission_does_none_either(scene, warm):
    honest = Attack("honest", "none", None, right=ALL_RIGHT)
    assert scene.harms(honest, by(warm.judge)) == []


@pytest.fixture(scope="module")
def unisolated(scene) -> Iterator[Judge]:
    made = Judge(SMALL, tier="none")
    by(made)("warm", submission(RIGHT))
    yield made
    made.close()


@pytest.fixture(scope="module")
def unlimited(scene) -> Iterator[Judge]:
    made = Judge(NONE)
    by(made)("warm", submission(RIGHT))
    yield made
    made.close()


def without(off: Off, scene: Scene, request, patience: float = 10) -> Grader:
    """A grader that lacks one protection."""
    if off is Off.ISOLATION:
        return by(request.getfixturevalue("unisolated"))
    if off is Off.LIMITS:
        return by(request.getfixturevalue("unlimited"))
    return naively(scene, patience, believe=off is Off.SOURCE)


def naively(scene: Scene, patience: float, believe: bool) -> Grader:
    import IPython.core.interactiveshell  # noqa: F401 (warm, so that each fork has it)
    import numpy  # noqa: F401

    def grade(student: str, data: bytes) -> Graded:
        marks, shown, late = in_one_process(source(), data, scene.folder, patience, believe)
        for name in ("marks.jsonl", "printed.txt"):
            (scene.folder / name).unlink(missing_ok=True)
        return Graded(marks, shown, "no end in sight" if late else None)

    return grade


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.off], ids=lambda attack: attack.name
)
def test_does_harm_with_its_protection_off(attack, scene, request):
    grade = without(attack.off, scene, request, patience=2 if attack.kind == "endless" else 10)
    before = harm.below()
    try:
        # On a busy machine an attack may need more than one try to succeed.
        assert any(scene.harms(attack, grade, patience=15) for _ in range(3))
    finally:
        scene.clean(before)


@pytest.mark.slow
@pytest.mark.parametrize("off", Off)
@pytest.mark.parametrize("right", [(), ALL_RIGHT], ids=["wrong", "right"])
def test_without_protection_honest_work_is_marked_as_well(off, right, scene, request):
    """So it is the attack that does harm above, not the missing protection."""
    honest = Attack("honest", "none", None, right=right)
    assert scene.harms(honest, without(off, scene, request)) == []


def test_every_attack_says_what_it_is_for():
    for attack in ATTACKS:
        assert attack.off or attack.why, f"{attack.name}: why is no protection switched off?"


def test_the_book_shows_the_catalogue_as_it_is():
    assert len(ATTACKS) >= 40
    assert PAGE.read_text(encoding="utf-8") == table(), "run python -m hostile.catalogue"
