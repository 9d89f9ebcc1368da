"""Commands on a page and what they print: run them, and write the page anew or compare.

    python book/console.py book/handbook.md        runs the page's commands and updates outputs

A block marked `console` holds commands after `$ ` and below each what it printed. All blocks of a
page run in order, in one new course beside nothing else: the problem sets and nbgrader's
configuration. What differs on every run is shown as an ellipsis: folders, times, keys.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(^```console\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
# Progress bars and warnings about slowness depend on the machine; nobody is told to look at them.
NOISE = re.compile(
    r"\d+%\||\?(sub|student)/s|distributed\.|^\s*$|Warning: |^  warnings\.warn|jsonschema"
)
VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|\+\d\d:?\d\d)?"), "…"),
    (re.compile(r"\d+\.\d+ s\b"), "… s"),
    (re.compile(r"(?<=Writing )\d+(?= bytes)"), "…"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "…"),
    (re.compile(r"(?<=tier )\w+(?=,)|(?<=at tier ')\w+"), "…"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


def commands(block: str) -> Iterator[str]:
    """Give the commands of a block, a continued line with the one it continues."""
    whole = ""
    for line in block.splitlines():
        if whole.endswith("\\"):
            whole += "\n" + line.removeprefix("> ")
        elif line.startswith(PROMPT):
            whole = line.removeprefix(PROMPT)
        else:
            continue
        if not whole.endswith("\\"):
            yield whole


def new_course(folder: Path) -> dict[str, str]:
    """Lay out a course in `folder`; return the environment in which its commands run."""
    course = folder / "unrolled"
    shutil.copytree(ROOT / "solutions", course / "solutions")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    programs = Path(sys.executable).parent
    return os.environ | {
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
        "HOME": str(folder / "home"),
        "USER": "instructor",
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter" / "data"),
        "IPYTHONDIR": str(folder / "jupyter" / "ipython"),
        "PYTHONWARNINGS": "ignore",
    }


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run one command in the course and return what it printed, as the page shows it."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder / "unrolled",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    lines = done.stdout.replace("\r", "\n").split("\n")
    shown = "\n".join(line for line in lines if not NOISE.search(line))
    shown = shown.replace(str(folder), "~")
    for what, instead in VARYING:
        shown = what.sub(instead, shown)
    return shown + "\n" if shown else ""


def rerun(page: str, progress: Callable[[list], "tqdm"] = lambda found: found) -> str:
    """Return the page with what its commands print now."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = new_course(folder)
        (folder / "home").mkdir()
        blocks = [found[2] for found in BLOCK.finditer(page)]
        fresh = iter(
            [
                "".join(
                    f"{PROMPT}{command}\n{run(command, folder, environment)}"
                    for command in commands(block)
                )
                for block in progress(blocks)
            ]
        )
        return BLOCK.sub(lambda found: found[1] + next(fresh) + found[3], page)


def main(arguments: list[str]) -> int:
    """Update the pages named."""
    for name in arguments:
        page = Path(name)
        text = page.read_text(encoding="utf-8")
        page.write_text(rerun(text, lambda found: tqdm(found, unit="block")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
