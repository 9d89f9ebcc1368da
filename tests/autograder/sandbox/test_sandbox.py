"""What honest code needs works; what exists and what doesn't; what a machine lacks is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.sandbox import (
    Environment,
    Limits,
    NoIsolationError,
    Sandbox,
    StudentDiedError,
    UnknownPackageError,
    available_tiers,
    client,
    seccomp,
    visible,
)

from .conftest import NUMPY, TIERS

each_tier = pytest.mark.parametrize("tier", TIERS)


@each_tier
def test_files_answers_and_output(sandbox, tier):
    process = sandbox(tier).open({"data.txt": b"some", "more/data.bin": bytes(1 << 21)})
    source = """
import os
print('printed'); os.write(2, b'complained')
answer = open('data.txt').read(), os.path.getsize('more/data.bin')
"""
    assert process.ask(source.encode()) == b"('some', 2097152)"
    assert process.output() == "printed\ncomplained"
    assert process.output() == ""
    big = b"answer = 'x' * 5_000_000 #" + b"y" * 5_000_000
    assert len(process.ask(big)) == 5_000_000
    usage = process.close()
    assert usage.tier == tier
    assert 0 < usage.cpu_s < 10
    assert usage.peak_memory > 1 << 20
    assert process.close() == usage
    with pytest.raises(StudentDiedError):
        process.ask(b"answer = 1")


@each_tier
def test_processes_share_nothing(sandbox, tier):
    first, second = sandbox(tier).open({}), sandbox(tier).open({})
    assert first.ask(b"import builtins; builtins.mine = 1; answer = 2") == b"2"
    assert b"NameError" in second.ask(b"answer = mine")
    second.close()
    assert first.ask(b"answer = mine") == b"1"
    first.close()


@each_tier
def test_honest_code_works(run, tier):
    source = """
import threading, tempfile, os, shutil, time, random, queue, json, decimal, concurrent.futures
import numpy as np
results = []
threads = [threading.Thread(target=results.append, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
assert sorted(results) == list(range(8))
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert list(pool.map(abs, [-1, -2])) == [1, 2]
a = np.random.default_rng(0).normal(size=(300, 300))
assert np.allclose(np.linalg.inv(a) @ a, np.eye(300))
with tempfile.TemporaryDirectory() as folder:
    np.save(folder + '/a.npy', a)
    assert (np.load(folder + '/a.npy', mmap_mode='r') == a).all()
    shutil.copytree(folder, folder + '/copy')
open('file', 'w').write('x'); os.rename('file', 'other'); os.remove('other')
assert os.path.expanduser('~')
time.sleep(0.01)
answer = 'fine'
"""
    assert run(tier, source) == "fine"


@each_tier
def test_memory_up_to_the_limit(run, tier):
    source = "import numpy; numpy.zeros(900 << 17); answer = 'fine'"
    assert run(tier, source) == "fine"


@each_tier
def test_only_allowed_packages_exist(run, tier):
    source = """
import importlib.util, importlib.metadata, os, sys
names = ['torch', 'unrolled', 'nbgrader', 'pip', 'autograder.judge', 'autograder.sandbox.client',
         'autograder.problems', 'autograder.batch', 'numpy', 'autograder.student.ps2']
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
files = [f for p in sys.path if os.path.isdir(p) for f in os.listdir(p) if 'torch' in f]
answer = [n for n in names if there(n)], files, [m for m in sys.modules if 'client' in m]
"""
    assert run(tier, source) == "(['numpy', 'autograder.student.ps2'], [], [])"
    message = run(tier, "import torch")
    assert message == "ModuleNotFoundError: No module named 'torch'"


@pytest.mark.slow
@each_tier
def test_every_installed_package_but_the_course_exists(run, tier):
    source = """
import nbformat, yaml, importlib.util
answer = [importlib.util.find_spec(n) for n in ('unrolled', 'autograder.judge')]
"""
    environment = Environment(packages=None, preload=())
    answer = run(tier, source, environment=environment)
    assert answer in ("[None, None]",)


def test_unknown_package():
    with pytest.raises(UnknownPackageError, match="no-such-thing"):
        Sandbox(Environment(packages=("no-such-thing",)), Limits())


def test_requirements_come_along():
    pytest.importorskip("matplotlib")
    assert {"numpy", "matplotlib", "pillow", "cycler"} <= set(visible.closure(("matplotlib",)))
    assert visible.closure(()) == ["numpy"]


def test_preloads_that_fail_are_left_out(run):
    environment = Environment(packages=(), preload=("no_such_module", "json"))
    assert (
        run("full", "import sys; answer = 'json' in sys.modules", environment=environment) == "True"
    )


@pytest.mark.slow
@each_tier
def test_plots(run, tier):
    pytest.importorskip("matplotlib")
    source = """
import matplotlib.pyplot as plt, os
figure, axes = plt.subplots()
axes.plot([1, 2], [3, 4]); axes.set_title('title')
figure.savefig('plot.png')
answer = os.path.getsize('plot.png') > 1000
"""
    environment = Environment(packages=("matplotlib",), preload=("matplotlib.pyplot",))
    assert run(tier, source, environment=environment) == "True"


@pytest.mark.slow
@each_tier
def test_torch(run, tier):
    pytest.importorskip("torch")
    source = """
import torch
x = torch.randn(50, 8, 16, requires_grad=True)
net = torch.nn.LSTM(16, 32)
net(x)[0].sum().backward()
torch.save(net.state_dict(), 'net.pt')
net.load_state_dict(torch.load('net.pt'))
torch.set_num_threads(2)
(torch.randn(400, 400) @ torch.randn(400, 400)).sum()
answer = x.grad.shape
"""
    environment = Environment(packages=("torch",), preload=("torch",))
    assert run(tier, source, environment=environment) == "torch.Size([50, 8, 16])"
    # The limit counts what is allocated beyond the warm imports.
    big = "import torch; torch.zeros(1100 << 18)"
    assert "alloc" in run(tier, big, environment=environment)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", ""])
def test_files_stay_in_the_folder(sandbox, name):
    with pytest.raises(ValueError, match="inside the working folder"):
        sandbox("full").open({name: b""})


def test_files_over_the_limits(sandbox):
    with pytest.raises(StudentDiedError, match="come up"):
        sandbox("full").open({"big": bytes(65 << 20)})


def test_best_tier_is_chosen_and_weaker_ones_only_by_name(monkeypatch):
    def missing():
        raise NoIsolationError("no system-call filter: install libseccomp")

    monkeypatch.setattr(seccomp, "compile_filter", missing)
    with pytest.raises(NoIsolationError, match="install libseccomp"):
        Sandbox(NUMPY, Limits())
    with Sandbox(NUMPY, Limits(), tier="none") as sandbox:
        assert sandbox.tier == "none"
        process = sandbox.open({})
        assert process.ask(b"answer = 1") == b"1"
        assert process.close().tier == "none"


def test_container_has_to_be_declared(monkeypatch, sandbox):
    monkeypatch.delenv(client.CONTAINER_MARK, raising=False)
    with pytest.raises(NoIsolationError, match=client.CONTAINER_MARK):
        Sandbox(NUMPY, Limits(), tier="container")
    monkeypatch.setenv(client.CONTAINER_MARK, "1")
    process = sandbox("container").open({})
    assert b"PermissionError" in process.ask(b"import os; os.fork()")
    process.close()


def test_report_of_tiers(monkeypatch):
    monkeypatch.delenv(client.CONTAINER_MARK, raising=False)
    reports = {report.name: report for report in available_tiers()}
    assert list(reports) == ["full", "landlock", "container"]
    assert not reports["container"].works
    assert client.CONTAINER_MARK in reports["container"].how
    for report in reports.values():
        assert report.works or (report.missing and report.how)


def test_without_user_namespaces_landlock_is_chosen(sandbox):
    sandbox("full"), sandbox("landlock")  # or skip
    if not shutil.which("unshare"):
        pytest.skip("needs the command `unshare` of util-linux")
    source = """
from autograder.sandbox import Environment, Limits, Sandbox, available_tiers
with Sandbox(Environment(("numpy",), ()), Limits()) as sandbox:
    print(sandbox.tier)
print(available_tiers()[0])
"""
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces; exec "
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", f'{forbid} "$0" -c "$1"', sys.executable, source],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    tier, report = done.stdout.splitlines()
    assert tier == "landlock"
    assert "no user namespaces" in report
    assert "sysctl" in report


@pytest.mark.parametrize(("platform", "name"), [("darwin", "posix"), ("win32", "nt")])
def test_other_platforms_say_what_is_missing(platform, name):
    source = f"""
import sys, os, subprocess, socket, select, tempfile, importlib.metadata
for module in ('resource', 'fcntl', 'pwd', 'grp'):
    if {name!r} == 'nt': sys.modules[module] = None
import autograder.sandbox as sandbox
sys.platform, os.name = {platform!r}, {name!r}
for report in sandbox.available_tiers():
    print(report.works, report.missing, report.how)
"""
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("False only Linux") and "WSL2" in line for line in lines)


def test_no_trace_after_close(monkeypatch):
    with Sandbox(NUMPY, Limits(), tier="none") as sandbox:
        process = sandbox.open({"a": b"b"})
        folder = Path(process.ask(b"import os; answer = os.getcwd()").decode())
        server = sandbox._server.pid
        assert folder.is_dir()
    assert not folder.parent.exists()
    assert not os.path.exists(f"/proc/{server}")


@pytest.mark.slow
def test_opening_stays_cheap_and_leaks_nothing(sandbox):
    server = sandbox("full")
    start, opened = time.process_time(), len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        server.open({}).close()
    assert time.process_time() - start < 1
    assert len(os.listdir("/proc/self/fd")) == opened
