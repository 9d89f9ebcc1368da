"""No hostile submission wins a mark, costs anybody else one, or leaves a trace.

And the other way round: with the protection switched off that an attack aims at, it does.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.sandbox import available_tiers
from hostile import harm
from hostile.attack import Attack, Off
from hostile.catalogue import ATTACKS, PAGE, table
from hostile.course import LOOT, NOT_WON, POINTS, RIGHT, make_folder, submission
from hostile.graders import Apart, Grader, Here, Naive, without
from hostile.odd import ODD

MOST_SECONDS = 8.0  # a call's, and the submission's other cells' after a restart, on a busy machine
MOST_MEGABYTES = 80  # a few copies of the largest answer allowed
MOST_CHARACTERS = 1_000_000
PATIENCE, HOPELESS = 10.0, 2.0  # seconds for a grader without protection
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
        self.gradebook = open(self.folder / "gradebook.db", "rb")  # a grader has it open

    def close(self) -> None:
        self.listener.close()
        self.gradebook.close()
        shutil.rmtree(self.place)

    def prelude(self, grade: Grader) -> str:
        half = len(LOOT) // 2
        return (
            f"COURSE, PORT, TOKEN = {str(self.folder)!r}, {self.listener.port}, {self.token!r}\n"
            f"JUDGE, GROUP = {grade.judge}, {os.getpgrp()}\n"
            f"LOOT = {LOOT[:half]!r} + {LOOT[half:]!r}\n\n"
        )

    def harms(self, attack: Attack, grade: Grader, patience: float = MOST_SECONDS) -> Iterator[str]:
        """Grade the attack, its accomplice and a neighbour; say what harm was done."""
        prelude = self.prelude(grade)
        files, processes = harm.fingerprint(self.folder), harm.below()
        self.listener.count()
        begin = time.monotonic()
        with harm.Peak() as memory:
            graded = grade("attacker", attack.submission(prelude))
        seconds = time.monotonic() - begin

        if graded.problem:
            yield f"not graded: {graded.problem}"
        if seconds > patience:
            yield f"took {seconds:.1f} s"
        megabytes = max(memory.growth, graded.megabytes)
        if megabytes > MOST_MEGABYTES:
            yield f"took {megabytes:.0f} MB of the judge's memory"
        for name, worth in attack.honest().items():
            mark = graded.marks.get(name) or 0.0
            if mark > worth:
                yield f"won {mark} instead of {worth} in {name}"
            if mark < worth and name.removesuffix("-test") not in attack.lost:
                yield f"has {graded.marks.get(name)} instead of {worth} in {name}"
        harvest = attack.harvest(prelude)
        if harvest is not None:
            graded.shown += grade("accomplice", harvest).shown
        if LOOT in graded.shown:
            yield "reached what it must not"
        if len(graded.shown) > MOST_CHARACTERS:
            yield f"shows {len(graded.shown)} characters"
        if files != harm.fingerprint(self.folder):
            yield "changed the course"
        if harm.left_behind(self.token):
            yield f"left {harm.left_behind(self.token)}"
        if self.listener.count():
            yield "reached the network"

        left = harm.below() - processes
        deadline = time.monotonic() + 1.5
        while len(left) > self.allowed_new(processes) and time.monotonic() < deadline:
            time.sleep(0.02)
            left = harm.below() - processes
        if len(left) > self.allowed_new(processes):
            yield f"left {len(left)} processes"
        neighbour = grade("neighbour", submission(RIGHT))
        if {name: neighbour.marks.get(name) for name in NEIGHBOUR} != NEIGHBOUR:
            yield f"the neighbour got {neighbour.marks}, {neighbour.problem}"

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


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    harm.adopt_orphans()
    made = Scene()
    os.environ["COURSE_TOKEN"] = made.token  # a secret of the grader's environment
    yield made
    del os.environ["COURSE_TOKEN"]
    made.close()


@pytest.fixture(scope="module")
def judge(scene) -> Iterator[Here]:
    made = Here()
    yield made
    made.close()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_does_no_harm(attack, scene, judge):
    before = harm.below()
    try:
        assert list(scene.harms(attack, judge)) == []
    except BaseException:
        judge.close()
        scene.clean(before)
        judge.start()
        raise


@pytest.mark.parametrize("cells", ODD.values(), ids=ODD.keys())
def test_an_odd_answer_costs_nobody_else_anything(cells, scene, judge):
    odd = Attack("odd", "none", Off.CHECKS, cells, right=("count", "late"))
    assert list(scene.harms(odd, judge)) == []


def test_an_honest_submission_does_none_either(scene, judge):
    assert list(scene.harms(honest(ALL_RIGHT), judge)) == []


def honest(right: tuple[str, ...]) -> Attack:
    return Attack("honest", "none", Off.SEPARATION, right=right)


@pytest.fixture(scope="module")
def weakened(scene) -> Iterator[Callable[[Off], Apart | Naive]]:
    """Graders that lack a protection, each made when it is first wanted."""
    made: dict[Off, Apart | Naive] = {}

    def get(off: Off) -> Apart | Naive:
        if off not in made:
            made[off] = without(off, scene.folder)
        made[off].ready()
        made[off].patience = PATIENCE
        return made[off]

    yield get
    for grader in made.values():
        grader.close()


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_does_harm_with_its_protection_off(attack, scene, weakened):
    grade = weakened(attack.off)
    before = harm.below()
    try:
        if attack.hangs:
            grade.patience = HOPELESS
        # On a busy machine an attack may need more than one try to succeed. One harm is enough.
        assert any(next(scene.harms(attack, grade, patience=15), None) for _ in range(3))
    finally:
        scene.clean(before)


@pytest.mark.slow
@pytest.mark.parametrize("off", Off)
@pytest.mark.parametrize("right", [(), ALL_RIGHT], ids=["wrong", "right"])
def test_without_protection_honest_work_is_marked_as_well(off, right, scene, weakened):
    """So it is the attack that does harm above, not the missing protection."""
    assert list(scene.harms(honest(right), weakened(off))) == []


def test_the_book_shows_the_catalogue_as_it_is():
    assert len(ATTACKS) >= 40
    assert PAGE.read_text(encoding="utf-8") == table(), "run python -m hostile.catalogue"
