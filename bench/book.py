"""Builds of the book in a copy: from clean, with nothing changed, with one lesson changed.

Each is given as a share of the clean build's time and CPU time. In a quick run the book is a small
one, of two lessons. Then the weight of the heaviest page, in kB as they travel (text compressed).
"""

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from bs4 import BeautifulSoup
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
LEFT_BEHIND = shutil.ignore_patterns(".*", "_build", "*.egg-info", "__pycache__", "release")
SMALL = ("01-sequences-and-tasks", "02-the-recurrent-cell")


class BuildError(Exception):
    """A build failed; the message holds the end of what it printed."""


def rows(quick: bool) -> Iterator[dict]:
    """Give a row a build, then the weights of the heaviest page."""
    with tempfile.TemporaryDirectory(prefix="bench-book-") as folder:
        project = Path(folder, "book")
        if quick:
            small(project)
        else:
            shutil.copytree(ROOT, project, ignore=LEFT_BEHIND)
        lesson = sorted((project / "lessons").glob("*.md"))[0]
        changes = {
            "from clean": lambda: None,
            "nothing changed": lambda: None,
            "a sentence of one lesson": lambda: lesson.write_text(
                lesson.read_text(encoding="utf-8") + "\nOne sentence more.\n", encoding="utf-8"
            ),
            "the code of one lesson": lambda: change_code(lesson),
        }
        clean = None
        for change, make in tqdm(changes.items(), unit="build", dynamic_ncols=True):
            make()
            seconds, cpu = build(project)
            clean = clean or (seconds, cpu)
            yield {
                "changed": change,
                "seconds": seconds,
                "CPU_seconds": cpu,
                "of_clean": seconds / clean[0],
                "CPU_of_clean": cpu / clean[1],
            }
        yield heaviest(project / "_build" / "html")


def build(project: Path) -> tuple[float, float]:
    """Build a project's book; return seconds and CPU-seconds, those of all its processes.

    Raises:
        BuildError: it did not succeed.
    """
    with tempfile.TemporaryFile("w+") as log:
        begin, before = time.perf_counter(), spent()
        command = [sys.executable, project / "book" / "build.py"]
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        seconds, cpu = time.perf_counter() - begin, spent() - before
        if done.returncode:
            log.seek(0)
            raise BuildError(log.read()[-1000:])
    return seconds, cpu


def spent() -> float:
    """Return the CPU-seconds of all processes that this one has started and seen end."""
    times = psutil.Process().cpu_times()
    return times.children_user + times.children_system


def small(project: Path) -> None:
    """Make a book of two cells in two lessons out of the book's own build files."""
    for name in ("_config.yml", "requirements.txt", "pyproject.toml"):
        project.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / "book", project / "book", ignore=shutil.ignore_patterns("*.md"))
    shutil.copytree(ROOT / "unrolled", project / "unrolled", ignore=LEFT_BEHIND)
    (project / "book" / "home.md").write_text("# Home\n\nA book of two lessons.\n")
    (project / "lessons").mkdir()
    lines = ["format: jb-book", "root: book/home", "parts:", "  - caption: Lessons"]
    lines += ["    chapters:"]
    for name in SMALL:
        header = (ROOT / "lessons" / f"{name}.md").read_text(encoding="utf-8").split("\n---\n")[0]
        cell = f"```{{code-cell}} ipython3\nprint({name!r})\n```\n"
        text = f"{header}\n---\n\n# {name}\n\n{cell}"
        (project / "lessons" / f"{name}.md").write_text(text, encoding="utf-8")
        lines.append(f"      - file: lessons/{name}")
    (project / "_toc.yml").write_text("\n".join(lines) + "\n")


def change_code(lesson: Path) -> None:
    """Add a line to a lesson's first code cell."""
    text = lesson.read_text(encoding="utf-8")
    changed = re.sub(
        r"(?m)(^```\{code-cell\}[^\n]*\n(?:.*\n)*?)```$", r"\1pass\n```", text, count=1
    )
    lesson.write_text(changed, encoding="utf-8")


def heaviest(site: Path) -> dict:
    """Return the weights of the page of a lesson that weighs most without its figures."""
    weights = [weigh(page) for page in sorted((site / "lessons").glob("*.html"))]
    return max(weights, key=lambda weight: weight["page_kB"] + weight["style_and_scripts_kB"])


def weigh(page: Path) -> dict:
    """Return what a page, its style sheets and scripts, and its pictures weigh, once each."""
    html = page.read_text(encoding="utf-8")
    soup = BeautifulSoup(html, "html.parser")
    named = {
        "style_and_scripts_kB": [
            *(link["href"] for link in soup.select("link[rel=stylesheet][href]")),
            *(script["src"] for script in soup.select("script[src]")),
        ],
        "pictures_kB": [image["src"] for image in soup.select("img[src]")],
    }
    weight = {"page": page.stem, "page_kB": len(gzip.compress(html.encode())) / 1000}
    for kind, addresses in named.items():
        files = {(page.parent / address.partition("?")[0]).resolve() for address in addresses}
        weight[kind] = sum(transferred(file) for file in files if file.is_file()) / 1000
    return weight


def transferred(file: Path) -> int:
    """Return the bytes that a server sends for a file: compressed, unless it is so already."""
    content = file.read_bytes()
    compressed = file.suffix in (".png", ".jpg", ".woff2")
    return len(content) if compressed else len(gzip.compress(content))
