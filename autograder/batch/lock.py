"""One grader at a time for an assignment: a file lock, which ends with its process."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.batch.errors import RefusedError


@contextmanager
def only_grader(root: Path, assignment: str) -> Iterator[None]:
    """Hold the lock on an assignment of the course in `root`.

    Raises:
        RefusedError: another grader holds it; names its process.
    """
    path = root / f".autograder-{assignment}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    except OSError as error:
        raise RefusedError(f"{path} can't be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 1000).decode(errors="replace") or "another process"
            raise RefusedError(
                f"'{assignment}' is being graded already, by {holder}; wait for it or stop it"
            ) from error
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        except OSError as error:
            raise RefusedError(f"{path} can't be written: {error.strerror}") from error
        yield
    finally:
        os.close(handle)
