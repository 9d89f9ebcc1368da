"""The gradebook on PostgreSQL, and a gradebook that can't be used."""

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from autograder.batch import ledger
from autograder.batch.errors import RefusedError


def postgres_programs():
    """The folder of PostgreSQL's server programs, or None."""
    return max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), default=Path("none/none")).parent


@pytest.fixture(scope="module")
def postgres():
    """The address of a database on a PostgreSQL server of our own."""
    programs = postgres_programs()
    if not (programs / "initdb").exists():
        pytest.skip("no PostgreSQL server: install the Debian package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: a socket's name has a limit
    unprivileged = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        unprivileged = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}"]
        unprivileged += ["--clear-groups"]

    def run(program, *arguments):
        command = [*unprivileged, str(programs / program), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    data = str(folder / "data")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        run("initdb", "-D", data, "-U", "teacher", "-A", "trust", "--no-sync")
        run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            run("createdb", "-h", str(folder), "-U", "teacher", "grades")
            yield f"postgresql+psycopg2://teacher:secret@/grades?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
def test_postgresql_holds_the_same_gradebook_as_sqlite(make_course, postgres):
    sqlite, other = make_course("sqlite"), make_course("postgresql")
    other.use_database(postgres)
    other.run("nbgrader", "generate_assignment", "ps1", "--force")
    for course in (sqlite, other):
        course.hand_in("ada", "# score: 3", when="2026-01-01 10:00:00 UTC")
        course.hand_in("bob", "# wrong")
        course.hand_in("cem", "# unreadable")
        assert course.grade().graded == ["ada", "bob"]
        course.hand_in("bob", "")
        assert course.grade().graded == ["bob"]
    assert sqlite.rows() == other.rows()
    assert other.rows()["bob"]["ps1"]["grades"]["f-tests"][0] == 4
    assert not (other.folder / "gradebook.db").exists()


def test_a_server_that_is_not_there_is_a_clear_message_without_the_password(course):
    course.use_database("postgresql+psycopg2://teacher:secret@127.0.0.1:1/grades")
    course.hand_in("ada")
    with pytest.raises(RefusedError, match=r"the gradebook postgres.* can't be used") as refused:
        course.grade()
    assert "secret" not in str(refused.value)
    assert "refused" in str(refused.value)


def test_a_locked_gradebook_is_refused_before_the_start(course, monkeypatch):
    monkeypatch.setattr(ledger, "START_PATIENCE", 0.1)
    course.hand_in("ada")
    with sqlite3.connect(course.folder / "gradebook.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RefusedError, match="another program holds a lock"):
            course.grade()
        other.rollback()
    assert course.grade().graded == ["ada"]


def test_a_lock_in_the_middle_is_waited_for(course, monkeypatch):
    course.hand_in("ada")
    save, locks = ledger.Ledger._save, []

    def locked_once(self, graded):
        if not locks:
            locks.append(sqlite3.connect(course.folder / "gradebook.db"))
            locks[0].execute("BEGIN EXCLUSIVE")
        else:
            locks[0].rollback()
        return save(self, graded)

    monkeypatch.setattr(ledger.Ledger, "_save", locked_once)
    assert course.grade().graded == ["ada"]


def test_a_lock_that_stays_ends_the_run_and_a_rerun_does_the_rest(course, monkeypatch):
    monkeypatch.setattr(ledger, "PATIENCE", 0.1)
    course.hand_in("ada")
    save, locks = ledger.Ledger._save, []

    def locked(self, graded):
        locks.append(sqlite3.connect(course.folder / "gradebook.db"))
        locks[0].execute("BEGIN EXCLUSIVE")
        return save(self, graded)

    with monkeypatch.context() as patch:
        patch.setattr(ledger.Ledger, "_save", locked)
        report = course.grade()
    assert "another program holds a lock" in report.stopped
    assert report.graded == []
    locks[0].rollback()
    assert course.rows() == {}
    assert course.grade().graded == ["ada"]


def test_no_gradebook_is_made_where_nothing_was_released(course):
    (course.folder / "gradebook.db").unlink()
    course.hand_in("ada")
    with pytest.raises(RefusedError, match=r"there is no gradebook .* generate_assignment"):
        course.grade()
    assert not (course.folder / "gradebook.db").exists()
