"""What is public holds no answer: the site, the sources beside it, and the wheels in it."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SETS = sorted(folder.name for folder in (ROOT / "solutions").iterdir() if folder.is_dir())
IN_A_ROW = 3  # lines of an answer that make a leak; single ones occur by chance


def public_files(site: Path) -> Iterator[tuple[str, str]]:
    """Name and text of everything a visitor can get, also inside the wheels."""
    for path in site.rglob("*"):
        if path.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name).decode("utf-8", "replace")
        elif path.is_file() and path.suffix in (".html", ".md", ".ipynb", ".txt", ".js", ".json"):
            yield path.relative_to(site).as_posix(), path.read_text("utf-8", "replace")


def lines_of(source: str) -> list[str]:
    stripped = (line.strip() for line in source.splitlines())
    return [line for line in stripped if len(line) > 12 and not line.startswith("#")]


def secrets(name: str) -> Iterator[tuple[str, ...]]:
    """Runs of lines that stand in answers, hidden tests, references or mutants only."""
    sources = [p.read_text() for p in (ROOT / "autograder" / "problems" / name).glob("*.py")]
    for cell in nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", as_version=4).cells:
        for begin, end in (("BEGIN SOLUTION", "END SOLUTION"), ("BEGIN HIDDEN", "END HIDDEN")):
            sources += [part.partition(end)[0] for part in cell.source.split(begin)[1:]]
    for source in sources:
        lines = [line for line in lines_of(source) if "import" not in line]
        yield from zip(*(lines[i:] for i in range(IN_A_ROW)), strict=False)


@pytest.fixture(scope="module")
def public(site) -> list[tuple[str, set[tuple[str, ...]]]]:
    found = []
    for name, text in public_files(site):
        # In a notebook or a page of JSON, a line of code stands between quotes.
        text = text.replace('\\n",', "").replace("\\n", "\n")
        lines = [line.strip().strip('"').strip() for line in text.splitlines()]
        lines = [line for line in lines if len(line) > 12 and not line.startswith("#")]
        found.append((name, set(zip(*(lines[i:] for i in range(IN_A_ROW)), strict=False))))
    assert len(found) > 60
    return found


@pytest.mark.parametrize("name", SETS)
def test_no_public_file_holds_an_answer(name, public):
    secret = set(secrets(name))
    assert len(secret) > 100
    leaks = [(file, run) for file, runs in public for run in runs & secret]
    assert leaks == []


def test_an_answer_would_be_found(public):
    """The scan finds what is there: lines of the library, which is public."""
    source = (ROOT / "unrolled" / "nets" / "lstm.py").read_text()
    lines = [line for line in lines_of(source) if "import" not in line]
    runs = set(zip(*(lines[i:] for i in range(IN_A_ROW)), strict=False))
    assert [file for file, found in public if len(runs & found) > 20]


def test_the_workflow_publishes_the_site_only_after_the_tests():
    text = (ROOT / "deploy" / "github-pages.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    steps = [step.get("run") or step.get("uses") for step in jobs["build"]["steps"]]
    assert steps.index(".ci/run") < steps.index("make kit")
    uploads = [s for s in jobs["build"]["steps"] if "upload" in s.get("uses", "")]
    assert [s["with"]["path"] for s in uploads] == ["_build/html"]
    assert jobs["publish"]["needs"] == "build"
