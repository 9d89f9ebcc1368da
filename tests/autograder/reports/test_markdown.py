"""Text cells of a submission on the pages that instructors open: shown, and never run."""

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

import autograder

HARMFUL = [
    "<script>window.owned = true</script>",
    '<img src="x" onerror="window.owned = true">',
    "text <svg onload='window.owned = true'> text",
    "[click](javascript:window.owned=true)",
    '![x](x" onerror="window.owned=true)',
    "<a href='javascript:window.owned=true'>click</a>",
]


def page(text: str, config: Config) -> str:
    notebook = new_notebook(cells=[new_markdown_cell(text)])
    return HTMLExporter(config=config, template_name="basic").from_notebook_node(notebook)[0]


@pytest.fixture(scope="module")
def judged() -> Config:
    """What a course gets by autograder.configure."""
    config = Config()
    autograder.configure(config)
    return config


@pytest.mark.parametrize("text", HARMFUL)
def test_nothing_of_it_runs(browser, judged, text):
    opened = browser.new_page()
    opened.set_content(page(text, judged))
    for link in opened.locator("a:has-text('click')").all():
        link.click(no_wait_after=True)
    opened.wait_for_timeout(100)
    assert opened.evaluate("window.owned") is None
    opened.close()


def test_stock_nbconvert_runs_it(browser):
    """What the tests above protect from is real."""
    opened = browser.new_page()
    opened.set_content(page(HARMFUL[1], Config()))
    opened.wait_for_function("window.owned")
    opened.close()


def test_markdown_and_mathematics_stay(judged):
    html = page("# Why\n\n*Because* $a<b$ and\n\n$$\\sum_t x_t$$\n\n| a |\n| - |\n| 1 |", judged)
    for part in ("<h1", "<em>Because</em>", "$a&lt;b$", "\\sum_t x_t", "<table>"):
        assert part in html
