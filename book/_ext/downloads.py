"""Give each lesson a notebook to download, and a link to Colab once the site has an address.

The site's folder `notebooks/` holds the notebooks and, beside them, the library as a wheel. Two
settings stand in _config.yml:

- `html: baseurl:` is the site's public address. Notebooks then install the wheel from there, and
  their links to other pages lead there. Without it they look for the wheel beside themselves.
- `colab_repository`, as in "ORG/REPO/blob/BRANCH", is where the built site lies on GitHub: Colab
  opens notebooks from GitHub only. It needs the address too, for Colab has no wheel beside it.
"""

import re
import sys
from hashlib import sha256
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

from docutils import nodes
from myst_nb.core.read import create_nb_reader
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from library_wheel import build_wheel
from notebooks import Page, UnknownNodeError, install_cell, is_cell, write_notebook

HERE = Path(__file__).resolve()
MAKERS = (HERE, HERE.parents[1] / "notebooks.py", HERE.parents[2] / "pyproject.toml")
logger = logging.getLogger(__name__)

FOLDER = "notebooks"
# The title, and the line below it that says how long the page takes.
HEAD = re.compile(r'</h1>(\s*<p class="reading-time">.*?</p>)?')
# The lessons themselves need these beside the library.
REQUIRES = ("numpy", "matplotlib", "torch", "statsmodels", "scikit-learn", "tzdata")
COLAB = "https://colab.research.google.com/github/"


def build_library(app: Sphinx) -> None:
    """Write the wheel into the site. Raises ConfigError where Colab would find none."""
    if app.builder.format != "html":
        return
    if app.config.colab_repository and not app.config.html_baseurl:
        raise ConfigError("colab_repository is set; set the site's address, html: baseurl:, too")
    wheel = build_wheel(Path(app.outdir, FOLDER), ["unrolled"], requires=REQUIRES)
    app.unrolled_wheel = wheel.name


def site_address(app: Sphinx) -> str | None:
    """Return the site's public address with a slash at its end, None where it has none."""
    return app.config.html_baseurl.rstrip("/") + "/" if app.config.html_baseurl else None


def add_notebook(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Write a lesson's notebook and put the links to it below the page's title."""
    if doctree is None or not any(map(is_cell, doctree.findall(nodes.container))):
        return
    name = f"{FOLDER}/{PurePosixPath(page).name}.ipynb"
    try:
        notebook = lesson_notebook(app, page, doctree)
    except UnknownNodeError as error:
        logger.warning("downloads: %s", error, location=page)
        return
    target = Path(app.outdir, name)
    target.write_text(notebook, encoding="utf-8")

    pathto = context["pathto"]
    links = [
        f'<a href="{pathto(name, 1)}" download>Notebook (.ipynb)</a>',
        f'<a href="{pathto(f"{FOLDER}/{app.unrolled_wheel}", 1)}" download>Library (.whl)</a>',
    ]
    if app.config.colab_repository:
        address = f"{COLAB}{app.config.colab_repository.strip('/')}/{name}"
        links[1] = f'<a href="{escape(address)}">Open in Colab</a>'
    line = f'\n<p class="downloads">{" · ".join(links)}</p>'
    context["body"] = HEAD.sub(lambda head: head[0] + line, context["body"], count=1)


def lesson_notebook(app: Sphinx, page: str, doctree: nodes.document) -> str:
    """Return a lesson as the text of a notebook file. Raises UnknownNodeError."""
    address = site_address(app)

    def number(kind: str, node: nodes.Element) -> str:
        numbers = app.env.toc_fignumbers.get(page, {}).get(kind, {})
        found = next((numbers[id_] for id_ in node["ids"] if id_ in numbers), ())
        return ".".join(map(str, found))

    def link(node: nodes.Element) -> str | None:
        uri = node.get("refuri", "")
        if not node.get("internal"):
            return uri or None
        if not address or not uri or uri.startswith("#"):
            return None
        return urljoin(address + app.builder.get_target_uri(page), uri)

    source = Path(app.env.doc2path(page)).read_text(encoding="utf-8")
    reader = create_nb_reader(
        app.env.doc2path(page), app.env.myst_config, app.env.mystnb_config, source
    )
    lesson = reader.read(source).cells
    code = {i: cell.source for i, cell in enumerate(lesson) if cell.cell_type == "code"}
    cells = Page(number, link).cells(doctree, code)
    folder = f"{address}{FOLDER}/" if address else None
    return write_notebook([install_cell(app.unrolled_wheel, folder), *cells])


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.add_config_value("colab_repository", "", "html", [str])
    # Sphinx writes only pages that changed. A notebook also changes with the code that makes it.
    made_by = b"".join(path.read_bytes() for path in MAKERS)
    app.add_config_value("notebooks_made_by", sha256(made_by).hexdigest(), "html", [str])
    app.connect("builder-inited", build_library)
    app.connect("html-page-context", add_notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
