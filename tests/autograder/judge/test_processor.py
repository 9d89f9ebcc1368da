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
print(*sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


def taker() -> subprocess.Popen:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", TAKE], stdin=pipe, stdout=pipe, text=True)


def test_every_process_takes_another_until_there_are_none_left():
    allowed = os.sched_getaffinity(0)
    takers = [taker() for _ in range(len(allowed) + 1)]
    try:
        taken = [set(map(int, process.stdout.readline().split())) for process in takers]
    finally:
        for process in takers:
            process.communicate()
    alone = [next(iter(processors)) for processors in taken if len(processors) == 1]
    assert len(alone) == len(set(alone))
    if len(allowed) > 1:
        assert taken[-1] == allowed or len(alone) < len(allowed)


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
