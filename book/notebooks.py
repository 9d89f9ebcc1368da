"""Turn a page, as Sphinx has resolved it, into a clean notebook: plain Markdown, no outputs.

Working on the resolved document rather than on the source means that the numbers of equations,
figures and exercises, the citations and the links are the site's own. Nothing of MyST is left:
answers fold with HTML's `details`, which Jupyter, Colab and GitHub all show.
"""

import re
from collections.abc import Callable, Iterable
from html import escape
from string import ascii_uppercase

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

# What Markdown would read as its own in the middle of a text; an underscore within a word is safe.
SPECIAL = re.compile(r"[\\`*$<]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")
# And at the start of a paragraph: a heading, a quotation, an item of a list.
BLOCK_START = re.compile(r"^(?:[#>+-](?=\s)|\d+(?=[.)]\s))")
# Each of these gets a cell of its own, so that the reader can work below it.
STARTS_CELL = ("Quiz", "exercise_enumerable_node")
INSTALL = """\
# The lessons import the course's library. This cell installs it where it is not there yet.
import importlib.util
import subprocess
import sys
from pathlib import Path

wheel = "{wheel}"
if importlib.util.find_spec("unrolled") is None:
{locate}
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", wheel]).returncode:
        raise RuntimeError(f"pip could not install {{wheel}}; its message stands above.")
    importlib.invalidate_caches()
"""
FROM_SITE = """\
    if not Path(wheel).is_file():
        wheel = "{folder}" + wheel"""
FROM_FILE = """\
    if not Path(wheel).is_file():
        raise FileNotFoundError(
            f"Download {wheel}, which the lesson's page links beside this notebook, "
            f"into {Path.cwd()} and run this cell again."
        )"""


class UnknownNodeError(ValueError):
    """A part of a page that has no Markdown here yet."""


class Page:
    """One page's way into Markdown.

    `number(kind, node)` gives the number that the site shows for an equation ("displaymath"),
    figure or exercise, "" where it shows none. `link(node)` gives the address that a reference
    leads to from outside the site, None where there is none.
    """

    def __init__(
        self,
        number: Callable[[str, nodes.Element], str],
        link: Callable[[nodes.Element], str | None],
    ):
        self.number, self.link = number, link
        self.in_table = False

    # Cells ----------------------------------------------------------------------------------

    def cells(self, document: nodes.document, sources: dict[int, str]) -> list[NotebookNode]:
        """Return the page's cells; a new one starts at each heading, question and exercise.

        `sources` holds the code cells by their index in the lesson. Those of which the page shows
        nothing are kept too, so that the notebook runs. Raises UnknownNodeError.
        """
        waiting = dict(sources)
        cells: list[NotebookNode] = []
        text: list[str] = []

        def end_text() -> None:
            if text:
                cells.append(new_markdown_cell("\n\n".join(text)))
                text.clear()

        def walk(section: nodes.Element, depth: int) -> None:
            for node in section:
                if isinstance(node, nodes.section):
                    walk(node, depth + 1)
                elif isinstance(node, nodes.title):
                    end_text()
                    text.append(f"{'#' * depth} {self.inline(node)}")
                elif is_cell(node):
                    end_text()
                    for index in [i for i in waiting if i <= node["cell_index"]]:
                        cells.append(new_code_cell(waiting.pop(index)))
                    text.extend(map(self.caption, node.findall(nodes.figure)))
                elif block := self.block(node):
                    if type(node).__name__ in STARTS_CELL:
                        end_text()
                    text.append(block)

        walk(document, 0)
        end_text()
        cells.extend(map(new_code_cell, waiting.values()))
        return cells

    def caption(self, figure: nodes.figure) -> str:
        """Return a figure's number and caption in italics."""
        number = self.number("figure", figure)
        captions = [self.inline(child) for child in figure if isinstance(child, nodes.caption)]
        return "_" + " ".join([f"Fig. {number}:"] * bool(number) + captions) + "_"

    # Blocks ---------------------------------------------------------------------------------

    def blocks(self, children: Iterable[nodes.Node]) -> str:
        """Return block elements one after the other."""
        return "\n\n".join(filter(None, map(self.block, children)))

    def block(self, node: nodes.Node) -> str:
        """Return one block element. Raises UnknownNodeError."""
        return self.visit("block", node)

    def visit(self, form: str, node: nodes.Node) -> str:
        """Call the method for this kind of node, which is named after its class or a base of it."""
        for kind in type(node).__mro__:
            if method := getattr(self, f"{form}_{kind.__name__}", None):
                return method(node)
        raise UnknownNodeError(
            f"a notebook has no Markdown for '{type(node).__name__}' as {form}; "
            "write a method for it in book/notebooks.py"
        )

    def block_paragraph(self, node: nodes.Element) -> str:
        """A paragraph, on one line: where a line breaks means nothing."""
        return BLOCK_START.sub(lambda found: escape_start(found[0]), self.inline(node))

    def block_container(self, node: nodes.Element) -> str:
        """What stands in a container that has no meaning of its own."""
        return self.blocks(node)

    block_section = block_container  # exercises keep their text in one, without a title

    def block_nothing(self, node: nodes.Node) -> str:
        """Nothing: labels, comments and what only the site can show."""
        return ""

    block_target = block_comment = block_raw = block_nothing

    def block_bullet_list(self, node: nodes.Element) -> str:
        """A list with dashes."""
        return "\n".join(self.item("- ", item) for item in node)

    def block_enumerated_list(self, node: nodes.Element) -> str:
        """A list with numbers."""
        start = node.get("start", 1)
        return "\n".join(self.item(f"{n}. ", item) for n, item in enumerate(node, start))

    def item(self, marker: str, node: nodes.Element) -> str:
        """Return an item of a list, its further lines indented below its first."""
        return indented(marker, self.blocks(node))

    def block_literal_block(self, node: nodes.Element) -> str:
        """A fenced block of code."""
        return f"```{node.get('language', '')}\n{node.astext().rstrip()}\n```"

    def block_math_block(self, node: nodes.Element) -> str:
        """A display, with the site's number."""
        number = self.number("displaymath", node)
        tag = f"\n\\tag{{{number}}}" if number else ""
        return f"$$\n{node.astext().strip()}{tag}\n$$"

    def block_table(self, node: nodes.Element) -> str:
        """A table; its title, if it has one, stands above."""
        self.in_table = True
        rows = [
            "| " + " | ".join(" ".join(map(self.inline, entry)) for entry in row) + " |"
            for row in node.findall(nodes.row)
        ]
        self.in_table = False
        columns = len(next(iter(node.findall(nodes.row))))
        titles = [f"_{self.inline(child)}_\n" for child in node if isinstance(child, nodes.title)]
        return "\n".join([*titles, rows[0], "|" + " --- |" * columns, *rows[1:]])

    def block_Admonition(self, node: nodes.Element) -> str:
        """A note as a quotation, a folded one as an answer.

        Marked with HTML's tag rather than with Markdown's `>`, which would get into mathematics.
        """
        title, *body = node
        if not isinstance(title, nodes.title):  # a {note}, {tip} … is called what it is
            title, body = nodes.title("", "", nodes.Text(node.tagname.capitalize())), node
        if "dropdown" in node["classes"]:
            return details(title.astext(), self.blocks(body))
        inside = f"**{self.inline(title)}**\n\n{self.blocks(body)}"
        return f"<blockquote>\n\n{inside}\n\n</blockquote>"

    def block_dropdown_main(self, node: nodes.Element) -> str:
        """A dropdown."""
        title, *body = node
        texts = [
            text for text in title.findall(nodes.Text) if not isinstance(text.parent, nodes.raw)
        ]
        return details("".join(texts), self.blocks(body))

    def block_exercise_enumerable_node(self, node: nodes.Element) -> str:
        """An exercise under its number."""
        title, *body = node
        heading = f"Exercise {self.number('exercise', node)} {self.inline(title)}"
        return f"**{heading}**\n\n{self.blocks(body)}"

    def block_solution_node(self, node: nodes.Element) -> str:
        """A solution, folded away."""
        title, *body = node
        return details(title.astext(), self.blocks(body))

    def block_Quiz(self, node: nodes.Element) -> str:
        """A question, its options, and all reasons folded away."""
        question, *answers = node
        parts = [f"**Question {node['number']}.** {self.blocks(question)}"]
        names = [self.inline(answer[0]) for answer in answers]
        if node["kind"] == "choice":
            letters = ascii_uppercase[: len(names)]
            parts += ["*Choose every right answer.*"] * node["multiple"]
            options = zip(letters, names, strict=True)
            parts.append("\n".join(f"- {letter}. {name}" for letter, name in options))
            names = letters
        else:
            names = [re.sub(r"\s*\|\s*", " or ", name) for name in names]
            names = ["any other answer" if name == "otherwise" else name for name in names]
        reasons = []
        for name, (_, *reason), answer in zip(names, answers, answers, strict=True):
            mark = "right" if answer["right"] else "wrong"
            reasons.append(indented("- ", f"{name}: **{mark}.** {self.blocks(reason)}"))
        return "\n\n".join([*parts, details("Answer", "\n".join(reasons))])

    # Text within a block --------------------------------------------------------------------

    def inline(self, node: nodes.Element) -> str:
        """Return what stands in a node, on one line. Raises UnknownNodeError."""
        return " ".join("".join(self.visit("inline", child) for child in node).split())

    def inline_Text(self, node: nodes.Text) -> str:
        """Text, with what Markdown would read as its own escaped."""
        text = SPECIAL.sub(lambda found: "\\" + found[0], node.astext())
        return text.replace("|", "\\|") if self.in_table else text

    def inline_math(self, node: nodes.Element) -> str:
        """Mathematics. In a table, a bar would end the column."""
        tex = " ".join(node.astext().split())
        if self.in_table:
            tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ").strip()
        return f"${tex}$"

    def inline_literal(self, node: nodes.Element) -> str:
        """Code, fenced by more backticks than it holds."""
        code = node.astext()
        fence = "`" * (1 + max(map(len, re.findall("`+", code)), default=0))
        space = " " if code.startswith("`") or code.endswith("`") else ""
        code = code.replace("|", "\\|") if self.in_table else code
        return f"{fence}{space}{code}{space}{fence}"

    def inline_emphasis(self, node: nodes.Element) -> str:
        """Emphasis."""
        return f"*{self.spaced(node)}*"

    def inline_strong(self, node: nodes.Element) -> str:
        """Strong emphasis."""
        return f"**{self.spaced(node)}**"

    def inline_inline(self, node: nodes.Element) -> str:
        """Text in a span that Markdown has no need of."""
        return self.spaced(node)

    inline_paragraph = inline_inline  # in a table's cell

    def inline_reference(self, node: nodes.Element) -> str:
        """A link where the notebook can have one, else its text."""
        text, address = self.spaced(node), self.link(node)
        return f"[{text}]({address})" if address else text

    inline_number_reference = inline_reference

    def inline_nothing(self, node: nodes.Node) -> str:
        """Nothing: labels, and what only the site can show."""
        return ""

    inline_target = inline_raw = inline_nothing

    def spaced(self, node: nodes.Element) -> str:
        """Return what stands in a node, with the white space at its ends."""
        return "".join(self.visit("inline", child) for child in node)


def is_cell(node: nodes.Node) -> bool:
    """Say whether a node is a code cell with its outputs."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def escape_start(marker: str) -> str:
    """Return a paragraph's first word such that it starts no list, heading or quotation."""
    return f"{marker}\\" if marker.isdigit() else f"\\{marker}"


def indented(marker: str, text: str) -> str:
    """Return an item of a list: its first line after the marker, the further ones below that."""
    return marker + re.sub(r"\n(?!\n)", "\n" + " " * len(marker), text)


def details(summary: str, body: str) -> str:
    """Return a part that the reader unfolds; the empty lines make Markdown read the body."""
    summary = escape(" ".join(summary.split()), quote=False)
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def install_cell(wheel: str, folder: str | None) -> NotebookNode:
    """Return the cell that installs the library: from a file, or else from an address if set."""
    locate = FROM_SITE.format(folder=folder) if folder else FROM_FILE
    return new_code_cell(INSTALL.format(wheel=wheel, locate=locate).rstrip())


def write_notebook(cells: list[NotebookNode]) -> str:
    """Return the notebook's file; the same cells give the same bytes."""
    for n, cell in enumerate(cells):
        cell["id"] = f"cell-{n}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"
