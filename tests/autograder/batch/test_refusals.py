"""What can't be graded is said in one clear line, and costs nobody else anything."""

import errno
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import drive
import pytest
from fake_judge import FakeJudge

from autograder import cli
from autograder.batch import files, lock, work
from autograder.batch.errors import RefusedError
from autograder.judge import Verdict
from autograder.sandbox import NoIsolationError


def test_submissions_that_are_not_notebooks_fail_alone_and_are_tried_again(course):
    course.hand_in("ada")
    course.hand_in("bob")
    course.submitted("bob").write_text("PK\x03\x04")
    course.hand_in("cem", when="next Tuesday, I hope")
    course.hand_in("dee")
    course.submitted("dee").rename(course.submitted("dee").with_name("other.ipynb"))
    course.hand_in("eva")
    course.submitted("eva").unlink()
    course.submitted("eva").symlink_to(course.source)
    course.hand_in("fay", extra={"answers.txt": b""})
    (course.submitted("fay").with_name("answers.txt")).unlink()
    (course.submitted("fay").with_name("answers.txt")).symlink_to(course.source)

    report = course.grade()
    assert report.graded == ["ada", "fay"]
    assert "no JSON" in report.failed["bob"]
    assert "timestamp.txt holds no date" in report.failed["cem"]
    assert "no notebook of the assignment" in report.failed["dee"]
    assert "ps1.ipynb is a link" in report.failed["eva"]
    assert any("answers.txt is a link" in flag for flag in report.flags["fay"])
    assert {path.split("/")[0] for path in course.files()} == {"ada", "fay"}
    assert "fay/ps1/answers.txt" not in course.files(), "it would lead to the source"
    assert sorted(course.record_names()) == ["ada", "fay"]
    course.hand_in("bob", "# score: 4")
    again = course.grade()
    assert again.graded == ["bob"]
    assert again.unchanged == ["ada", "fay"]
    assert again.failed.keys() == {"cem", "dee", "eva"}


def test_only_what_changed_is_graded_again(course):
    for name in ("ada", "bob", "cem", "dee"):
        course.hand_in(name)
    course.grade()
    course.hand_in("ada", "# score: 1")
    course.hand_in("bob", extra={"new.txt": b"new"})
    files.rmtree(str(course.autograded("cem").parent))
    report = course.grade()
    assert report.graded == ["ada", "bob", "cem"]
    assert report.unchanged == ["dee"]
    assert course.grade(students=["dee"], force=True).graded == ["dee"]

    source = json.loads(course.source.read_text())
    source["cells"][2]["source"] = ["# another test\n", *source["cells"][2]["source"]]
    course.source.write_text(json.dumps(source))
    assert course.grade().graded == ["ada", "bob", "cem", "dee"]


def test_what_nbgrader_removed_from_the_gradebook_is_graded_again(course):
    course.hand_in("ada")
    course.grade()
    course.run("nbgrader", "db", "student", "remove", "ada", "--force")
    assert course.grade().graded == ["ada"]
    assert course.rows()["ada"]["score"] == 5


def test_manual_marks_survive_a_new_grade(course):
    from nbgrader.api import Gradebook

    course.hand_in("ada")
    course.grade()
    with Gradebook(course.db_url, "small") as gradebook:
        grade = gradebook.find_grade("why", "ps1", "ps1", "ada")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        gradebook.find_comment("why", "ps1", "ps1", "ada").manual_comment = "Well said."
        gradebook.db.commit()
    course.grade(force=True)
    rows = course.rows()["ada"]["ps1"]
    assert rows["grades"]["why"] == (0, 4.5, None, True)
    assert rows["comments"]["why"] == ("No response.", "Well said.")


def test_a_source_that_fails_its_own_tests_is_refused(course):
    course.hand_in("ada")
    source = json.loads(course.source.read_text())
    source["cells"][1]["source"] += ["\n# fails its own tests"]
    course.source.write_text(json.dumps(source))
    with pytest.raises(RefusedError, match=r"source ps1.ipynb can't be used: cell f-tests fails"):
        course.grade()
    assert course.files() == {}


@pytest.mark.parametrize(
    ("assignment", "words"),
    [("nope", "there is no notebook in .*nope"), ("ps2", "'ps2' is not in the gradebook")],
)
def test_an_assignment_without_source_or_not_released_is_refused(
    course, monkeypatch, capsys, assignment, words
):
    course.hand_in("ada")
    (course.folder / "source" / "ps2").mkdir()
    (course.folder / "source" / "ps2" / "ps2.ipynb").write_text(course.source.read_text())
    monkeypatch.chdir(course.folder)
    assert cli.main(["grade", assignment]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("autograder: ")
    assert re.search(words, error)


def test_students_who_handed_in_nothing_are_named(course):
    course.hand_in("ada")
    with pytest.raises(RefusedError, match="handed in by bob, cem"):
        course.grade(students=["ada", "cem", "bob"])


def test_a_scheduler_that_is_not_there_is_refused(course, monkeypatch):
    from autograder.batch import dask_run

    monkeypatch.setattr(dask_run, "CONNECT_S", 0.5)
    course.hand_in("ada")
    with pytest.raises(RefusedError, match=r"no Dask scheduler .* answers at tcp://127.0.0.1:1"):
        course.grade(scheduler="tcp://127.0.0.1:1")


def test_a_second_grader_is_refused_and_told_who_is_first(course):
    course.hand_in("ada")
    with (
        lock.only_grader(course.folder, "ps1"),
        pytest.raises(RefusedError, match=r"graded already, by process \d+ on"),
    ):
        course.grade()
    assert course.grade().graded == ["ada"]


def test_a_full_disk_stops_the_run_but_loses_no_grade(course, monkeypatch):
    for name in ("ada", "bob", "cem"):
        course.hand_in(name)
    replace = files.replace_folder

    def until_full(folder, *arguments):
        if folder.parent.name == "bob":
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        replace(folder, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_folder", until_full)
        report = course.grade()
    assert report.graded == ["ada", "cem"]
    assert "No space left" in report.failed["bob"]
    assert "the disk is full" in report.stopped
    assert sorted(course.record_names()) == ["ada", "cem"]
    assert course.grade().graded == ["bob"]


# In a mount namespace of its own, which ends with it: grade on a disk with 40 kB left, and again
# after making room. Both outcomes are kept.
SMALL_DISK = """\
set -e
cp -a course start
mount -t tmpfs -o size=1m,mode=755 tmpfs $DISK
cp -a start${DISK#course}/. $DISK
head -c 2m /dev/zero > $DISK/filler || true
truncate -s -40K $DISK/filler
cd course
$PYTHON $DRIVE 1
cp -a . ../full
rm ../$DISK/filler
$PYTHON $DRIVE 1
cp -a . ../after
"""
APART = ["unshare", "--map-root-user", "--mount"]


@pytest.mark.slow
@pytest.mark.parametrize("disk", ["course/autograded", "course"])
def test_on_a_disk_that_is_full_nothing_is_half_written_and_a_rerun_does_the_rest(
    course, tmp_path, disk
):
    try_it = [*APART, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run(try_it, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here: allow user namespaces, see `autograder doctor`")
    everybody = [f"student{number:02}" for number in range(20)]
    for name in everybody:
        course.hand_in(name)
    (course.folder / "autograded").mkdir()

    done = subprocess.run(
        [*APART, "sh", "-c", SMALL_DISK],
        cwd=tmp_path,
        env=course.environment
        | {"DISK": disk, "PYTHON": sys.executable, "DRIVE": str(Path(drive.__file__))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert "disk is full" in first["stopped"]
    assert "run the same command again for the rest" in first["stopped"]
    assert second["stopped"] is None
    assert sorted(first["graded"] + second["graded"]) == everybody
    assert len(second["graded"]) > 0

    full, after = (type(course)(tmp_path / name) for name in ("full", "after"))
    assert sorted(full.record_names()) == sorted(first["graded"])
    assert sorted(after.record_names()) == everybody
    written = after.files()
    assert written.keys() == {f"{n}/ps1/{f}" for n in everybody for f in ("data.csv", "ps1.ipynb")}
    begun = {name: file for name, file in full.files().items() if name != "filler"}
    whole = {name for name in written if name.split("/")[0] in {n.split("/")[0] for n in begun}}
    assert begun.keys() == whole, "a folder is there as a whole or not at all"
    assert begun.items() <= written.items(), "and what was there stays"


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = tmp_path / "ada" / "ps1"
    files.replace_folder(folder, {"a": b"1", "b/c": b"2"}, 0o444, False)
    files.replace_folder(folder, {"a": b"3"}, 0o444, False)
    assert [path.name for path in folder.rglob("*")] == ["a"]
    with pytest.raises(IsADirectoryError):
        files.replace_folder(folder, {"a": b"4", ".": b"5"}, 0o444, False)
    assert (folder / "a").read_bytes() == b"3"
    assert [path.name for path in folder.parent.iterdir()] == ["ps1"]


def test_what_a_killed_run_left_beside_a_folder_is_tidied(tmp_path):
    folder = tmp_path / "ada" / "ps1"
    old, new = (folder.with_name(f".ps1.0123.{word}") for word in (files.OLD, files.NEW))
    for path in (old, new):
        path.mkdir(parents=True)
        (path / "a").write_text(path.suffix)
    files.tidy(folder)
    assert (folder / "a").read_text() == ".old"
    assert [path.name for path in folder.parent.iterdir()] == ["ps1"]


class Bare(FakeJudge):
    """The judge's process on a machine that can isolate nothing."""

    def __init__(self, tier=None):
        self.tier = tier

    def check_source(self, source, files):
        if self.tier != "none":
            raise NoIsolationError("nothing can be isolated here")

    def grade(self, job):
        return Verdict.from_dict(super().grade(job.as_dict()) | {"tier": self.tier})


def test_a_machine_without_isolation_is_refused_unless_told_otherwise(course, monkeypatch, capsys):
    monkeypatch.chdir(course.folder)
    monkeypatch.setattr(work, "JudgeProcess", Bare)
    course.hand_in("ada")
    assert cli.main(["grade", "ps1", "--jobs", "1"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "nothing can be isolated here" in error
    assert "--unprotected" in error
    assert cli.main(["grade", "ps1", "--jobs", "1", "--unprotected"]) == 0
    assert "1 graded, 0 unchanged, 0 failed" in capsys.readouterr().out
    facts = json.loads(course.autograded("ada").read_text())["metadata"]["autograder"]
    assert facts["tier"] == "none"


@pytest.mark.slow
def test_the_drop_in_grades_what_an_interrupted_run_left_and_names_what_it_refuses(course):
    course.hand_in("ada")
    course.autograded("ada").parent.mkdir(parents=True)
    course.autograded("ada").write_text("{}")
    course.hand_in("bob", "# unreadable")
    done = course.run("nbgrader", "autograde", "ps1", check=False)
    assert done.returncode == 1
    assert "bob" in done.stderr
    assert "it says so itself" in done.stderr
    assert course.rows()["ada"]["score"] == 5
    assert {path.split("/")[0] for path in course.files()} == {"ada"}

    source = json.loads(course.source.read_text())
    source["cells"][1]["source"] += ["\n# fails its own tests"]
    course.source.write_text(json.dumps(source))
    refused = course.run("nbgrader", "autograde", "ps1", "--force", check=False)
    assert refused.returncode == 1
    assert "cell f-tests fails" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {path.split("/")[0] for path in course.files()} == {"ada"}, "nothing was touched"
