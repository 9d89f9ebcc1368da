"""The full tier: namespaces and a file system with nothing in it but what a submission needs.

What can be prepared once is prepared by the server: the user, network, host-name and control-group
namespaces and the read-only file system. A submission gets its own process and mount namespaces,
its own folder in memory and its own /proc.
"""

from __future__ import annotations

import os
import socket

from . import kernel
from .errors import NoIsolationError

# Where the new file system grows before it becomes the root. What lies there is opened before.
_ROOT = "/tmp"
# The identity inside. It says nothing about the account outside.
_UID = 1000
_NOBODY = 65534
_ETC = {
    "etc/passwd": f"student:x:{_UID}:{_UID}::/student:/bin/false\n",
    "etc/group": f"student:x:{_UID}:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}
SITE = "/site"
# The folder in memory. Not /tmp itself, beneath which the interpreter may lie.
HOME = "/student"
WORK = f"{HOME}/work"


def enter(visible: dict, switches: dict[str, bool], devices: list[str]) -> None:
    """Prepare the namespaces and the file system; processes forked after this are inside.

    Raises:
        NoIsolationError: the machine refuses; the message says what and how to get it.
    """
    step = "creating a mount namespace"
    root = os.geteuid() == 0
    try:
        if root:
            # Built while root, since nobody might not reach the interpreter's folder; root's
            # own rights are gone before anything else happens.
            if switches["view"]:
                kernel.unshare(kernel.CLONE_NEWNS)
                _build(visible, devices)
                step = "leaving root's account"
                become_nobody()
        uid, gid = os.getuid(), os.getgid()
        step = "creating a user namespace"
        flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
        flags |= kernel.CLONE_NEWNET if switches["network"] else 0
        flags |= kernel.CLONE_NEWPID if switches["processes"] else 0
        flags |= kernel.CLONE_NEWNS if switches["view"] else 0
        kernel.unshare(flags)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{_UID} {uid} 1")
        _write("/proc/self/gid_map", f"{_UID} {gid} 1")
        if os.path.exists("/proc/self/ns/cgroup"):
            kernel.unshare(kernel.CLONE_NEWCGROUP)
        socket.sethostname("sandbox")
        step = "building the file system"
        if switches["view"] and not root:
            _build(visible, devices)
    except OSError as error:
        raise NoIsolationError(
            f"no user namespaces: {step} failed ({error}). Allow them (Ubuntu 24.04: `sysctl "
            "kernel.apparmor_restrict_unprivileged_userns=0`; Debian: `sysctl "
            "kernel.unprivileged_userns_clone=1`; Docker: a seccomp profile that lets unshare and "
            "mount through; Linux 5.12 or later)"
        ) from error


def become_nobody(owning: str = "") -> None:
    """Change from root to the account that owns nothing, except the folder `owning`.

    In a container of an ordinary user, where that account doesn't exist, root stays: it is nobody
    in particular outside.
    """
    if not _exists(_NOBODY):
        return
    if owning:
        os.chown(owning, _NOBODY, _NOBODY)
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    # Changing the account hides /proc/self from it, where the maps of the namespace are written.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def _exists(uid: int) -> bool:
    """Whether an account's number means anything in this user namespace."""
    with open("/proc/self/uid_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    return any(first <= uid < first + count for first, _, count in ranges)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _build(visible: dict, devices: list[str]) -> None:
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    hidden = sorted({place for h in visible["hidden"] for place in _places(h, visible["paths"])})
    opened = [(p, _open(p), True) for p in visible["paths"]] + [(p, -1, True) for p in hidden]
    folders = visible["entries"] or visible["packages"]
    opened += [(p, _open(p), True) for p in folders] + [(p, _open(p), False) for p in devices]
    kernel.mount("tmpfs", _ROOT, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=64m")
    for name in ("/proc", HOME, SITE):
        os.mkdir(f"{_ROOT}{name}")
    for name, text in {
        **_ETC,
        **{f"{SITE[1:]}/{n}": text for n, text in visible["files"].items()},
    }.items():
        os.makedirs(os.path.dirname(f"{_ROOT}/{name}"), exist_ok=True)
        _write(f"{_ROOT}/{name}", text)
    readonly = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID
    for path, descriptor, plain in opened:
        target = f"{_ROOT}{path}"
        if descriptor < 0:
            kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m")
            continue
        source = f"/proc/self/fd/{descriptor}"
        if os.path.lexists(target):
            continue  # beneath a folder that is there already
        if os.path.isdir(source):
            os.makedirs(target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _write(target, "")
        kernel.mount(source, target, "", kernel.MS_BIND | kernel.MS_REC)
        attributes = readonly | (kernel.MOUNT_ATTR_NODEV if plain else 0)
        kernel.set_mount_attributes(target, attributes, recursive=True)
        os.close(descriptor)
    if not os.path.lexists(f"{_ROOT}/tmp"):
        os.symlink(HOME, f"{_ROOT}/tmp")
    for path in ["/", *hidden]:
        kernel.set_mount_attributes(f"{_ROOT}{path}", readonly, recursive=False)
    # Writable for the server while it loads what is preloaded; submissions get one of their own.
    kernel.mount("tmpfs", _ROOT + HOME, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=64m")


def _open(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _places(hidden: str, paths: list[str]) -> list[str]:
    """Where a folder is reached through the visible paths, some of which are symbolic links."""
    real = os.path.realpath(hidden)
    return [
        path.rstrip("/") + real[len(os.path.realpath(path)) :]
        for path in paths
        if real.startswith(os.path.realpath(path) + "/")
    ]


class Server:
    """The server's own side of the namespaces, entered by its first process inside them."""

    def __init__(self, switches: dict[str, bool]) -> None:
        self._switches = switches
        self._processes = -1
        if switches["processes"]:
            self._processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        if switches["view"]:
            self._change_root()

    def _change_root(self) -> None:
        if self._switches["processes"]:
            _mount_proc(f"{_ROOT}/proc")
        # A mount that came with the namespace is locked to its place; a copy of it isn't.
        kernel.mount(_ROOT, _ROOT, "", kernel.MS_BIND | kernel.MS_REC)
        os.chdir(_ROOT)
        kernel.pivot_root_here()

    def fork(self) -> int:
        """Fork; the child is the first process of a process namespace of its own."""
        if self._processes < 0:
            return os.fork()
        kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid:
            kernel.setns(self._processes, kernel.CLONE_NEWPID)
        return pid

    def enclose(self, size: int) -> str:
        """In the child: its own mounts, with a folder in memory. Returns the folder to work in."""
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
        if self._switches["processes"]:
            _mount_proc("/proc")
        if self._switches["folder"]:
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            kernel.mount("tmpfs", HOME, "tmpfs", flags, f"size={size},nr_inodes=4096")
        os.makedirs(WORK, exist_ok=True)
        return WORK


def _mount_proc(place: str) -> None:
    flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    try:
        kernel.mount("proc", place, "proc", flags)
    except OSError:
        # A container that hides parts of /proc allows no fresh one; then there is none.
        kernel.mount("tmpfs", place, "tmpfs", flags, "size=4k")
