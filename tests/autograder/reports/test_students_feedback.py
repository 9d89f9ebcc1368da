"""Feedback pages show what went wrong, and neither hidden tests nor what they expect."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.preprocessors import GetGrades

from autograder.reports.feedback import (
    NOTE,
    PREPROCESSORS,
    HideHiddenTests,
    HideMarkSchemes,
    TellHowGraded,
    grading_note,
)

HIDDEN = """\
assert callable(area)
### BEGIN HIDDEN TESTS
wanted = area_by_reference(17)
assert_allclose(area(17), 289.5)
### END HIDDEN TESTS"""


def graded_cell(source: str, *outputs: NotebookNode, **facts) -> NotebookNode:
    facts = {
        "grade": True,
        "locked": True,
        "solution": False,
        "grade_id": "q1",
        "points": 3,
    } | facts
    cell = new_code_cell(source, outputs=list(outputs))
    cell.metadata["nbgrader"] = facts
    return cell


def error_of(raised: Exception) -> NotebookNode:
    """An error output as a kernel writes it: the traceback shows lines of the cell."""
    frames = ["\x1b[31m----> 4\x1b[0m assert_allclose(area(17), 289.5)", f"Error: {raised}"]
    return new_output("error", ename=type(raised).__name__, evalue=str(raised), traceback=frames)


def shown(*cells: NotebookNode, steps=(HideHiddenTests, HideMarkSchemes, TellHowGraded)) -> str:
    """Everything that is left in the notebook, as one text."""
    notebook = new_notebook(cells=list(cells))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # a random one may hold the digits that are looked for
    for step in steps:
        notebook, _ = step().preprocess(notebook, {})
    nbformat.validate(notebook)
    return json.dumps(notebook, ensure_ascii=False)


def test_the_source_of_hidden_tests_gives_way_to_a_note():
    text = shown(graded_cell(HIDDEN))
    assert "assert callable(area)" in text
    assert NOTE in text
    assert "reference" not in text and "289" not in text and "HIDDEN TESTS" not in text


def test_the_note_keeps_the_indentation_and_an_open_region_ends_with_the_cell():
    text = shown(graded_cell("if True:\n    # BEGIN HIDDEN TESTS\n    secret = 1"))
    assert f"if True:\\n    {NOTE}" in text
    assert "secret" not in text


def test_numpys_report_becomes_words():
    wrong = np.arange(6.0).reshape(2, 3)
    right = wrong + 100.25
    with pytest.raises(AssertionError) as raised:
        np.testing.assert_allclose(wrong, right)
    text = shown(graded_cell(HIDDEN, error_of(raised.value)))
    assert "6 of 6 entries are wrong" in text
    assert not re.search(r"10\d\.25|DESIRED|ACTUAL|289|100\.25", text)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda: np.testing.assert_allclose(np.ones((2, 3)), np.full((3, 2), 77.5)), "(2, 3) inst"),
        (lambda: np.testing.assert_allclose([1, np.nan], [1, 77.5]), "nan stands where"),
        (lambda: np.testing.assert_array_equal([1, 2], [1, 775]), "1 of 2 entries are wrong"),
        (lambda: np.testing.assert_almost_equal(1.0, 77.5), "not almost equal to 7 decimals"),
        (lambda: np.testing.assert_equal({"a": 1}, {"a": 775}), "not equal"),
        (lambda: np.testing.assert_string_equal("a", "775"), "not the expected"),
        (lambda: np.testing.assert_array_less([775, 1], [1, 775]), "not strictly ordered"),
        (lambda: np.testing.assert_array_max_ulp(1.0, 77.5), "not almost equal up to"),
    ],
)
def test_every_report_of_numpy_testing_is_told_without_values(check, words):
    with pytest.raises(AssertionError) as raised:
        check()
    text = shown(graded_cell("# BEGIN HIDDEN TESTS\n# END HIDDEN TESTS", error_of(raised.value)))
    assert words in text
    assert "77.5" not in text and "775" not in text and "289" not in text
    assert "difference" not in text


def unittest_messages() -> list[str]:
    import unittest

    case, messages = unittest.TestCase(), []
    for check, *arguments in [
        ("assertEqual", 1, 775),
        ("assertEqual", [1], [775]),
        ("assertEqual", "a", "775"),
        ("assertEqual", {1: 2}, {1: 775}),
        ("assertEqual", {1}, {775}),
        ("assertAlmostEqual", 1.0, 775.0),
        ("assertIn", 775, [1]),
        ("assertIs", 1, 775),
        ("assertIsInstance", 775, str),
        ("assertGreater", 1, 775),
        ("assertRegex", "a", "775"),
        ("assertCountEqual", [1], [775]),
    ]:
        with pytest.raises(AssertionError) as raised:
            getattr(case, check)(*arguments)
        messages.append(str(raised.value))
    return messages


@pytest.mark.parametrize("message", [*unittest_messages(), "assert 1 == 775\n +  where 1 = f(3)"])
def test_reports_of_unittest_and_pytest_are_told_without_values(message):
    text = shown(graded_cell("# BEGIN HIDDEN TESTS\n", error_of(AssertionError(message))))
    assert "775" not in text
    assert re.search(r"expected|missing|type|bounds|failed", text)


def test_a_plain_assert_does_not_show_its_line():
    text = shown(graded_cell(HIDDEN, error_of(AssertionError())))
    assert "A check of the hidden tests failed." in text
    assert "289" not in text


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ('assert x == 3, "The area of 3 by 4 is 12."', "The area of 3 by 4 is 12."),
        ('assert x == y, f"For {n} sides it should be {y}."', "For 7 sides it should be 49."),
        ('assert x, "For %d sides: %.2f" % (n, y)', "For 7 sides: 49.00"),
        ('assert x, "For {} sides".format(n)', "For 7 sides"),
        ('assert x, "For " + str(n) + " sides"', "For 7 sides"),
        ('raise AssertionError("Look at side 7.")', "Look at side 7."),
    ],
)
def test_messages_that_the_author_of_the_test_wrote_stay(check, message):
    source = f"# BEGIN HIDDEN TESTS\n{check}\n# END HIDDEN TESTS"
    assert message in shown(graded_cell(source, error_of(AssertionError(message))))
    # The same words, made by something else, may hold an expected value.
    other = "# BEGIN HIDDEN TESTS\nassert check(x)\n# END HIDDEN TESTS"
    assert message not in shown(graded_cell(other, error_of(AssertionError(message)))) or not (
        re.search(r"\d", message)
    )


def test_the_authors_words_beside_a_report_stay():
    source = '# BEGIN HIDDEN TESTS\nassert_allclose(a, b, err_msg="dx is wrong")\n'
    with pytest.raises(AssertionError) as raised:
        np.testing.assert_allclose([1.0], [77.5], err_msg="dx is wrong")
    text = shown(graded_cell(source, error_of(raised.value)))
    assert "dx is wrong" in text and "77" not in text


def test_messages_that_are_made_to_be_slow_are_not():
    holes = ", ".join("{x}" for _ in range(12))
    source = f'# BEGIN HIDDEN TESTS\nassert x, f"of {holes}."\n'
    start = time.perf_counter()
    for message in ("of " + ", " * 100_000, "of ," * 50_000, " == " * 50_000, "= passed " * 20_000):
        shown(graded_cell(source, error_of(AssertionError(message))))
        printed = f"=== FAILURES ===\n{message}\nTraceback (most recent call last)\n{message}"
        shown(graded_cell(source, new_output("stream", name="stdout", text=printed)))
    assert time.perf_counter() - start < 3


def test_a_message_of_values_alone_is_not_taken_for_the_authors():
    source = '# BEGIN HIDDEN TESTS\nassert a == b, f"{a} != {b}"\nassert c == d\n'
    assert "775" not in shown(graded_cell(source, error_of(AssertionError("3 != 775"))))


def test_messages_from_elsewhere_keep_their_words_and_lose_their_values():
    message = "h has shape (3, 4), want 775.5 and 'dog' in float64"
    text = shown(graded_cell(HIDDEN, error_of(AssertionError(message))))
    assert "h has shape (…, …), want … and … in float64" in text


def test_other_exceptions_keep_their_message_but_not_the_lines_of_the_test():
    error = ValueError("operands could not be broadcast together with shapes (3,) (4,)")
    text = shown(graded_cell(HIDDEN, error_of(error)))
    assert str(error) in text
    assert "289" not in text


def test_frames_in_the_students_own_cells_stay():
    own = new_code_cell("def area(x):\n    return x / 0", execution_count=4)
    output = new_output(
        "error",
        ename="ZeroDivisionError",
        evalue="division by zero",
        traceback=[
            "Cell In[5], line 4\n----> 4 assert_allclose(area(17), 289.5)",
            "Cell In[4], line 2, in area(x)\n----> 2 return x / 0",
            "setup, line 1, in help",
        ],
    )
    text = shown(own, graded_cell(HIDDEN, output))
    assert "in your cell [4], line 2: return x / 0" in text
    assert "289" not in text


def test_frames_that_the_judge_names_stay_too():
    own = graded_cell("def area(x):\n    return x / 0", grade=False, solution=True, locked=False)
    own.metadata.nbgrader.grade_id = "area"
    frames = ["q1, line 4, in <module>", "----> 4 289.5", "area, line 2, in area"]
    output = new_output("error", ename="E", evalue="division by zero", traceback=frames)
    text = shown(own, graded_cell(HIDDEN, output))
    assert "in your cell 'area', line 2: return x / 0" in text
    assert "289" not in text


def test_printed_messages_and_partial_credit_stay():
    printed = new_output("stream", name="stdout", text="dx: 2 of 5 points. Wrong: one step.\n")
    credit = new_output("execute_result", data={"text/plain": "2.5"}, execution_count=1)
    text = shown(graded_cell(HIDDEN, printed, credit))
    assert "dx: 2 of 5 points. Wrong: one step." in text
    assert "2.5" in text


def test_a_displayed_value_that_is_no_credit_goes():
    value = new_output(
        "execute_result", data={"text/plain": "array([775])", "text/html": "<b>775</b>"}
    )
    assert "775" not in shown(graded_cell(HIDDEN, value))


def test_printed_reports_go_and_what_stands_around_them_stays():
    with pytest.raises(AssertionError) as raised:
        np.testing.assert_allclose(np.ones((2, 2, 2)), np.full((2, 2, 2), 77.5))
    report = f"Before.\ndx: {raised.value}\nAfter.\n"
    text = shown(graded_cell(HIDDEN, new_output("stream", name="stdout", text=report)))
    assert "Before." in text and "After." in text
    assert "77.5" not in text and "DESIRED" not in text


def test_printed_tracebacks_and_pytest_reports_go():
    traceback = (
        "Traceback (most recent call last):\n  File x\n    f(775)\nAssertionError: 3 != 775\n"
    )
    report = (
        "=== FAILURES ===\n>   assert f(3) == 775\nE   assert 3 == 775\n=== 1 failed in 0.1s ===\n"
    )
    text = shown(
        graded_cell(HIDDEN, new_output("stream", name="stdout", text=report)),
        graded_cell(HIDDEN, new_output("stream", name="stdout", text="Hello.\n" + traceback)),
    )
    assert "775" not in text
    assert "1 failed in 0.1s" in text and "Hello." in text


def test_a_warning_does_not_show_the_line_it_came_from():
    warning = "<cell>:3: RuntimeWarning: overflow\n  wanted = np.exp(775)\n"
    text = shown(graded_cell(HIDDEN, new_output("stream", name="stderr", text=warning)))
    assert "RuntimeWarning" in text and "775" not in text


def test_a_printed_warning_does_not_show_it_either():
    warning = "<q1>:3: RuntimeWarning: overflow\n  wanted = area_by_reference(17)\nRight.\n"
    text = shown(graded_cell(HIDDEN, new_output("stream", name="stdout", text=warning)))
    assert "RuntimeWarning: overflow" in text and "Right." in text
    assert "area_by_reference" not in text


def test_a_cell_that_ran_out_of_time_does_not_show_its_lines():
    output = new_output("error", ename="CellTimeoutError", evalue=HIDDEN, traceback=[HIDDEN])
    text = shown(graded_cell(HIDDEN, output))
    assert "longer than it may" in text and "289" not in text


def test_a_hidden_helper_does_not_show_in_the_error_of_a_visible_test():
    helper = "# BEGIN HIDDEN TESTS\ndef check(x):\n    assert x == 775\n# END HIDDEN TESTS"
    frames = ["----> 2 check(f(1))", "      2 def check(x):\n----> 3     assert x == 775"]
    error = new_output("error", ename="AssertionError", evalue="", traceback=frames)
    text = shown(graded_cell(helper), graded_cell("check(f(1))", error, grade_id="q2"))
    assert "775" not in text


def test_visible_tests_stay_as_they_are():
    output = error_of(AssertionError("3 != 4"))
    notebook = new_notebook(cells=[graded_cell("assert area(1) == 4", output)])
    HideHiddenTests().preprocess(notebook, {})
    assert notebook.cells[0].source == "assert area(1) == 4"
    assert notebook.cells[0].outputs == [output]


def test_outputs_marked_as_hidden_count_as_such():
    value = new_output(
        "display_data", data={"text/plain": "x"}, metadata={"autograder": {"hidden": True}}
    )
    result = new_output(
        "execute_result",
        data={"text/plain": "array([775])"},
        metadata={"autograder": {"hidden": True}},
    )
    assert "775" not in shown(graded_cell("area(1)", value, result))


def test_mark_schemes_go_with_the_images_that_only_they_show():
    source = (
        "Why?\n![](attachment:q.png)\n=== BEGIN MARK SCHEME ===\nBecause.\n![](attachment:a.png)\n"
    )
    cell = new_markdown_cell(source)
    cell.attachments = {"q.png": {"image/png": "aGk="}, "a.png": {"image/png": "aGk="}}
    text = shown(cell)
    assert "Why?" in text and "q.png" in text
    assert "Because" not in text and "a.png" not in text


def test_a_note_tells_flags_and_that_a_grade_is_unverified():
    note = grading_note(
        {"tier": "full", "verified": False, "flags": ["The cell 'a_b*' is <b>missing</b>."]}
    )
    assert "**Unverified.**" in note
    assert r"'a\_b\*' is &lt;b&gt;missing&lt;/b&gt;" in note
    assert grading_note({"tier": "full", "verified": True, "flags": []}) == ""
    assert grading_note(None) == grading_note("x") == grading_note({"flags": "x"}) == ""
    assert "could not be graded" in grading_note({"failed": "It is not JSON."})


def test_the_list_starts_with_the_grades():
    assert PREPROCESSORS[0] is GetGrades


# Through nbgrader's own commands

CONFIG = """\
from autograder.reports.feedback import PREPROCESSORS
c = get_config()
c.CourseDirectory.course_id = "small"
c.GenerateFeedback.preprocessors = PREPROCESSORS
c.Execute.timeout = 20
"""


def small_source() -> NotebookNode:
    """A course with one answer and tests of several kinds."""

    def cell(name: str, source: str, **facts) -> NotebookNode:
        kind = new_markdown_cell if facts.get("task") else new_code_cell
        made = kind(source, id=name)
        made.metadata["nbgrader"] = {
            "grade_id": name,
            "schema_version": 3,
            "grade": False,
            "solution": False,
            "locked": True,
            "task": False,
        } | facts
        return made

    def tests(name: str, *lines: str) -> NotebookNode:
        body = "\n".join(["### BEGIN HIDDEN TESTS", *lines, "### END HIDDEN TESTS"])
        return cell(name, body, grade=True, points=2)

    return new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[
            cell("setup", "import numpy as np\nfrom numpy.testing import assert_allclose"),
            cell(
                "area",
                "def area(x):\n    ### BEGIN SOLUTION\n"
                "    return x * x + 0.5\n    ### END SOLUTION",
                solution=True,
                locked=False,
            ),
            cell("visible", "assert area(1.0) == 1.5", grade=True, points=1),
            tests("numpy", "assert_allclose(area(np.arange(4.0)), [0.5, 1.5, 4.5, 9.5])"),
            tests("plain", "assert area(21.0) == 441.5"),
            tests("words", "assert area(30.0) == 900.5, 'Add a half to each square.'"),
            tests("raises", "area('a')"),
            tests("partial", "print('1 of 2 points. The half is missing.')", "1.0"),
            cell(
                "task",
                "Why a half?\n=== BEGIN MARK SCHEME ===\nA secret.\n=== END MARK SCHEME ===",
                task=True,
                points=4,
            ),
        ],
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The feedback page of a student who forgot the half, graded by nbgrader's own engine."""
    course = tmp_path_factory.mktemp("course")
    (course / "nbgrader_config.py").write_text(CONFIG)
    (course / "source" / "hw").mkdir(parents=True)
    nbformat.write(small_source(), course / "source" / "hw" / "hw.ipynb")

    def nbgrader(*line: str) -> None:
        programs = Path(sys.executable).parent
        done = subprocess.run(
            [programs / "nbgrader", *line],
            cwd=course,
            env=os.environ
            | {
                "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                "JUPYTER_CONFIG_DIR": str(course / "jupyter"),
                "JUPYTER_DATA_DIR": str(course / "jupyter"),
                "IPYTHONDIR": str(course / "ipython"),
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    nbgrader("generate_assignment", "hw")
    answer = nbformat.read(course / "release" / "hw" / "hw.ipynb", as_version=4)
    answer.cells[1].source = "def area(x):\n    return x * x"
    folder = course / "submitted" / "ann" / "hw"
    folder.mkdir(parents=True)
    nbformat.write(answer, folder / "hw.ipynb")
    nbgrader("autograde", "hw")
    autograded = course / "autograded" / "ann" / "hw" / "hw.ipynb"
    notebook = nbformat.read(autograded, as_version=4)
    notebook.metadata["autograder"] = {
        "tier": "full",
        "verified": False,
        "flags": ["The test cell 'plain' was edited; the course's version counts."],
    }
    autograded.chmod(0o644)
    nbformat.write(notebook, autograded)
    nbgrader("generate_feedback", "hw")
    return course / "feedback" / "ann" / "hw" / "hw.html"


@pytest.mark.slow
def test_nbgraders_page_has_no_answers(page):
    text = re.sub(
        r"<style.*?</style>|<script.*?</script>|<[^>]+>", "", page.read_text(), flags=re.S
    )
    assert not re.search(r"441|900\.5|\b4\.5\b|\b9\.5\b|A secret|HIDDEN|MARK SCHEME", text)
    assert text.count(NOTE) == 5
    assert "Unverified." in text
    assert "The test cell 'plain' was edited" in text
    assert "assert area(1.0) == 1.5" in text.replace("&nbsp;", " ")
    assert "4 of 4 entries are wrong" in text
    assert "Add a half to each square." in text
    assert "A check of the hidden tests failed." in text
    assert "TypeError: can't multiply sequence by non-int of type" in text.replace("&#39;", "'")
    assert "in your cell [2], line 2: return x * x" in text
    assert "1 of 2 points. The half is missing." in text
    assert "Why a half?" in text


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_nbgraders_page_reads_well(page, browser, serve, width):
    view = browser.new_page(viewport={"width": width, "height": 800})
    view.goto(f"{serve(page.parent)}/{page.name}")
    note = view.get_by_text("Unverified.", exact=True)
    assert note.is_visible()
    assert note.bounding_box()["y"] < view.get_by_text(NOTE).first.bounding_box()["y"]
    message = view.get_by_text("4 of 4 entries are wrong")
    assert message.evaluate("e => e.scrollWidth <= e.clientWidth")
    for score in view.get_by_text("Score: 0.0 / 2.0 (Top)").all():
        box = score.bounding_box()
        heading = score.locator("..").bounding_box()
        assert box["y"] + box["height"] <= heading["y"] + heading["height"] + 1
    assert view.locator("body").evaluate("e => e.scrollWidth") <= width
    if folder := os.environ.get("SCREENSHOTS"):
        view.screenshot(path=Path(folder) / f"feedback-{width}.png", full_page=True)
    view.close()
