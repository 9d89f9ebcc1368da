"""The handbook is true: every command on the page prints what the page says."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book"))

import console  # noqa: E402

HANDBOOK = ROOT / "book" / "handbook.md"


@pytest.mark.slow
def test_every_command_prints_what_the_page_says():
    page = HANDBOOK.read_text(encoding="utf-8")
    blocks = [found[2] for found in console.BLOCK.finditer(page)]
    assert sum(len(list(console.commands(block))) for block in blocks) > 25
    fresh = console.rerun(page)
    assert fresh == page, "run: python book/console.py book/handbook.md"


def test_commands_are_those_after_a_prompt():
    block = "$ first\noutput $ no command\n$ second \\\n>   third\nmore\n"
    assert list(console.commands(block)) == ["first", "second \\\n  third"]


def test_what_differs_on_every_run_is_left_out(tmp_path):
    (tmp_path / "unrolled").mkdir()
    command = f"echo 'took 0.31 s at 2026-03-02 10:00:00 UTC in {tmp_path}/x'; echo ' 33%|## | 1/3'"
    assert console.run(command, tmp_path, {"PATH": "/usr/bin:/bin"}) == "took … s at … in ~/x\n"


def test_a_page_with_another_output_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr(console, "new_course", lambda folder: (folder / "unrolled").mkdir() or {})
    page = "Text.\n\n```console\n$ echo 1\n2\n```\n\n```console\n$ true\n```\n"
    assert console.rerun(page) == page.replace("\n2\n", "\n1\n")
