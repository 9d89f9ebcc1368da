"""Code cells that run in the reader's browser.

A lesson's code cell that carries the tag ``runnable`` gets the buttons Run, Edit and Reset. Such a
cell may use NumPy, Matplotlib and the part of ``unrolled`` that needs no PyTorch. The first Run
loads Python (Pyodide) into a worker; before it the page asks nothing of anybody.

- The runnable cells of a page share one interpreter, in page order: running one first runs every
  earlier one that has not run as it stands.
- What a cell that also carries the tag ``aside`` does to names and arrays is undone when it ends,
  and no other cell waits for it: for figures, and for stubs in which a reader may write anything.
- Imports need no tag. Each runnable cell brings those that stand in other cells of its page and
  whose names it uses, except PyTorch's. One that draws gets the course's figure style.

The setting ``runnable_pyodide_url``, in _config.yml, is where Pyodide comes from: an address, or a
folder of the site. The default is its CDN. The data for the page's script stand at the page's end
in ``#runnable-site``: the addresses of Pyodide and of the library's wheel, and each cell's imports.
"""

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from library_wheel import build_wheel

# The one place that names the version. tests/book/test_runnable_in_browser.py reads it too.
PYODIDE_VERSION = "314.0.7"
PYODIDE_URL = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE_VERSION}/full/"

NOT_IN_THE_BROWSER = (
    "torch",
    *(f"unrolled.{part}" for part in ("modules", "data", "training", "kernels", "measure")),
)
WHEELS = "_static/wheels"


def cell_sources(doctree: nodes.document) -> list[tuple[str, list[str]]]:
    """Return the source and the tags of every code cell of a page, in order."""
    found = []
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            source = next(cell.findall(nodes.literal_block), None)
            if source is not None:
                found.append((source.astext(), cell["cell_metadata"].get("tags", [])))
    return found


def imports_of(source: str) -> dict[str, str]:
    """Return, by the name that it binds, each import in a cell's outermost lines.

    What can't run in the browser is left out. A cell that isn't plain Python (a magic) has none.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    bound = {}
    for statement in tree.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        for alias in statement.names:
            module = getattr(statement, "module", None)
            if not can_run(module or alias.name):
                continue
            line = f"from {module} import {alias.name}" if module else f"import {alias.name}"
            name = alias.asname or alias.name.partition(".")[0]
            bound[name] = f"{line} as {alias.asname}" if alias.asname else line
    return bound


def can_run(module: str) -> bool:
    """Tell whether a module can be imported in the browser."""
    return not any(module == name or module.startswith(f"{name}.") for name in NOT_IN_THE_BROWSER)


def needed_imports(source: str, imports: dict[str, str]) -> str:
    """Return those of a page's imports whose names a cell uses, as lines of code."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    lines = [line for name, line in imports.items() if name in used]
    if any(line.startswith(("import matplotlib", "from matplotlib")) for line in lines):
        lines.append("from unrolled.figures import use_style\nuse_style()")
    return "\n".join(lines)


def runnable_cells(cells: list[tuple[str, list[str]]]) -> list[dict[str, str]]:
    """Return, for each runnable cell of a page, what its script must know of it."""
    imports = {}
    for source, tags in cells:
        if "runnable" not in tags:
            imports |= imports_of(source)
    return [
        {"imports": needed_imports(source, imports)} for source, tags in cells if "runnable" in tags
    ]


def pyodide_address(setting: str, pathto: Callable[..., str]) -> str:
    """Return the setting as an address, seen from a page if it names a folder of the site."""
    address = setting.rstrip("/") + "/"
    if "://" in address or address.startswith("/"):
        return address
    return pathto(address, resource=True)


def add_to_page(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Load the script on pages with runnable cells, and on no other."""
    cells = runnable_cells(cell_sources(doctree)) if doctree is not None else []
    if not cells:
        return
    app.add_js_file("runnable/runnable.js", loading_method="defer")
    site = {
        "pyodide": pyodide_address(app.config.runnable_pyodide_url, context["pathto"]),
        "wheel": context["pathto"](f"{WHEELS}/{app.runnable_wheel}", resource=True),
        "cells": cells,
    }
    data = json.dumps(site).replace("<", r"\u003c")  # no text of a cell may end the element
    context["body"] += f'<script type="application/json" id="runnable-site">{data}</script>\n'


def write_wheel(app: Sphinx) -> None:
    """Build the wheel of what the browser can import of the library; the site serves it."""
    if app.builder.format == "html":
        folder = Path(app.outdir, WHEELS)
        without = [
            f"unrolled/{part}" for part in ("modules", "data", "training", "kernels", "measure")
        ]
        app.runnable_wheel = build_wheel(folder, ["unrolled"], without).name


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.add_config_value("runnable_pyodide_url", PYODIDE_URL, "html", str)
    app.add_css_file("runnable/runnable.css")
    app.connect("builder-inited", write_wheel)
    app.connect("html-page-context", add_to_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
