"""Whole submissions: scores, messages, flags, restarts, forged answers, modes, sources."""

import contextlib
import json
import os
import signal
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from nbformat import from_dict
from nbgrader.utils import compute_checksum, determine_grade

from autograder.judge import Job, Judge, JudgeProcess, SourceError, Verdict, check_source
from autograder.judge.errors import CellTimeout
from autograder.problems.ps2.variants import RIGHT, SOLUTION, WRONG
from autograder.sandbox import Sandbox

from .conftest import LIMITS, notebook, outputs, submitted

PS2 = Path(__file__).parents[3] / "solutions" / "ps2" / "ps2.ipynb"
F = "def f(x):\n    return x + 1"


def nbgraders_scores(verdict: Verdict) -> dict[str, float]:
    """What nbgrader reads from the autograded notebook."""
    found = {}
    for cell in from_dict(json.loads(verdict.notebook)).cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            found[cell.metadata.nbgrader.grade_id] = determine_grade(cell)[0]
    return found


@pytest.mark.parametrize(
    ("last", "score"),
    [
        ("None", 10),
        ("2.5", 2.5),
        ("7", 7),
        ("10", 10),
        ("0", 0),
        ("0.0", 0),
        ("True", 10),
        ("False", 10),
        ("'0.5'", 10),
        ("[1, 2]", 10),
        ("{}", 10),
        ("2.5;", 10),
        ("3 * f(1)", 6),
        ("print('x')", 10),
        ("assert f(1) == 2", 10),
        ("assert f(1) == 3", 0),
        ("1 / 0", 0),
        ("import sys; print('x', file=sys.stderr)", 10),
        ("import warnings; warnings.warn('x')", 10),
        ("np.exp(np.array([1e4]))", 10),
        ("np.float32(2.5)", 2.5),
        ("np.int64(3)", 3),
    ],
)
def test_partial_credit_is_nbgraders_own(last, score, grade):
    verdict = grade(F, f"f(3)\n{last}")
    assert verdict.scores == {"test": score}
    assert verdict.max_scores == {"test": 10}
    assert nbgraders_scores(verdict) == {"test": score}


@pytest.mark.parametrize(
    "test",
    [
        "f(9)",
        "x = f(9)\nx",
        "float(f(9))",
        "f(9) if True else 0",
        "y = z = f(9)\n(z)",
        "max(f(9), 0)",
        "g(9)[0]",
        "A().mark",
        "A()",
        "v",
        "f(9) or 0",
        "11 * f(0)",
        "-f(0)",
        "f(0) * float('nan')",
    ],
)
def test_a_value_of_the_students_is_no_score(test, grade):
    answer = F + "\nv = 10\nclass A: mark = 10\ndef g(x): return [x, x]"
    verdict = grade(answer, test)
    assert verdict.scores == {"test": 0}
    assert nbgraders_scores(verdict) == {"test": 0}
    words = ("student's code returned", "is not between 0 and")
    assert any(word in verdict.messages["test"] for word in words)


def test_a_call_that_gives_none_is_a_test_that_it_does_not_raise(grade):
    assert grade("def f(): pass", "f()").scores == {"test": 10}
    assert grade("def f(): 1 / 0", "f()").scores == {"test": 0}


def test_messages_come_together_with_partial_credit(grade):
    verdict = grade(F, "print('well done')\n4.5")
    assert verdict.messages == {"test": "well done"}
    assert verdict.scores == {"test": 4.5}


def test_hidden_cells_are_marked(grade):
    verdict = grade(F, "### BEGIN HIDDEN TESTS\nassert f(1) == 5\n### END HIDDEN TESTS")
    cell = next(c for c in json.loads(verdict.notebook)["cells"] if c["id"] == "test")
    assert cell["metadata"]["autograder"] == {"hidden": True}


def test_tracebacks_show_the_test_cell_only(grade):
    verdict = grade(F, "x = 1\nassert f(x) == 5, 'five'")
    (found,) = outputs(verdict, "test")
    text = "\n".join(found["traceback"])
    assert found["ename"] == "AssertionError" and found["evalue"] == "five"
    assert "----> 2 assert f(x) == 5" in text
    assert ".py" not in text


def test_an_error_of_the_students_shows_their_line(grade):
    verdict = grade("def f(x):\n    y = x\n    return y.wrong", "assert f(1)")
    (found,) = outputs(verdict, "test")
    text = "\n".join(found["traceback"])
    assert "----> 3     return y.wrong" in text and "AttributeError" in text


DEATHS = {
    "exit": "import os\n    os._exit(3)",
    "crash": "import ctypes\n    ctypes.string_at(0)",
    "loop": "while True: pass",
    "loop that ignores interrupts": "while True:\n        try:\n            while True: pass\n"
    "        except BaseException: pass",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", DEATHS)
def test_marks_before_and_after_a_death_survive(how, grade):
    answer = f"state = 5\ndef f(x):\n    return x + 1\ndef bad():\n    {DEATHS[how]}"
    verdict = grade(
        answer,
        "assert f(1) == 2",
        more_tests=("try:\n    bad()\nexcept Exception:\n    pass", "assert f(state) == 6"),
    )
    assert verdict.scores == {"test": 10, "test1": 0, "test2": 10}
    assert "gave no answer" in verdict.messages["test1"]
    assert any("restarted" in flag for flag in verdict.flags)


@pytest.mark.slow
def test_a_cell_that_hangs_is_left_out_after_the_restart(judge):
    source = notebook(
        ("instructor", "setup", "import numpy as np"),
        ("solution", "one", "def f(): return 1"),
        ("solution", "two", "def g(): return 2"),
        ("test", "test-one", "assert f() == 1"),
        ("test", "test-two", "assert g() == 2"),
    )
    work = submitted(source, one="def f(): return 1", two="while True: pass")
    verdict = judge.grade(Job(json.dumps(source), work, "nb", "s"))
    assert verdict.scores == {"test-one": 10, "test-two": 0}
    assert verdict.wall_s < 3 * LIMITS.call_s


LOUD = """\
import os, sys, warnings
print("said")
print("said", file=sys.stderr)
warnings.warn("said")
os.write(1, b"said")
os.write(2, b"said")

def f(x):
    os._exit(1)"""


def test_cells_that_run_again_after_a_restart_do_so_quietly(judge, capfd):
    source = notebook(
        ("solution", "loud", "def f(x): return x"),
        ("test", "ends", "f(1)"),
        ("test", "after", "assert f is not None"),
        ("test", "ends-again", "f(1)"),
        ("solution", "next", "def g(x): return x"),
        ("test", "last", "assert g(1) == 1"),
    )
    work = submitted(source, loud=LOUD, next="def g(x): return x")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        verdict = judge.grade(Job(json.dumps(source), work, "nb", "s"))
    assert verdict.scores == {"ends": 0, "after": 10, "ends-again": 0, "last": 10}
    (shown,) = outputs(verdict, "loud")
    assert shown["text"].count("said") == 4
    assert len(warned) == 1
    assert all(outputs(verdict, name) == [] for name in ("after", "next", "last"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_test_that_hangs_in_the_judge_is_ended(grade):
    verdict = grade(F, "while True: pass", more_tests=("assert f(1) == 2",))
    assert verdict.scores == {"test": 0, "test1": 10}, verdict.messages
    assert "took longer than" in verdict.messages["test"]


def test_the_students_exit_is_an_exception(grade):
    assert grade("def f(): raise SystemExit(0)", "f()").scores == {"test": 0}
    test = "try:\n    f()\nexcept SystemExit:\n    pass"
    assert grade("def f():\n    import sys\n    sys.exit()", test).scores == {"test": 10}


# Code that finds the agent and answers for it; {body} has the agent at hand.
FORGE = """
import gc, sys
from autograder.sandbox import agent as _a, wire as _w
me = next(o for o in gc.get_objects() if isinstance(o, _a.Agent))
def f(x):
    {body}
    return 0
"""
FORGERIES = {
    "answers ahead": "me.send(me.nonce + _w.encode(('value', 2, [], [], [])));"
    " me.send(me.nonce + _w.encode(('value', 2, [], [], [])))",
    "another nonce": "me.send(b'0' * 16 + _w.encode(('value', 2, [], [], [])))",
    "no message": "me.send(me.nonce + b'rubbish')",
    "too short": "me.send(b'')",
    "an object array": "me.send(me.nonce + b'a\\x00\\x02|O\\x00')",
    "another form": "me.send(me.nonce + _w.encode(['value', 2, [], [], []]))",
    "another status": "me.send(me.nonce + _w.encode(('score', 10.0, [], [], [])))",
    "printing that is no text": (
        "me.send(me.nonce + _w.encode(('value', 2, [], [('out', 5)], [])))"
    ),
    "a function by its name": (
        "me.send(me.nonce + _w.encode(('value', _w.Symbol('os', 'abort'), [], [], [])))"
    ),
    "a callback that was not given": (
        "me.send(me.nonce + _w.encode(('callback', (0, (), {{}}), [], [], [])))"
    ),
    "an argument that was not given": (
        "me.send(me.nonce + _w.encode(('value', 2, [(7, [1])], [], [])))"
    ),
    "an error that is none": "me.send(me.nonce + _w.encode(('raised', 2, [], [], [])))",
    "an error of the judge": (
        "me.send(me.nonce + _w.encode(('raised', dict(from_judge=True), [], [], [])))"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", FORGERIES)
def test_forged_answers_gain_nothing(how, grade):
    answer = FORGE.format(body=FORGERIES[how])
    verdict = grade(
        answer,
        "assert f(1) == 5",
        solution=F,
        more_tests=("### BEGIN HIDDEN TESTS\nassert f(4) == 5\n### END HIDDEN TESTS",),
    )
    assert verdict.failed is None
    assert verdict.scores == {"test": 0, "test1": 0}


def test_after_a_forged_answer_the_honest_rest_keeps_its_marks(grade):
    answer = FORGE.format(body="me.send(b'0' * 16)") + "def g(): return 1"
    verdict = grade(answer, "f(1)", solution=F, more_tests=("assert g() == 1",))
    assert verdict.scores["test"] == 0
    assert verdict.scores["test1"] == (10 if "def g" in F else 0)


def test_the_students_process_holds_no_hidden_test(grade):
    answer = (
        "import gc\ndef seen():\n    wanted = ''.join(['hush', '-', 'hush'])\n"
        "    return sum(isinstance(x, str) and wanted in x and x is not wanted\n"
        "               for o in gc.get_objects() for x in gc.get_referents(o))"
    )
    test = "### BEGIN HIDDEN TESTS\nsecret = 'hush-hush'\nassert seen() == 0\n### END HIDDEN TESTS"
    verdict = grade(answer, test)
    assert verdict.scores == {"test": 10}, verdict.messages


def test_what_a_visible_check_finds_is_shown_but_not_graded(judge):
    source = notebook(
        ("instructor", "setup", "def double(x): return 2 * x"),
        ("solution", "answer", F),
        ("instructor", "check", "print('f gives', f(1))"),
        ("test", "test", "assert f(1) == double(1)"),
    )
    verdict = judge.grade(Job(json.dumps(source), submitted(source, answer=F), "nb", "s"))
    assert verdict.scores == {"test": 10}
    assert outputs(verdict, "check")[0]["text"] == "f gives 2\n"


def test_names_that_a_test_cell_binds_reach_later_cells_of_the_student(judge):
    source = notebook(
        ("solution", "one", "def f(): return 1"),
        ("test", "test-one", "import math\nlimit = 3\nassert f() == 1"),
        ("solution", "two", "def g(): return math.floor(limit + 0.5)"),
        ("test", "test-two", "assert g() == 3"),
    )
    work = submitted(source, one="def f(): return 1", two="def g(): return math.floor(limit + 0.5)")
    verdict = judge.grade(Job(json.dumps(source), work, "nb", "s"))
    assert verdict.scores == {"test-one": 10, "test-two": 10}


def test_files_are_there_for_both_sides(judge):
    source = notebook(
        ("instructor", "setup", "data = open('data.txt').read()\nimport beside"),
        ("solution", "answer", "def f(): return open('data.txt').read() + open('own.txt').read()"),
        ("test", "test", "assert f() == data + 'own' and beside.X == 3"),
    )
    work = submitted(source, answer=source["cells"][1]["source"])
    files = {"data.txt": b"abc", "beside.py": b"X = 3"}
    job = Job(json.dumps(source), work, "nb", "s", files, {"own.txt": b"own", "numpy.py": b"1/0"})
    assert judge.grade(job).scores == {"test": 10}


def test_students_files_do_not_shadow_modules_in_the_judge(judge):
    source = notebook(
        ("solution", "answer", "def f(): return 1"),
        ("test", "test", "import colorsys\nassert colorsys.rgb_to_hls and f() == 1"),
    )
    job = Job(json.dumps(source), submitted(source, answer="def f(): return 1"), "nb", "s")
    evil = Job(job.source, job.submission, "nb", "s", {}, {"colorsys.py": b"raise SystemExit"})
    assert judge.grade(evil).scores == {"test": 10}


def test_each_submission_starts_afresh(grade):
    test = (
        "assert f(1) == 2 and 'leak' not in globals()\n"
        "leak = 1\nnp.seterr(all='raise')\nnp.random.seed(0)"
    )
    assert [grade(F, test).scores for _ in range(2)] == [{"test": 10}] * 2
    assert np.geterr()["over"] == "warn"


def test_a_missing_import_says_what_there_is(grade):
    verdict = grade(
        "import torch\n" + F, "assert f(1) == 2", solution=F, policy={"packages": ["numpy"]}
    )
    assert verdict.scores == {"test": 0}
    found = outputs(verdict, "answer")[-1]
    assert found["ename"] == "ModuleNotFoundError"
    assert "torch is not available in this assignment; it allows: numpy" in found["evalue"]


def test_the_compatibility_mode_is_marked_unverified(grade):
    policy = {"mode": "compatibility"}
    verdict = grade(F, "class Own: pass\nassert f(1) == 2\n3.5", policy=policy)
    assert verdict.scores == {"test": 3.5} and not verdict.verified
    assert any("Unverified" in flag for flag in verdict.flags)
    assert grade(F, "assert f(1) == 3", policy=policy).scores == {"test": 0}
    assert grade(F, "assert f(1) == 2").verified


def test_a_submission_can_not_choose_the_mode(judge):
    source = notebook(("solution", "answer", F), ("test", "test", "assert f(1) == 2"))
    work = json.loads(submitted(source, answer=F))
    work["metadata"] = {"autograder": {"mode": "compatibility"}}
    verdict = judge.grade(Job(json.dumps(source), json.dumps(work).encode(), "nb", "s"))
    assert verdict.verified and verdict.scores == {"test": 10}


@pytest.mark.parametrize("work", [b"", b"not json", b"[]", b"\xff" * 1000])
def test_what_can_not_be_read_is_no_crash(work, judge):
    source = json.dumps(notebook(("solution", "answer", F), ("test", "test", "assert f(1) == 2")))
    verdict = judge.grade(Job(source, work, "nb", "s"))
    assert verdict.failed and not verdict.scores
    assert Verdict.from_dict(json.loads(json.dumps(verdict.as_dict()))) == verdict


def test_cells_marked_by_hand_have_no_score(judge):
    source = notebook(
        ("solution", "answer", F), ("manual", "essay", "pass"), ("test", "test", "assert f(1) == 2")
    )
    verdict = judge.grade(
        Job(json.dumps(source), submitted(source, answer=F, essay="print('long')"), "nb", "s")
    )
    assert verdict.scores == {"essay": None, "test": 10}
    assert nbgraders_scores(verdict) == verdict.scores


def test_a_cell_to_be_marked_by_hand_that_was_left_as_released_scores_0(judge):
    source = notebook(
        ("solution", "answer", F), ("manual", "essay", "pass"), ("test", "test", "assert f(1) == 2")
    )
    released = from_dict(json.loads(submitted(source, answer=F)))
    released.cells[1].metadata.nbgrader.checksum = compute_checksum(released.cells[1])
    verdict = judge.grade(Job(json.dumps(source), json.dumps(released).encode(), "nb", "s"))
    assert verdict.scores == {"essay": 0, "test": 10}
    assert nbgraders_scores(verdict) == verdict.scores


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([("solution", "answer", F), ("test", "bad-test", "assert f(1) == 3")], "'bad-test'"),
        ([("solution", "answer", F), ("test", "part", "f(1)\n3.5")], "3.5 of the 10.*'part'"),
        ([("instructor", "broken", "1 / 0"), ("solution", "answer", F)], "'broken'.*ZeroDivision"),
        ([("instructor", "text", "def"), ("solution", "answer", F)], "'text' of the source is not"),
        ([("solution", "answer", "pass"), ("test", "test", "assert 1")], "has no solutions"),
        (
            [("solution", "answer", F), ("test", "shows", "f(3)")],
            "'shows'.*student's code returned",
        ),
        ([("solution", "a", F), ("solution", "a", F)], "two cells with the grade_id 'a'"),
    ],
)
def test_an_unusable_source_names_the_cell(cells, words, judge):
    with pytest.raises(SourceError, match=f"(?s){words}"):
        check_source(json.dumps(notebook(*cells)), {}, judge)


@pytest.mark.parametrize("source", ["", "{}", "nonsense", '{"cells": 3, "nbformat": 4}'])
def test_a_source_that_is_no_notebook_is_told(source, judge):
    with pytest.raises(SourceError):
        check_source(source, {}, judge)


@pytest.mark.parametrize(
    "policy", [{"mode": "trust"}, {"packages": "numpy"}, {"cpu_s": -1}, {"memory": 3}]
)
def test_a_policy_that_is_none_is_told(policy, judge):
    source = notebook(("solution", "answer", F), policy=policy)
    with pytest.raises(SourceError, match="metadata"):
        check_source(json.dumps(source), {}, judge)


def test_the_shipped_source_passes_its_own_tests(judge):
    check_source(PS2.read_text(), {}, judge)


POINTS = {
    "forward-tests": 20,
    "backward-tests": 25,
    "backward-large-tests": 15,
    "truncated-tests": 20,
    "truncated-large-tests": 10,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_in_any_style_get_full_marks(name, judge):
    source = json.loads(PS2.read_text())
    for cell in source["cells"]:
        cell["source"] = "".join(cell["source"])
    work = submitted(source, **{**SOLUTION, **RIGHT[name]})
    verdict = judge.grade(Job(PS2.read_text(), work, "ps2", "s"))
    assert verdict.scores == POINTS, verdict.messages
    assert nbgraders_scores(verdict) == POINTS


@pytest.mark.slow
def test_the_feedback_names_the_line_of_the_students_code(judge):
    source = json.loads(PS2.read_text())
    for cell in source["cells"]:
        cell["source"] = "".join(cell["source"])
    work = submitted(source, **{**SOLUTION, **WRONG["empty samples raise"]})
    verdict = judge.grade(Job(PS2.read_text(), work, "ps2", "s"))
    assert verdict.scores["backward-tests"] == 15
    assert "raised IndexError" in verdict.messages["backward-tests"]
    assert "of your cell: last = [range(n)" in verdict.messages["backward-tests"]


@pytest.mark.slow
def test_a_judge_that_dies_costs_one_submission_only(judge):
    source = notebook(
        ("solution", "answer", F),
        ("test", "test", "import os\nif f(1) == 3: os._exit(1)\nassert f(1) == 2"),
    )
    jobs = [
        Job(json.dumps(source), submitted(source, answer=text), "nb", "s")
        for text in (F, F.replace("+ 1", "+ 2"), F)
    ]
    with JudgeProcess(LIMITS, judge.tier) as process:
        verdicts = [process.grade(job) for job in jobs]
        with pytest.raises(SourceError):
            process.grade(Job("{}", b"", "nb", "s"))
    assert [v.scores for v in verdicts] == [{"test": 10}, {}, {"test": 10}]
    assert verdicts[1].failed and "judge ended" in verdicts[1].failed


# The test cell takes away the judge's own timer, so that nothing in the judge ends it.
HANGS = notebook(
    ("solution", "answer", F),
    (
        "test",
        "test",
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nf(1)\nwhile True: pass",
    ),
)


@pytest.mark.slow
def test_a_judge_that_hangs_is_ended(judge):
    with JudgeProcess(LIMITS, judge.tier) as process:
        process.patience = 4
        verdict = process.grade(Job(json.dumps(HANGS), submitted(HANGS, answer=F), "nb", "s"))
    assert verdict.failed


@pytest.mark.slow
def test_a_judge_that_hangs_ends_with_the_grader(judge):
    """Also where the grader is killed and can end nothing any more."""
    read, write = os.pipe()
    grader = os.fork()
    if grader == 0:
        process = JudgeProcess(LIMITS, judge.tier)
        os.write(write, str(process.started().pid).encode())
        process.grade(Job(json.dumps(HANGS), submitted(HANGS, answer=F), "nb", "s"))
        os._exit(0)
    process = psutil.Process(int(os.read(read, 20)))
    while process.cpu_times().user < 1.5:  # until it is at the test
        time.sleep(0.1)
    os.kill(grader, signal.SIGKILL)
    os.waitpid(grader, 0)

    def runs() -> bool:
        """Whoever inherits it may take its time to take note of its end."""
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE

    until = time.monotonic() + 30
    while runs() and time.monotonic() < until:
        time.sleep(0.1)
    assert not runs()


def test_one_judge_keeps_its_sandboxes_warm(judge: Judge, grade):
    grade(F, "assert f(1) == 2")
    before = dict(judge.sandboxes)
    grade(F, "assert f(2) == 3")
    assert dict(judge.sandboxes) == before


def test_a_fork_server_that_is_gone_is_replaced(judge: Judge, grade):
    assert grade(F, "assert f(1) == 2").scores == {"test": 10}
    for sandbox in judge.sandboxes.values():
        os.kill(sandbox._server.pid, signal.SIGKILL)
        sandbox._server.wait()
    assert grade(F, "assert f(1) == 2").scores == {"test": 10}


def test_a_fork_server_that_goes_in_the_middle_costs_one_cell(judge: Judge, grade):
    test = (
        "import gc, os, signal\n"
        "from autograder.sandbox import Sandbox\n"
        "for found in gc.get_objects():\n"
        "    if isinstance(found, Sandbox) and found._server and found._server.poll() is None:\n"
        "        os.kill(found._server.pid, signal.SIGKILL)\n"
        "        found._server.wait()\n"
        "f(1)"
    )
    verdict = grade(F, test, more_tests=("assert f(1) == 2",))
    assert verdict.scores == {"test": 0, "test1": 10}, verdict.messages


def test_a_timer_in_the_middle_of_a_word_with_the_server_harms_nobody(judge, grade, monkeypatch):
    real = Sandbox._exactly

    def interrupted(self, size):
        monkeypatch.setattr(Sandbox, "_exactly", real)
        raise CellTimeout

    grade(F, "f(1)")
    monkeypatch.setattr(Sandbox, "_exactly", interrupted)
    with contextlib.suppress(CellTimeout):
        grade(F, "f(1)")
    verdict = grade(F, "assert f(1) == 2")
    assert verdict.scores == {"test": 10}


def test_an_error_that_would_end_the_tests_own_loop_does_not(grade):
    wrong = "def f(x):\n    raise StopIteration"
    test = "for got, wanted in zip(map(f, [1, 2]), [2, 3]):\n    assert got == wanted"
    verdict = grade(wrong, test, solution=F)
    assert verdict.scores == {"test": 0}
    assert "StopIteration" in verdict.messages["test"]


def test_answers_without_end_do_not_fill_the_judge(judge):
    wrong = "def f(x):\n    while True:\n        yield b'x' * 1_000_000"
    source = notebook(("solution", "answer", F), ("test", "test", "list(f(1))"))
    source["metadata"] = {}
    with Judge(replace(LIMITS, answer=8 << 20), judge.tier) as small:
        verdict = small.grade(
            Job(json.dumps(source), submitted(source, answer=wrong), "nb", "student")
        )
    assert verdict.scores == {"test": 0}
    assert "taken together" in verdict.messages["test"]


def test_an_error_described_past_every_limit_is_cut(grade):
    long = "'x\\n' * 2_000_000"
    answer = FORGE.format(body="") + (
        f"said = {{'bases': ['builtins.ValueError'], 'type': 1, 'name': {long}, 'message': {long},"
        f" 'traceback': {long}, 'source': {long}, 'arguments': ({long},)}}\n"
        "me.send(me.nonce + _w.encode(('raised', said, [], [], []), convert=me.to_wire))\n"
    )
    verdict = grade(answer, "f(1)", solution=F)
    assert verdict.failed is None
    assert verdict.wall_s < 5
    assert len(verdict.notebook) < 1_000_000


# What a student's agent says about a cell that it ran is shown to people: it may be anything.
@pytest.mark.parametrize(
    "said",
    [
        "5",
        "{'error': 5}",
        "{'error': {'name': _a, 'message': [1], 'traceback': 3}}",
        "{'figures': 5, 'shown': 7}",
        "{'figures': ['<script>', 5, _a], 'shown': _a}",
        "{'number': 10.0, 'shown': '10'}",
    ],
)
def test_forged_reports_about_a_cell_harm_nobody(said, grade):
    answer = FORGE.format(body="") + (
        f"said = {said}\n"
        "me.send(me.nonce + _w.encode(('value', said, [], [], []), convert=me.to_wire))\n"
    )
    verdict = grade(answer, "assert f(1) == 5", solution=F)
    assert verdict.failed is None
    assert verdict.scores == {"test": 0}
    assert nbgraders_scores(verdict) == {"test": 0}
    for found in outputs(verdict, "answer"):
        assert found["output_type"] in ("stream", "display_data", "error")
        assert "image/png" not in found.get("data", {})
