"""What a page says about itself: how long it takes to read, and what it is about.

Under its title every page has one line such as "about 60 minutes · 10 questions · 5 exercises, 80
minutes more". The minutes are those of the words, and a fixed time for each code cell, displayed
equation and quiz. Exercises say their own in their last line, *Difficulty 2/5 · 15 minutes*; one
that doesn't is a warning.

The page's head carries a description for search engines and link previews: the front matter's
`description`, or else the page's first paragraph without mathematics.
"""

import re
from html import escape

from docutils import nodes
from quiz import Quiz
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node

logger = logging.getLogger(__name__)

MINUTES_A_WORD = 1 / 200
MINUTES_A_CELL = 0.5
MINUTES_AN_EQUATION = 0.5
MINUTES_A_QUIZ = 1
EXERCISES = (exercise_node, exercise_enumerable_node)
DIFFICULTY = re.compile(r"Difficulty [1-5]/5 · (\d+) minutes")
LONGEST_DESCRIPTION = 160


def minutes(node: nodes.Node) -> float:
    """Estimate how long it takes to read a node. Exercises and solutions are not in it."""
    if isinstance(node, nodes.Text):
        return len(node.split()) * MINUTES_A_WORD
    if isinstance(node, nodes.math):
        return MINUTES_A_WORD
    if isinstance(node, nodes.math_block):
        return MINUTES_AN_EQUATION
    if isinstance(node, Quiz):
        return MINUTES_A_QUIZ
    if isinstance(node, nodes.Element) and node.get("nb_element") == "cell_code":
        return MINUTES_A_CELL
    if isinstance(node, (*EXERCISES, solution_node, nodes.literal_block)):
        return 0
    return sum(map(minutes, node.children))


def exercise_minutes(exercise: nodes.Element) -> int:
    """Return the minutes that an exercise says it takes; warn and return 0 where it doesn't."""
    found = DIFFICULTY.search(exercise.astext())
    if not found:
        logger.warning(
            "exercise: end it with its difficulty and time, as *Difficulty 2/5 · 15 minutes*.",
            location=exercise,
            type="exercise",
        )
    return int(found[1]) if found else 0


def rounded(estimate: float) -> int:
    """Round to what an estimate can claim: whole minutes, from ten on a multiple of five."""
    return max(1, round(estimate)) if estimate < 10 else 5 * round(estimate / 5)


def plural(number: int, noun: str) -> str:
    """Return "1 minute", "2 minutes"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def reading_line(doctree: nodes.document) -> str:
    """Return the line below the title."""
    parts = [f"about {plural(rounded(minutes(doctree)), 'minute')}"]
    if questions := len(list(doctree.findall(Quiz))):
        parts.append(plural(questions, "question"))
    exercises = list(doctree.findall(lambda node: isinstance(node, EXERCISES)))
    if exercises:
        more = plural(sum(map(exercise_minutes, exercises)), "minute")
        parts.append(f"{plural(len(exercises), 'exercise')}, {more} more")
    return " · ".join(parts)


def first_paragraph(doctree: nodes.document) -> str:
    """Return the page's first paragraph without mathematics, or nothing."""
    for paragraph in doctree.findall(nodes.paragraph):
        if not any(paragraph.findall(nodes.math)):
            return " ".join(paragraph.astext().split())
    return ""


def shortened(text: str) -> str:
    """Cut what is too long for a search engine's list, after a sentence or at least a word."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    start = text[:LONGEST_DESCRIPTION]
    sentence, _, _ = start.rpartition(". ")
    return f"{sentence}." if sentence else f"{start.rpartition(' ')[0]} …"


def note_page(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the page's description and write the line below its title."""
    about = app.env.metadata[app.env.docname]
    about.setdefault("description", shortened(first_paragraph(doctree)))
    title = next(doctree.findall(nodes.title), None)
    if title is not None:
        line = nodes.paragraph("", reading_line(doctree), classes=["reading-time"])
        title.parent.insert(title.parent.index(title) + 1, line)


def describe(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Write title and description into the page's head, for search engines and link previews."""
    env = app.env
    # Pages that Sphinx makes by itself, such as the search page, speak for the whole book.
    about = page if page in env.found_docs else app.config.root_doc
    description = env.metadata[about]["description"]
    for attribute, value in (
        ('name="description"', description),
        ('property="og:title"', env.titles[about].astext()),
        ('property="og:description"', description),
        ('property="og:site_name"', app.config.html_title),
        ('property="og:type"', "article" if about == page else "website"),
    ):
        context["metatags"] = context.get("metatags", "") + (
            f'\n    <meta {attribute} content="{escape(value)}" />'
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("quiz")
    app.setup_extension("sphinx_exercise")
    app.connect("doctree-read", note_page)
    app.connect("html-page-context", describe)
    app.add_css_file("reading.css")
    app.add_css_file("print.css", media="print")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
