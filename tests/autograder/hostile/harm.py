"""What an attack may have done: the places that are watched, before and after."""

import ctypes
import hashlib
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path

from hostile.naive import children

PR_SET_CHILD_SUBREAPER = 36
# Where a submission might leave something for the next one.
SHARED_PLACES = ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"))


def adopt_orphans() -> None:
    """Make this process the parent of every orphan below it, so that none is lost sight of."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def below() -> set[int]:
    """The living processes below this one; those that have ended are reaped on the way."""
    found = set()
    for pid in children(os.getpid()):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state == "Z":
            continue
        found.add(pid)
    return found


def reap_strangers(known: set[int]) -> None:
    """Collect ended children that are nobody's: orphans that this process adopted."""
    for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if int(pid) not in known:
            try:
                os.waitpid(int(pid), os.WNOHANG)
            except ChildProcessError:
                pass


def fingerprint(folder: Path) -> dict[str, tuple]:
    """Name, rights, times and content of everything below `folder`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = None
        if path.is_file() and not path.is_symlink():
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            except PermissionError:
                content = "unreadable"
        name = str(path.relative_to(folder))
        found[name] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


def left_behind(token: str) -> list[str]:
    """Files of this run's token in places that others can read."""
    found = []
    for place in SHARED_PLACES:
        try:
            found += [f"{place}/{name}" for name in os.listdir(place) if token in name]
        except OSError:
            pass
    return found


def memory_mb() -> float:
    """The memory that this process has resident now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Peak:
    """The largest resident memory of this process inside a `with`, looked at every 5 ms."""

    def __enter__(self) -> "Peak":
        self.before = self.most = memory_mb()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.005):
            self.most = max(self.most, memory_mb())

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def growth(self) -> float:
        """Megabytes above what there was before."""
        return self.most - self.before


class Listener:
    """A server on this machine that counts who reaches it, by TCP, UDP and an abstract socket."""

    def __init__(self, token: str) -> None:
        self.seen = 0
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(f"\0course-{token}")
        self._unix.listen()
        for link in (self._tcp, self._udp, self._unix):
            link.setblocking(False)

    def count(self) -> int:
        """Everybody who came since the last call."""
        came = 0
        for link in (self._tcp, self._unix):
            while True:
                try:
                    connection, _ = link.accept()
                except BlockingIOError:
                    break
                connection.close()
                came += 1
        while True:
            try:
                self._udp.recv(100)
            except BlockingIOError:
                break
            came += 1
        return came

    def close(self) -> None:
        """Stop listening."""
        for link in (self._tcp, self._udp, self._unix):
            link.close()


def end(pids: set[int]) -> None:
    """Kill these processes, which the attacks of this run left, and wait for them."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + 5
    while pids & below() and time.monotonic() < deadline:
        time.sleep(0.02)
