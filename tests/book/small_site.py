"""Sites of a page or two with the book's theme and some of its extensions, for a test to try."""

import subprocess
import sys
from pathlib import Path

BOOK = Path(__file__).parents[2] / "book"

# How a page that holds code begins.
HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

CONFIG = {
    "nb_execution_mode": "off",
    "html_theme": "sphinx_book_theme",
    "html_context": {"default_mode": "auto"},  # the theme logs an error without it
    "html_favicon": str(BOOK / "_static" / "logo.svg"),  # a browser asks for one
    "html_static_path": [str(BOOK / "_static"), str(BOOK / "_vendor")],
    "html_css_files": ["unrolled.css"],
}


def write_site(source: Path, extensions: list[str], pages: dict[str, str], **config) -> None:
    """Write the pages (name to Markdown) and a Sphinx configuration."""
    source.mkdir(exist_ok=True)
    settings = {**CONFIG, "extensions": ["myst_nb", *extensions], **config}
    lines = ["import sys", f"sys.path.insert(0, {str(BOOK / '_ext')!r})"]
    lines += [f"{name} = {value!r}" for name, value in settings.items()]
    (source / "conf.py").write_text("\n".join(lines))
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text)


def build_site(source: Path, out: Path) -> Path:
    """Build a site; warnings are errors."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", source, out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return out
