"""However many processes grade, on whatever cluster, and whoever is killed: the same gradebook."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from distributed import Client

DRIVE = str(Path(__file__).with_name("drive.py"))


def hand_in_many(course, count, answer="# score: {score}"):
    """A class with different scores; one of them can't be graded."""
    for number in range(count):
        course.hand_in(f"s{number:03}", answer.format(score=number % 5))
    course.submitted("s001").write_text("not a notebook")


def drive(course, *arguments, **environment):
    """Start a run in a process of its own."""
    return subprocess.Popen(
        [sys.executable, DRIVE, *map(str, arguments)],
        cwd=course.folder,
        env=course.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process):
    """Wait for a run and return its report."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    return json.loads(out.splitlines()[-1])


@pytest.mark.slow
def test_one_two_and_four_jobs_give_the_same_gradebook_and_files(make_course):
    results = {}
    for jobs in (1, 2, 4):
        course = make_course(f"jobs-{jobs}")
        hand_in_many(course, 30)
        report = finish(drive(course, jobs))
        assert len(report["graded"]) == 29
        assert list(report["failed"]) == ["s001"]
        results[jobs] = (course.rows(), course.files())
    assert results[1] == results[2] == results[4]
    assert len(results[1][0]) == 30


def pids_in(log):
    """The processes that have graded."""
    return {pid for path in log.iterdir() for pid in path.read_text().split()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(released):
    """Start Python modules in the background; they are stopped at the end."""
    started = []

    def run(*command, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=released.environment | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_cluster_started_by_hand_survives_the_death_of_a_worker(make_course, start, tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    start("distributed.cli.dask_scheduler", "--host", address, "--no-dashboard")
    worker = ["distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    workers = [
        start(*worker, "--no-nanny", "--name", name, FAKE_JUDGE_LOG=str(log)) for name in "ab"
    ]
    with Client(address, timeout=120) as client:
        client.wait_for_workers(2, timeout=120)
    course = make_course("cluster")
    hand_in_many(course, 40, "# score: {score} # slow")
    grading = drive(course, 2, address)
    deadline = time.monotonic() + 120
    while (len(os.listdir(log)) < 12 or len(pids_in(log)) < 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers[0].kill()
    report = finish(grading)

    assert len(report["graded"]) == 39
    assert list(report["failed"]) == ["s001"]
    assert pids_in(log) == {str(worker.pid) for worker in workers}, "one of them did nothing"
    undisturbed = make_course("undisturbed")
    hand_in_many(undisturbed, 40)
    hand_in_many(undisturbed, 40, "# score: {score} # slow")
    undisturbed.grade()
    assert course.rows() == undisturbed.rows()
    assert course.files() == undisturbed.files()


@pytest.mark.parametrize(
    "kills", [pytest.param(3, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.full)]
)
def test_killed_at_random_moments_every_student_is_graded_exactly_once(
    make_course, tmp_path, kills
):
    count = 200 if kills > 3 else 60
    course, undisturbed = make_course("killed"), make_course("undisturbed")
    for each in (course, undisturbed):
        hand_in_many(each, count)
    chance = random.Random(kills)
    left = count
    for attempt in range(kills):
        log = tmp_path / f"log-{attempt}"
        log.mkdir()
        grading = drive(course, chance.choice([1, 1, 2]), FAKE_JUDGE_LOG=str(log))
        moment = chance.randint(1, max(1, left))
        while grading.poll() is None and len(os.listdir(log)) < moment:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1))
        os.killpg(grading.pid, signal.SIGKILL)
        grading.communicate()
        left = count - len(course.record_names())
    report = finish(drive(course, 1))
    assert not report["stopped"]
    undisturbed.grade()
    assert course.rows() == undisturbed.rows()
    assert course.files() == undisturbed.files()
    assert len(report["graded"]) + len(report["unchanged"]) == count - 1
    assert all(times == 1 for times in Counter(course.record_names()).values())
    assert len(course.record_names()) == count - 1
    assert not [path for path in course.folder.glob("autograded/*/.*")], "temporary files stay"
    assert course.grade().graded == []
