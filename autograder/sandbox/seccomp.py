"""The system calls that a student's process may make: an allow-list, compiled by libseccomp.

Compiled in the judge, once per server; the server only hands the program to the kernel.
"""

from __future__ import annotations

import errno
import os
import tempfile

from .errors import NoIsolationError

# Stands in the compiled program for the process's own number, which is known only after the fork.
OWN_PID = 0x3EADBEEF

_FILES = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek
    open openat openat2 creat close close_range dup dup2 dup3 pipe pipe2
    stat fstat lstat newfstatat statx access faccessat faccessat2 statfs fstatfs
    readlink readlinkat getdents getdents64 getcwd chdir fchdir umask
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 symlink symlinkat link linkat
    truncate ftruncate fallocate fsync fdatasync fadvise64 copy_file_range sendfile flock
    chmod fchmod fchmodat utime utimes utimensat futimesat
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    eventfd eventfd2
"""
_MEMORY = "brk mmap munmap mremap mprotect madvise mincore msync membarrier"
_THREADS = """
    exit exit_group futex set_robust_list get_robust_list set_tid_address rseq
    gettid getpid getppid sched_yield getcpu sched_getaffinity sched_setaffinity
    sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min
    wait4 waitid
"""
_SIGNALS = """
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend
    sigaltstack pause restart_syscall alarm setitimer getitimer
"""
_CLOCKS = """
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times
    timerfd_create timerfd_settime timerfd_gettime
"""
_ABOUT_ITSELF = """
    getuid geteuid getgid getegid getgroups getresuid getresgid getpgrp getpgid getsid capget
    getrlimit getrusage sysinfo uname getrandom
"""
_ALLOWED = (_FILES + _MEMORY + _THREADS + _SIGNALS + _CLOCKS + _ABOUT_ITSELF).split()

# Answered as an older kernel would, so that the C library falls back to what the filter can judge
# (it can't see the flags of clone3).
_UNKNOWN = ("clone3",)

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020080  # every CLONE_NEW… flag
_TCGETS, _TIOCGWINSZ, _FIONREAD, _FIONBIO, _FIOCLEX, _FIONCLEX = (
    *(0x5401, 0x5413, 0x541B, 0x5421),
    *(0x5451, 0x5450),
)
# Naming threads and memory, and asking what it may do.
_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x53564D41
_PR_GET_SECCOMP, _PR_CAPBSET_READ, _PR_GET_NO_NEW_PRIVS = 21, 23, 39
_F_SETOWN, _F_SETOWN_EX, _F_SETSIG = 8, 15, 10


def compile_filter() -> bytes:
    """The allow-list as a BPF program; `OWN_PID` in it must be replaced after the fork.

    Whatever isn't named is refused with EPERM: new processes and programs, sockets, tracing,
    mounts, namespaces, privileges, keys, BPF, io_uring, files in memory, System V objects.

    Raises:
        NoIsolationError: libseccomp isn't installed.
    """
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise NoIsolationError(
            f"no system-call filter: {error}. Install libseccomp (Debian, Ubuntu: "
            "`apt install libseccomp2`; Fedora: `dnf install libseccomp`) and `pip install "
            "pyseccomp`."
        ) from error
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    arg, eq, masked = seccomp.Arg, seccomp.EQ, seccomp.MASKED_EQ
    word = 0xFFFFFFFF
    conditional: list[tuple[str, tuple]] = [
        # A thread of this process, in the namespaces that it has.
        ("clone", (arg(0, masked, _CLONE_THREAD | _CLONE_NAMESPACES, _CLONE_THREAD),)),
        ("kill", (arg(0, eq, OWN_PID),)),
        ("tgkill", (arg(0, eq, OWN_PID),)),
        # Reading its own limits; the third argument would set them.
        ("prlimit64", (arg(0, eq, 0), arg(2, eq, 0))),
        ("prlimit64", (arg(0, eq, OWN_PID), arg(2, eq, 0))),
    ]
    for request in (_TCGETS, _TIOCGWINSZ, _FIONREAD, _FIONBIO, _FIOCLEX, _FIONCLEX):
        conditional.append(("ioctl", (arg(1, masked, word, request),)))
    asking = (_PR_GET_SECCOMP, _PR_CAPBSET_READ, _PR_GET_NO_NEW_PRIVS)
    for option in (_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA, *asking):
        conditional.append(("prctl", (arg(0, masked, word, option),)))
    # Every fcntl but those that make the kernel send signals to others.
    fcntl = [n for n in range(0, 17) if n not in (_F_SETOWN, _F_SETOWN_EX, _F_SETSIG)]
    for command in [*fcntl, 1030, 1031, 1032, 36, 37, 38]:  # DUPFD_CLOEXEC, pipe size, OFD locks
        conditional.append(("fcntl", (arg(1, masked, word, command),)))
    for name in _ALLOWED:
        _add(rules, seccomp.ALLOW, name)
    for name in _UNKNOWN:
        _add(rules, seccomp.ERRNO(errno.ENOSYS), name)
    for name, conditions in conditional:
        _add(rules, seccomp.ALLOW, name, *conditions)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return file.read()


def _add(rules: object, action: int, name: str, *conditions: object) -> None:
    try:
        rules.add_rule(action, name, *conditions)  # type: ignore[attr-defined]
    except (OSError, ValueError):
        if conditions:
            raise
        # A call that this architecture or this libseccomp doesn't know stays refused.
