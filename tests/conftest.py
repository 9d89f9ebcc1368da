"""What tests share: one build of the book, one browser, and the rule about skips."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="session")
def site() -> Path:
    """The built book, by the same command as `make book`: one build for all tests."""
    done = subprocess.run(
        [sys.executable, ROOT / "book" / "build.py"], capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "_build" / "html"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="session")
def serve() -> Iterator:
    """A function that serves a folder on this machine and returns its address."""
    servers = []

    def start(folder: Path) -> str:
        handler = functools.partial(QuietHandler, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium that reaches this machine and nothing else."""
    if not CHROMIUM.is_file():
        pytest.skip(
            f"no Chromium at {CHROMIUM}: install the Debian package chromium, "
            "or set CHROMIUM to the path of another"
        )
    rules = "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules={rules}"]
        )
        yield chromium
        chromium.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where UNROLLED_NO_SKIPS is set, remember every skip but those for want of a GPU."""
    if report.skipped and "gpu" not in report.keywords:
        skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped a test which this machine was set up to run."""
    if os.environ.get("UNROLLED_NO_SKIPS") and skipped:
        print(f"\nUNROLLED_NO_SKIPS is set, but these were skipped: {', '.join(skipped)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


skipped: list[str] = []
