"""`nbgrader collect`, taking only what students hand in for themselves, and only files.

The exchange is a folder that all students can write to. nbgrader's own collect warns where a
submission belongs to somebody else and then takes it, even in place of the right one; it follows
symbolic links with the instructor's rights; and a submission that it cannot read or sort ends it
for everybody. Here, what can't be taken is left in the exchange with a line that says why.
"""

import datetime
import errno
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nbgrader.exchange.default import ExchangeCollect

from autograder.batch.run import DISK_FULL
from autograder.batch.submissions import is_text

FILES_LIMIT, DEPTH_LIMIT = 10_000, 20
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LATER = datetime.timedelta(minutes=5)  # a later change is remarked


class Collect(ExchangeCollect):
    """Collects from the exchange. With `check_owner = False`, anybody may hand in for anybody."""

    def init_src(self) -> None:
        """Choose a submission for each student: the latest one that can be taken."""
        super().init_src()
        found = defaultdict(list)
        student = self.coursedir.student_id or "*"
        for path in Path(self.inbound_path).glob(f"{student}+{self.coursedir.assignment_id}+*"):
            record = self._path_to_record(str(path))
            trouble = self._trouble(path, record)
            if trouble:
                self.log.warning("Left in the exchange: %r: %s", path.name, trouble)
            else:
                found[record["username"]].append(record)
        self.src_records = [self._chosen(records) for _, records in sorted(found.items())]

    def _chosen(self, records: list[dict]) -> dict:
        """Return the latest record, or the latest in time where nbgrader is asked for that."""
        records = self._sort_by_timestamp(records)
        if self.before_duedate and self.duedate is not None:
            return next((r for r in records if r["timestamp"] <= self.duedate), records[0])
        return records[0]

    def _path_to_record(self, path: str) -> dict:
        """Read student and time from a folder's name; no time where it is no such name."""
        try:
            return super()._path_to_record(path)
        except Exception:  # what a date's parser raises is anybody's guess
            name = Path(path).name
            return {
                "username": name.split("+")[0],
                "filename": name,
                "timestamp": datetime.datetime.min,
            }

    def _trouble(self, path: Path, record: dict) -> str | None:
        """Return why a submission can't be taken, or None. Remarks go to the log."""
        if record["timestamp"] == datetime.datetime.min:
            return "its name holds no date and time"
        try:
            if self.check_owner and (owner := owner_of(path)) != record["username"]:
                return f"it was handed in by {owner} in the name of {record['username']}"
            size, changed, others = 0, path.lstat().st_ctime, []
            for number, (name, file) in enumerate(files_of(path), 1):
                if number > FILES_LIMIT:
                    return f"it holds more than {FILES_LIMIT:,} files"
                if file is None:
                    others.append(name)
                    continue
                status = os.fstat(file.fileno())
                size, changed = size + status.st_size, max(changed, status.st_ctime)
        except OSError as error:
            return f"it can't be read ({error.strerror})"
        if size > self._size_limit:
            return f"it is too large: {size / 1e6:.0f} MB"
        for name in others:
            self.log.warning(
                "%r: %r is left out: a link, no regular file, or a name that is no text",
                path.name,
                name,
            )
        changed = datetime.datetime.fromtimestamp(changed, datetime.UTC).replace(tzinfo=None)
        if self.check_owner and changed - record["timestamp"] > LATER:
            self.log.warning("%r was changed later, at %s UTC", path.name, f"{changed:%F %T}")
        return None

    def do_copy(self, src: str, dest: str, log: object = None) -> None:
        """Copy a submission's files into the course: first out of its owner's reach."""
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "submission"
            copy.mkdir()
            try:
                self._copy_files(Path(src), copy)
            except OSError as error:  # its owner is at work on it
                if error.errno in DISK_FULL:
                    raise
                self.log.error("Left in the exchange: %r: %s", Path(src).name, error.strerror)
            else:
                self._write_facts(Path(src).name, copy)
                super().do_copy(str(copy), dest)

    def _write_facts(self, name: str, copy: Path) -> None:
        """Write when it was handed in, and its feedback's secret, where nbgrader did not.

        nbgrader reads both again later, in one go for the class, and trusts them: the late penalty
        is that of timestamp.txt. The time in the folder's name is the one that was looked at.
        """
        time = name.rsplit("+", 3)[2]
        if text_of(copy / "timestamp.txt") != time:
            self.log.warning("%r: timestamp.txt does not give the time of its name", name)
            replace(copy / "timestamp.txt", time)
        if not text_of(copy / "submission_secret.txt"):
            replace(copy / "submission_secret.txt", secrets.token_urlsafe(32))

    def _copy_files(self, source: Path, copy: Path) -> None:
        left = self._size_limit
        for name, file in files_of(source):
            if file is None:
                continue
            data = file.read(left + 1)
            left -= len(data)
            if left < 0:
                raise OSError(errno.EFBIG, "it grew while it was copied")
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(data)

    @property
    def _size_limit(self) -> int:
        """Bytes of one submission. Where there are more, nbgrader would stop for everybody."""
        return 1000 * self.coursedir.max_dir_size


def text_of(path: Path) -> str | None:
    """Return what a text file holds; None where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def replace(path: Path, text: str) -> None:
    """Write a text file in place of whatever is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.write_text(text, encoding="utf-8")


def owner_of(path: Path) -> str:
    """Return the account that a folder belongs to."""
    try:
        return pwd.getpwuid(path.lstat().st_uid).pw_name
    except KeyError:
        return "an account that is gone"


def files_of(folder: Path) -> Iterator[tuple[str, BinaryIO | None]]:
    """Give path and open file of everything in a folder that its owner may be changing.

    Each thing is opened once, and then asked what it is: a file that becomes a link meanwhile is
    not followed, and a pipe is not waited for. The file is None for links, pipes, and what has a
    name that is no text.

    Raises:
        OSError: something in it can't be read, or it is no folder, or folders lie too deep.
    """
    yield from _files_in(os.open(folder, OPEN | os.O_DIRECTORY), "", DEPTH_LIMIT)


def _files_in(handle: int, inside: str, depth: int) -> Iterator[tuple[str, BinaryIO | None]]:
    try:
        if not depth:
            raise OSError(errno.ENAMETOOLONG, "folders lie too deep")
        for name in sorted(os.listdir(handle)):
            if not is_text(name):
                yield inside + name, None
                continue
            try:
                opened = os.open(name, OPEN, dir_fd=handle)
            except OSError:
                mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
                if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                    raise
                yield inside + name, None
                continue
            mode = os.fstat(opened).st_mode
            if stat.S_ISDIR(mode):
                yield from _files_in(opened, f"{inside}{name}/", depth - 1)
                continue
            with os.fdopen(opened, "rb") as file:
                yield inside + name, file if stat.S_ISREG(mode) else None
    finally:
        os.close(handle)
