"""`autograder grade` keeps every convention of nbgrader: rows, files, penalties, manual marks."""

import json

import pytest
from conftest import CONFIG
from nbgrader.api import Gradebook

STOCK = """\
from fake_execute import FakeExecute
from nbgrader.preprocessors import (
    AssignLatePenalties, CheckCellMetadata, IgnorePattern, LimitOutput, SaveAutoGrades
)
c = get_config()
c.CourseDirectory.course_id = "small"
c.Autograde.autograde_preprocessors = [
    FakeExecute, IgnorePattern, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata
]
"""
LATE = "c.LateSubmissionPlugin.penalty_method = 'zero'\n"


def write_answers(notebook, by_id):
    """Answer what is marked by hand, too."""
    by_id["plot"].source = "plot = 2"
    by_id["why"].source = "Because."


def hand_in_a_class(course):
    """Everything an honest class may do, one student each."""
    course.hand_in("ada", extra={"notes.txt": b"hi", "more/data.csv": b"7"}, edit=write_answers)
    course.hand_in("bob", "# wrong")
    course.hand_in("cem", "", when="2026-03-01 10:00:00 UTC")
    course.hand_in("dee", "# talks", extra={"data.csv": b"her own"}, when="2026-01-01 10:00 UTC")
    course.hand_in("eva", "# score: 3")
    course.hand_in("fay", "# score: 0.0", edit=write_answers)


def mark_by_hand(course):
    """A due date, and marks that a grader gave before the class is graded (again)."""
    with Gradebook(course.db_url, "small") as gradebook:
        gradebook.update_or_create_assignment("ps1", duedate="2026-02-01 00:00:00 UTC")
        gradebook.add_student("eva", first_name="Eva")
        gradebook.add_submission("ps1", "eva")
        grade = gradebook.find_grade("f-tests", "ps1", "ps1", "eva")
        grade.manual_score, grade.extra_credit = 1.5, 0.5
        gradebook.find_comment("plot", "ps1", "ps1", "eva").manual_comment = "Nice."
        gradebook.db.commit()


def names_and_modes(course):
    return {name: mode for name, (_, mode) in course.files().items()}


@pytest.mark.slow
def test_rows_and_files_are_those_of_stock_nbgrader_and_of_the_drop_in(make_course):
    courses = {
        "stock": make_course("stock", STOCK + LATE),
        "drop-in": make_course("drop-in", CONFIG + LATE),
        "grade": make_course("grade", CONFIG + LATE),
    }
    for course in courses.values():
        hand_in_a_class(course)
        mark_by_hand(course)
    for name in ("stock", "drop-in"):
        courses[name].run("nbgrader", "autograde", "ps1")
    report = courses["grade"].grade()

    assert report.graded == ["ada", "bob", "cem", "dee", "eva", "fay"]
    rows = courses["grade"].rows()
    assert rows == courses["stock"].rows()
    assert rows == courses["drop-in"].rows()
    assert courses["grade"].files() == courses["drop-in"].files()
    assert names_and_modes(courses["grade"]) == names_and_modes(courses["stock"])

    assert rows["cem"]["ps1"]["penalty"] == rows["cem"]["score"] == 8
    assert rows["dee"]["ps1"]["penalty"] is None
    assert rows["eva"]["ps1"]["grades"]["f-tests"] == (3, 1.5, 0.5, True)
    assert rows["eva"]["ps1"]["comments"]["plot"] == ("No response.", "Nice.")
    assert rows["ada"]["ps1"]["comments"]["plot"] == (None, None)
    assert courses["grade"].files()["dee/ps1/data.csv"][0] == b"1,2\n", "the source's file wins"
    talk = json.loads(courses["grade"].autograded("dee").read_text())["cells"][2]["outputs"][0]
    assert "Output truncated" in "".join(talk["text"])
    assert courses["grade"].grade().unchanged == report.graded
