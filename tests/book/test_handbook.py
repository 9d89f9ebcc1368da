"""The handbook is true: commands print what it says, and the late penalty takes what it says."""

import datetime
import re
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

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


@pytest.mark.slow
def test_the_pages_late_penalty_and_extension(tmp_path):
    """Ada is 25 hours late, Bela as late but with two days more, Cem in time: noon is noon UTC."""
    late, setting = re.findall(r"```python\n# .*?\n(.*?)```", HANDBOOK.read_text(), re.DOTALL)
    environment = console.new_course(tmp_path)
    course = tmp_path / "unrolled"
    (course / "late.py").write_text(late)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(setting)

    def run(command: str) -> str:
        return console.run(command, tmp_path, environment)

    run("nbgrader generate_assignment ps2")
    run('nbgrader db assignment add ps2 --duedate="2026-03-02 12:00:00"')
    times = {
        "ada": "2026-03-03 13:00:00",
        "bela": "2026-03-03 13:00:00",
        "cem": "2026-03-02 12:00:00",
    }
    for student, time in times.items():
        folder = course / "submitted" / student / "ps2"
        folder.mkdir(parents=True)
        (folder / "ps2.ipynb").write_bytes((course / "solutions/ps2/ps2.ipynb").read_bytes())
        (folder / "timestamp.txt").write_text(f"{time} UTC")
    run("autograder grade ps2")
    extension = re.search(
        r"^\$ (python -c .*grant_extension.*)$", HANDBOOK.read_text(), re.MULTILINE
    )
    run(extension[1])
    run("autograder grade ps2 --students bela --force")
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        assert gradebook.find_assignment("ps2").duedate == datetime.datetime(2026, 3, 2, 12)
        found = [gradebook.find_submission("ps2", student) for student in times]
        assert [one.late_submission_penalty for one in found] == [20, 0, 0]
    run("nbgrader export --log-level=WARN --exporter=autograder.reports.exports.Canvas --to=c.csv")
    lines = (course / "c.csv").read_text().splitlines()[2:]
    assert sorted(line.split(",")[-1] for line in lines) == ['"70"', '"90"', '"90"']
