"""Write a student's autograded folder all at once: never half of it, whatever is killed when."""

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from nbgrader.utils import rmtree

NEW, OLD = "new", "old"


def replace_folder(
    folder: Path, files: Mapping[str, bytes], permissions: int, groupshared: bool
) -> None:
    """Make `folder` hold exactly `files`, as nbgrader would leave them.

    They are written beside it, under a name that nbgrader's patterns don't match, and renamed. A
    process killed in between leaves the old folder, the new one or none, never a mixture.

    Raises:
        OSError: such as a full disk; then the folder is as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    new, old = (folder.with_name(f".{folder.name}.{mark}.{word}") for word in (NEW, OLD))
    try:
        new.mkdir()
        for name, data in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(permissions)
        if groupshared:
            for directory, _, _ in os.walk(new):
                os.chmod(directory, (os.stat(directory).st_mode | 0o2770) & 0o2777)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        if new.exists():
            rmtree(str(new))
        raise
    if old.exists():
        rmtree(str(old))


def tidy(folder: Path) -> None:
    """Remove what a killed run left beside `folder`; its old version comes back if it has none."""
    for path in folder.parent.glob(f".{folder.name}.*"):
        if path.suffix == f".{OLD}" and not folder.exists():
            path.rename(folder)
        elif path.suffix in (f".{OLD}", f".{NEW}"):
            shutil.rmtree(path, ignore_errors=True)
