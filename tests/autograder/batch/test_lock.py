"""Two graders never work on one assignment at a time, and a lock that can't be had is explained."""

import errno
import os

import pytest

from autograder.batch import lock
from autograder.batch.errors import RefusedError


def test_a_second_grader_is_told_who_holds_the_lock(tmp_path):
    with lock.only_grader(tmp_path, "ps1"):
        with pytest.raises(RefusedError, match=f"graded already, by process {os.getpid()} on"):
            with lock.only_grader(tmp_path, "ps1"):
                pass
        with lock.only_grader(tmp_path, "ps2"):
            pass
    with lock.only_grader(tmp_path, "ps1"):
        pass


def test_a_full_disk_is_named_and_the_lock_let_go(tmp_path, monkeypatch):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lock.os, "write", full)
        with pytest.raises(RefusedError, match="can't be written: No space left"):
            with lock.only_grader(tmp_path, "ps1"):
                pass
    with lock.only_grader(tmp_path, "ps1"):
        pass
