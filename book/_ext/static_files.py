"""Write the pages again when a style sheet or a script changed; Sphinx alone does not notice."""

import hashlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config


def fingerprint(folders: list[Path]) -> str:
    """Return a hash of the names and contents of all files in some folders."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _note_static_files(app: Sphinx, config: Config) -> None:
    config.static_fingerprint = fingerprint([Path(app.srcdir, p) for p in config.html_static_path])


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.add_config_value("static_fingerprint", "", "html")
    app.connect("config-inited", _note_static_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
