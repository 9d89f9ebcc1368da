"""What a grade depends on, as one short text: where that is unchanged, so is the grade."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from autograder.sandbox.limits import Limits

PACKAGE = Path(__file__).resolve().parents[1]
ENGINE = ("judge", "sandbox", "student", "problems")


def digest(parts: Iterable[bytes]) -> str:
    """Hash a sequence of byte strings; where one ends and the next begins counts."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()


def of_files(files: Mapping[str, bytes]) -> str:
    """Hash files with their names, in whatever order."""
    return digest(part for name in sorted(files) for part in (name.encode(), files[name]))


@cache
def engine() -> str:
    """Hash the code that decides marks: the judge, the sandbox and the problems' own modules."""
    paths = [path for part in ENGINE for path in (PACKAGE / part).rglob("*.py")]
    return of_files({str(path.relative_to(PACKAGE)): path.read_bytes() for path in paths})


def environment(source: str, protected: bool) -> str:
    """Describe what the notebook runs in: Python, its packages, the limits, the protection."""
    try:
        policy = json.loads(source)["metadata"]["autograder"]["packages"] or []
    except (ValueError, KeyError, TypeError):
        policy = []
    versions = {name: installed(name) for name in {"numpy", *map(str, policy)}}
    limits = repr(Limits())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return json.dumps([python, sorted(versions.items()), limits, protected])


def installed(name: str) -> str | None:
    """Tell the installed version of a distribution; None where it isn't installed."""
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def of_source(source: str, files: Mapping[str, bytes], protected: bool) -> str:
    """Hash everything on the instructor's side: source, environment and engine."""
    parts = (source, of_files(files), environment(source, protected), engine())
    return digest(part.encode() for part in parts)


def of_submission(source_key: str, notebook: bytes, files: Mapping[str, bytes]) -> str:
    """Hash a submitted notebook with the files handed in beside it, and what it is graded by."""
    return digest([source_key.encode(), notebook, of_files(files).encode()])
