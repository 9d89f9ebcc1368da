"""The judge's side of the sandbox: start a warm fork server, open processes, ask them things."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from . import channel, seccomp
from .environment import Environment
from .errors import (
    AnswerError,
    NoIsolationError,
    SandboxError,
    StudentDiedError,
    StudentError,
    StudentTimeoutError,
)
from .limits import Limits
from .visible import Visible, visible_to

# From the strongest to the weakest. The last is used only when it is asked for by name.
TIERS = ("full", "landlock", "container", "none")
# Set by an instructor in the image of a container that is thrown away after grading.
CONTAINER_MARK = "AUTOGRADER_CONTAINER"

# What protects. Only the tests of the protections switch any of it off.
_SWITCHES = {
    "view": True,  # a file system of its own
    "processes": True,  # a process namespace
    "network": True,  # a network namespace
    "folder": True,  # a private temporary folder
    "descriptors": True,  # nothing open but its own
    "limits": True,  # memory, CPU time, files
    "privileges": True,  # no capabilities, no new privileges
    "calls": True,  # the filter of system calls
    "landlock": True,
    "hangup": True,  # all ends with the judge
}
_START_S = 120
_END_S = 60
_SOURCE = str(Path(__file__).resolve().parents[2])
_COMMAND = (
    "import sys; sys.path.insert(0, sys.stdin.readline()[:-1]); "
    "from autograder.sandbox.server import main; main(*map(int, sys.argv[1:]))"
)
_SMALL = 1 << 16  # bytes: an answer up to this size is taken in one piece
_CUT = "\n… (cut: it printed more than is kept)\n"


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a student's process used: CPU seconds, the most memory in bytes, and its protection."""

    cpu_s: float
    peak_memory: int
    tier: str


class Sandbox:
    """A warm fork server for one environment; a context manager.

    Raises:
        NoIsolationError: the machine can't give the tier asked for, or none at all.
        UnknownPackageError: the environment names a distribution that isn't installed.
        SandboxError: the server doesn't start.
    """

    tier: str

    def __init__(self, environment: Environment, limits: Limits, tier: str | None = None) -> None:
        if tier is not None and tier not in TIERS:
            raise NoIsolationError(f"unknown tier {tier!r}; there are {', '.join(TIERS)}")
        if os.name != "posix" or (sys.platform != "linux" and tier != "none"):
            raise NoIsolationError(_ELSEWHERE)
        self.limits = limits
        self.broken = False  # whether the server is gone or out of step; then only `close` works
        self._opened = 0
        self._server: subprocess.Popen | None = None
        visible = visible_to(environment)
        refused = []
        for candidate in (tier,) if tier else TIERS[:-1]:
            try:
                self._start(candidate, environment, visible)
            except NoIsolationError as error:
                refused.append(f"{candidate}: {error}")
            else:
                self.tier = candidate
                return
        raise NoIsolationError("student code can't be isolated here. " + "; ".join(refused))

    def _start(self, tier: str, environment: Environment, visible: Visible) -> None:
        program = check_tier(tier)
        config = {
            "tier": tier,
            "visible": dataclasses.asdict(visible),
            "preload": environment.preload,
            "limits": dataclasses.asdict(self.limits),
            "filter": base64.b64encode(program).decode(),
            "switches": _SWITCHES,
            "source": _SOURCE,
        }
        self._line, theirs = socket.socketpair()
        life, self._life = os.pipe()
        try:
            self._server = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _COMMAND),
                    *(str(theirs.fileno()), str(life)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), life),
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
            self._server.stdin.write(f"{_SOURCE}\n".encode())
            self._server.stdin.close()
        finally:
            theirs.close()
            os.close(life)
        self._line.settimeout(_START_S)
        try:
            self._answer(json.dumps(config).encode(), [])
        except BaseException:
            self.close()
            raise

    def _answer(self, request: bytes, descriptors: list[int]) -> dict:
        """Ask the server itself something."""
        if self.broken:
            raise SandboxError("the fork server doesn't answer any more")
        try:
            header = channel.HEADER.pack(len(request))
            socket.send_fds(self._line, [header], descriptors)
            self._line.sendall(request)
            (size,) = channel.HEADER.unpack(self._exactly(channel.HEADER.size))
            answer = json.loads(self._exactly(size))
        except (OSError, EOFError) as error:
            self.broken = True
            raise SandboxError(f"the fork server doesn't answer ({error})") from error
        except BaseException:  # such as the timer of a test cell: an answer is still on its way
            self.broken = True
            raise
        if "error" in answer:
            kind = NoIsolationError if answer["kind"] == "isolation" else SandboxError
            raise kind(answer["error"])
        return answer

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._line.recv(size - len(data))
            if not piece:
                raise EOFError("it ended")
            data += piece
        return data

    def open(self, files: Mapping[str, bytes]) -> StudentProcess:
        """Start a student's process with these files in its folder.

        Raises:
            ValueError: a file's name leads out of the folder.
            SandboxError: the server is gone or can't start a process.
            StudentError: the process didn't come up, for example since the files exceed its limits.
        """
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
                raise ValueError(f"{name!r} is not a file's name inside the working folder")
        mine, theirs = socket.socketpair()
        output, theirs_output = os.pipe()
        self._opened += 1
        number = self._opened
        try:
            request = json.dumps({"do": "open", "number": number}).encode()
            self._answer(request, [theirs.fileno(), theirs_output])
        except BaseException:
            mine.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(theirs_output)
        process = StudentProcess(self, number, mine, output)
        process.lay_out(files)
        return process

    def end(self, number: int, gone: bool) -> dict:
        """Kill a student's process and all it started; how it ended and what it used.

        One that is `gone` has closed its line, and most likely is ending by itself.
        """
        request = {"do": "end", "number": number, "gone": gone}
        return self._answer(json.dumps(request).encode(), [])

    def close(self) -> None:
        """End the server and every process under it."""
        if self._server is None:
            return
        self._line.close()
        os.close(self._life)
        try:
            self._server.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StudentProcess:
    """A student's process: one request at a time, each with one answer."""

    def __init__(self, sandbox: Sandbox, number: int, line: socket.socket, output: int) -> None:
        self._sandbox = sandbox
        self._number = number
        self._line = line
        self._line.setblocking(False)
        self._output = output
        os.set_blocking(output, False)
        self._printed = bytearray()
        self._kept = 0
        self._cut = False
        self._usage = Usage(0.0, 0, sandbox.tier)
        self._deadline = time.monotonic() + sandbox.limits.wall_s
        self._poll = select.poll()
        self._poll.register(output, select.POLLIN)
        self.alive = True

    def lay_out(self, files: Mapping[str, bytes]) -> None:
        """Send the files and wait until the process is closed in; called once, by `open`."""
        parts = [f"{len(files)}".encode()]
        for name, content in files.items():
            parts += [name.encode(), content]
        frames = [piece for part in parts for piece in channel.unsent_frame(part)]
        trouble = self._exchange([memoryview(b"".join(frames))], _START_S)
        if trouble:
            reason = f"the process didn't come up: {trouble.decode(errors='replace')}"
            self.close()
            raise StudentDiedError(reason)

    def ask(self, *request: bytes, timeout: float | None = None) -> bytearray:
        """Send a request, in one or more pieces, and wait for its answer.

        Without a `timeout` it waits for `limits.call_s`.

        Raises:
            StudentDiedError: the process has ended, or ends before it answers.
            StudentTimeoutError: no answer in time; the process is killed.
            AnswerError: the answer is too large or incomplete, or something came unasked;
                the process is killed.
        """
        if not self.alive:
            raise StudentDiedError("the process has ended")
        wait = self._sandbox.limits.call_s if timeout is None else timeout
        return self._exchange(channel.unsent_frame(*request), wait)

    def _exchange(self, unsent: list[memoryview], timeout: float) -> bytearray:
        limits = self._sandbox.limits
        end = min(time.monotonic() + timeout, self._deadline)
        self._refuse_what_came_unasked()
        answer = bytearray()
        size = None
        unsent = self._send(unsent)
        self._poll.register(self._line, select.POLLIN | (select.POLLOUT if unsent else 0))
        while size is None or len(answer) < size:
            left = end - time.monotonic()
            if left <= 0:
                self._end()
                whole = end == self._deadline
                what = (
                    f"{limits.wall_s:g} s that a submission may take" if whole else f"{timeout:g} s"
                )
                raise StudentTimeoutError(f"no answer within the {what}")
            ready = dict(self._poll.poll(left * 1000))
            if ready.get(self._output):
                self._drain()
            state = ready.get(self._line.fileno(), 0)
            if state & select.POLLOUT and unsent:
                unsent = self._send(unsent)
                if not unsent:
                    self._poll.register(self._line, select.POLLIN)
            if not state & (select.POLLIN | select.POLLHUP | select.POLLERR):
                continue
            # The whole of a small answer at once; of a large one no more than it announced.
            wanted = _SMALL if size is None else min(size - len(answer), channel.CHUNK)
            try:
                piece = self._line.recv(wanted)
            except BlockingIOError:
                continue
            except OSError:
                piece = b""
            if not piece:
                raise self._died(begun=size is not None or bool(answer))
            answer += piece
            if size is None and len(answer) >= channel.HEADER.size:
                (size,) = channel.HEADER.unpack_from(answer)
                del answer[: channel.HEADER.size]
                if size > limits.answer:
                    self._end()
                    raise AnswerError(
                        f"an answer of {size} bytes; at most {limits.answer} are taken"
                    )
        if len(answer) > size:
            self._end()
            raise AnswerError("it sent more than an answer")
        if unsent:
            self._end()
            raise AnswerError("it answered before it had the whole question")
        return answer

    def _send(self, unsent: list[memoryview]) -> list[memoryview]:
        """Send what the line takes now; what is left. That nobody reads any more is found later."""
        try:
            while unsent:
                unsent = channel.rest(unsent, self._line.sendmsg(unsent))
        except OSError:
            pass
        return unsent

    def _refuse_what_came_unasked(self) -> None:
        try:
            came = self._line.recv(1)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if came:
            self._end()
            raise AnswerError("it sent something without being asked")
        raise self._died(begun=False)

    def _died(self, begun: bool) -> StudentError:
        how = self._end(gone=True)
        reason = _reason(how, self._sandbox.limits)
        if begun:
            return AnswerError(f"the answer broke off: {reason}")
        return StudentDiedError(reason)

    def _drain(self) -> None:
        """Take what was printed, so that no one waits for a full pipe; keep what is allowed."""
        for _ in range(64):  # then look at the clock again
            try:
                piece = os.read(self._output, 1 << 16)
            except (BlockingIOError, ValueError):
                return
            if not piece:
                self._poll.unregister(self._output)
                os.close(self._output)
                self._output = -1
                return
            room = self._sandbox.limits.output - self._kept
            self._printed += piece[:room]
            self._kept += min(room, len(piece))
            self._cut = self._cut or len(piece) > room

    def output(self) -> str:
        """What it printed since the last call, to stdout and stderr, as far as it is kept."""
        if self._output >= 0:
            self._drain()
        text = self._printed.decode("utf-8", "replace") + (_CUT if self._cut else "")
        self._printed.clear()
        self._cut = False
        return text

    def _end(self, gone: bool = False) -> dict:
        if not self.alive:
            return {}
        self.alive = False
        try:
            how = self._sandbox.end(self._number, gone)
            self._usage = Usage(how["cpu_s"], how["peak_memory"], self._sandbox.tier)
        except SandboxError:  # the server is gone, and the process with it
            how = {}
        finally:
            if self._output >= 0:
                self._drain()
            self._line.close()
            if self._output >= 0:
                os.close(self._output)
                self._output = -1
        return how

    def close(self) -> Usage:
        """Kill the process and all it started; what it used. A second call changes nothing."""
        self._end()
        return self._usage


def check_tier(tier: str) -> bytes:
    """What can be checked of a tier without starting it; the filter of system calls it uses.

    Raises:
        NoIsolationError: something is missing, or the tier isn't declared.
    """
    if tier == "none":
        return b""
    if tier == "container" and not os.environ.get(CONTAINER_MARK):
        raise NoIsolationError(
            f"not in a container marked as one: grade in a container that is thrown away, without "
            f"a network, and set {CONTAINER_MARK}=1 in it"
        )
    return seccomp.compile_filter()


_ELSEWHERE = (
    "only Linux isolates processes as grading needs: grade in a Linux container (Docker, Podman) "
    "or, on Windows, in WSL2"
)


def _environment() -> dict[str, str]:
    """The server's environment: nothing of the judge's, and one thread for each library."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **dict.fromkeys(threads, "1"),
        # Memory for arrays is used again rather than given back and zeroed anew each time.
        "MALLOC_MMAP_THRESHOLD_": f"{1 << 27}",
        "MALLOC_TRIM_THRESHOLD_": f"{1 << 28}",
        "MALLOC_TOP_PAD_": f"{1 << 22}",
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "USER": "student",
    }


def _reason(how: dict, limits: Limits) -> str:
    if not how or not how["ended_itself"]:
        return "it closed its line to the grader"
    status = how["status"]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if how["cpu_s"] >= limits.cpu_s - 0.5:
            return f"it used up the {limits.cpu_s:g} s of CPU time that a submission may take"
        name = signal.Signals(number).name
        return f"it was ended by the signal {name}"
    return f"it exited with status {os.WEXITSTATUS(status)}"
