"""The demo: what it promises and refuses, and the way through a set from release to feedback."""

import re
import shutil
from pathlib import Path

import pytest

from autograder.demo import __main__ as demo
from autograder.demo import path, report
from autograder.demo.course import ROOT, CommandError, Course
from autograder.demo.students import the_class

pytestmark = pytest.mark.slow

OTHER_SETS = sorted({p.name for p in (ROOT / "solutions").iterdir()} - {"ps2"})
MISTAKEN = [student.name for student in the_class() if student.story.startswith("wrong")]


def test_an_unknown_assignment_is_one_clear_line(tmp_path):
    course = Course(tmp_path / "course")
    course.create([], time_limit=10)
    with pytest.raises(CommandError, match=r"^'nbgrader generate_assignment nope' failed .*log$"):
        course.nbgrader("generate_assignment", "nope")
    assert "No notebooks were matched" in course.log("generate_assignment", None).read_text()


def test_a_folder_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "thesis.txt").touch()
    assert demo.main(["--course", str(tmp_path)]) == 1
    assert "not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def outcome(student, *, points=20, graded=True, feedback=None):
    """A result as the demo would read it: `points` of 20 for each problem the student loses."""
    problems = dict.fromkeys(student.loses or ["forward"], report.Mark(points, 20))
    return report.Result(student, problems, "", graded, feedback)


def test_a_broken_promise_is_named_and_fails_the_demo(tmp_path, monkeypatch, capsys):
    unfair = outcome(the_class()[0], points=19)
    monkeypatch.setattr(demo, "demonstrate", lambda *arguments: None)
    monkeypatch.setattr(report, "results", lambda *arguments: [unfair])
    assert demo.main(["--course", str(tmp_path / "course")]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "demo: ada (right) should have full marks for forward, but has 19/20"


def test_a_command_that_fails_ends_the_demo_in_one_line(tmp_path, monkeypatch, capsys):
    def refuse(course, students, step):
        step("release_assignment", "nope")

    monkeypatch.setattr(demo, "demonstrate", refuse)
    assert demo.main(["--course", str(tmp_path / "course")]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("demo: 'nbgrader release_assignment nope' failed with exit status 1")
    assert Path(last.split(" is in ")[1]).read_text()


def test_a_mistake_with_full_marks_is_a_broken_promise():
    mistaken = next(student for student in the_class() if student.name in MISTAKEN)
    assert "less than full" in outcome(mistaken).broken_promise()


def test_a_graded_student_without_feedback_is_a_broken_promise():
    ada = the_class()[0]
    assert "should have feedback" in outcome(ada).broken_promise()
    assert outcome(ada, graded=False).broken_promise() is None


def test_grading_that_fails_for_everybody_is_not_put_down_to_them(tmp_path):
    def step(command, *arguments, student=None):
        if command == "fetch_assignment":
            shutil.copytree(course.source.parent, course.submission(student).parent)
        if command == "autograde":
            raise CommandError(f"{student} could not be graded")

    course, students = Course(tmp_path / "course"), the_class()[:2]
    course.create([student.name for student in students], time_limit=10)
    with pytest.raises(CommandError, match="ada"):
        demo.demonstrate(course, students, step)


@pytest.mark.parametrize(
    "name", ["ps2", *(pytest.param(s, marks=pytest.mark.full) for s in OTHER_SETS)]
)
def test_a_student_can_go_the_whole_way_through_a_set(name, capsys):
    assert path.main([name]) == 0
    printed = capsys.readouterr().out
    rows = dict(re.findall(r"^(\w+) +([\d./]+)$", printed, re.MULTILINE))
    assert [*rows] == [*path.STEPS, "points"]
    points, of = rows["points"].split("/")
    assert points == of


def test_an_unknown_set_is_named(capsys):
    assert path.main(["ps99"]) == 1
    assert "there is no ps99; there are" in capsys.readouterr().err
