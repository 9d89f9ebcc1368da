"""What a reader relies on: search, order, times, descriptions, links, paper, a page for errors."""

import functools
import http.server
import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
LESSONS = [page for page in PAGES if page.startswith("lessons/")]
CHAPTER_4 = "lessons/04-backpropagation-through-time"


@pytest.fixture(scope="module")
def soup(site):
    """A page of the built site, parsed."""
    return functools.cache(
        lambda name: BeautifulSoup((site / f"{name}.html").read_text(), "html.parser")
    )


@pytest.fixture(scope="module")
def address(site, serve) -> str:
    return serve(site)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_search_works_offline(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/search.html?q=adjoint")
    page.locator("#search-results li a").first.wait_for()
    found = page.locator("#search-results li a").evaluate_all("(all) => all.map((a) => a.href)")
    assert any(CHAPTER_4 in url for url in found)
    assert all(url.startswith(address) for url in asked)


def test_next_leads_through_the_whole_book_and_previous_back(soup):
    for before, after in itertools.pairwise(PAGES):
        following = soup(before).select_one(".prev-next-footer a.right-next")["href"]
        previous = soup(after).select_one(".prev-next-footer a.left-prev")["href"]
        assert (Path(f"/{before}").parent / following).resolve() == Path(f"/{after}.html")
        assert (Path(f"/{after}").parent / previous).resolve() == Path(f"/{before}.html")


@pytest.mark.parametrize("name", PAGES)
def test_page_says_how_long_it_takes(soup, name):
    line = soup(name).select_one("h1 + .reading-time").get_text()
    questions, exercises = len(soup(name).select(".quiz")), len(soup(name).select(".exercise"))
    expected = r"about (1 minute|[2-9] minutes|\d*[05] minutes)"
    expected += rf" · {questions} questions?" if questions else ""
    expected += rf" · {exercises} exercises?, \d+ minutes more" if exercises else ""
    assert re.fullmatch(expected, line)


@pytest.mark.parametrize("name", LESSONS)
def test_every_exercise_says_how_hard_and_how_long_it_is(soup, name):
    exercises = soup(name).select(".exercise")
    total = 0
    for exercise in exercises:
        said = re.fullmatch(
            r"Difficulty [1-5]/5 · (\d+) minutes", exercise.select("em")[-1].get_text()
        )
        assert said, exercise.get_text()
        total += int(said[1])
    line = soup(name).select_one(".reading-time").get_text()
    assert f"{len(exercises)} exercises, {total} minutes more" in line


def test_every_internal_link_leads_somewhere(site, soup):
    broken, checked = [], 0
    for file in sorted(site.rglob("*.html")):
        name = file.relative_to(site).as_posix().removesuffix(".html")
        if name == "404":  # its one link depends on where it is served, and has its own test
            continue
        for link in soup(name).select("a[href]"):
            path, _, anchor = link["href"].partition("#")
            if re.match(r"[a-z]+:", path):
                continue
            target = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file
            checked += 1
            if not target.is_file():
                broken.append(f"{name}: {link['href']}")
            elif anchor and target.suffix == ".html":
                there = soup(target.relative_to(site).as_posix().removesuffix(".html"))
                if not there.find(id=unquote(anchor)):
                    broken.append(f"{name}: {link['href']}")
    assert checked > 500
    assert broken == []


TOP = "Math.round(document.querySelector(location.hash).getBoundingClientRect().top)"


@pytest.mark.parametrize("width", [390, 1280])
def test_an_address_with_a_section_leads_to_it(browser, address, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/{CHAPTER_4}.html#build-it-in-pytorch")
    page.wait_for_function(f"0 <= {TOP} && {TOP} < 200")
    context.close()


def test_the_list_of_sections_leads_to_each(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/{CHAPTER_4}.html")
    links = page.locator(".toc-h2 > a.nav-link:visible")
    assert links.count() >= 7
    for number in (5, 1, 3):  # below, above, between
        links.nth(number).click()
        page.wait_for_function(f"location.hash && 0 <= {TOP} && {TOP} < 200")
    context.close()


def test_references_show_the_number_of_what_they_lead_to(soup):
    """(4.12) leads to the equation that carries (4.12), Fig. 4.3 to the figure of that name."""
    equations = figures = 0
    for article in (soup(name).select_one("article") for name in LESSONS):
        assert "??" not in article.get_text()
        for link in article.select("a.reference.internal[href^='#']"):
            target = article.find(id=unquote(link["href"][1:]))
            if target.select_one(":scope > .eqno"):
                number = target.select_one(".eqno").get_text().rstrip("#").strip()
                assert link.get_text().strip() == number
                equations += 1
            elif target.name == "figure":
                number = target.select_one(".caption-number").get_text().strip()
                assert link.get_text().strip() == number
                figures += 1
    assert equations >= 10
    assert figures >= 1


@pytest.mark.parametrize("name", [*PAGES, "index", "search", "genindex"])
def test_page_describes_itself(soup, name):
    assert soup(name).html["lang"] == "en"
    assert soup(name).title.get_text().strip()
    (description,) = soup(name).select('meta[name="description"]')
    assert 40 <= len(description["content"]) <= 300
    assert soup(name).select_one('meta[property="og:title"]')["content"]
    shared = soup(name).select_one('meta[property="og:description"]')
    assert shared["content"] == description["content"]


def test_pages_describe_themselves_differently(soup):
    said = {soup(name).select_one('meta[name="description"]')["content"] for name in PAGES}
    assert len(said) == len(PAGES)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_described_by_its_front_matter(soup, name):
    header = yaml.safe_load((ROOT / f"{name}.md").read_text().split("---")[1])
    said = soup(name).select_one('meta[name="description"]')["content"]
    assert said == header["description"]


def test_reduced_motion_is_respected(browser, address):
    moving = """[...document.querySelectorAll("*")].filter((e) => {
        const { transitionDuration, animationName } = getComputedStyle(e);
        return /[1-9]/.test(transitionDuration) || animationName !== "none";
    }).length + Number(getComputedStyle(document.documentElement).scrollBehavior === "smooth")"""
    found = {}
    for wish in ("reduce", "no-preference"):
        context = browser.new_context(reduced_motion=wish)
        page = context.new_page()
        page.goto(f"{address}/{CHAPTER_4}.html")
        found[wish] = page.evaluate(moving)
        context.close()
    assert found["reduce"] == 0
    assert found["no-preference"] > 0  # the measurement can tell


# What has a box, is not transparent and not skipped by the renderer.
SEEN = "(e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true, " + (
    "contentVisibilityAuto: true }) && e.getBoundingClientRect().height > 4"
)
FOLDED = [
    "details > :not(summary):not(.runnable-bar)",  # paper has no Run button
    ".solution > section",
    ".quiz-reason",
    ".admonition.dropdown > p",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", LESSONS)
def test_paper_shows_everything_on_white(browser, address, name, theme):
    context = browser.new_context(color_scheme=theme, viewport={"width": 720, "height": 1000})
    page = context.new_page()
    page.goto(f"{address}/{name}.html")
    folded = page.locator("article").locator(", ".join(FOLDED))
    hidden = f"(all) => all.filter((e) => !({SEEN})(e)).map((e) => e.outerHTML.slice(0, 200))"
    on_the_screen = len(folded.evaluate_all(hidden))
    assert on_the_screen > (5 if name == "lessons/capstone" else 20)
    page.emulate_media(media="print")
    assert folded.evaluate_all(hidden) == []
    for gone in ("primary", "secondary"):
        assert not page.locator(f".bd-sidebar-{gone}").is_visible()
    assert (
        page.locator(".bd-header-article, .prev-next-footer, .copybtn").evaluate_all(
            f"(all) => all.filter({SEEN}).length"
        )
        == 0
    )
    dark = page.evaluate(
        """[...document.querySelectorAll("html, body, article, article *")].filter((e) => {
            const colour = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
            const [r, g, b, alpha = 1] = colour;
            return alpha > 0.5 && (r + g + b) / 3 < 160 && e.offsetHeight > 4;
        }).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert dark == []
    pale = page.evaluate(
        """[...document.querySelectorAll("article :is(p, li, h2, h3, td, pre, pre span)")]
        .filter((e) => {
            const [r, g, b] = getComputedStyle(e).color.match(/[\\d.]+/g).map(Number);
            return 0.3 * r + 0.6 * g + 0.1 * b > 150 && e.textContent.trim();
        }).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert pale == []
    context.close()


def test_a_browser_that_keeps_no_data_shows_the_whole_page(browser, address):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.add_init_script(
        """Object.defineProperty(window, "localStorage", { configurable: true,
            get() { throw new DOMException("denied", "SecurityError"); } })"""
    )
    page.goto(f"{address}/{CHAPTER_4}.html")
    assert trouble == []
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator(".theme-switch-button").first.click()
    assert page.locator("html").get_attribute("data-mode") in ("light", "dark")
    assert trouble == []
    context.close()


class HostHandler(http.server.SimpleHTTPRequestHandler):
    """A host that keeps the site in a folder and sends its 404 page for all it does not have."""

    def do_GET(self) -> None:
        self.path = self.path.removeprefix("/courses/rnn")
        if Path(self.translate_path(self.path)).exists():
            super().do_GET()
            return
        body = Path(self.directory, "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        if not self.path.startswith("/courses/rnn/"):
            self.send_error(404)
            return
        self.path = self.path.removeprefix("/courses/rnn")
        super().do_HEAD()

    def log_message(self, *args) -> None:
        pass


@pytest.mark.parametrize("path", ["gone.html", "lessons/gone.html", "a/b/c/d/gone", "lessons/x/"])
def test_the_404_page_works_at_any_depth(page, site, path):
    handler = functools.partial(HostHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}/courses/rnn/"
        asked = []
        page.on("request", lambda request: asked.append(request.method))
        page.goto(home + path)
        assert page.locator("h1").inner_text() == "There is no page at this address"
        page.wait_for_load_state("networkidle")
        assert asked.count("GET") <= 2  # itself, and the icon that browsers ask for unasked
        page.get_by_role("link", name="Start at the welcome page").click()
        page.wait_for_url(home + "book/welcome.html")
        server.shutdown()


CONFIG = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "reading"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
html_theme = "basic"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
"""


def build(folder: Path, page: str) -> tuple[BeautifulSoup, str]:
    """Build a book of one page: the page, and what Sphinx warned of."""
    (folder / "conf.py").write_text(CONFIG)
    (folder / "index.md").write_text(page)
    command = [sys.executable, "-m", "sphinx", "-q", folder, folder / "html"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return BeautifulSoup((folder / "html" / "index.html").read_text(), "html.parser"), done.stderr


TIMED = """# Page

{words}

$$
a = b
$$

:::{{quiz}}
What is it, in a great many words that are not counted as prose?

- [x] right

  It is.
- [ ] wrong

  It is not.
:::

:::{{exercise}} A task
Do $x$. *Difficulty 2/5 · 15 minutes*
:::
"""


def test_minutes_are_words_equations_quizzes_and_not_exercises(tmp_path):
    """1,400 words, 0.5 minutes of equations and 1 of quizzes: 8.5, which rounds to 8."""
    html, warnings = build(tmp_path, TIMED.format(words="word " * 1397 + "$x$ $y$"))
    said = html.select_one("h1 + .reading-time").get_text()
    assert said == "about 8 minutes · 1 question · 1 exercise, 15 minutes more"
    assert warnings == ""


def test_an_exercise_without_its_time_is_a_warning(tmp_path):
    _, warnings = build(tmp_path, "# Page\n\n:::{exercise} A task\nDo it. *Difficulty 2/5*\n:::\n")
    assert "index.md:3" in warnings
    assert "end it with its difficulty and time" in warnings


@pytest.mark.parametrize(
    ("page", "description"),
    [
        ("# Page\n\nSee $x$ first.\n\nThen *this* &\nthat.", "Then this & that."),
        ("---\ndescription: A <b> of its own.\n---\n# Page\n\nText.", "A <b> of its own."),
        ("# Page\n\n" + "A sentence of it. " * 20, " ".join(["A sentence of it."] * 8)),
        ("# Page\n\n" + "word " * 99, "word " * 31 + "word …"),
    ],
)
def test_a_page_is_described_by_its_header_or_first_paragraph(tmp_path, page, description):
    html, _ = build(tmp_path, page)
    assert html.select_one('meta[name="description"]')["content"] == description
