"""Number a lesson's equations, figures and exercises by its chapter: (4.12), Fig. 4.3, or (C.1).

Sphinx does so only where the table of contents numbers its sections, which would count the
chapters that are there rather than name them. The chapter's number is the one its file begins with;
the capstone's is C.
"""

import re

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

LESSON = re.compile(r"lessons/(\d+|capstone)")


def number_by_chapter(collector: TocTreeCollector, env: BuildEnvironment) -> list[str]:
    """Assign figure numbers as if each lesson were the section of its chapter's number."""
    sections = env.toc_secnumbers
    found = {name: match[1] for name in env.found_docs if (match := LESSON.match(name))}
    numbers = {name: int(n) if n.isdigit() else "C" for name, n in found.items()}
    env.toc_secnumbers = sections | {name: {"": (n,)} for name, n in numbers.items()}
    try:
        return assign_figure_numbers(collector, env)
    finally:
        env.toc_secnumbers = sections


assign_figure_numbers = TocTreeCollector.assign_figure_numbers
TocTreeCollector.assign_figure_numbers = number_by_chapter


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    return {"parallel_read_safe": True, "parallel_write_safe": True}
