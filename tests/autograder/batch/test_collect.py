"""Collecting from an exchange that students can write to: theirs, and nothing else."""

import datetime
import getpass
import logging
import os
import shutil
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import ExchangeCollect
from traitlets.config import Config

from autograder.batch import collect
from autograder.batch.collect import Collect

ME = getpass.getuser()
SECRET = "the answer is 42"


class Exchange:
    """An exchange with a course in it, where every file is ours."""

    def __init__(self, root: Path, gradebook: Path) -> None:
        self.root = root
        self.inbound = root / "exchange" / "course" / "inbound"
        self.inbound.mkdir(parents=True)
        (root / "exchange").chmod(0o777)
        (root / "secret.ipynb").write_text(SECRET)
        shutil.copy(gradebook, root / "gradebook.db")

    def hand_in(self, student: str, time: str = "", secret: str = "r4nd0m") -> Path:
        """Put a submission there, as `nbgrader submit` names it; now, if no time is given."""
        time = time or f"{datetime.datetime.now(datetime.UTC):%F %T} UTC"
        folder = self.inbound / f"{student}+ps1+{time}+{secret}"
        folder.mkdir()
        (folder / "ps1.ipynb").write_text(f"by {student}, {time}")
        (folder / "timestamp.txt").write_text(time)
        (folder / "submission_secret.txt").write_text("s3cret")
        return folder

    def collect(self, kind: type = Collect, **options: bool) -> list[str]:
        """Collect, and return the files that came, by path from submitted/."""
        config = Config()
        config.Exchange.root = str(self.root / "exchange")
        config.CourseDirectory.update(
            root=str(self.root),
            course_id="course",
            assignment_id="ps1",
            db_url=f"sqlite:///{self.root}/gradebook.db",
        )
        for name, value in options.items():
            config.ExchangeCollect[name] = value
        kind(coursedir=CourseDirectory(config=config), config=config).start()
        submitted = self.root / "submitted"
        return sorted(
            p.relative_to(submitted).as_posix() for p in submitted.rglob("*") if p.is_file()
        )


@pytest.fixture(scope="module")
def gradebook(tmp_path_factory) -> Path:
    """A new gradebook; nbgrader takes two seconds to make one."""
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch:  # nbgrader calls alembic by its bare name
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        Gradebook(f"sqlite:///{path}", "course").close()
    return path


@pytest.fixture
def exchange(tmp_path: Path, gradebook: Path) -> Exchange:
    return Exchange(tmp_path, gradebook)


@pytest.fixture
def said(caplog) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    logging.getLogger("traitlets").propagate = True
    return caplog


OURS = [f"{ME}/ps1/{name}" for name in ("ps1.ipynb", "submission_secret.txt", "timestamp.txt")]


def test_what_a_student_handed_in_is_collected(exchange, said):
    exchange.hand_in(ME)
    assert exchange.collect() == OURS
    assert said.text == ""


def test_nobody_hands_in_for_another(exchange, said):
    exchange.hand_in("ada")
    exchange.hand_in(ME)
    assert exchange.collect() == OURS
    assert f"handed in by {ME} in the name of ada" in said.text


def test_stock_nbgrader_takes_it(exchange):
    """What the test above protects from is real."""
    exchange.hand_in("ada")
    assert exchange.collect(ExchangeCollect) == [path.replace(ME, "ada") for path in OURS]


def test_check_owner_can_be_switched_off_as_in_nbgrader(exchange):
    exchange.hand_in("ada")
    assert exchange.collect(check_owner=False) == [path.replace(ME, "ada") for path in OURS]


def test_a_link_leads_nowhere(exchange, said):
    folder = exchange.hand_in(ME)
    (folder / "data.txt").symlink_to(exchange.root / "secret.ipynb")
    (folder / "more").symlink_to(exchange.root)
    os.mkfifo(folder / "pipe")
    assert exchange.collect() == OURS
    for name in ("data.txt", "more", "pipe"):
        assert f"{name!r} is left out: a link, no regular file" in said.text


def test_stock_nbgrader_follows_the_link(exchange):
    """What the test above protects from is real."""
    folder = exchange.hand_in(ME)
    (folder / "data.txt").symlink_to(exchange.root / "secret.ipynb")
    exchange.collect(ExchangeCollect)
    assert (exchange.root / "submitted" / ME / "ps1" / "data.txt").read_text() == SECRET


def test_a_notebook_that_is_a_link_is_left_out(exchange):
    folder = exchange.hand_in(ME)
    (folder / "ps1.ipynb").unlink()
    (folder / "ps1.ipynb").symlink_to(exchange.root / "secret.ipynb")
    assert exchange.collect() == OURS[1:]


def test_a_file_that_becomes_a_link_meanwhile_is_not_followed(exchange):
    folder = exchange.hand_in(ME)
    found = {}
    for name, file in collect.files_of(folder):
        found[name] = file
        for path in folder.glob("*"):
            if path.name not in found:
                path.unlink()
                path.symlink_to(exchange.root / "secret.ipynb")
    assert sorted(found) == ["ps1.ipynb", "submission_secret.txt", "timestamp.txt"]
    assert [name for name, file in found.items() if file] == ["ps1.ipynb"]


NOW = "2026-11-22 12:00:00 UTC"


def test_a_folder_that_is_a_link_gives_nothing(exchange, said):
    (exchange.root / "answers").mkdir()
    (exchange.root / "answers" / "ps1.ipynb").write_text(SECRET)
    (exchange.inbound / f"{ME}+ps1+{NOW}+r4nd0m").symlink_to(exchange.root / "answers")
    assert exchange.collect() == []
    assert "it can't be read (Not a directory)" in said.text


def test_a_pipe_in_place_of_a_folder_is_not_waited_for(exchange, said):
    os.mkfifo(exchange.inbound / f"{ME}+ps1+{NOW}+pipe")
    exchange.hand_in(ME, "2026-11-21 12:00:00 UTC")
    assert exchange.collect() == OURS
    assert "it can't be read (Not a directory)" in said.text


def test_folders_without_end_and_files_without_number_stop_nobody(exchange, said, monkeypatch):
    monkeypatch.setattr(collect, "FILES_LIMIT", 100)
    exchange.hand_in(ME, "2026-11-21 12:00:00 UTC")
    (exchange.hand_in(ME, NOW, "deep") / "/".join("d" * 50)).mkdir(parents=True)
    many = exchange.hand_in(ME, NOW, "many")
    for number in range(100):
        (many / f"{number}.txt").touch()
    assert exchange.collect() == OURS
    assert "folders lie too deep" in said.text and "more than 100 files" in said.text


def test_an_open_file_is_left_behind_by_nothing(exchange):
    folder = exchange.hand_in(ME)
    (folder / "more").mkdir()
    (folder / "more" / "data.txt").touch()
    (folder / "link").symlink_to("nowhere")
    before = os.listdir("/proc/self/fd")
    assert dict.fromkeys(name for name, _ in collect.files_of(folder)) == dict.fromkeys(
        ["link", "more/data.txt", "ps1.ipynb", "submission_secret.txt", "timestamp.txt"]
    )
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(
    "name",
    [
        "zoe+ps1+tomorrow+x",
        "zoe+ps1+",
        f"{ME}+ps1+9999999-01-01+x",
        f"{ME}+ps1+{'9' * 40}h+x",  # dateutil raises decimal.InvalidOperation
        f"{ME}+ps1+2026-01-01 00:00:00 ..+x",  # and here a warning as an error
    ],
)
def test_a_name_without_a_time_stops_nobody_else(exchange, said, name):
    exchange.hand_in(ME)
    (exchange.inbound / name).mkdir()
    assert exchange.collect() == OURS
    assert "holds no date and time" in said.text


def test_a_submission_too_large_stops_nobody_and_costs_no_disk(exchange, said):
    first = exchange.hand_in(ME, secret="first")
    exchange.collect()
    later = f"{datetime.datetime.now(datetime.UTC) + datetime.timedelta(1):%F %T} UTC"
    huge = exchange.hand_in(ME, later, secret="huge")
    with (huge / "data.bin").open("wb") as file:
        file.truncate(1 << 40)  # sparse: the disk holds nothing of it
    assert exchange.collect(update=True) == OURS
    copy = exchange.root / "submitted" / ME / "ps1" / "ps1.ipynb"
    assert copy.read_text() == (first / "ps1.ipynb").read_text()
    assert "too large" in said.text


def test_what_its_owner_changes_meanwhile_stops_nobody_else(exchange, said, monkeypatch):
    """Between the look and the copy, one submission grows and another is taken away."""
    monkeypatch.setattr(collect, "owner_of", lambda path: path.name.split("+")[0])
    for student in ("ada", "bela", "cem"):
        exchange.hand_in(student, NOW)
    limit = 1000 * CourseDirectory().max_dir_size
    look = Collect.init_src

    def look_then_change(self) -> None:
        look(self)
        with (exchange.inbound / f"ada+ps1+{NOW}+r4nd0m" / "data.bin").open("wb") as file:
            file.truncate(limit + 1)
        (exchange.inbound / f"bela+ps1+{NOW}+r4nd0m").rename(exchange.root / "gone")
        (exchange.inbound / f"bela+ps1+{NOW}+r4nd0m").symlink_to(exchange.root / "gone")

    monkeypatch.setattr(Collect, "init_src", look_then_change)
    assert exchange.collect() == [path.replace(ME, "cem") for path in OURS]
    assert "it grew while it was copied" in said.text and "Not a directory" in said.text


def test_the_time_that_counts_is_the_one_in_the_name(exchange, said):
    """Else a student writes an earlier one into the file that the late penalty is taken from."""
    folder = exchange.hand_in(ME, NOW)
    (folder / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    assert exchange.collect() == OURS
    submitted = exchange.root / "submitted" / ME / "ps1"
    assert (submitted / "timestamp.txt").read_text() == NOW
    assert "timestamp.txt does not give the time of its name" in said.text


@pytest.mark.parametrize("spoil", ["missing", "folder", "bytes", "words"])
def test_what_stands_in_timestamp_and_secret_stops_no_later_command(exchange, spoil):
    """nbgrader reads both again, for everybody: to collect anew, and to release feedback."""
    folder = exchange.hand_in(ME, NOW)
    for name in ("timestamp.txt", "submission_secret.txt"):
        path = folder / name
        path.unlink(missing_ok=True)
        if spoil == "folder":
            path.mkdir()
            (path / "x").touch()
        elif spoil != "missing":
            path.write_bytes(b"\xff" if spoil == "bytes" else b"")
    exchange.collect()
    submitted = exchange.root / "submitted" / ME / "ps1"
    assert len((submitted / "submission_secret.txt").read_text()) > 30
    exchange.hand_in(ME, "2026-11-22 13:00:00 UTC", "later")
    exchange.collect(update=True)
    assert (submitted / "timestamp.txt").read_text() == "2026-11-22 13:00:00 UTC"


def test_the_secret_that_was_submitted_stays(exchange):
    (exchange.hand_in(ME, NOW) / "submission_secret.txt").write_text("s3cret")
    exchange.collect()
    submitted = exchange.root / "submitted" / ME / "ps1"
    assert (submitted / "submission_secret.txt").read_text() == "s3cret"


def test_a_name_that_is_no_text_is_left_out(exchange, said):
    (exchange.hand_in(ME) / os.fsdecode(b"\xff.txt")).touch()
    assert exchange.collect() == OURS
    assert "'\\udcff.txt' is left out" in said.text


def test_more_than_nbgraders_own_limit_stops_nobody(exchange, said):
    exchange.hand_in(ME, "2026-11-21 12:00:00 UTC")
    large = exchange.hand_in(ME, NOW, "large")
    with (large / "data.bin").open("wb") as file:
        file.truncate(1000 * CourseDirectory().max_dir_size + 1)
    assert exchange.collect() == OURS
    assert "too large" in said.text


def test_handed_in_twice_the_latest_counts(exchange):
    exchange.hand_in(ME, "2026-11-01 12:00:00 UTC", secret="a")
    exchange.hand_in(ME, "2026-11-02 12:00:00 UTC", secret="b")
    exchange.hand_in(ME, "2026-11-01 18:00:00 UTC", secret="c")
    exchange.collect()
    copy = exchange.root / "submitted" / ME / "ps1" / "timestamp.txt"
    assert copy.read_text() == "2026-11-02 12:00:00 UTC"
    exchange.hand_in(ME, "2026-11-03 12:00:00 UTC", secret="d")
    exchange.collect()
    assert copy.read_text() == "2026-11-02 12:00:00 UTC"  # as nbgrader: only if asked for
    exchange.collect(update=True)
    assert copy.read_text() == "2026-11-03 12:00:00 UTC"


def test_changed_after_it_was_handed_in_is_remarked(exchange, said):
    exchange.hand_in(ME, "2026-01-01 00:00:00 UTC")
    assert exchange.collect() == OURS
    assert "was changed later, at" in said.text


@pytest.mark.slow
def test_nbgraders_own_command_collects_so(make_course, tmp_path, gradebook):
    course = make_course("course")
    exchange = Exchange(tmp_path / "there", gradebook)
    exchange.inbound.parent.rename(exchange.root / "exchange" / "small")
    exchange.inbound = exchange.root / "exchange" / "small" / "inbound"
    with (course.folder / "nbgrader_config.py").open("a") as config:
        config.write(f"c.Exchange.root = {str(exchange.root / 'exchange')!r}\n")
    exchange.hand_in("somebody")
    exchange.hand_in(ME)
    done = course.run("nbgrader", "collect", "ps1")
    assert "in the name of somebody" in done.stderr
    assert (course.folder / "submitted" / ME).is_dir()
    assert not (course.folder / "submitted" / "somebody").exists()
