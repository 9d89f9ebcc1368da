"""Load slider.js on the pages that have a figure with sliders, and on no other."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

ASSETS = Path(__file__).resolve().parent.parent / "_static"
FIGURE = '<div class="slider"'  # how the HTML of unrolled/sliders begins


def serve_assets(app: Sphinx) -> None:
    """Have the script and the style copied into the site."""
    if app.builder.format == "html":
        app.config.html_static_path += [str(ASSETS / f"slider.{kind}") for kind in ("css", "js")]


def load_assets(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Add the script to a page whose cells show a figure with sliders."""
    if doctree is not None and any(FIGURE in raw.astext() for raw in doctree.findall(nodes.raw)):
        app.add_js_file("slider.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.add_css_file("slider.css")
    app.connect("builder-inited", serve_assets)
    app.connect("html-page-context", load_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
