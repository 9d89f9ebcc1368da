"""The Makefile's answers to a machine that lacks something: one line that says what to do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path):
    """The files that an installation reads, and no environment yet."""
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def python_that_says(folder: Path, script: str) -> Path:
    """A stand-in for python3."""
    path = folder / "python-stand-in"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_no_python(checkout):
    result = make(checkout, "book", "PYTHON=python-that-is-not-there")
    assert result.returncode != 0
    assert "'python-that-is-not-there' was not found. Install Python 3.11" in result.stderr


def test_wrong_python(checkout):
    old = python_that_says(checkout, '[ "$1" = --version ] && echo Python 3.8.1; exit 1')
    result = make(checkout, "test", f"PYTHON={old}")
    assert result.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13; this is Python 3.8.1" in result.stderr
    assert not (checkout / ".venv").exists()


def test_no_network_at_install(checkout):
    """An installation that broke off is not trusted by the next run."""
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
    }
    for _ in range(2):
        result = make(checkout, "book", **nowhere)
        assert result.returncode != 0
        assert "could not be installed (see above). Is there a network?" in result.stderr
        assert not (checkout / ".venv" / "installed").exists()


@pytest.mark.parametrize(
    "name", ["book", "serve", "pdf", "test", "test-full", "check", "demo", "clean"]
)
def test_every_command_of_the_readme_exists(name):
    result = make(ROOT, "-n", name)
    assert result.returncode == 0, result.stderr


def test_an_unknown_assignment_is_named():
    nbgrader = ROOT / ".venv" / "bin" / "nbgrader"
    result = subprocess.run(
        [nbgrader, "generate_assignment", "ps99"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert "ps99" in result.stderr
