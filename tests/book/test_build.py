"""Building the book: what is executed again and when, and how a build fails."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from small_site import HEADER

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book"))
from build import join_streams  # noqa: E402

LESSON = (
    HEADER
    + """
# {title}

Math: $h_t$.

```{{code-cell}} ipython3
{code}
```
"""
)
TOC = """\
format: jb-book
root: book/home
parts:
  - caption: Lessons
    chapters:
      - file: lessons/one
      - file: lessons/two
"""


@pytest.fixture
def project(tmp_path):
    """The book's own build files around two lessons of one cell each."""
    for name in ("_config.yml", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("*.md"))
    shutil.copytree(ROOT / "unrolled", tmp_path / "unrolled")
    (tmp_path / "book" / "home.md").write_text("# Home\n")
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "unrolled" / "value.py").write_text("VALUE = 1\n")
    (tmp_path / "lessons").mkdir()
    write_lesson(tmp_path, "one", "print('first')")
    write_lesson(tmp_path, "two", "print('value', open('../unrolled/value.py').read())")
    return tmp_path


def write_lesson(project: Path, name: str, code: str) -> None:
    (project / "lessons" / f"{name}.md").write_text(LESSON.format(title=name, code=code))


def build(project: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, project / "book" / "build.py"], capture_output=True, text=True, timeout=300
    )


def executed(result: subprocess.CompletedProcess) -> set[str]:
    """The lessons that a successful build says it executed."""
    assert result.returncode == 0, result.stdout + result.stderr
    return set(re.findall(r"\] (\w+)  \d+ s  ok", result.stdout))


def test_only_what_changed_is_executed(project):
    assert executed(build(project)) == {"one", "two"}
    page = project / "_build" / "html" / "lessons" / "two.html"
    assert "VALUE = 1" in page.read_text()
    assert executed(build(project)) == set()

    write_lesson(project, "one", "print('changed')")
    assert executed(build(project)) == {"one"}
    assert "changed" in page.with_name("one.html").read_text()

    (project / "unrolled" / "value.py").write_text("VALUE = 2\n")
    assert executed(build(project)) == {"one", "two"}
    assert "VALUE = 2" in page.read_text(), "the page still shows what the old library printed"
    assert len(list((project / "_build" / "executed").iterdir())) == 1


def test_a_changed_style_sheet_reaches_the_site(project):
    executed(build(project))
    (project / "book" / "_static" / "unrolled.css").write_text("p { color: teal; }")
    assert executed(build(project)) == set()
    assert "teal" in (project / "_build" / "html" / "_static" / "unrolled.css").read_text()


def test_a_lesson_that_raises(project):
    write_lesson(project, "two", "raise ValueError('no such thing')")
    for _ in range(2):
        result = build(project)
        assert result.returncode != 0
        assert "no such thing" in result.stderr
        assert "lessons/two.md raised an error" in result.stderr.splitlines()[-1]
        assert not (project / "_build" / "html").exists()
    write_lesson(project, "two", "print('mended')")
    assert executed(build(project)) == {"two"}


def test_a_page_with_a_broken_link(project):
    build(project)
    (project / "book" / "home.md").write_text("# Home\n\n[gone](../lessons/three.md)\n")
    for _ in range(2):  # Sphinx alone would forget the warning, and the second build would pass
        result = build(project)
        assert result.returncode != 0
        assert "home.md" in result.stderr
        assert "Mend what is named above" in result.stderr.splitlines()[-1]
        assert not (project / "_build" / "html").exists()


def test_a_notebook_that_cannot_be_read(project):
    text = (project / "lessons" / "one.md").read_text()
    (project / "lessons" / "one.md").write_text(text.replace("print(", "---\n: [", 1))
    result = build(project)
    assert result.returncode != 0
    assert "lessons/one.md" in result.stderr.splitlines()[-1]


def test_a_page_of_the_contents_that_does_not_exist(project):
    (project / "lessons" / "two.md").unlink()
    result = build(project)
    assert result.returncode != 0
    assert "_toc.yml names lessons/two.md" in result.stderr


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc, which Linux has")
def test_nothing_is_left_running(project):
    assert executed(build(project)) == {"one", "two"}
    ours = [
        pid
        for pid in os.listdir("/proc")
        if pid.isdigit() and str(project) in environment_and_folder(pid)
    ]
    assert ours == []


def environment_and_folder(pid: str) -> str:
    """What ties a process to the build: its command line and its working folder."""
    try:
        return os.readlink(f"/proc/{pid}/cwd") + Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_text_that_came_in_pieces_is_one_output_whatever_the_cuts():
    def stream(text: str, name: str = "stdout"):
        return nbformat.v4.new_output("stream", name=name, text=text)

    picture = nbformat.v4.new_output("display_data", data={"text/plain": "picture"})
    pieces = [stream("one"), stream("\ntw"), picture, stream("careful", "stderr"), stream("o\n")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=pieces)])
    join_streams(notebook)
    outputs = notebook.cells[0].outputs
    assert [o.get("text", "picture") for o in outputs] == ["one\ntwo\n", "picture", "careful"]
