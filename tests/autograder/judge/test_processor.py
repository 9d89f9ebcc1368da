"""Each judge gets a processor to itself, and gives it back however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from autograder.judge import JudgeProcess
from autograder.judge.processor import take_one_processor

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system can't bind a process to a processor"
)

TAKE = """\
import os, sys
from autograder.judge.processor import take_one_processor
mark = take_one_processor()
print(mark is not None, *sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


def taker() -> subprocess.Popen:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", TAKE], stdin=pipe, stdout=pipe, text=True)


def test_no_two_processes_take_the_same_and_one_too_many_is_left_alone():
    allowed = os.sched_getaffinity(0)
    takers = [taker() for _ in range(len(allowed) + 1)]
    try:
        answers = [process.stdout.readline().split() for process in takers]
    finally:
        for process in takers:
            process.communicate()
    taken = [tuple(processors) for got, *processors in answers if got == "True"]
    assert all(len(processors) == 1 for processors in taken)
    assert len(set(taken)) == len(taken) <= len(allowed)
    left_alone = [set(map(int, processors)) for got, *processors in answers if got == "False"]
    assert left_alone and all(processors == allowed for processors in left_alone)


def test_a_processor_is_free_again_after_a_kill():
    first = taker()
    taken = first.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = taker()
    assert second.stdout.readline() == taken
    second.communicate()


def test_a_judge_shares_its_processor_with_its_students():
    with JudgeProcess() as judge:
        process = judge.started()
        for _ in range(200):
            if len(os.sched_getaffinity(process.pid)) == 1:
                break
            time.sleep(0.05)
        assert len(os.sched_getaffinity(process.pid)) == 1


def test_it_leaves_a_system_alone_that_has_no_such_thing(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity")
    assert take_one_processor() is None
