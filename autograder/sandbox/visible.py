"""What exists in a student's file system: found out in the judge, laid out by the server."""

from __future__ import annotations

import importlib.metadata
import os
import re
import site
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from .environment import Environment
from .errors import UnknownPackageError

_AUTOGRADER = Path(__file__).resolve().parents[1]
# Parts of this package that a student's process runs; everything else of it stays outside.
AGENT_FILES = {
    "autograder/sandbox/agent.py": Path(__file__).with_name("agent.py"),
    "autograder/sandbox/cells.py": Path(__file__).with_name("cells.py"),
    "autograder/sandbox/wire.py": Path(__file__).with_name("wire.py"),
}
# What this project itself installs. Its distribution is never visible as such.
_OURS = ("unrolled-course",)
_OUR_PACKAGES = ("unrolled", "autograder")
# NumPy sets' answers travel as arrays, so that the agent needs it whatever an environment says.
_ALWAYS = ("numpy",)
_SYSTEM_FILES = ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/lib/locale", "/usr/share/locale")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")


@dataclass
class Visible:
    """What a student's process can read.

    Attributes:
        paths: files and folders, each at its own place.
        hidden: folders beneath them that are empty for a student.
        packages: folders to import packages from, in order.
        entries: top-level files and folders of the packages, where not all in a folder exist.
        files: text files laid down beside them, by path below the first import folder.
    """

    paths: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def visible_to(environment: Environment) -> Visible:
    """What exists for a student's code in an environment.

    Raises:
        UnknownPackageError: it names a distribution that isn't installed.
    """
    seen = Visible(files=_own_files())
    folders = _package_folders()
    seen.paths = _interpreter() + _libraries() + [p for p in _SYSTEM_FILES if os.path.exists(p)]
    seen.hidden = [
        folder for folder in folders if any(_inside(folder, visible) for visible in seen.paths)
    ]
    if environment.packages is None:
        installed = [p for p in sys.path if p and os.path.isdir(p) and p in folders]
        seen.packages = installed
        seen.hidden = [folder for folder in seen.hidden if folder not in installed]
        for folder in installed:
            seen.hidden += [
                path for name in _OUR_PACKAGES if os.path.isdir(path := f"{folder}/{name}")
            ]
    else:
        for name in closure(environment.packages):
            for path in _entries(name):
                seen.entries.append(path)
                if os.path.dirname(path) not in seen.packages:
                    seen.packages.append(os.path.dirname(path))
    return seen


def closure(names: tuple[str, ...]) -> list[str]:
    """These distributions and all that they require, as far as it is installed.

    Raises:
        UnknownPackageError: one of `names` isn't installed.
    """
    found: dict[str, None] = {}
    waiting = [(_normal(name), True) for name in (*_ALWAYS, *names)]
    while waiting:
        name, asked_for = waiting.pop()
        if name in found or name in _OURS:
            continue
        try:
            requirements = importlib.metadata.distribution(name).requires or []
        except importlib.metadata.PackageNotFoundError:
            if asked_for:
                raise UnknownPackageError(
                    f"the distribution {name!r}, which an assignment's packages name, is not "
                    f"installed here: `pip install {name}`"
                ) from None
            continue
        found[name] = None
        for requirement in requirements:
            what, _, marker = requirement.partition(";")
            if "extra" not in marker:
                waiting.append((_normal(re.match(r"[\w.-]+", what.strip())[0]), False))
    return list(found)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _entries(name: str) -> list[str]:
    """The top-level files and folders of an installed distribution."""
    distribution = importlib.metadata.distribution(name)
    # The folder the distribution lies in, whatever its files are called.
    folder = str(distribution.locate_file("")).rstrip("/")
    tops = {file.parts[0] for file in distribution.files or ()}
    if not tops:  # an old kind of metadata without a list of files
        listed = (distribution.read_text("top_level.txt") or name).split()
        tops = {p for top in listed for p in (top, f"{top}.py")}
    tops -= {"..", "__pycache__", "/"}
    return sorted(path for top in tops if os.path.exists(path := f"{folder}/{top}"))


def _own_files() -> dict[str, str]:
    """This package's parts that exist for students, as text: checks of their own and the agent."""
    files = {
        "autograder/__init__.py": _AUTOGRADER / "__init__.py",
        **{
            f"autograder/student/{path.relative_to(_AUTOGRADER / 'student')}": path
            for path in sorted((_AUTOGRADER / "student").rglob("*.py"))
        },
        **AGENT_FILES,
    }
    texts = {
        name: path.read_text(encoding="utf-8") for name, path in files.items() if path.exists()
    }
    return texts | {"autograder/sandbox/__init__.py": ""}


def _interpreter() -> list[str]:
    """The standard library and the interpreter's own shared library."""
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    standard = {
        path.replace(sys.prefix, sys.base_prefix, 1) if path.startswith(sys.prefix) else path
        for path in standard
        if path
    }
    folder = sysconfig.get_config_var("LIBDIR") or f"{sys.base_prefix}/lib"
    own = f"{sys.base_prefix}/lib"
    if os.path.isdir(f"{sys.base_prefix}/conda-meta"):
        return [own]  # packages there share the libraries of the prefix
    reachable = {f for f in (folder, own) if os.access(f, os.R_OK | os.X_OK)}
    libraries = {str(p) for f in reachable for p in Path(f).glob("libpython*.so*")}
    archive = f"{own}/python{sys.version_info[0]}{sys.version_info[1]}.zip"
    return sorted(p for p in {*standard, *libraries, archive} if os.path.exists(p))


def _libraries() -> list[str]:
    """The system's folders of shared libraries."""
    names = [sysconfig.get_config_var("MULTIARCH") or "", "x86_64-linux-gnu"]
    names += ["aarch64-linux-gnu"]
    folders = [f"{top}/{name}" for top in ("/lib", "/usr/lib") for name in names if name]
    folders += ["/lib64", "/usr/lib64"]
    return sorted({folder for folder in folders if os.path.isdir(folder)})


def _package_folders() -> list[str]:
    """Every folder that packages may be installed in, of this interpreter and of others."""
    folders = {*site.getsitepackages([sys.prefix, sys.base_prefix, "/usr", "/usr/local"])}
    folders |= {site.getusersitepackages()}
    for base in ("/usr/lib64", f"{sys.base_prefix}/lib"):
        for name in ("site-packages", "dist-packages"):
            folders |= {str(path) for path in Path(base).glob(f"python3*/{name}")}
    return sorted(folder for folder in folders if os.path.isdir(folder))


def _inside(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.realpath(folder).rstrip("/") + "/")


def without(path: str, hidden: list[str]) -> list[str]:
    """The largest files and folders that make up `path` but for the `hidden` folders."""
    real = os.path.realpath(path)
    inside = [h for h in map(os.path.realpath, hidden) if h == real or h.startswith(real + "/")]
    if not inside:
        return [real]
    if real in inside:
        return []
    return [
        part for entry in sorted(os.listdir(real)) for part in without(f"{real}/{entry}", inside)
    ]
