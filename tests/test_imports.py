"""Who may import whom: lessons → unrolled and the student half; nothing the other way."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# For each part of the house, the parts of it that it may import.
MAY_IMPORT = {
    "unrolled": {"unrolled"},
    "autograder/student": {"autograder.student"},
    "autograder/problems": {"autograder.problems", "autograder.student"},
    "autograder/sandbox": {"autograder.sandbox"},
    "autograder/judge": {"autograder.judge", "autograder.sandbox"},
    "autograder/reports": {"autograder.reports"},
    "autograder/similarity": {"autograder.similarity"},
    "autograder/authoring": {"autograder.authoring", "autograder.judge"},
    "autograder/batch": {
        "autograder.batch",
        "autograder.judge",
        "autograder.reports",
        "autograder.sandbox",
    },
    "autograder/commands": {"autograder"},
    "lessons": {"unrolled", "autograder.student"},
    "book": {"unrolled", "autograder.student"},
}


def imported_names(source: str) -> set[str]:
    """Return the dotted names that a piece of Python imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level == 1:  # from the same folder
                continue
            assert node.level == 0, "imports from elsewhere are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def code_of(path: Path) -> list[str]:
    """Return the Python in a module, or in the code cells of a lesson."""
    text = path.read_text()
    if path.suffix == ".py":
        return [text]
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    without_options = [
        re.sub(r"\A(---\n.*?\n---\n|(:[^\n]*\n)+)", "", c, flags=re.S) for c in cells
    ]
    return [re.sub(r"^\s*[%!].*$", "pass", cell, flags=re.M) for cell in without_options]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_parts_import_only_what_they_may(part):
    files = [*(ROOT / part).rglob("*.py"), *(ROOT / part).rglob("*.md")]
    assert files, f"{part} is empty: the table above is out of date"
    for path in files:
        for name in {name for code in code_of(path) for name in imported_names(code)}:
            if name.split(".")[0] in ("unrolled", "autograder", "tests"):
                allowed = any(f"{name}.".startswith(f"{a}.") for a in MAY_IMPORT[part])
                assert allowed, f"{path.relative_to(ROOT)} imports {name}"


WITH_TORCH = ("modules", "training", "kernels", "measure")


def test_torch_stays_in_four_folders_of_the_library():
    for path in (ROOT / "unrolled").rglob("*.py"):
        uses_torch = any(n.split(".")[0] == "torch" for n in imported_names(path.read_text()))
        assert uses_torch <= (path.parent.name in WITH_TORCH), path
