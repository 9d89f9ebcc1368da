"""Give every page one style sheet of the rules that the site uses, in the place of eighteen.

A page is drawn only once all its style sheets are there. The theme's alone is 64 kB compressed, and
nine tenths of it style nothing here. A rule stays if each class and id in one of its selectors is a
word of some page or script of the site; a word that ends in a hyphen stands for all it begins.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import tinycss2
from sphinx.application import Sphinx

SHEET = "site.css"
# The theme's templates link these themselves; see _templates/static/webpack-macros.html.
# Its styles/theme.css does no more than import Sphinx's basic.css.
THEME = ["basic.css", "styles/pydata-sphinx-theme.css"]
WORD = re.compile(r"[A-Za-z_][\w-]*")
NAME = re.compile(r"[.#](-?[A-Za-z_](?:[\w-]|\\.)*)")
NEGATION_OR_ATTRIBUTE = re.compile(r":not\([^)]*\)|\[[^\]]*\]")
LOCAL_URL = re.compile(r"""url\((["']?)(?!data:|#|https?:)([^)"']+)\1\)""")


class Words:
    """The words of a site's pages and scripts, among them every class and id it can use."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.words = {word for text in texts for word in WORD.findall(text)}
        self.beginnings = tuple(word for word in self.words if word.endswith("-") and len(word) > 2)

    def has(self, name: str) -> bool:
        """Say whether a class or an id can occur; a script may build it from its beginning."""
        return name in self.words or name.startswith(self.beginnings)

    def match(self, selector: str) -> bool:
        """Say whether a selector can match anything."""
        names = NAME.findall(NEGATION_OR_ATTRIBUTE.sub("", selector))
        return all(self.has(name.replace("\\", "")) for name in names)


def _selectors(prelude: list) -> Iterator[str]:
    selector: list = []
    for token in prelude:
        if token == ",":
            yield tinycss2.serialize(selector).strip()
            selector = []
        else:
            selector.append(token)
    yield tinycss2.serialize(selector).strip()


def used_rules(css: str, words: Words) -> str:
    """Return a style sheet without comments and without rules that nothing here can use."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return "".join(_kept(rule, words) for rule in rules)


def _kept(rule, words: Words) -> str:
    if rule.type == "qualified-rule":
        selectors = [s for s in _selectors(rule.prelude) if words.match(s)]
        if not selectors:
            return ""
        declarations = tinycss2.serialize(rule.content).strip()
        return ",".join(selectors) + "{" + re.sub(r"\s*\n\s*", " ", declarations) + "}\n"
    if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
        content = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        inner = "".join(_kept(inner, words) for inner in content)
        prelude = tinycss2.serialize(rule.prelude)
        return f"@{rule.lower_at_keyword}{prelude}{{\n{inner}}}\n" if inner else ""
    return rule.serialize() + "\n"


def _sheets(app: Sphinx) -> list[tuple[str, str | None]]:
    """Return name and medium of every style sheet of the site, in the order in which they count."""
    own = sorted(app.builder._css_files, key=lambda sheet: sheet.priority)
    named = [(str(s.filename).removeprefix("_static/"), s.attributes.get("media")) for s in own]
    return [(name, None) for name in THEME] + named


def _read(static: Path, name: str, medium: str | None) -> str:
    """Return a style sheet as it reads from the folder that all of them lie in."""
    folder = posixpath.dirname(name)

    def move(url: re.Match) -> str:
        return f'url("{posixpath.normpath(posixpath.join(folder, url[2]))}")'

    css = LOCAL_URL.sub(move, (static / name).read_text(encoding="utf-8"))
    return f"@media {medium} {{{css}}}" if medium else css


def _texts(site: Path) -> list[str]:
    """Return all pages, and the scripts that a page or another script names."""
    files = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    files += site.rglob("*.js")
    texts = {path: path.read_text(encoding="utf-8") for path in files}

    def counts(path: Path) -> bool:
        named = any(path.name in text for other, text in texts.items() if other != path)
        return path.suffix == ".html" or named

    return [text for path, text in texts.items() if counts(path)]


def link_one_sheet(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Put one link in the place of all those to the site's own style sheets."""
    if app.builder.format == "html":
        context["css_files"] = ["_static/" + SHEET]


def write_one_sheet(app: Sphinx, error: Exception | None) -> None:
    """Write the sheet once all pages, scripts and style sheets lie in the built site."""
    if error is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    words = Words(_texts(site))
    sheets = [
        f"/* from {name} */\n" + used_rules(_read(static, name, medium), words)
        for name, medium in _sheets(app)
    ]
    (static / SHEET).write_text("".join(sheets), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect("html-page-context", link_one_sheet, priority=900)
    app.connect("build-finished", write_one_sheet, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
