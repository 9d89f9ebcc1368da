"""Read what a student handed in, without following it anywhere else."""

import datetime
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.utils import find_all_files, parse_utc

from autograder.batch.course import Submission
from autograder.batch.errors import UngradableError

NOTEBOOK_LIMIT = 64 << 20


@dataclass(frozen=True)
class Contents:
    """The bytes of a submission: notebooks by name, other files by path, remarks in words."""

    notebooks: dict[str, bytes]
    files: dict[str, bytes]
    flags: tuple[str, ...] = field(default=())

    @property
    def timestamp(self) -> datetime.datetime | None:
        """When it was handed in, in UTC and without a time zone, as nbgrader keeps it.

        Raises:
            UngradableError: timestamp.txt holds something else.
        """
        text = self.files.get("timestamp.txt", b"").decode("utf-8", "replace").strip()
        try:
            return parse_utc(text) if text else None
        except Exception as error:  # what a date's parser raises is anybody's guess
            raise UngradableError(f"timestamp.txt holds no date and time: {text[:60]!r}") from error


def read(submission: Submission, ignore: Iterable[str], files_limit: int) -> Contents:
    """Read a submission's notebooks and its other files (`files_limit` bytes of them at most).

    A symbolic link could lead to the instructor's own files, and a pipe would wait for ever: of
    the other files only regular ones are taken, and a flag names the rest.

    Raises:
        UngradableError: a notebook is no regular file or too large, or the files are.
    """
    notebooks = {}
    for name in submission.notebooks:
        data = read_regular(submission.folder / f"{name}.ipynb", NOTEBOOK_LIMIT)
        if data is None:
            raise UngradableError(f"{name}.ipynb is a link or no regular file")
        notebooks[name] = data
    files, flags, left = {}, [], files_limit
    for path in sorted(find_all_files(str(submission.folder), [*ignore, "*.ipynb"])):
        name = str(Path(path).relative_to(submission.folder))
        if not is_text(name):
            flags.append(f"{name!a} has a name that is no text and was left out")
            continue
        data = read_regular(Path(path), left)
        if data is None:
            flags.append(f"{name} is a link or no regular file and was left out")
            continue
        files[name] = data
        left -= len(data)
    return Contents(notebooks, files, tuple(flags))


def is_text(name: str) -> bool:
    """Say whether a file's name can be written down: any bytes can be a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_regular(path: Path, limit: int) -> bytes | None:
    """Read a file of `limit` bytes at most; None where it is a link or no regular file.

    Raises:
        UngradableError: it is larger, or can't be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink() or not path.is_file():
            return None
        raise UngradableError(f"{path.name} could not be read: {error.strerror}") from error
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UngradableError(f"{path.name} is too large: more than {limit / 1e6:.0f} MB")
    return data
