"""Lighthouse's marks for chapter 4, from a server that compresses as real ones do.

Lighthouse is no dependency of the project: npx fetches it from npm when this test is run. Where it
can't be had the test is skipped and says so. To use a copy of your own, set LIGHTHOUSE to its path.
"""

import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
NPX = Path(sys.executable).with_name("npx")
CHAPTER = "lessons/04-backpropagation-through-time.html"
COMPRESSED = (".html", ".css", ".js", ".json", ".svg")
# A busy machine makes a page look slow and never fast, so the best of a few runs is the page's.
RUNS = 3
LEAST = {
    "desktop": {"performance": 98, "accessibility": 100, "best-practices": 96, "seo": 100},
    "mobile": {"performance": 85, "accessibility": 100, "best-practices": 96, "seo": 100},
}


class GzipHandler(http.server.SimpleHTTPRequestHandler):
    """Serve text compressed, several requests a connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            super().do_GET()
            return
        body = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(GzipHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def lighthouse(tmp_path_factory) -> list[str]:
    """The command that starts Lighthouse; a skip where there is none."""
    if not CHROMIUM.is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    if path := os.environ.get("LIGHTHOUSE", shutil.which("lighthouse")):
        return [path]
    command = [str(NPX), "--yes", "lighthouse@13.5.0"]
    cwd = tmp_path_factory.mktemp("npx")
    tried = subprocess.run([*command, "--version"], cwd=cwd, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"npx could not fetch Lighthouse: {tried.stderr[-300:]}")
    return command


def marks(lighthouse: list[str], url: str, device: str, report: Path) -> tuple[dict, list[str]]:
    """Run Lighthouse once: the four marks, and the audits that are not perfect."""
    command = [*lighthouse, url, "--output=json", f"--output-path={report}", "--quiet"]
    command += ["--chrome-flags=--headless --no-sandbox"]
    command += ["--preset=desktop"] if device == "desktop" else []
    environment = os.environ | {"CHROME_PATH": str(CHROMIUM)}
    done = subprocess.run(
        command, env=environment, cwd=report.parent, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(report.read_text())
    found = {name: round(100 * c["score"]) for name, c in result["categories"].items()}
    imperfect = [
        f"{audit['id']}: {audit['score']} {audit.get('displayValue', '')}"
        for audit in result["audits"].values()
        if audit["score"] is not None and audit["score"] < 1
    ]
    return found, imperfect


@pytest.mark.parametrize("device", LEAST)
def test_marks_of_chapter_4(lighthouse, address, device, tmp_path):
    best: dict[str, int] = {}
    imperfect: list[str] = []
    for run in range(RUNS):
        report = tmp_path / f"{device}-{run}.json"
        found, imperfect = marks(lighthouse, f"{address}/{CHAPTER}", device, report)
        best = {name: max(best.get(name, 0), found[name]) for name in LEAST[device]}
        if all(best[name] >= least for name, least in LEAST[device].items()):
            break
    print(f"Lighthouse, {device}: {best}")
    short = {name: best[name] for name, least in LEAST[device].items() if best[name] < least}
    assert not short, "\n".join(imperfect)
