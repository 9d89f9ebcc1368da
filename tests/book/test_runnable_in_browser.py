"""Runnable cells as a reader meets them. Pyodide's core comes from its npm package, once."""

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Page, expect
from small_site import build_site, write_site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
NPM = Path(sys.executable).with_name("npm")
VERSION = re.search(
    r'^PYODIDE_VERSION = "(.+)"$', (ROOT / "book/_ext/runnable.py").read_text(), re.MULTILINE
)[1]
CDN = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
LOADING = 60_000  # ms: the first Run starts Python

HEAD = """---
file_format: mystnb
language_info:
  name: python
  pygments_lexer: ipython3
kernelspec:
  name: python3
  display_name: Python 3
---
"""


def cell(source: str, *tags: str) -> str:
    tags = ", ".join(("runnable", *tags))
    return f"```{{code-cell}} ipython3\n:tags: [{tags}]\n\n{source}\n```\n\n"


PLAIN = (
    f"{HEAD}# Plain\n\n```{{code-cell}} ipython3\nimport math\n\nimport torch\n```\n\n"
    + cell("n = 6  # how many\nprint('n is', n)")
    + cell("def root(x):\n    return math.sqrt(x)\n\n\nroot(n * n)")
    + cell("n = 100\nmissing = undefined_name", "aside")
    + cell("print('after:', n)\nmissing = None")
)
NUMPY = (
    f"{HEAD}# NumPy\n\n```{{code-cell}} ipython3\nimport matplotlib.pyplot as plt\n"
    "import numpy as np\nfrom unrolled.checks import check_close\n```\n\n"
    + cell("alive = 'yes'\nalive")
    + cell("a = np.arange(3.0)\na @ a")
    + cell("check_close('twice', a + a, 2 * a)")
    + cell("plt.plot(a)\nplt.show()", "aside")
)


@pytest.fixture(scope="session")
def pyodide(request) -> Path:
    """The folder of Pyodide's npm package: the core, without NumPy."""
    folder = request.config.cache.mkdir(f"pyodide-{VERSION}")
    package = folder / "package"
    if not (package / "pyodide.asm.wasm").is_file():
        pack = [NPM, "pack", f"pyodide@{VERSION}", "--silent", "--pack-destination", folder]
        done = subprocess.run(pack, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode:
            pytest.skip(
                f"Pyodide's npm package is not here and could not be fetched: run with a network "
                f"once, or unpack pyodide-{VERSION}.tgz into {folder}"
            )
        with tarfile.open(folder / f"pyodide-{VERSION}.tgz") as archive:
            archive.extractall(folder, filter="data")
    return package


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve) -> str:
    """A site of three pages: plain Python, NumPy, and one without runnable cells."""
    folder = tmp_path_factory.mktemp("runnable")
    start = "# Start\n\n```{toctree}\nplain\nnumpy\n```\n"
    write_site(folder / "source", ["runnable"], {"index": start, "plain": PLAIN, "numpy": NUMPY})
    return serve(build_site(folder / "source", folder / "html"))


@pytest.fixture
def open_page(browser, address):
    """Open a page; what the CDN is asked for is answered from `cdn`, or not at all if None."""
    contexts = []

    def open_(name: str, cdn: Path | None = None, **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.third_party, page.requested = [], []

        def answer(route):
            url = route.request.url
            page.third_party.append(url)
            file = cdn / url.removeprefix(CDN) if cdn and url.startswith(CDN) else None
            if file and file.is_file():
                route.fulfill(path=file, headers={"Access-Control-Allow-Origin": "*"})
            else:
                route.abort()

        context.route(lambda url: not url.startswith((address, "data:")), answer)
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(f"{address}/{name}.html")
        return page

    yield open_
    for context in contexts:
        context.close()


def box(page: Page, number: int):
    return page.locator(".tag_runnable").nth(number - 1)


def press(page: Page, button: str, number: int) -> None:
    page.get_by_role("button", name=f"{button} cell {number}", exact=True).click()


def write(page: Page, number: int, source: str) -> None:
    """Put other code into a cell, by its editor."""
    edit = page.get_by_role("button", name=f"Edit cell {number}", exact=True)
    if edit.is_visible():
        edit.click()
    box(page, number).locator(".cm-content").fill(source)


def expect_status(page: Page, number: int, text: str | re.Pattern) -> None:
    expect(box(page, number).get_by_role("status")).to_have_text(text, timeout=LOADING)


def shown(page: Page, number: int) -> str:
    return box(page, number).locator(".runnable-output").inner_text().strip()


def test_nothing_is_loaded_before_a_click(open_page):
    page = open_page("plain")
    page.wait_for_load_state("networkidle")
    assert page.third_party == []
    assert not [url for url in page.requested if re.search(r"worker\.js|editor\.js|\.whl", url)]
    assert page.get_by_role("button", name="Run").count() == 4
    assert page.get_by_role("button", name="Reset").count() == 0


def test_a_page_without_runnable_cells_has_no_script(open_page):
    page = open_page("index")
    page.wait_for_load_state("networkidle")
    scripts = [url for url in page.requested if ".js" in url]
    assert scripts and not [url for url in scripts if "runnable" in url or "codemirror" in url]


def test_without_scripts_the_code_is_there(open_page):
    page = open_page("plain", java_script_enabled=False)
    assert "print('n is', n)" in box(page, 1).locator("pre").inner_text()
    assert page.locator(".runnable-bar").count() == 0


def test_a_cell_runs_the_earlier_ones_first(open_page, pyodide):
    page = open_page("plain", pyodide)
    press(page, "Run", 2)
    expect_status(page, 2, "Done.")
    assert shown(page, 1) == "n is 6"
    assert shown(page, 2) == "6.0"
    # From here on only what changed runs again.
    write(page, 1, "n = 7")
    press(page, "Run", 2)
    expect_status(page, 2, "Done.")
    expect(box(page, 2).locator(".runnable-output")).to_have_text("7.0")
    press(page, "Reset", 1)
    expect(box(page, 1).locator(".cm-content")).to_contain_text("n = 6")
    press(page, "Run", 2)
    expect(box(page, 2).locator(".runnable-output")).to_have_text("6.0")
    assert {url for url in page.third_party if not url.startswith(CDN)} == set()


def test_an_error_shows_the_readers_lines_and_stays_aside(open_page, pyodide):
    page = open_page("plain", pyodide)
    press(page, "Run", 3)
    expect_status(page, 3, "The cell raised an error.")
    assert shown(page, 3).split("\n") == [
        "Traceback (most recent call last):",
        '  File "cell 3", line 2, in <module>',
        "    missing = undefined_name",
        "              ^^^^^^^^^^^^^^",
        "NameError: name 'undefined_name' is not defined",
    ]
    # Cell 3 is an aside: cell 4 neither waits for it nor sees what it did to n.
    press(page, "Run", 4)
    expect_status(page, 4, "Done.")
    assert shown(page, 4) == "after: 6"


def test_an_error_in_an_earlier_cell_is_named(open_page, pyodide):
    page = open_page("plain", pyodide)
    write(page, 1, "n = 1 / 0")
    press(page, "Run", 2)
    expect_status(page, 2, "Not run: cell 1, which comes first, raised an error.")
    assert "ZeroDivisionError" in shown(page, 1)


def test_a_loop_without_end_is_stopped(open_page, pyodide):
    page = open_page("plain", pyodide)
    write(page, 1, "n = 2\nprint('begun')\nwhile True:\n    pass")
    press(page, "Run", 1)
    expect(box(page, 1).locator(".runnable-output")).to_have_text("begun\n", timeout=LOADING)
    press(page, "Run", 2)
    expect_status(page, 2, "Wait for cell 1, or stop it.")
    press(page, "Stop", 1)
    expect_status(page, 1, re.compile("^Stopped. Python starts anew"))
    write(page, 1, "n = 3")
    press(page, "Run", 2)
    expect_status(page, 2, "Done.")
    assert shown(page, 2) == "3.0"


def test_ten_megabytes_of_output_are_cut(open_page, pyodide):
    page = open_page("plain", pyodide)
    write(page, 1, "for i in range(100_000):\n    print('x' * 99)\n'y' * 10_000_000")
    press(page, "Run", 1)
    expect_status(page, 1, "Done.")
    text = shown(page, 1)
    assert text.endswith("Cut here: a cell shows at most 20,000 characters.")
    assert 20_000 <= len(text) < 20_100
    write(page, 1, "print('small')")
    press(page, "Run", 1)
    expect(box(page, 1).locator(".runnable-output")).to_have_text("small\n")


def test_without_the_cdn_a_message_says_so(open_page, pyodide):
    page = open_page("plain")
    press(page, "Run", 1)
    expect_status(page, 1, re.compile("^Could not load Python from cdn.jsdelivr.net. You may be"))
    # It can be tried again, and all else goes on.
    press(page, "Run", 1)
    expect_status(page, 1, re.compile("^Could not load Python"))
    press(page, "Reset", 1)
    expect_status(page, 1, "As it was.")


@pytest.mark.parametrize(
    "without",
    [
        "Object.defineProperty(window, 'WebAssembly', {value: undefined})",
        "() => { window.Worker = class { terminate() {} }; }",  # it never reads `type`
    ],
    ids=["no WebAssembly", "no module workers"],
)
def test_an_old_browser_is_told(open_page, without):
    page = open_page("plain")
    page.evaluate(without)
    press(page, "Run", 1)
    expect_status(page, 1, re.compile("^This browser can't run Python"))
    assert page.third_party == []


def test_numpy_is_asked_for_as_the_lock_file_names_it(open_page, pyodide):
    lock = json.loads((pyodide / "pyodide-lock.json").read_text())
    page = open_page("numpy", pyodide)
    press(page, "Run", 2)
    expect_status(page, 2, re.compile("^Could not load a package that the code imports from cdn"))
    wheels = [url for url in page.third_party if url.endswith(".whl")]
    assert wheels == [CDN + lock["packages"]["numpy"]["file_name"]]
    # The interpreter lives on.
    write(page, 1, "alive")
    press(page, "Run", 1)
    expect_status(page, 1, "Done.")
    assert shown(page, 1) == "'yes'"


def test_by_keyboard_alone(open_page, pyodide):
    page = open_page("plain", pyodide)
    page.get_by_role("button", name="Edit cell 1").focus()
    page.keyboard.press("Enter")
    expect(box(page, 1).locator(".cm-content")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("if True:\nprint(1 + 1)")  # Enter indents
    page.keyboard.press("Shift+Enter")
    expect_status(page, 1, "Done.")
    assert shown(page, 1) == "2"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "Run cell 1"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Reset cell 1"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Output of cell 1"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_sticks_out(open_page, pyodide, theme, width):
    page = open_page("plain", pyodide, color_scheme=theme, viewport={"width": width, "height": 844})
    write(page, 1, 'n = 6  # a comment\nwhile n > 2:\n    print("a long text" * 50)\n    n -= 1')
    press(page, "Run", 3)
    expect_status(page, 3, "The cell raised an error.")
    page.add_script_tag(path=AXE)
    # The theme's own frame is test_site's matter.
    found = page.evaluate("axe.run('article').then((result) => result.violations)")
    told = [f"{v['id']}: {n['html']}: {n['failureSummary']}" for v in found for n in v["nodes"]]
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_script_is_small_and_leaves_no_global(open_page):
    assert (ROOT / "book/_static/runnable/runnable.js").stat().st_size < 8000
    page = open_page("plain")
    assert page.evaluate("['cells', 'site', 'setUp', 'execute'].filter((n) => n in window)") == []


@pytest.fixture
def full_pyodide() -> Path:
    """A folder with all of Pyodide, which holds NumPy and Matplotlib too."""
    folder = os.environ.get("PYODIDE_FULL")
    if not folder:
        pytest.skip(
            f"set PYODIDE_FULL to the folder of Pyodide {VERSION}'s full distribution "
            f"(pyodide-{VERSION}.tar.bz2 of its GitHub release, unpacked)"
        )
    return Path(folder)


@pytest.mark.full  # not `make test`, which may be told to fail on a skip
def test_numpy_the_library_and_figures_run(open_page, full_pyodide):
    page = open_page("numpy", full_pyodide)
    press(page, "Run", 4)
    expect_status(page, 4, "Done.")
    expect(box(page, 4).get_by_role("img", name="Figure drawn by cell 4")).to_be_visible()
    assert shown(page, 2) == "np.float64(5.0)"
    assert shown(page, 3) == "twice: equal, largest difference 0.0e+00"
