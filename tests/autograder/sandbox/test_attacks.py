"""Attacks from student code: each refused, and each going through once its protection is off."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.sandbox import (
    AnswerError,
    Limits,
    StudentDiedError,
    StudentTimeoutError,
)

from .conftest import TIERS

ROOT = Path(__file__).parents[3]
each_tier = pytest.mark.parametrize("tier", TIERS)

# A way in, what shows that it is open, and what has to be switched off for that in each tier.
ATTACKS = {
    "host's accounts": (
        "answer = open('/etc/passwd').read()",
        "root:",
        {"full": ("view",), "landlock": ("landlock",)},
    ),
    "course's source": (
        f"answer = 'read', open({str(ROOT / 'nbgrader_config.py')!r}).read()",
        "('read'",
        {"full": ("view",), "landlock": ("landlock",)},
    ),
    "home": (
        f"import os; here = {os.listdir(Path.home())}\n"
        f"answer = set(here) <= set(os.listdir({str(Path.home())!r}))",
        "True",
        {"full": ("view",), "landlock": ("landlock",)},
    ),
    "fork": (
        "import os\npid = os.fork()\nif not pid: os._exit(0)\nanswer = 'forked'",
        "forked",
        {"full": ("calls",), "landlock": ("calls",)},
    ),
    "program": (
        "import subprocess; answer = subprocess.run(['/bin/echo', 'ran'], capture_output=True)",
        "ran",
        {"full": ("calls", "view"), "landlock": ("calls", "landlock")},
    ),
    "memory": (
        "import numpy; numpy.zeros(1100 << 20, numpy.uint8); answer = 'got it'",
        "got it",
        {"full": ("limits",), "landlock": ("limits",)},
    ),
    "open files": (
        "kept = [open('file', 'w') for _ in range(100)]; answer = 'all open'",
        "all open",
        {"full": ("limits",), "landlock": ("limits",)},
    ),
    "file size": (
        "f = open('big', 'wb'); [f.write(bytes(1 << 20)) for _ in range(65)]; answer = 'written'",
        "written",
        {"full": ("limits",), "landlock": ("limits",)},
    ),
    "tracing": (
        "import ctypes; answer = 'traced' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0 else 'no'",
        "traced",
        {"full": ("calls",), "landlock": ("calls",)},
    ),
    "file in memory": (
        "import os; os.memfd_create('x'); answer = 'made'",
        "made",
        {"full": ("calls",), "landlock": ("calls",)},
    ),
    "socket": (
        "import socket; socket.socket(socket.AF_UNIX); answer = 'made'",
        "made",
        {"full": ("calls",), "landlock": ("calls",)},
    ),
    "raised limits": (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8)); answer = 'set'",
        "set",
        {"full": ("calls",), "landlock": ("calls",)},
    ),
    "other processes": (
        "import os; answer = len([n for n in os.listdir('/proc') if n.isdigit()]) > 1",
        "True",
        {"full": ("processes", "view"), "landlock": ("landlock",)},
    ),
    "descriptors": (
        "import os\n"
        "def is_open(n):\n"
        "    try: return bool(os.fstat(n))\n"
        "    except OSError: return False\n"
        "answer = 'found' if any(is_open(n) for n in range(4, 200)) else 'none'",
        "found",
        {"full": ("descriptors",), "landlock": ("descriptors",)},
    ),
    "new privileges": (
        "import ctypes; answer = ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)",
        "0",
        {
            "full": ("privileges", "calls"),
            "landlock": ("privileges", "calls", "landlock"),
        },
    ),
}


@each_tier
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused(run, tier, name):
    source, sign, _ = ATTACKS[name]
    assert sign not in run(tier, source)


@each_tier
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_goes_through_without_its_protection(run, tier, name):
    source, sign, off = ATTACKS[name]
    assert sign in run(tier, source, *off[tier])


# Capabilities exist for root, and inside a user namespace for everyone.
CAPABILITIES = """
import ctypes
data = (ctypes.c_uint32 * 6)()
ctypes.CDLL(None).capget((ctypes.c_uint32 * 2)(0x20080522, 0), data)
answer = list(data)
"""


@each_tier
def test_no_capabilities(run, tier):
    assert run(tier, CAPABILITIES) == str([0] * 6)
    if tier == "full" or os.geteuid() == 0:
        assert run(tier, CAPABILITIES, "privileges") != str([0] * 6)


@each_tier
def test_account_cannot_be_changed(run, tier):
    source = "import os; os.setresuid(4321, 4321, 4321); answer = os.getuid()"
    assert run(tier, source) == "PermissionError: [Errno 1] Operation not permitted"
    if tier == "landlock" and os.geteuid() == 0:
        assert run(tier, source, "calls", "privileges") == "4321"


@each_tier
def test_no_connection_to_the_network(run, tier):
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = (
            "import socket; socket.create_connection(('127.0.0.1', "
            f"{server.getsockname()[1]}), 5); answer = 'connected'"
        )
        assert "connected" not in run(tier, source)
        # Each of the two protections holds alone.
        assert "connected" not in run(tier, source, "calls")
        other = "network" if tier == "full" else "landlock"
        assert "connected" not in run(tier, source, other)
        assert run(tier, source, "calls", other) == "connected"


@each_tier
def test_nothing_is_written_outside_the_folder(run, tier, tmp_path):
    tmp_path.chmod(0o777)
    source = f"open({str(tmp_path / 'mark')!r}, 'w').write('x')"
    run(tier, source)
    assert not (tmp_path / "mark").exists()
    run(tier, source, "view" if tier == "full" else "landlock")
    assert (tmp_path / "mark").exists()


@each_tier
def test_other_processes_get_no_signals(run, tier):
    with subprocess.Popen(["sleep", "60"]) as victim:
        try:
            source = f"import os; os.kill({victim.pid}, 15); answer = 'sent'"
            assert "sent" not in run(tier, source)
            off = ("processes", "view") if tier == "full" else ("landlock",)
            # What the filter leaves to the namespace or to Landlock, these refuse by themselves.
            assert "sent" not in run(tier, source, "calls")
            assert victim.poll() is None
            assert run(tier, source, "calls", *off) == "sent"
            assert victim.wait(5) == -15
        finally:
            victim.kill()


@each_tier
def test_no_signal_to_a_group_or_to_all(run, tier):
    for target in (0, -1):
        assert "Errno 1]" in run(tier, f"import os; os.kill({target}, 15); answer = 'sent'")


SLEEPER = """
import os, time
read, write = os.pipe()
if not os.fork():
    os.setsid()  # until then it goes with the group
    os.write(write, b'1')
    time.sleep(60)
    os._exit(0)
os.read(read, 1)
answer = 'started'
"""


def _alive_after(sandbox, source: str) -> set[str]:
    """Processes that are there after a submission was closed and weren't before."""
    before = set(_processes())
    process = sandbox.open({})
    assert process.ask(source.encode()) == b"started"
    process.close()
    return {pid for pid in set(_processes()) - before if "autograder.sandbox" in _command(pid)}


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@each_tier
def test_no_process_outlives_the_submission(sandbox, run, tier):
    assert "PermissionError" in run(tier, SLEEPER)
    if tier == "full":  # the process namespace holds without the filter
        assert not _alive_after(sandbox(tier, "calls"), SLEEPER)
    off = ("calls", "processes") if tier == "full" else ("calls",)
    left = _alive_after(sandbox(tier, *off), SLEEPER)
    try:
        assert left
    finally:
        for pid in left:
            os.kill(int(pid), 9)


@pytest.mark.slow
@each_tier
def test_endless_loop_that_ignores_signals_ends(sandbox, tier):
    source = """
import signal
for number in set(signal.valid_signals()) - {9, 19, 32, 33}:
    signal.signal(number, signal.SIG_IGN)
import time
while time.process_time() < 2.5:
    pass
answer = 'went on'
"""
    limits = Limits(cpu_s=1, call_s=60)
    process = sandbox(tier, limits=limits).open({})
    with pytest.raises(StudentDiedError, match="CPU time"):
        process.ask(source.encode())
    assert not process.alive
    process = sandbox(tier, "limits", limits=limits).open({})
    assert process.ask(source.encode()) == b"went on"
    process.close()


@each_tier
def test_sleeping_call_is_ended(sandbox, tier):
    process = sandbox(tier).open({})
    start = time.monotonic()
    with pytest.raises(StudentTimeoutError, match="1 s"):
        process.ask(b"import time; time.sleep(60)", timeout=1)
    assert 1 <= time.monotonic() - start < 5
    with pytest.raises(StudentDiedError):
        process.ask(b"answer = 1")


@pytest.mark.slow
@each_tier
def test_submission_has_a_time_limit_over_all_its_calls(sandbox, tier):
    process = sandbox(tier, limits=Limits(wall_s=2)).open({})
    with pytest.raises(StudentTimeoutError, match="submission"):
        for _ in range(20):
            process.ask(b"import time; time.sleep(0.5)")


@each_tier
def test_much_output_is_cut_and_blocks_nothing(sandbox, tier):
    process = sandbox(tier).open({})
    source = "print('x' * 1_000_000 * 60); import os; os.write(2, b'error'); answer = 'done'"
    assert process.ask(source.encode()) == b"done"
    text = process.output()
    assert 1_000_000 <= len(text) < 1_000_100
    assert "cut" in text
    process.close()


@each_tier
def test_next_student_finds_no_files(sandbox, run, tier):
    write = "import os; open(os.environ['TMPDIR'] + '/left', 'w').write('x')"
    read = "import os; answer = os.listdir(os.environ['TMPDIR']) + os.listdir('.')"
    run(tier, write, files={"notes/own.txt": b"x"})
    assert "left" not in run(tier, read)
    assert "own" not in run(tier, read)
    run(tier, write, "folder")
    assert "left" in run(tier, read, "folder")


@pytest.mark.slow
def test_folder_is_removed_whatever_is_in_it(sandbox, tmp_path):
    source = f"""
import os
here = os.getcwd()
os.symlink({str(tmp_path)!r}, 'link')
os.mkdir('closed'); open('closed/file', 'w'); os.chmod('closed', 0)
for _ in range(300):
    os.mkdir('deep' * 20); os.chdir('deep' * 20)
answer = here
"""
    (tmp_path / "kept").touch()
    process = sandbox("landlock").open({})
    folder = process.ask(source.encode()).decode()
    assert Path(folder).is_dir()
    process.close()
    assert not os.path.lexists(folder)
    assert (tmp_path / "kept").exists()


def test_folder_in_memory_is_limited(run):
    source = """
for number in range(5):
    open(f'file{number}', 'wb').write(bytes(60 << 20))
answer = 'written'
"""
    assert "No space left" in run("full", source)


FIND = """
import re
found = 0
mine = 'MARK'.encode() + b'-of-another'
for line in open('/proc/self/maps'):
    start, end, mode = re.match('(.*?)-(.*?) (...)', line).groups()
    if mode[:2] == 'rw':
        memory = open('/proc/self/mem', 'rb')
        memory.seek(int(start, 16))
        try:
            text = memory.read(int(end, 16) - int(start, 16))
        except OSError:
            continue
        found += text.count(mine) - (0 if 'stack' in line else 0)
        del text
answer = found
"""


def test_memory_holds_nothing_of_the_student_before(run):
    run("full", "answer = 1", files={"a.txt": b"MARK-of-another" * 1000})
    # The text searched for is in memory itself a few times, a thousand copies would be more.
    assert int(run("full", FIND)) < 50
    own = run(
        "full",
        "kept = open('a.txt', 'rb').read()\n" + FIND,
        files={"a.txt": b"MARK-of-another" * 1000},
    )
    assert int(own) >= 1000


@each_tier
def test_environment_holds_no_secrets(tier, run, sandbox, monkeypatch):
    monkeypatch.setenv("COURSE_SECRET", "swordfish")
    limits = Limits(memory=1 << 29)  # a server of its own, started now
    answer = run(tier, "import os; answer = dict(os.environ)", limits=limits)
    assert "swordfish" not in answer
    assert "'OMP_NUM_THREADS': '1'" in answer


def test_host_name_and_account_say_nothing(run):
    answer = run(
        "full", "import os, getpass; answer = os.uname().nodename, getpass.getuser(), os.getuid()"
    )
    assert answer == "('sandbox', 'student', 1000)"


CALLS = {
    "io_uring_setup": 425,
    "bpf": 321,
    "keyctl": 250,
    "userfaultfd": 323,
    "perf_event_open": 298,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "chroot": 161,
    "process_vm_readv": 310,
    "pidfd_open": 434,
    "shmget": 29,
    "msgget": 68,
    "mknod": 133,
    "personality": 135,
    "seccomp": 317,
    "vfork": 58,
    "execveat": 322,
}


@each_tier
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
def test_dangerous_calls_are_refused(run, tier):
    source = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
answer = {{}}
for name, number in {CALLS!r}.items():
    result = libc.syscall(number, 0, 0, 0, 0, 0, 0)
    answer[name] = (result, ctypes.get_errno())
allowed = [name for name, got in answer.items() if got != (-1, 1)]
answer = allowed, libc.syscall(435, 0, 0), ctypes.get_errno()  # clone3: not there
"""
    assert run(tier, source) == "([], -1, 38)"


@each_tier
def test_what_came_unasked_is_refused(sandbox, tier):
    process = sandbox(tier).open({})
    assert process.ask(b"answer = 1") == b"1"
    process.ask(b"import threading, time; threading.Timer(0.3, send, [b'forged']).start()")
    time.sleep(1)
    with pytest.raises(AnswerError, match="without being asked"):
        process.ask(b"answer = 2")
    assert not process.alive


@each_tier
def test_oversized_answer_costs_no_memory(sandbox, tier):
    process = sandbox(tier).open({})
    with pytest.raises(AnswerError, match="at most"):
        process.ask(b"import os; os.write(3, (1 << 60).to_bytes(8, 'big'))")
    process.close()


@each_tier
def test_answer_that_breaks_off(sandbox, tier):
    process = sandbox(tier).open({})
    with pytest.raises(AnswerError, match="broke off: it exited with status 7"):
        process.ask(b"import os; os.write(3, (99).to_bytes(8, 'big') + b'half'); os._exit(7)")


@each_tier
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os._exit(3)", "exited with status 3"),
        ("import ctypes; ctypes.string_at(8)", "SIGSEGV"),
        ("import os; os.close(3); import time; time.sleep(60)", "closed its line"),
    ],
)
def test_reason_of_a_death(sandbox, tier, source, reason):
    process = sandbox(tier).open({})
    with pytest.raises(StudentDiedError, match=reason):
        process.ask(source.encode())
    assert not process.alive


JUDGE = """
import sys, time
from pathlib import Path
from autograder.sandbox import Environment, Limits, Sandbox, client, visible
visible.AGENT_FILES["autograder/sandbox/agent.py"] = Path(sys.argv[1])
client._SWITCHES["hangup"] = sys.argv[3] == "on"
sandbox = Sandbox(Environment(("numpy",), ()), Limits(), tier=sys.argv[2])
process = sandbox.open({})
folder = process.ask(b"import os; answer = os.path.dirname(os.getcwd())").decode()
print(sandbox._server.pid, folder, flush=True)
process.ask(b"import signal; signal.signal(15, signal.SIG_IGN)\\nwhile True: pass", timeout=60)
"""


def _family(pid: int) -> set[int]:
    """A process and all its descendants."""
    found = {pid}
    while True:
        more = set()
        for other in map(int, _processes()):
            try:
                parent = int(Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent in found and other not in found:
                more.add(other)
        if not more:
            return found
        found |= more


def _running(pids: set[int]) -> set[int]:
    states = {}
    for pid in pids:
        try:
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return {pid for pid, state in states.items() if state != "Z"}


@each_tier
@pytest.mark.parametrize("hangup", ["on", "off"])
def test_judge_killed_leaves_no_process(sandbox, tier, hangup):
    sandbox(tier)  # or skip
    agent = Path(__file__).with_name("running_agent.py")
    with subprocess.Popen(
        [sys.executable, "-c", JUDGE, str(agent), tier, hangup],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as judge:
        pid, folder = judge.stdout.readline().split()
        family = _family(int(pid))
        time.sleep(0.5)
        judge.kill()
    assert len(family) == 3  # keeper, server, student
    end = time.monotonic() + (10 if hangup == "on" else 1)
    while _running(family) and time.monotonic() < end:
        time.sleep(0.05)
    left = _running(family)
    for pid in left:
        os.kill(pid, 9)
    assert bool(left) == (hangup == "off")
    if tier == "landlock" and left:
        shutil.rmtree(folder, ignore_errors=True)  # nobody is left to do it
    assert tier == "full" or not os.path.exists(folder)
