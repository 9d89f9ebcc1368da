"""Figures with sliders as a reader meets them: keyboard, pointer, print, phone, both themes."""

import re
from pathlib import Path

import axe_core_python
import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from small_site import build_site, write_site

from unrolled.sliders import SliderFigure, slider_heatmap, slider_lines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
PHONE = {"width": 390, "height": 844}
FIGURES = {
    "lessons/02-the-recurrent-cell": "state-slider",
    "lessons/04-backpropagation-through-time": "adjoint-slider",
}

WEIGHTS = np.array([-0.5, 0.5, 2])
# Numbers of every size, to be written alike by Python and by the page's script.
STEPS = [-2.5e9, -3, -1e-7, 0, 2.5e-5, 1, 12345]
RADII, SIZES, K = [0.5, 1, 2], [0, 1], np.arange(6)


def trace(start: float) -> SliderFigure:
    """One slider, a linear axis, a level line."""
    state = np.outer(WEIGHTS, np.arange(7.0))
    return slider_lines(
        "trace",
        STEPS,
        {"state": state, "level": WEIGHTS[:, None]},
        sliders={"weight w": WEIGHTS},
        start=start,
        messages=["it falls", "it rises", "it rises fast"],
        xlabel="step t",
        ylabel="state h",
    )


def adjoint(radius: float, size: float) -> SliderFigure:
    """Two sliders, a logarithmic axis, a line that leaves the picture."""
    length = [[r ** (20.0 * K) * 10.0 ** (-s * K) for s in SIZES] for r in RADII]
    return slider_lines(
        "adjoint",
        K,
        {"adjoint": length},
        sliders={"radius": RADII, "size": SIZES},
        start=(radius, size),
        messages=[[f"case {i}{j}" for j in range(2)] for i in range(3)],
        xlabel="steps back",
        ylabel="length",
        log=True,
        limits=(1e-8, 1e8),
    )


def influence(radius: float) -> SliderFigure:
    """A heat map of the lower triangle."""
    t, k = np.meshgrid(K, K, indexing="ij")
    cells = [np.where(k <= t, float(r) ** (t - k), np.nan) for r in RADII]
    return slider_heatmap(
        "influence",
        K,
        K + 10,
        cells,
        sliders={"radius": RADII},
        start=radius,
        messages=["it fades", "it stays", "it grows"],
        xlabel="from step k",
        ylabel="at step t",
        label="influence",
        log=True,
    )


def build(folder: Path) -> Path:
    """A site of two pages, one with three figures and one with none."""
    figures = (trace(0.5), adjoint(2, 0), influence(0.5))
    raw = "\n\n".join(f"```{{raw}} html\n{figure.html}```" for figure in figures)
    index = f"# Sliders\n\n{raw}\n\n```{{toctree}}\nplain\n```\n"
    pages = {"index": index, "plain": "# No slider\n\nText.\n"}
    write_site(folder, ["sliders"], pages, html_static_path=[], html_css_files=[])
    return build_site(folder, folder / "_html")


@pytest.fixture(scope="module")
def url(tmp_path_factory, serve) -> str:
    return f"{serve(build(tmp_path_factory.mktemp('sliders')))}/index.html"


@pytest.fixture
def open_page(browser: Browser, url):
    """Open a page in a fresh context; the browser must have nothing to complain of."""
    contexts, trouble = [], []

    def open_(address: str = url, **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert trouble == []


def drawn(page: Page, name: str) -> list[str]:
    """The path of every line or shade."""
    return page.locator(f"#{name} [data-series]").evaluate_all(
        "(paths) => paths.map((path) => path.getAttribute('d'))"
    )


def assert_draws(page: Page, name: str, figure: SliderFigure) -> None:
    """The script has drawn what Python draws for the same position, but for a last digit."""
    number = r"-?[\d.]+"
    ours = re.findall(r'<path data-series [^>]*\bd="([^"]*)"', figure.html)
    for one, other in zip(drawn(page, name), ours, strict=True):
        assert re.sub(number, "", one) == re.sub(number, "", other)
        pairs = zip(re.findall(number, one), re.findall(number, other), strict=True)
        assert all(abs(float(a) - float(b)) < 0.11 for a, b in pairs)


def message(page: Page, name: str) -> str:
    """What is said of the position: the same in text, in speech and in the picture's label."""
    said = page.locator(f"#{name} .slider-message").inner_text()
    spoken = page.locator(f"#{name} [data-parameter]").evaluate_all(
        "(inputs) => inputs.map((input) => input.ariaValueText)"
    )
    label = page.locator(f"#{name} [role=img]").get_attribute("aria-label")
    assert {*spoken, label} == {said}
    return said


def values(page: Page, name: str) -> str:
    return " ".join(page.locator(f"#{name} .slider-values").inner_text().split())


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_keys_move_one_slider(open_page):
    page = open_page()
    assert message(page, "trace") == "weight w 0.5: it rises"
    slider = page.get_by_role("slider", name="weight w")
    slider.focus()
    assert slider.evaluate("(s) => getComputedStyle(s).outlineStyle") == "solid"
    for key, start, said in (
        ("ArrowRight", 2, "weight w 2: it rises fast"),
        ("Home", -0.5, "weight w −0.5: it falls"),
        ("ArrowUp", 0.5, "weight w 0.5: it rises"),
    ):
        press(page, key)
        assert message(page, "trace") == said
        assert_draws(page, "trace", trace(start))


def test_keys_move_two_sliders(open_page):
    page = open_page()
    assert message(page, "adjoint") == "radius 2, size 0: case 20"
    assert_draws(page, "adjoint", adjoint(2, 0))
    page.locator("#adjoint").get_by_role("slider", name="radius").focus()
    press(page, "ArrowLeft", "Tab", "ArrowRight")
    assert message(page, "adjoint") == "radius 1, size 1: case 11"
    assert_draws(page, "adjoint", adjoint(1, 1))


def test_keys_move_a_heat_map(open_page):
    page = open_page()
    page.locator("#influence").get_by_role("slider", name="radius").focus()
    for radius, said in ((1, "it stays"), (2, "it grows")):
        press(page, "ArrowRight")
        assert message(page, "influence") == f"radius {radius}: {said}"
        assert_draws(page, "influence", influence(radius))


def test_keys_read_values_off(open_page):
    page = open_page()
    reader = page.get_by_role("slider", name="step t", exact=True)
    reader.focus()
    press(page, "Home")
    seen = [reader.get_attribute("aria-valuetext")]
    for _ in STEPS[1:]:
        before = page.locator("#trace .slider-mark").get_attribute("d")
        press(page, "ArrowRight")
        assert page.locator("#trace .slider-mark").get_attribute("d") != before
        seen.append(reader.get_attribute("aria-valuetext"))
    assert seen == [
        "step t −2.5e9. state: 0, level: 0.5",
        "step t −3. state: 0.5, level: 0.5",
        "step t −1e−7. state: 1, level: 0.5",
        "step t 0. state: 1.5, level: 0.5",
        "step t 2.5e−5. state: 2, level: 0.5",
        "step t 1. state: 2.5, level: 0.5",
        "step t 12300. state: 3, level: 0.5",
    ]
    assert values(page, "trace") == "step t 12300 state: 3 level: 0.5"
    page.get_by_role("slider", name="weight w").press("End")
    assert values(page, "trace") == "step t 12300 state: 12 level: 2"


def test_python_writes_numbers_as_the_script_does(open_page):
    """The values of a parameter are written by Python, those of an axis by the script."""
    page = open_page()
    figure = slider_lines(
        "numbers",
        [0, 1],
        {"h": np.ones((len(STEPS), 2))},
        sliders={"step t": STEPS},
        start=0,
        messages=[""] * len(STEPS),
        xlabel="x",
        ylabel="h",
    )
    said = re.search(r'"texts":\[(.*?)\]', figure.html)[1]
    reader = page.get_by_role("slider", name="step t", exact=True)
    reader.press("Home")
    for text in re.findall(r'"(.*?): "', said):
        assert page.locator("#trace .slider-where").inner_text().strip() == text
        reader.press("ArrowRight")


def test_the_pointer_reads_the_nearest_point(open_page):
    page = open_page()
    picture = page.locator("#adjoint [role=img]")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    unit = box["width"] / 500
    # Points stand at 78, 160, …, 488 of the viewBox's 500.
    page.mouse.move(box["x"] + 235 * unit, box["y"] + 100 * unit)
    assert values(page, "adjoint") == "steps back 2 adjoint: 1.1e12"
    page.mouse.move(box["x"] + 85 * unit, box["y"] + 100 * unit)
    assert values(page, "adjoint") == "steps back 0 adjoint: 1"
    picture = page.locator("#influence [role=img]")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.move(box["x"] + 100 * unit, box["y"] + 100 * unit)
    assert values(page, "influence") == "from step k 0, at step t 12 influence: 0.25"
    page.mouse.move(box["x"] + 300 * unit, box["y"] + 100 * unit)
    assert values(page, "influence") == "from step k 4, at step t 12 influence: no value"
    texts = page.locator("#influence [data-reader]").evaluate_all(
        "(all) => all.map((i) => i.value)"
    )
    assert texts == ["4", "2"]


def test_without_scripts_the_starting_picture_stands_alone(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator(".slider-picture:visible").count() == 3
    assert page.locator(".slider input:visible").count() == 0
    assert_draws(page, "trace", trace(0.5))
    assert page.locator("#trace .slider-message").inner_text() == "weight w 0.5: it rises"
    assert values(page, "trace") == "state level"


def test_print_shows_the_chosen_position_without_controls(open_page):
    page = open_page()
    page.get_by_role("slider", name="weight w").press("End")
    page.emulate_media(media="print")
    assert page.locator(".slider-picture:visible").count() == 3
    assert page.locator(".slider input:visible, .slider-mark:visible").count() == 0
    assert message(page, "trace") == "weight w 2: it rises fast"
    assert values(page, "trace") == "state level"


def test_a_phone_shows_everything_in_readable_letters(open_page):
    page = open_page(viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for name in ("trace", "adjoint", "influence"):
        picture = page.locator(f"#{name} [role=img]").bounding_box()
        assert 17 * picture["width"] / 500 >= 11
        edges = page.locator(f"#{name} text").evaluate_all(
            "(all) => all.map((t) => t.getBoundingClientRect())"
            ".map(({left, right, top, bottom}) => [left, right, top, bottom])"
        )
        for left, right, top, bottom in edges:
            assert picture["x"] <= left and right <= picture["x"] + picture["width"]
            assert picture["y"] <= top and bottom <= picture["y"] + picture["height"]
        for control in page.locator(f"#{name} input").all():
            assert control.bounding_box()["height"] >= 24


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_figure(open_page, theme):
    page = open_page(color_scheme=theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run('.slider').then((result) => result.violations)")
    assert [v["id"] for v in found] == []


def test_the_script_leaves_no_global_behind(open_page):
    page = open_page()
    assert page.evaluate("['setUp', 'nearest', 'middles'].filter((n) => n in window)") == []


def test_other_pages_load_no_script(open_page, url):
    page = open_page(url.replace("index", "plain"))
    assert page.locator("script[src*='slider']").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lesson", FIGURES)
def test_the_lesson_shows_its_figure(site, serve, open_page, lesson, theme):
    """HTML is what the executed cell left, in a numbered figure, on the ground of the page."""
    page = open_page(f"{serve(site)}/{lesson}.html", color_scheme=theme, viewport=PHONE)
    page.add_style_tag(content="article section { content-visibility: visible !important }")
    name = FIGURES[lesson]
    figure = page.locator(f"figure:has(#{name})")
    assert figure.locator("figcaption").inner_text().startswith("Fig. ")
    ground = figure.locator(".text_html").evaluate("(box) => getComputedStyle(box).backgroundColor")
    assert ground == "rgba(0, 0, 0, 0)"
    assert 17 * figure.locator("[role=img]").bounding_box()["width"] / 500 >= 11
    before, said = drawn(page, name), message(page, name)
    figure.locator("[data-parameter]").first.press("ArrowLeft")
    assert drawn(page, name) != before
    assert message(page, name) != said
