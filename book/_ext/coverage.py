"""What the course covers, what it corrects and which chapters exist, as tables made from data.

Directives `{coverage}`, `{errata}` and `{chapters}` render the files in book/_data; the role
{chapter}`4` names a chapter. A chapter that is in the table of contents becomes a link, any other
is shown as not written yet. A row without a link to a chapter that is written is a warning, and
so is a link to a label that does not exist.
"""

from collections.abc import Iterable
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

logger = logging.getLogger(__name__)


class HtmlElement(nodes.General, nodes.TextElement):
    """An HTML element around other nodes, for what docutils' own tables lack, such as th scope."""


def element(tag: str, *children: nodes.Node, **html: str) -> HtmlElement:
    """Return an `HtmlElement`; attributes are spelt as in Python: `aria_label`, `class_`."""
    attributes = {name.rstrip("_").replace("_", "-"): value for name, value in html.items()}
    return HtmlElement("", "", *children, tag=tag, html=attributes)


def visit_element(self, node: HtmlElement) -> None:
    """Write the start tag; the page writer's own `starttag` escapes the attributes."""
    self.body.append(self.starttag(node, node["tag"], "", **node["html"]))


def depart_element(self, node: HtmlElement) -> None:
    """Write the end tag."""
    self.body.append(f"</{node['tag']}>\n")


def table(caption: str, heads: Iterable[str], rows: Iterable[HtmlElement]) -> HtmlElement:
    """Return a table that scrolls sideways, by keyboard too, where the screen is too narrow."""
    head = [element("th", nodes.Text(text), scope="col") for text in heads]
    return element(
        "div",
        element(
            "table",
            element("caption", nodes.Text(caption)),
            element("thead", element("tr", *head)),
            element("tbody", *rows),
            class_="table",
        ),
        class_="pst-scrollable-table-container",
        role="region",
        aria_label=caption,
        tabindex="0",
    )


def row(head: nodes.Node, *cells: Iterable[nodes.Node]) -> HtmlElement:
    """Return one table row whose first cell is its header."""
    return element(
        "tr", element("th", head, scope="row"), *(element("td", *cell) for cell in cells)
    )


def load(env: BuildEnvironment, name: str) -> list[dict]:
    """Return the entries of a file in book/_data; the page is read again when that file changes."""
    path = Path(env.srcdir, "book", "_data", name)
    env.note_dependency(str(path))
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def chapters(env: BuildEnvironment) -> dict[int, dict]:
    """Return the chapters by number, each with `written`: whether this build has its lesson."""
    # Sphinx reads these pages again when a page is added or removed: a new chapter shows by itself.
    env.glob_toctrees.add(env.docname)
    found = {}
    for chapter in load(env, "chapters.yml"):
        docname = f"lessons/{chapter['number']:02}-{chapter['slug']}"
        written = docname in env.found_docs
        if written:  # a label that leaves its lesson must be noticed here
            env.note_dependency(str(env.doc2path(docname)))
        found[chapter["number"]] = chapter | {"written": written}
    return found


def reference(env: BuildEnvironment, label: str, text: str) -> nodes.Node:
    """Return a link to a label, resolved by Sphinx, which warns where the label does not exist."""
    return addnodes.pending_xref(
        "",
        nodes.inline("", text),
        refdomain="std",
        reftype="ref",
        reftarget=label,
        refdoc=env.docname,
        refexplicit=True,
        refwarn=True,
    )


def chapter_reference(env: BuildEnvironment, chapter: dict) -> nodes.Node:
    """Return a chapter's number and title, as a link where the chapter is written."""
    name = f"{chapter['number']}. {chapter['title']}"
    if not chapter["written"]:
        return nodes.inline("", f"{name} (not written yet)")
    return reference(env, f"chapter-{chapter['number']:02}", name)


class DataTable(SphinxDirective):
    """What the three directives share."""

    def inline(self, text: str) -> list[nodes.Node]:
        """Return the nodes of one line of Markdown, which may hold mathematics."""
        parsed, messages = self.parse_inline(text)
        return parsed + messages

    def covered(self, entry: dict) -> bool:
        """Tell whether every chapter of the entry is written and linked."""
        return all(
            self.chapters[number]["written"] and number in entry.get("link", {})
            for number in entry["chapters"]
        )

    def where(self, subject: str, entry: dict) -> list[nodes.Node]:
        """Return one line a chapter: a link to the section, or that there is none yet."""
        lines = []
        for number in entry["chapters"]:
            label = entry.get("link", {}).get(number)
            name = f"chapter\N{NO-BREAK SPACE}{number}"
            if not self.chapters[number]["written"]:
                line = nodes.Text(f"{name}, not written yet")
            elif label is None:
                logger.warning(
                    "%s: chapter %s is written, but the data give no link to its section",
                    subject,
                    number,
                    location=self.get_location(),
                )
                line = nodes.Text(name)
            else:
                line = reference(self.env, label, name)
            lines.append(element("div", line))
        return lines

    def run(self) -> list[nodes.Node]:
        """Read the chapters, then let the subclass make its nodes."""
        self.chapters = chapters(self.env)
        return self.content_nodes()


def decks(entry: dict) -> list[nodes.Node]:
    """Return the numbers of the source decks that an entry comes from."""
    return [nodes.Text(", ".join(map(str, entry["decks"])))]


class Coverage(DataTable):
    """`{coverage}`: the rows that the course must teach, one table a part."""

    def content_nodes(self) -> list[nodes.Node]:
        """Return the summary and the tables."""
        parts = load(self.env, "coverage.yml")
        entries = [entry for part in parts for entry in part["rows"]]
        done = sum(map(self.covered, entries))
        summary = nodes.paragraph("", f"{done} of {len(entries)} rows covered.")
        return [
            summary,
            *(
                table(
                    part["part"],
                    ("Row", "What", "Decks", "Where"),
                    (
                        row(
                            nodes.Text(str(entry["row"])),
                            self.inline(entry["text"]),
                            decks(entry),
                            self.where(f"coverage row {entry['row']}", entry),
                        )
                        for entry in part["rows"]
                    ),
                )
                for part in parts
            ),
        ]


class Errata(DataTable):
    """`{errata}`: what the decks get wrong; a lesson links to a row by {ref}`E4 <erratum-e4>`."""

    def content_nodes(self) -> list[nodes.Node]:
        """Return the summary and the table."""
        entries = load(self.env, "errata.yml")
        done = sum(map(self.covered, entries))
        return [
            nodes.paragraph("", f"{done} of {len(entries)} errata corrected in a written chapter."),
            table(
                "What the decks say and what holds",
                ("Erratum", "The decks say", "What holds", "Decks", "Where"),
                map(self.erratum, entries),
            ),
        ]

    def erratum(self, entry: dict) -> HtmlElement:
        """Return an erratum's row, which is also the target of the label `erratum-<id>`."""
        line = row(
            nodes.Text(entry["id"]),
            self.inline(entry["says"]),
            self.inline(entry["correction"]),
            decks(entry),
            self.where(f"erratum {entry['id']}", entry),
        )
        line["names"].append(f"erratum-{entry['id'].lower()}")
        self.state.document.note_explicit_target(line)
        return line


class Chapters(DataTable):
    """`{chapters}`: the list of chapters, with what exists and what does not."""

    def content_nodes(self) -> list[nodes.Node]:
        """Return the summary and the table."""
        written = sum(chapter["written"] for chapter in self.chapters.values())
        return [
            nodes.paragraph("", f"{written} of {len(self.chapters)} chapters are written."),
            table(
                "Chapters",
                ("Chapter", "What it is about", "Problem set"),
                (
                    row(
                        chapter_reference(self.env, chapter),
                        self.inline(chapter["summary"]),
                        [nodes.Text(str(chapter["problem_set"]))],
                    )
                    for chapter in self.chapters.values()
                ),
            ),
        ]


class ChapterRole(SphinxRole):
    """{chapter}`4`: a chapter's number and title, as a link where the chapter is written."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the chapter's name; a number that no chapter has is an error on the page."""
        chapter = chapters(self.env).get(int(self.text) if self.text.isdigit() else 0)
        if chapter is None:
            message = self.inliner.reporter.error(f"no chapter {self.text!r}", line=self.lineno)
            return [], [message]
        return [chapter_reference(self.env, chapter)], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the node, the directives and the role."""
    app.add_node(HtmlElement, html=(visit_element, depart_element))
    app.add_directive("coverage", Coverage)
    app.add_directive("errata", Errata)
    app.add_directive("chapters", Chapters)
    app.add_role("chapter", ChapterRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
