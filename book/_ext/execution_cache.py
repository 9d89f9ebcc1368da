"""Keep executed notebooks only as long as the library and the data they ran on are the same.

Jupyter-cache looks a notebook up by its code cells alone. A lesson that imports ``unrolled`` would
keep its old outputs after the library changed. The hash of everything that a lesson can import or
read is therefore part of the cache's path; as that path is one of Sphinx's environment values, a
new hash also makes Sphinx read every page again.
"""

import hashlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

READ_BY_LESSONS = ("unrolled", "autograder/student", "lessons/data", "requirements.txt")


def cache_path(root: Path) -> Path:
    """Return the folder that holds the outputs of lessons executed on the present library."""
    return root / "_build" / "executed" / fingerprint(root)


def fingerprint(root: Path) -> str:
    """Return a hash of the names and contents of everything that a lesson can import or read."""
    digest = hashlib.sha256()
    for name in READ_BY_LESSONS:
        for path in sorted([root / name, *(root / name).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _set_cache_path(app: Sphinx, config: Config) -> None:
    config.nb_execution_cache_path = str(cache_path(Path(app.srcdir)))


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect("config-inited", _set_cache_path, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
