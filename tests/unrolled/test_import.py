"""Importing the library stays light: torch in four of its parts only, nothing for the root."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import unrolled

ROOT = Path(__file__).parents[2]
WITH_TORCH = tuple(f"unrolled.{part}" for part in ("modules", "training", "kernels", "measure"))
LIGHT = sorted(
    module.name
    for module in pkgutil.walk_packages(unrolled.__path__, "unrolled.")
    if not module.name.startswith(WITH_TORCH)
)


def loaded_by(statement):
    """Return the top-level packages in a fresh Python after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_the_list_of_light_modules_is_not_empty():
    assert {"unrolled.nets", "unrolled.losses", "unrolled.checks"} <= set(LIGHT)


def test_no_light_module_loads_torch():
    loaded = loaded_by(f"import {', '.join(LIGHT)}")
    assert "numpy" in loaded
    assert "torch" not in loaded


@pytest.mark.parametrize("name", ["numpy", "torch", "matplotlib"])
def test_the_root_loads_nothing_heavy(name):
    assert name not in loaded_by("import unrolled")


def test_the_modules_do_load_torch():
    assert "torch" in loaded_by("import unrolled.modules")
