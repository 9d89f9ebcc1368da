"""The book through nginx with the files of deploy/: compressed, cached, and nothing but itself."""

import gzip
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "nginx"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"]), "search"]
# A plain page, one with sliders and cells that run, the search: the others are built alike.
KINDS = (TOC["root"], "lessons/09-gru", "search")

MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/unrolled.conf;
}}
"""


@pytest.fixture(scope="module")
def served(site, tmp_path_factory) -> Iterator[str]:
    """The address of the book, served by nginx from this machine."""
    if NGINX is None:
        pytest.skip("no nginx: install the Debian package nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (DEPLOY / "unrolled.conf").read_text()
    assert "listen 80;" in text and "root /srv/unrolled;" in text
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    (folder / "unrolled.conf").write_text(text.replace("/srv/unrolled", str(site)))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    line = subprocess.run(
        [sys.executable, DEPLOY / "policy.py"], capture_output=True, text=True, check=True
    ).stdout
    (folder / "unrolled-policy.conf").write_text(line)
    folder.chmod(0o755)
    process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(address).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert process.poll() is None, (folder / "error.log").read_text()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def allowed(site) -> Iterator[None]:
    """nginx's workers are not root: let them read the site for as long as they run."""
    closed = [p for p in (site, *site.parents) if not p.stat().st_mode & 0o001]
    modes = {path: path.stat().st_mode for path in closed}
    for path, mode in modes.items():
        path.chmod(mode | 0o055)
    yield
    for path, mode in modes.items():
        path.chmod(mode)


@pytest.fixture(scope="module")
def address(allowed, served) -> str:
    return served


def get(address: str, **headers: str):
    return urllib.request.urlopen(urllib.request.Request(address, headers=headers))


def test_pages_are_compressed_and_checked_again_soon(address, site):
    page = "lessons/04-backpropagation-through-time.html"
    with get(f"{address}/{page}", **{"Accept-Encoding": "gzip"}) as reply:
        assert reply.headers["Content-Encoding"] == "gzip"
        assert reply.headers["Cache-Control"] == "max-age=600"
        assert reply.headers["ETag"]
        assert gzip.decompress(reply.read()) == (site / page).read_bytes()


def test_files_that_never_change_are_kept_for_a_year(address, site):
    style = next((site / "_static").glob("*.css")).name
    with get(f"{address}/_static/{style}?v=1234") as reply:
        assert int(reply.headers["Cache-Control"].removeprefix("max-age=")) > 30_000_000


def test_a_missing_page_gets_the_books_own(address):
    with pytest.raises(urllib.error.HTTPError) as error:
        get(f"{address}/nowhere.html")
    assert error.value.code == 404
    assert "Content-Security-Policy" in error.value.headers
    assert "Unrolled" in error.value.read().decode()


def test_the_policy_names_no_third_party_but_pyodides(address):
    with get(address) as reply:
        policy = reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    hosts = {word for rule in rules.values() for word in rule.split() if "://" in word}
    assert len(hosts) == 1 and "/pyodide/" in hosts.pop()
    assert rules["default-src"] == "'none'"
    assert "'unsafe-inline'" not in rules["script-src"] and "'unsafe-eval'" not in policy


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in KINDS else pytest.mark.full) for n in PAGES]
)
def test_no_page_needs_what_the_policy_forbids(address, browser, name):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/{name}.html", wait_until="load")
    page.evaluate("for (const i of document.images) i.loading = 'eager'")
    page.wait_for_function("[...document.images].every((i) => i.complete)")
    assert said == []
    context.close()


def test_a_script_that_got_into_a_page_does_not_run(address, browser):
    """The policy is what stops it: without one, the same script runs."""
    page = browser.new_page()
    page.goto(f"{address}/book/notation.html")
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.got = true";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.got") is None
    page.close()
    free = browser.new_page()
    free.set_content("<p>x</p>")
    free.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.got = true";
            document.body.append(script);
        }"""
    )
    assert free.evaluate("window.got") is True
    free.close()
