"""Progress as a reader meets it: kept in this browser, marked in two places, cleared on request."""

import json
import shutil
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page
from small_site import build_site, write_site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")

INDEX = """
# Course

```{toctree}
first
second
```
"""

QUIZ = """
:::{{quiz}}
{option}
What is {question}?

- [x] right

  {reason}
- [ ] wrong

  It is not.
:::
"""


def quiz(question: str, name: str = "", reason: str = "It is.") -> str:
    return QUIZ.format(question=question, option=f":name: {name}\n" if name else "", reason=reason)


def write(source: Path, **pages: str) -> None:
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    first = "# First\n" + quiz("one") + quiz("two") + quiz("three", name="third")
    write_site(
        folder,
        ["progress"],
        {"index": INDEX, "first": first, "second": "# Second\n" + quiz("four")},
        myst_enable_extensions=["colon_fence"],
        templates_path=[str(ROOT / "book" / "_templates")],
    )
    return folder


@pytest.fixture(scope="module")
def built(source, tmp_path_factory) -> Path:
    return build_site(source, tmp_path_factory.mktemp("html"))


@pytest.fixture(scope="module")
def url(built, serve) -> str:
    return serve(built)


@pytest.fixture
def page(browser: Browser, url: str):
    context = browser.new_context()
    page = context.new_page()
    page.trouble, page.requested = [], []
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("request", lambda request: page.requested.append((request.method, request.url)))
    page.goto(f"{url}/first.html")
    yield page
    assert page.trouble == []
    context.close()


def solve(page: Page, id_: str, answer: str = "right") -> None:
    box = page.locator(f"#{id_}")
    box.get_by_label(answer).check()
    box.get_by_role("button", name="Check").click()


def marks(page: Page) -> list[str]:
    """What stands beside the chapters, as it is seen."""
    return page.locator(".bd-docs-nav .chapter-progress [aria-hidden]").all_inner_texts()


def solved(page: Page) -> list[str]:
    return page.locator(".quiz:has(.quiz-solved)").evaluate_all("(all) => all.map((q) => q.id)")


def test_a_solved_quiz_is_marked_at_once_and_on_return(page, url):
    assert marks(page) == ["0/3", "0/1"]
    solve(page, "quiz-2", "wrong")
    assert solved(page) == []
    solve(page, "quiz-2")
    assert solved(page) == ["quiz-2"]
    assert marks(page) == ["1/3", "0/1"]
    page.goto(f"{url}/second.html")
    assert marks(page) == ["1/3", "0/1"]
    solve(page, "quiz-1")
    assert marks(page) == ["1/3", "\N{CHECK MARK} 1/1"]
    page.goto(f"{url}/first.html")
    assert solved(page) == ["quiz-2"]
    assert page.locator("#quiz-2 legend").inner_text() == "Question 2 \N{CHECK MARK} Solved before"
    assert page.locator("#quiz-2 input:checked").count() == 0  # free to be solved again
    assert "1 of 3 questions on this page solved" in page.locator(".progress-kept").inner_text()


def test_a_wrong_answer_later_takes_nothing_away(page):
    solve(page, "quiz-1")
    solve(page, "quiz-1", "wrong")
    assert solved(page) == ["quiz-1"]


def test_a_screen_reader_hears_the_marks(page):
    solve(page, "quiz-1")
    chapter = page.get_by_role("link", name="First 1 of 3 questions solved", exact=True)
    assert chapter.count() == 1
    assert page.get_by_role("group", name="Question 1 \N{CHECK MARK} Solved").count() == 1


def test_nothing_is_sent(page, url):
    solve(page, "quiz-1")
    page.reload()
    assert {method for method, _ in page.requested} == {"GET"}
    assert all(
        asked.startswith(url) and "?" not in asked.split("?v=")[0] for _, asked in page.requested
    )
    kept = page.evaluate("localStorage.getItem('unrolled-solved')")
    assert len(json.loads(kept)) == 1
    assert page.evaluate("document.cookie") == ""


def test_progress_is_cleared_by_keyboard_after_asking(page):
    button = page.get_by_role("button", name="Clear my progress")
    assert not button.is_visible()  # nothing to clear
    solve(page, "quiz-1")
    asked = []

    def answer(dialog) -> None:
        asked.append(dialog.message)
        dialog.accept() if len(asked) == 2 else dialog.dismiss()

    page.on("dialog", answer)
    button.press("Enter")
    assert solved(page) == ["quiz-1"]
    button.press("Enter")
    assert asked == ["Forget every question that you have solved, in all chapters?"] * 2
    assert solved(page) == []
    assert marks(page) == ["0/3", "0/1"]
    assert page.locator(".progress-kept [role=status]").inner_text() == "Your progress is cleared."
    page.reload()
    assert solved(page) == []


def test_two_tabs_lose_nothing_of_each_other(page, url):
    other = page.context.new_page()
    other.goto(f"{url}/second.html")
    solve(page, "quiz-1")
    solve(other, "quiz-1")
    page.reload()
    assert marks(page) == ["1/3", "\N{CHECK MARK} 1/1"]


BLOCKED = """Object.defineProperty(window, "localStorage", {
    configurable: true, get() { throw new DOMException("denied", "SecurityError"); } })"""
FULL = """const set = Storage.prototype.setItem;
Storage.prototype.setItem = function (name, value) {
    if (name === "unrolled-solved") throw new DOMException("", "QuotaExceededError");
    set.call(this, name, value);
}"""


@pytest.mark.parametrize("storage", [BLOCKED, FULL], ids=["blocked", "full"])
def test_without_storage_the_page_works_and_says_so(page, storage):
    page.add_init_script(storage)
    page.reload()
    assert page.locator(".progress-kept").inner_text().startswith("Your browser keeps no data")
    assert marks(page) == []
    solve(page, "quiz-1")
    assert "Right." in page.locator("#quiz-1 [role=status]").inner_text()
    assert solved(page) == ["quiz-1"]  # as long as the page is open


@pytest.mark.parametrize("kept", ["no JSON", "7", '{"a": 1}', "null"])
def test_what_another_program_left_is_no_progress(page, kept):
    page.evaluate("(kept) => localStorage.setItem('unrolled-solved', kept)", kept)
    page.reload()
    assert marks(page) == ["0/3", "0/1"]
    solve(page, "quiz-1")
    page.reload()
    assert solved(page) == ["quiz-1"]


def test_marks_survive_an_edit_of_the_page(browser, source, built, tmp_path, serve):
    """A quiz above, a new reason and a renamed page change nothing; a new question is unsolved."""
    book = tmp_path / "source"
    shutil.copytree(source, book)
    url = serve(tmp_path / "html")
    build_site(book, tmp_path / "html")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/first.html")
    for id_ in ("quiz-1", "quiz-2", "third"):
        solve(page, id_)
    page.goto(f"{url}/second.html")
    solve(page, "quiz-1")

    edited = quiz("new") + quiz("one", reason="Reworded.") + quiz("two, exactly")
    write(book, first="# First\n" + edited + quiz("three, reworded", name="third"))
    build_site(book, tmp_path / "html")
    page.reload()
    # The second page was not edited, yet its sidebar counts the first page's quizzes of today.
    assert marks(page) == ["2/4", "\N{CHECK MARK} 1/1"]
    page.goto(f"{url}/first.html")
    assert solved(page) == ["quiz-2", "third"]
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_marks(browser, url, theme):
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{url}/second.html")
    solve(page, "quiz-1")
    page.reload()
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "axe.run({ include: ['.quiz', '.progress-kept', '.bd-docs-nav'] }).then((r) => r)"
    )
    assert len(found["passes"]) > 10  # it did look
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == []
    context.close()


def test_the_book_marks_its_chapters(browser, site, serve):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{serve(site)}/lessons/04-backpropagation-through-time.html")
    number = page.locator(".quiz").count()
    mark = page.locator(".bd-docs-nav .current > a .chapter-progress [aria-hidden]")
    assert mark.inner_text() == f"0/{number}"
    assert page.locator(".bd-docs-nav .chapter-progress").count() >= 3
    context.close()
