"""Write the library as a wheel, by hand: the same bytes every time, no network, no build back end.

A wheel is a zip with three extra files. Written here rather than by setuptools because the course
ships parts of itself: to notebooks without the grader, to the browser without PyTorch.
"""

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Zip's earliest date: a wheel must depend on what it holds and on nothing else.
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build_wheel(
    folder: Path,
    packages: Iterable[str],
    without: Iterable[str] = (),
    requires: Iterable[str] = ("numpy",),
    root: Path = ROOT,
) -> Path:
    """Write a wheel of some packages of the project into `folder` and return its path.

    `packages` and `without` are paths below `root`, such as "unrolled" and "unrolled/modules", or
    single modules; what lies in a folder of `without` stays out. Code goes in, and data beside it
    (.txt, .json).
    `requires` is what pip has to install beside it. Name and version are the project's own; any
    Python from its lower limit on may install it. Raises ValueError where a package has no files or
    a path of `without` does not exist, so that a renamed folder is noticed.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    left_out = [root / path for path in without]
    if gone := [str(path.relative_to(root)) for path in left_out if not path.exists()]:
        raise ValueError(f"there is no {', '.join(gone)} to leave out of the wheel")
    contents = {}
    for package in packages:
        path = root / package
        found = [path] if path.is_file() else path.rglob("*")
        sources = sorted(path for path in found if path.suffix in (".py", ".txt", ".json"))
        if not sources:
            raise ValueError(f"there is no {package} to put into the wheel")
        for source in sources:
            if not any(source.is_relative_to(path) for path in left_out):
                contents[source.relative_to(root).as_posix()] = source.read_bytes()

    name = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = f"{name}.dist-info"
    contents[f"{info}/METADATA"] = metadata(project, requires).encode()
    contents[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: unrolled\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(record_line(path, data) for path, data in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()

    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as file:
        for path, data in contents.items():
            entry = zipfile.ZipInfo(path, LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    return wheel


def metadata(project: dict, requires: Iterable[str]) -> str:
    """Return the METADATA file: what pip needs to know, and the licence."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {requirement}" for requirement in requires),
    ]
    return "\n".join(lines) + "\n"


def record_line(path: str, data: bytes) -> str:
    """Return one line of RECORD: path, digest, size."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"
