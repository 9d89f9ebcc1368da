"""What ships to students stands alone; what grades needs neither the library nor torch."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LIST_IMPORTS = """
import importlib, pkgutil, sys
before = set(sys.modules)
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(found.name)
print("\\n".join(set(sys.modules) - before))
"""


def imports_of(package: str) -> set[str]:
    """Modules that get loaded with every module of a package, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_IMPORTS, package],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_student_half_needs_only_the_standard_library_and_numpy():
    loaded = imports_of("autograder.student")
    assert "autograder.student.ps2" in loaded
    allowed = sys.stdlib_module_names | {"numpy", "autograder"}
    assert {name.partition(".")[0] for name in loaded} <= allowed
    ours = {name for name in loaded if name.startswith("autograder.")}
    assert all(name.startswith("autograder.student") for name in ours)


@pytest.mark.parametrize("module", ["fcntl", "pwd", "grp", "resource", "termios", "posix"])
def test_student_half_names_no_posix_module(module):
    for path in (ROOT / "autograder" / "student").rglob("*.py"):
        assert f"import {module}" not in path.read_text(), path


def test_problems_import_the_student_half_but_not_the_library_nor_torch():
    loaded = imports_of("autograder.problems")
    assert {"autograder.problems.ps2", "autograder.student.checking"} <= loaded
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"unrolled", "torch", "nbgrader", "IPython"}
    ours = {name for name in loaded if name.startswith("autograder.")}
    assert all(name.startswith(("autograder.problems", "autograder.student")) for name in ours)
