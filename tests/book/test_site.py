"""Every page in a real browser with no network: whole, quiet, light, accessible."""

import gzip
from pathlib import Path

import axe_core_python
import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
LESSONS = [page for page in PAGES if page.startswith("lessons/")]
CHAPTERS = [page for page in LESSONS if page != "lessons/capstone"]  # which has its own form
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def address(site, serve):
    return serve(site)


@pytest.fixture
def open_page(browser, address):
    """Open a page and collect what went wrong on it and what it asked for."""
    contexts = []

    def open_(name: str, viewport: dict = DESKTOP, theme: str = "light"):
        context = browser.new_context(
            viewport=viewport, color_scheme=theme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.trouble, page.requested = [], []
        page.on(
            "console",
            lambda m: page.trouble.append(m.text) if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: page.trouble.append(str(error)))
        page.on("requestfailed", lambda request: page.trouble.append(f"failed: {request.url}"))
        page.on("response", lambda r: page.requested.append(r))
        page.goto(f"{address}/{name}.html", wait_until="load")
        # Pictures below the fold load as the reader comes to them.
        page.evaluate("for (const i of document.images) i.loading = 'eager'")
        # So do sections. Undone, anything too wide would be cut there and not widen the page.
        page.add_style_tag(content="article section { content-visibility: visible !important }")
        page.wait_for_function("[...document.images].every((i) => i.complete)")
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("viewport", "theme"),
    [
        pytest.param(DESKTOP, "light", id="desktop light"),
        pytest.param(PHONE, "dark", id="phone dark"),
        pytest.param(DESKTOP, "dark", id="desktop dark", marks=pytest.mark.full),
        pytest.param(PHONE, "light", id="phone light", marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_and_quiet(open_page, address, name, theme, viewport):
    page = open_page(name, viewport, theme)
    assert page.trouble == []
    assert [r.url for r in page.requested if r.status >= 400] == []
    assert [r.url for r in page.requested if not r.url.startswith(address)] == []
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate("[...document.images].filter((i) => !i.naturalWidth).length") == 0


# What differs in the dark is colours, and these are the same on all pages: a few stand for all.
IN_THE_DARK = (TOC["root"], "lessons/04-backpropagation-through-time", "lessons/capstone")


@pytest.mark.parametrize(
    ("name", "theme"),
    [
        *((name, "light") for name in PAGES),
        *(
            pytest.param(name, "dark", marks=[] if name in IN_THE_DARK else pytest.mark.full)
            for name in PAGES
        ),
    ],
)
def test_axe_finds_nothing(open_page, name, theme):
    """Rendered formulas, half of axe's time, are looked at on one page: they are all made alike."""
    page = open_page(name, theme=theme)
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "(exclude) => axe.run({ exclude }).then((result) => result.violations)",
        [] if name in IN_THE_DARK else [".katex"],
    )
    told = [f"{v['id']}: {n['html']}: {n['failureSummary']}" for v in found for n in v["nodes"]]
    assert told == []


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_shows_its_outputs(open_page, name):
    page = open_page(name, PHONE)
    assert page.locator(".katex-display").count() >= 5
    assert page.locator(".katex-error").count() == 0
    assert page.locator(".cell_output").count() >= (15 if name in CHAPTERS else 10)
    assert page.locator(".stderr, .traceback").count() == 0
    assert page.locator("figure img").count() >= 2
    assert page.evaluate(
        "[...document.images].every((i) => i.alt.length > 20 || i.matches('.logo__image'))"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('figure')].every((f) => f.innerText.length > 30)"
    )
    assert page.evaluate("document.fonts.check('16px KaTeX_Main')")


@pytest.mark.parametrize("name", LESSONS)
def test_every_equation_can_be_read_on_a_phone(open_page, name):
    """An equation wider than the screen scrolls inside its own box."""
    page = open_page(name, PHONE)
    cut = page.evaluate(
        """[...document.querySelectorAll("article .katex-html")].filter((math) => {
            for (let box = math.parentElement; box; box = box.parentElement) {
                const scrolls = ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
                if (scrolls) return box.getBoundingClientRect().right > innerWidth + 1;
            }
            return math.getBoundingClientRect().right > innerWidth + 1;
        }).map((math) => math.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_lesson_has_the_form_of_a_chapter(open_page, name):
    page = open_page(name)
    headings = page.locator("article h2").all_inner_texts()
    named = [h.replace("#", "").strip() for h in headings]
    form = ["Aims", "Derivation", "Worked example", "Build it in NumPy", "Build it in PyTorch"]
    form += ["Experiment", "Self-assessment", "Summary"]
    assert named == form
    assert page.locator(".quiz").count() >= 8
    assert page.locator("details:has-text('Model answer')").count() >= 2
    assert page.locator(".exercise").count() >= 4
    assert page.locator(".solution").count() == page.locator(".exercise").count()


def test_a_quiz_works_in_the_book(open_page):
    page = open_page("lessons/04-backpropagation-through-time", PHONE, "dark")
    quiz = page.locator(".quiz").first
    quiz.locator("button").first.click()
    assert "first" in quiz.locator("[role=status]").inner_text()


def test_chapter_weighs_at_most_400_kb(open_page):
    """gzipped, all requests of the page together, its figures not counted."""
    page = open_page("lessons/04-backpropagation-through-time")
    page.wait_for_load_state("networkidle")
    text = ("text/", "application/javascript", "application/json")
    weight = 0
    for response in page.requested:
        kind = response.headers.get("content-type", "")
        if "/_images/" in response.url:
            continue
        body = response.body()
        weight += len(gzip.compress(body)) if kind.startswith(text) else len(body)
    assert weight <= 400_000, f"{weight} bytes"
