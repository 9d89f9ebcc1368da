"""One style sheet in the place of eighteen: nothing on any page may look different for it."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))
from one_stylesheet import SHEET, Words, used_rules

VIEWS = [
    ("book/welcome.html", 390, "light"),
    ("search.html", 390, "dark"),
    ("lessons/04-backpropagation-through-time.html", 1280, "dark"),
]
# What a script makes only when it is used; it isn't in the page when that opens.
# And nothing moves or is left out while styles are read.
LATER = """<style>
* { transition: none !important; animation: none !important; }
article section { content-visibility: visible !important; }
</style>
<div class="popover bs-popover-auto"></div><dialog open class="runnable-output"></dialog>"""

# What style sheets decide about the first element of each kind and its two pseudo-elements.
STYLES = """() => {
    window.kinds ??= new Map();
    for (const element of document.querySelectorAll("body, body *")) {
        const kind = element.tagName + "." + element.getAttribute("class");
        if (!kinds.has(kind) && !window.chosen) kinds.set(kind, element);
    }
    window.chosen = true;  // the second time, the same elements
    const found = {};
    for (const [kind, element] of kinds)
        for (const part of ["", "::before", "::after"]) {
            const style = getComputedStyle(element, part || null);
            for (const name of style)
                if (!name.startsWith("--"))
                    found[`${kind}${part} ${name}`] = style.getPropertyValue(name);
        }
    return found;
}"""


def test_a_rule_stays_if_the_site_can_use_it():
    words = Words(['<p class="note big">', 'element.className = "bs-" + place;'])
    css = """/* gone */ .note { color: red } .other, .big.note:hover { top: 0 }
    .other > p { left: 0 }
    @media print { .other { right: 0 } #gone { right: 1px } }
    @media screen { .note { bottom: 0 } }
    .bs-top { margin: 0 } p:not(.other) { padding: 0 } @font-face { font-family: "F" }"""
    found = re.sub(r"\s+", "", used_rules(css, words))
    assert found == re.sub(
        r"\s+",
        "",
        """.note{color: red}.big.note:hover{top: 0}@media screen{.note{bottom: 0}}
        .bs-top{margin: 0}p:not(.other){padding: 0}@font-face { font-family: "F" }""",
    )


def test_every_page_links_one_style_sheet(site):
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    assert len(pages) > 10
    for path in pages:
        sheets = re.findall(r'<link[^>]*rel="stylesheet"[^>]*>', path.read_text())
        if path.parent != site or path.name == "search.html":  # others there bring their own style
            assert len(sheets) == 1 and SHEET in sheets[0], path


def test_nothing_is_imported(site):
    assert "@import" not in (site / "_static" / SHEET).read_text()


def test_every_file_that_the_sheet_names_is_there(site):
    folder = site / "_static"
    names = re.findall(r'url\("([^"]+)"\)', (folder / SHEET).read_text())
    # KaTeX names older fonts as well; no browser in use asks for them.
    fonts = [name for name in names if name.endswith(".woff2")]
    assert len(fonts) > 20
    assert [name for name in fonts if not (folder / name).is_file()] == []


@pytest.fixture
def full_sheets(site) -> list[tuple[str, str]]:
    """Name and medium of each style sheet that went into the one."""
    names = re.findall(r"/\* from (\S+) \*/", (site / "_static" / SHEET).read_text())
    assert len(names) > 15
    return [(name, "print" if name == "print.css" else "all") for name in names]


@pytest.mark.parametrize(("name", "width", "theme"), VIEWS)
def test_pages_look_as_with_all_rules(site, serve, browser, full_sheets, name, width, theme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.emulate_media(reduced_motion="reduce", color_scheme=theme)
    page.goto(f"{serve(site)}/{name}", wait_until="networkidle")
    page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", LATER)
    own = page.evaluate(STYLES)
    page.evaluate(
        """async sheets => {
            const old = document.querySelector("link[rel=stylesheet]");
            for (const [href, media] of sheets) {
                const link = document.createElement("link");
                Object.assign(link, {rel: "stylesheet", media,
                    href: new URL(href, old.href).href});
                await new Promise(done => { link.onload = done; old.before(link); });
            }
            old.remove();
        }""",
        full_sheets,
    )
    full = page.evaluate(STYLES)
    page.close()
    assert own.keys() == full.keys()
    assert len(own) > 10_000
    assert {key: (own[key], full[key]) for key in own if own[key] != full[key]} == {}
