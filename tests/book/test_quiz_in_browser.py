"""Quizzes as a reader meets them: by keyboard, without scripts, on a phone, in both themes."""

from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page
from small_site import build_site, write_site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")

PAGE = r"""
# Quizzes

:::{quiz}
:name: single

In the sum above, which term tells the network that $h_0$ mattered to $h_3$?

- [x] the first, $\partial h_3 / \partial h_0 = 0.0009$

  It has passed through the most factors.
- [ ] the last, `0.1274`

  That one is about $h_2$: it has passed through no factor at all.

  ```python
  total = sum(direct(k) * factors[k:].prod() for k in (1, 2, 3))  # a line that is long
  ```
- [ ] none, the sum starts at step 1

  Step 1 uses $h_0$ directly:

  $$
  \frac{\partial^+ h_1}{\partial w} = \sigma'(a_1)\,h_0, \qquad
  \frac{\partial h_3}{\partial w} = \sum_{k=1}^{3} \frac{\partial h_3}{\partial h_k}
  \frac{\partial^+ h_k}{\partial w}
  $$
:::

:::{quiz}
:name: multiple

Which arrays are shared by all steps?

- [x] `W_xh`

  One matrix reads every input.
- [x] `W_hh`

  One matrix carries every state.
- [ ] `h`

  There is one state a step.
- [ ] `x`

  There is one input a step.
:::

:::{quiz}
:name: numeric
:kind: numeric

What is $\mathrm{d}h_3/\mathrm{d}w$?

- [x] 0.1385 ± 0.0005

  All three terms.
- [ ] 4.66·10^-4 ± 1e-6

  That is the product of the factors.
- [ ] otherwise

  Add the three terms of the sum.
:::

:::{quiz}
:name: fill-in
:kind: fill-in

A gradient that shrinks with every step is called …

- [x] vanishing | vanishing gradient

  Every factor is below one.
- [ ] exploding

  That one grows.
- [ ] otherwise

  Its name says that it goes out of sight.
:::
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory, serve):
    """The address of a page with one quiz of each kind, in the book's theme."""
    folder = tmp_path_factory.mktemp("quizzes")
    write_site(
        folder / "source",
        ["sphinxcontrib.katex", "katex_node", "quiz"],
        {"index": PAGE},
        myst_enable_extensions=["colon_fence", "dollarmath"],
        html_math_renderer="katex",
        katex_prerender=True,
        katex_css_path="katex/katex.min.css",
    )
    return f"{serve(build_site(folder / 'source', folder / 'html'))}/index.html"


def open_page(browser: Browser, url: str, theme: str = "light", **options):
    """A page in a fresh context; the theme follows the system's colour scheme."""
    context = browser.new_context(color_scheme=theme, **options)
    page = context.new_page()
    page.goto(url)
    return page


@pytest.fixture
def page(browser, url):
    """The page, with the events that it sends; the browser must have nothing to complain of."""
    context = browser.new_context()
    page = context.new_page()
    trouble = []
    page.on("console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.goto(url)
    page.evaluate(
        "window.heard = [];"
        "document.addEventListener('quiz:answered', (e) => window.heard.push(e.detail))"
    )
    yield page
    found = list(trouble)
    context.close()
    assert found == []


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def status(page: Page, quiz: str) -> str:
    return " ".join(page.locator(f"#{quiz} [role=status]").inner_text().split())


def heard(page: Page) -> list[dict]:
    return page.evaluate("window.heard")


def start_at(page: Page, quiz: str) -> None:
    """Put the focus where Tab next enters the quiz."""
    page.evaluate(
        """(id) => {
            const here = document.createElement("span");
            here.tabIndex = -1;
            document.getElementById(id).before(here);
            here.focus();
        }""",
        quiz,
    )


def test_nothing_is_given_away_before_a_check(page):
    assert page.locator(".quiz-reason:visible").count() == 0
    assert page.get_by_role("button", name="Show all reasons").count() == 0
    assert page.get_by_role("button", name="Check").count() == 4


def test_single_choice_by_keyboard(page):
    start_at(page, "single")
    press(page, "Tab", "ArrowDown")
    assert page.locator("#single input").nth(1).is_checked()
    press(page, "Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(page, "Enter")
    assert status(page, "single").startswith("Not yet. That one is about")
    assert page.locator("#single .quiz-reason:visible").count() == 1
    assert page.locator("#single .quiz-answer.quiz-wrong").count() == 1
    press(page, "Shift+Tab", "ArrowUp")
    assert status(page, "single") == ""
    press(page, "Tab", "Space")
    assert status(page, "single") == "Right. It has passed through the most factors."
    assert page.locator("#single .quiz-answer.quiz-wrong").count() == 0
    assert heard(page) == [
        {"id": "single", "right": False},
        {"id": "single", "right": True},
    ]


def test_show_all_reasons_is_a_toggle(page):
    start_at(page, "single")
    press(page, "Tab", "Space", "Enter", "Tab", "Tab")
    button = page.locator("#single").get_by_role("button", name="Show all reasons")
    assert button.evaluate("(b) => b === document.activeElement")
    press(page, "Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator("#single .quiz-reason:visible").count() == 3
    assert "Wrong: none, the sum starts at step 1" in status(page, "single")
    press(page, "Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert page.locator("#single .quiz-reason:visible").count() == 1


@pytest.mark.parametrize(
    ("picks", "verdict"),
    [
        ((0, 1), "Right. Right: W_xh"),
        ((0,), "Not yet. At least one right answer is missing. Right: W_xh"),
        ((0, 1, 2), "Not yet. One of your choices is wrong. Right: W_xh"),
        (
            (2, 3),
            "Not yet. 2 of your choices are wrong. At least one right answer is missing. Wrong: h",
        ),
    ],
)
def test_multiple_choice_by_keyboard(page, picks, verdict):
    start_at(page, "multiple")
    for i in range(4):
        press(page, "Tab")
        if i in picks:
            press(page, "Space")
    press(page, "Tab", "Enter")
    assert status(page, "multiple").startswith(verdict)
    assert page.locator("#multiple .quiz-reason:visible").count() == len(picks)
    assert heard(page) == [{"id": "multiple", "right": picks == (0, 1)}]


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("0.1385", "Right. All three terms."),
        (" 0,138 ", "Right. All three terms."),
        ("0.139", "Right. All three terms."),
        ("+.1385e0", "Right. All three terms."),
        ("13.85 × 10^−2", "Right. All three terms."),
        ("0.13901", "Not yet. Add the three terms of the sum."),
        ("−0.1385", "Not yet. Add the three terms of the sum."),
        ("10^-3", "Not yet. Add the three terms of the sum."),
        ("4.66e-4", "Not yet. That is the product of the factors."),
        ("4,66·10^{-4}", "Not yet. That is the product of the factors."),
        ("4.66*10**-4", "Not yet. That is the product of the factors."),
    ],
)
def test_numeric_by_keyboard(page, typed, verdict):
    start_at(page, "numeric")
    press(page, "Tab")
    page.keyboard.insert_text(typed)
    press(page, "Enter")
    assert status(page, "numeric") == verdict
    assert heard(page) == [{"id": "numeric", "right": verdict.startswith("Right")}]


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("vanishing", "Right. Every factor is below one."),
        ("  The VANISHING  gradient", "Right. Every factor is below one."),
        ("Exploding", "Not yet. That one grows."),
        ("shrinking|exploding", "Not yet. Its name says that it goes out of sight."),
    ],
)
def test_fill_in_by_keyboard(page, typed, verdict):
    start_at(page, "fill-in")
    press(page, "Tab")
    page.keyboard.insert_text(typed)
    press(page, "Enter")
    assert status(page, "fill-in") == verdict
    assert heard(page) == [{"id": "fill-in", "right": verdict.startswith("Right")}]


@pytest.mark.parametrize(
    ("quiz", "typed", "message"),
    [
        ("single", "", "Choose an answer first."),
        ("multiple", "", "Choose an answer first."),
        ("numeric", " ", "Type a number first, such as 0.25 or 1e-3."),
        ("numeric", "1/3", "This is not a number. Type one such as 0.25 or 1e-3."),
        ("numeric", "1,234.5", "This is not a number. Type one such as 0.25 or 1e-3."),
        ("fill-in", " ", "Type an answer first."),
    ],
)
def test_what_is_no_answer_is_not_marked(page, quiz, typed, message):
    if typed:
        page.locator(f"#{quiz} input").fill(typed)
    page.locator(f"#{quiz}").get_by_role("button", name="Check").press("Enter")
    assert status(page, quiz) == message
    assert page.locator(f"#{quiz} .quiz-reason:visible").count() == 0
    assert page.locator(f"#{quiz}").get_by_role("button", name="Show all reasons").count() == 0
    assert heard(page) == []


def test_the_script_leaves_no_global_behind(page):
    ours = page.evaluate(
        "Object.keys(window).filter((name) => /quiz|parseNumber|setUp/.test(name))"
    )
    assert ours == []


def test_without_scripts_every_reason_can_be_read(browser, url):
    page = open_page(browser, url, java_script_enabled=False)
    assert page.locator(".quiz-reason:visible").count() == 13
    assert page.locator(".quiz-for:visible").count() == 13
    assert page.locator(".quiz-buttons:visible").count() == 0
    page.locator("#numeric input").press("Enter")
    assert page.url == url
    page.context.close()


def test_in_print_every_reason_can_be_read(page):
    page.emulate_media(media="print")
    assert page.locator(".quiz-reason:visible").count() == 13
    assert page.locator(".quiz-for:visible").count() == 13
    assert page.locator(".quiz button:visible").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_inside_a_quiz(browser, url, theme):
    page = open_page(browser, url, theme)
    assert page.locator("html").get_attribute("data-theme") == theme
    page.evaluate(AXE.read_text())

    def violations() -> list:
        found = page.evaluate(
            """async () => {
                const { violations, passes } = await axe.run(".quiz");
                return [violations.map((v) => [v.id, v.nodes.map((n) => n.html)]), passes.length];
            }"""
        )
        assert found[1] > 10  # it did look
        return found[0]

    assert violations() == []
    answer_all(page)
    assert violations() == []
    page.context.close()


def answer_all(page: Page) -> None:
    """A right and a wrong answer on the page, and all reasons of one quiz."""
    page.locator("#single input").nth(2).check()
    page.locator("#multiple input").nth(0).check()
    page.locator("#multiple input").nth(2).check()
    page.locator("#numeric input").fill("0.1385")
    page.locator("#fill-in input").fill("exploding")
    for button in page.get_by_role("button", name="Check").all():
        button.click()
    page.locator("#single").get_by_role("button", name="Show all reasons").click()


def test_a_phone_never_scrolls_sideways(browser, url):
    page = open_page(browser, url, viewport={"width": 390, "height": 844})
    answer_all(page)
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, "
        "...[...document.querySelectorAll('.quiz')].map((q) => q.getBoundingClientRect().right)]"
    )
    assert max(widths) <= 390
    page.context.close()
