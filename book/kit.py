"""Pack what students get: the released problem sets, the lessons, the library and their checks.

Run as ``python book/kit.py`` after ``book/build.py``; ``make kit`` does both. It writes
``_build/unrolled-kit.zip``. No solution, hidden test or reference is in it: the sets are nbgrader's
release, and the wheel holds the library and the students' half of the grader alone.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from library_wheel import LONG_AGO, build_wheel
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "_build" / "html" / "notebooks"
KIT = ROOT / "_build" / "unrolled-kit.zip"
FOLDER = "unrolled-kit"
PARTS = ("unrolled", "autograder/__init__.py", "autograder/student")
JUPYTER = "jupyterlab"  # pinned in requirements.lock only: the site does without
README = """\
# Unrolled: the student's kit

Everything runs on your own computer, without a network once it is installed. You need Python 3.11,
3.12 or 3.13 on Windows, macOS or Linux. In this folder, once:

    python -m venv env
    env\\Scripts\\activate              (on macOS and Linux: source env/bin/activate)
    python -m pip install -r requirements.txt

On Linux this brings PyTorch with CUDA, 2.7 GB. Without a GPU, take the CPU build: the address is on
pytorch.org under "Linux, Pip, CPU"; put `--extra-index-url ADDRESS` behind the last line. Problem
sets 1 to 4 need NumPy alone: `python -m pip install numpy {wheel}` is enough for them.

| where | what |
| --- | --- |
| problem-sets/{first}/{first}.ipynb … | the problem sets |
| lessons/*.ipynb | the lessons, as notebooks to run and change |
| {wheel} | the library `unrolled` and the checks |

1. Open a set: `jupyter lab problem-sets/{first}/{first}.ipynb`.
2. Write your code where it says NotImplementedError. The check below each problem compares your
   gradients with finite differences of your own forward pass and says in words what is off.
3. Before you hand it in: `python -m autograder.student problem-sets/{first}/{first}.ipynb`. In
   about a second it says what passes, what fails and why, and what is not written yet.
4. Hand in the notebook under its own name, as your instructor says. Don't rename or delete cells.

Hidden tests run when it is graded. They call your functions with other inputs; the feedback says
which part is wrong and which section of the lessons to read again. It names no expected number.
"""


def main() -> int:
    """Write the kit; return 0, or 1 where something that it needs is missing."""
    lessons = sorted(NOTEBOOKS.glob("*.ipynb"))
    if not lessons:
        print("kit: the site is not built; run make kit, which builds it first", file=sys.stderr)
        return 1
    sets = sorted(folder.name for folder in (ROOT / "solutions").iterdir() if folder.is_dir())
    contents = {f"lessons/{path.name}": path.read_bytes() for path in lessons}
    with tempfile.TemporaryDirectory() as scratch:
        for name in tqdm(sets, unit="set", desc="releasing", dynamic_ncols=True):
            try:
                contents |= released(name, Path(scratch))
            except subprocess.CalledProcessError as error:
                print(f"kit: {name} could not be released:\n{error.stderr}", file=sys.stderr)
                return 1
        wheel = build_wheel(Path(scratch), PARTS)
        contents[wheel.name] = wheel.read_bytes()
    contents["requirements.txt"] = requirements(wheel.name).encode()
    contents["README.md"] = README.format(wheel=wheel.name, first=sets[0]).encode()
    contents["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    write(contents)
    size = KIT.stat().st_size / 1e6
    print(f"{KIT.relative_to(ROOT)}: {len(sets)} sets, {len(lessons)} lessons, {size:.1f} MB")
    return 0


def released(name: str, scratch: Path) -> dict[str, bytes]:
    """Return the files of a problem set as nbgrader releases it, without touching the gradebook.

    Raises:
        CalledProcessError: nbgrader refused; its stderr says why.
    """
    release = scratch / "release"
    options = [
        f"--CourseDirectory.release_directory={release}",
        f"--CourseDirectory.db_url=sqlite:///{scratch / 'gradebook.db'}",
        "--create",
        "--force",
    ]
    subprocess.run(
        [str(Path(sys.executable).parent / "nbgrader"), "generate_assignment", name, *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [path for path in sorted((release / name).rglob("*")) if path.is_file()]
    return {
        f"problem-sets/{path.relative_to(release).as_posix()}": path.read_bytes() for path in files
    }


def requirements(wheel: str) -> str:
    """Return what pip installs: the project's pins for lessons and library, Jupyter, the wheel."""
    pins = (ROOT / "requirements.txt").read_text()
    lessons = pins.partition("# lessons and library\n")[2].partition("\n\n")[0]
    locked = (ROOT / "requirements.lock").read_text()
    jupyter = re.search(rf"^{JUPYTER}==.+$", locked, re.MULTILINE)[0]
    return f"{lessons}\n{jupyter}\n./{wheel}\n"


def write(contents: dict[str, bytes]) -> None:
    """Write the zip, all at once; the same contents give the same bytes."""
    KIT.parent.mkdir(exist_ok=True)
    half = KIT.with_suffix(".part")
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", LONG_AGO)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, contents[name])
    half.replace(KIT)


if __name__ == "__main__":
    sys.exit(main())
