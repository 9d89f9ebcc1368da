"""Two builds from nothing show the reader the same outputs, to the byte."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.full


def outputs_of_a_clean_build(folder: Path) -> dict[str, list]:
    """Build a clone of the checkout's commit and return the outputs of each lesson."""
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    subprocess.run([sys.executable, folder / "book" / "build.py"], check=True, timeout=1200)
    executed = (folder / "_build" / "executed").rglob("*.ipynb")
    return {
        path.parent.name: [shown(c) for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
        for path in executed
    }


def shown(cell: nbformat.NotebookNode) -> tuple[str, list]:
    """What a cell shows: its stream, which arrives in pieces of any size, and all the rest."""
    streams = [o for o in cell.outputs if o.output_type == "stream"]
    return "".join(o.text for o in streams), [o for o in cell.outputs if o not in streams]


def test_two_builds_have_the_same_outputs(tmp_path):
    first = outputs_of_a_clean_build(tmp_path / "first")
    second = outputs_of_a_clean_build(tmp_path / "second")
    assert len(first) >= 3
    assert first == second
