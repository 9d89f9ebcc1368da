"""The warm fork server: the trusted process between a judge and its students.

Two processes. The keeper is started by the judge; it prepares the isolation, forks the server and
waits: when the judge hangs up, however it ended, it kills the server and with it everything that
runs under it. The server loads the modules of an environment once and forks for each submission.
Neither ever sees a submission, a solution or a test: a submission travels over a line that the
server only hands on to the process it forks.

This runs isolated from the installation (`python -I -S`): only the standard library and what an
environment allows can be imported.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from typing import NoReturn

from . import channel, isolation, kernel, landlock
from .errors import NoIsolationError
from .seccomp import OWN_PID
from .visible import DEVICES, without

# What a student may leave in memory as files, in multiples of the largest file.
_FOLDER_SIZE = 2
# The judge keeps the time; the server acts if the judge is too busy to.
_WALL_GRACE_S = 10
_THREADS = 64
# What NumPy itself loads only when it is first used.
_NUMPY_LATER = ("numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial", "numpy.ma")
_ENDING_MS = 1000
_REMOVAL_S = 2
_LINE = 3  # the descriptor of the line to the judge in a student's process


def main(control: int, life: int) -> NoReturn:
    """Run the keeper, on descriptors that the judge passed on."""
    line = socket.socket(fileno=control)
    config = json.loads(channel.receive_frame(control))
    base = ""
    try:
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")  # when memory runs short, students go before graders
        devices = [path for path in DEVICES if os.path.exists(path)]
        tier = config["tier"]
        if tier == "full":
            isolation.enter(config["visible"], config["switches"], devices)
        if not _own_root(config):
            base = tempfile.mkdtemp(prefix="autograder-")
        if tier != "full":
            _leave_root(config["visible"], base)
        child = os.fork()
    except Exception as error:  # whatever it is, the judge must hear of it
        _refuse(line, error, base)
    if child == 0:
        try:
            os.close(life)
            kernel_death_signal()
            _Server(line, config, base, devices).run()
        except Exception as error:
            _refuse(line, error, "")
        finally:
            os._exit(1)
    line.close()
    _keep(child, life, hang_up=config["switches"]["hangup"])
    if base:
        remove_tree(base)
    os._exit(0)


def _own_root(config: dict) -> bool:
    """Whether submissions have a file system of their own, where all is mounted."""
    return config["tier"] == "full" and config["switches"]["view"]


def _refuse(line: socket.socket, error: Exception, base: str) -> NoReturn:
    kind = "isolation" if isinstance(error, NoIsolationError) else "server"
    with contextlib.suppress(OSError):
        answer = {"error": f"{error}" or type(error).__name__, "kind": kind}
        channel.send_frame(line.fileno(), json.dumps(answer).encode())
    if base:
        remove_tree(base)
    os._exit(1)


def _keep(child: int, life: int, hang_up: bool) -> None:
    """Wait until the server ends or the judge hangs up; then kill what is left."""
    poll = select.poll()
    if hang_up:
        poll.register(life, select.POLLIN)
    if _linux():
        poll.register(os.pidfd_open(child), select.POLLIN)
    while not poll.poll(None if _linux() else 200):
        if os.waitpid(child, os.WNOHANG)[0]:
            return
    _kill(child)
    os.waitpid(child, 0)


def kernel_death_signal() -> None:
    """Die with the parent, if the kernel knows how."""
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def _leave_root(visible: dict, base: str) -> None:
    """Change to an account without rights where it can read the interpreter.

    Where it can't (an interpreter beneath root's home), the account stays, without capabilities.
    """
    if os.geteuid() != 0:
        return
    needed = visible["paths"] + visible["packages"]
    for path in needed:
        while path != "/":
            path = os.path.dirname(path)
            if not os.stat(path).st_mode & 0o001:
                return
    isolation.become_nobody(owning=base)


def remove_tree(top: str, seconds: float = float("inf")) -> None:
    """Remove a folder whatever a student left in it: no recursion, no path that grows.

    What is left after `seconds` stays.
    """
    waiting = [top]
    number = 0
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        folder = waiting[-1]
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)
        try:
            entries = list(os.scandir(folder))
        except OSError:
            waiting.pop()
            continue
        deeper = []
        for entry in entries:
            with contextlib.suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                elif folder == top:
                    deeper.append(entry.path)
                else:  # one level below the top, so that no path gets too long
                    number += 1
                    os.chmod(entry.path, 0o700)
                    os.rename(entry.path, f"{top}/.{number}-{os.getpid()}")
        if deeper:
            waiting += deeper
            continue
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        waiting.pop()


class _Server:
    def __init__(self, line: socket.socket, config: dict, base: str, devices: list[str]) -> None:
        self._line = line
        self._switches = config["switches"]
        self._limits = config["limits"]
        self._tier = config["tier"]
        self._program = base64.b64decode(config["filter"])
        self._base = base
        self._memory = os.open("/proc/self/statm", os.O_RDONLY) if _linux() else -1
        self._full = None
        self._rules = None
        self._running: dict[int, tuple[int, float, str]] = {}
        self._mounted = _own_root(config)
        if self._tier == "full":
            self._full = isolation.Server(self._switches)
        if not self._mounted:
            self._lay_out(config["visible"])
        if self._tier == "landlock":
            self._rules = self._landlock(config["visible"], devices)
        if _linux():
            kernel.drop_capability_bounds()
        self._serve = self._load(config)

    def _lay_out(self, visible: dict) -> None:
        """Without mounts: a folder of links to the packages that exist."""
        for name in ("site", "home"):
            os.mkdir(f"{self._base}/{name}")
        for name, text in visible["files"].items():
            path = f"{self._base}/site/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        for path in self._entries(visible):
            with contextlib.suppress(FileExistsError):
                os.symlink(path, f"{self._base}/site/{os.path.basename(path)}")

    @staticmethod
    def _entries(visible: dict) -> list[str]:
        if visible["entries"]:
            return visible["entries"]
        folders = visible["packages"]
        every = (f"{folder}/{name}" for folder in folders for name in sorted(os.listdir(folder)))
        return [p for p in every if p not in visible["hidden"] and not p.endswith(".pth")]

    def _landlock(self, visible: dict, devices: list[str]) -> landlock.Rules:
        if not landlock.version():
            raise NoIsolationError(
                "no Landlock: the kernel has none or it is switched off. Use Linux 5.13 or later "
                "with `landlock` in the list of security modules (`lsm=` on its command line)"
            )
        readable = [*self._entries(visible), f"{self._base}/site"]
        listable = []
        for path in visible["paths"]:
            parts = without(path, visible["hidden"])
            readable += parts
            # Importing lists a folder, also where not all in it may be read.
            listable += [path] if len(parts) > 1 else []
        return landlock.Rules(readable, listable, devices)

    def _load(self, config: dict) -> Callable[..., None]:
        """Load what every submission of this environment needs, as it will find it."""
        site = isolation.SITE if self._mounted else f"{self._base}/site"
        home = isolation.HOME if self._mounted else f"{self._base}/home"
        packages = config["visible"]["packages"] if self._mounted else []
        standard = [path for path in sys.path if path != config["source"]]
        sys.path[:] = [site, *standard, *packages]
        for name in [n for n in sys.modules if n.split(".")[0] == "autograder"]:
            del sys.modules[name]
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()
        sys.argv[:] = [""]
        os.chdir("/")
        os.environ.update(HOME=home, TMPDIR=home)
        for name in ("numpy", *_NUMPY_LATER, *config["preload"]):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        agent = importlib.import_module("autograder.sandbox.agent")
        gc.collect()
        gc.freeze()  # what is shared stays shared, and out of sight of the collector
        return agent.serve

    def run(self) -> None:
        self._reply({"ready": True})
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        while True:
            deadlines = [deadline for _, deadline, _ in self._running.values()]
            wait = max(0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None
            if poll.poll(wait):
                try:
                    self._answer()
                except EOFError:
                    if self._switches["hangup"]:
                        break
                    signal.pause()
            now = time.monotonic()
            for number, (pid, deadline, folder) in self._running.items():
                if deadline < now:
                    _kill(pid)
                    self._running[number] = (pid, float("inf"), folder)
        for number in list(self._running):
            self._end(number, gone=False)
        os._exit(0)

    def _reply(self, answer: dict) -> None:
        channel.send_frame(self._line.fileno(), json.dumps(answer).encode())

    def _answer(self) -> None:
        start, descriptors, _, _ = socket.recv_fds(self._line, channel.HEADER.size, 2)
        if not start:
            raise EOFError
        line = self._line.fileno()
        start += channel.read_exactly(line, channel.HEADER.size - len(start))
        (size,) = channel.HEADER.unpack(start)
        request = json.loads(channel.read_exactly(line, size))
        if request["do"] == "open":
            try:
                pid = self._open(request["number"], *descriptors)
                self._reply({"pid": pid})
            except OSError as error:
                self._reply({"error": f"can't start a process: {error}", "kind": "server"})
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        else:
            self._reply(self._end(request["number"], request["gone"]))

    def _open(self, number: int, line: int, output: int) -> int:
        folder = ""
        if not self._mounted:
            folder = tempfile.mkdtemp(dir=self._base) if self._switches["folder"] else self._shared
        baseline = self._size()
        parent = os.getpid()
        pid = self._full.fork() if self._full else os.fork()
        if pid == 0:
            self._be_student(line, output, folder, baseline, parent)
        deadline = time.monotonic() + self._limits["wall_s"] + _WALL_GRACE_S
        self._running[number] = (pid, deadline, folder)
        return pid

    @property
    def _shared(self) -> str:
        folder = f"{self._base}/shared"
        os.makedirs(folder, exist_ok=True)
        return folder

    def _size(self) -> int:
        """The address space that a fork of this process starts with."""
        if self._memory < 0:
            return 0
        return int(os.pread(self._memory, 64, 0).split()[0]) * resource.getpagesize()

    def _end(self, number: int, gone: bool) -> dict:
        pid, _, folder = self._running.pop(number)
        if gone and _linux():  # its line is closed; a process that is ending gets time to end
            handle = os.pidfd_open(pid)
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            poll.poll(_ENDING_MS)
            os.close(handle)
        # Already dead, it said why itself; killed here, it says nothing.
        done, status, usage = os.wait4(pid, os.WNOHANG)
        ended_itself = bool(done)
        if not done:
            _kill(pid)
            _, status, usage = os.wait4(pid, 0)
        if not self._full:  # elsewhere its process namespace has ended with it
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        if folder and self._switches["folder"]:
            # No other submission can reach it; what takes longer goes when the server ends.
            remove_tree(folder, seconds=_REMOVAL_S)
        return {
            "status": status,
            "ended_itself": ended_itself,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        }

    def _be_student(
        self, line: int, output: int, folder: str, baseline: int, parent: int
    ) -> NoReturn:
        """In the child: close in, then run the agent on the student's behalf."""
        code = 1
        try:
            kernel_death_signal()
            if not self._full and os.getppid() != parent:
                os._exit(1)
            os.setsid()
            self._connect(line, output)
            if self._mounted:
                folder = self._full.enclose(_FOLDER_SIZE * self._limits["file_size"])
            os.chdir(folder)
            if not self._mounted:
                os.environ.update(HOME=folder, TMPDIR=folder)
            tempfile.tempdir = None
            if self._rules and self._switches["landlock"]:
                kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
                self._rules.restrict(folder)
            if self._switches["descriptors"]:
                os.closerange(_LINE + 1, 1 << 20)
            if self._switches["limits"]:
                self._limit(baseline)
            if _linux():
                self._give_up_rights()
            self._receive_files()
            code = self._serve_agent()
        except EOFError:
            code = 0
        except BaseException as error:
            with contextlib.suppress(BaseException):
                text = f"{type(error).__name__}: {error}"
                channel.send_frame(_LINE, text.encode())
        finally:
            os._exit(code)

    def _connect(self, line: int, output: int) -> None:
        """Nothing on standard input, a pipe for what is printed, the line to the judge."""
        line, output = os.dup(line), os.dup(output)  # clear of the numbers they are put on
        nothing = os.open(os.devnull, os.O_RDONLY)
        keep = [os.dup(d) if d <= _LINE else d for d in (nothing, output, line)]
        for source, target in zip((keep[0], keep[1], keep[1], keep[2]), range(4), strict=True):
            os.dup2(source, target)
        # Written through by line: what a process printed before it died is part of its story.
        for number, name in ((1, "stdout"), (2, "stderr")):
            raw = io.FileIO(number, "w", closefd=False)
            text = io.TextIOWrapper(
                io.BufferedWriter(raw), encoding="utf-8", errors="replace", line_buffering=True
            )
            setattr(sys, name, text)
            setattr(sys, f"__{name}__", text)
        sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, closefd=False))

    def _limit(self, baseline: int) -> None:
        limits = self._limits
        cpu = max(1, int(limits["cpu_s"] + 0.999))
        wanted = {
            resource.RLIMIT_CPU: cpu,
            resource.RLIMIT_FSIZE: limits["file_size"],
            resource.RLIMIT_NOFILE: limits["open_files"],
            resource.RLIMIT_CORE: 0,
        }
        if self._full:  # counted in the namespace; elsewhere with all else that the account runs
            wanted[resource.RLIMIT_NPROC] = _THREADS
        if _linux():
            wanted[resource.RLIMIT_AS] = baseline + limits["memory"]
        for what, value in wanted.items():
            hard = resource.getrlimit(what)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (value, value))

    def _give_up_rights(self) -> None:
        if self._switches["privileges"]:
            kernel.drop_capabilities()
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self._program and self._switches["calls"]:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            own = struct.pack("=I", os.getpid())
            kernel.load_seccomp(self._program.replace(struct.pack("=I", OWN_PID), own))

    @staticmethod
    def _receive_files() -> None:
        count = int(channel.receive_frame(_LINE))
        for _ in range(count):
            name = channel.receive_frame(_LINE).decode()
            content = channel.receive_frame(_LINE)
            if "/" in name:
                os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "wb") as file:
                file.write(content)
        channel.send_frame(_LINE, b"")

    def _serve_agent(self) -> int:
        streams = (sys.stdout, sys.stderr)

        def receive() -> bytearray:
            return channel.receive_frame(_LINE)

        def send(*answer: bytes) -> None:
            for stream in streams:
                with contextlib.suppress(Exception):
                    stream.flush()
            channel.send_frame(_LINE, *answer)

        try:
            self._serve(receive, send)
        except EOFError:
            return 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=streams[1])
            return 1
        finally:
            for stream in streams:
                with contextlib.suppress(Exception):
                    stream.flush()
        return 0


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _linux() -> bool:
    return sys.platform == "linux"
