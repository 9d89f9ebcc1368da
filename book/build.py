"""Build the site: execute what changed, one progress line a lesson, then let Jupyter Book render.

Run from anywhere as ``python book/build.py``; ``make book`` does so in the right environment.
A build that fails leaves no site and no Sphinx state behind, so that the next run starts clean;
outputs of lessons that did execute are kept.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import yaml  # noqa: E402
from execution_cache import cache_path  # noqa: E402
from jupyter_cache import get_cache  # noqa: E402
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract  # noqa: E402
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution  # noqa: E402
from jupyter_cache.readers import get_reader  # noqa: E402
from myst_nb.core.read import MystMetadataParsingError  # noqa: E402
from nbformat import NotebookNode  # noqa: E402

JUPYTER_BOOK = Path(sys.executable).parent / "jupyter-book"
CELL_TIMEOUT_S = 600
# One thread a lesson, two lessons side by side: faster than the other way round, and the order of
# floating-point sums does not depend on the machine.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def pages() -> list[Path]:
    """Return the files of the table of contents, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    names = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    found = [ROOT / f"{name}.md" for name in names]
    missing = [str(path.relative_to(ROOT)) for path in found if not path.is_file()]
    if missing:
        stop(f"_toc.yml names {', '.join(missing)}, which does not exist.")
    return found


def is_notebook(page: Path) -> bool:
    """Say whether a page is a MyST notebook, which its header tells."""
    return "\nkernelspec:" in page.read_text().split("\n---", 1)[0]


def read_notebook(page: Path) -> NotebookNode:
    """Read a MyST notebook as the nbformat notebook that Jupyter-cache stores."""
    try:
        return get_reader({"name": "myst_nb_md", "type": "plugin"})(str(page))
    except (MystMetadataParsingError, yaml.YAMLError) as error:
        stop(f"{page.relative_to(ROOT)} could not be read: {error}")


def execute(page: Path) -> ExecutionResult:
    """Execute one lesson in a kernel of its own."""
    notebook = read_notebook(page)
    result = single_nb_execution(
        notebook,
        cwd=str(page.parent),
        timeout=CELL_TIMEOUT_S,
        allow_errors=False,
        extra_arguments=["--log-level=ERROR"],
    )
    join_streams(notebook)
    return result


def join_streams(notebook: NotebookNode) -> None:
    """Make one output of the pieces in which a cell's text came.

    Where a kernel cuts what is printed depends on the load. MyST-NB joins the pieces too, but ends
    a line at every cut.
    """
    for cell in notebook.cells:
        whole: dict[str, NotebookNode] = {}
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name in whole:
                whole[output.name].text += output.text
            elif output.output_type == "stream":
                whole[output.name] = output
        if whole:
            kept = {id(output) for output in whole.values()}
            cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or id(o) in kept]


def execute_changed(lessons: list[Path]) -> None:
    """Execute every lesson whose outputs are not in the cache, two at a time, and store them."""
    for old in (BUILD / "executed").glob("*"):
        if old != cache_path(ROOT):
            shutil.rmtree(old)
    cache = get_cache(str(cache_path(ROOT)))
    changed = [page for page in lessons if not is_executed(cache, page)]
    print(f"Lessons: {len(lessons)}, to execute: {len(changed)}", flush=True)
    failures = {}
    os.environ.update(ONE_THREAD)
    os.environ.pop("MPLBACKEND", None)  # set to anything else, figures would not be in the page
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {pool.submit(execute, page): page for page in changed}
        for done, future in enumerate(as_completed(running), 1):
            page, result = running[future], future.result()
            if result.err:
                failures[page.relative_to(ROOT)] = str(result.err).strip()
            else:
                cache.cache_notebook_bundle(
                    CacheBundleIn(result.nb, page, data={"execution_seconds": result.time}),
                    check_validity=False,
                    overwrite=True,
                )
            state = "FAILED" if result.err else "ok"
            print(
                f"  [{done}/{len(changed)}] {page.stem}  {result.time:.0f} s  {state}", flush=True
            )
    if failures:
        for name, error in failures.items():
            print(f"\n{name}:\n{error}\n", file=sys.stderr)
        names = ", ".join(map(str, failures))
        stop(f"{names} raised an error (above). Mend the cell, then run make book again.")


def is_executed(cache: JupyterCacheAbstract, page: Path) -> bool:
    """Say whether the cache holds the outputs of exactly these code cells."""
    try:
        cache.match_cache_notebook(read_notebook(page))
    except KeyError:
        return False
    return True


def render() -> None:
    """Let Jupyter Book write the site, every warning an error."""
    print("Rendering the pages …", flush=True)
    done = subprocess.run(
        [JUPYTER_BOOK, "build", ROOT, "-W", "--keep-going", "-n", "-q"],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        for folder in ("html", ".doctrees"):
            shutil.rmtree(BUILD / folder, ignore_errors=True)
        stop("No site was built: warnings count as errors. Mend what is named above and try again.")


def stop(message: str) -> NoReturn:
    """End with one line that says what to do."""
    sys.exit(f"book: {message}")


def main() -> None:
    """Execute, render, and say how to open the result."""
    start = time.perf_counter()
    execute_changed([page for page in pages() if is_notebook(page)])
    render()
    print(f"Done in {time.perf_counter() - start:.0f} s. Open {BUILD / 'html' / 'index.html'}")
    print("or run 'make serve' and visit the address it prints.")


if __name__ == "__main__":
    main()
