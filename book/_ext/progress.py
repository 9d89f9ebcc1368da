"""Tell the reader's browser which quizzes the book has, so that it can mark those solved before.

Every page gets a list of all quizzes as JSON in its sidebar (`_templates/sbt-sidebar-nav.html`);
progress.js keeps the keys of solved ones in the browser's localStorage and nowhere else.

A quiz's key must outlive edits around it, so it is not its position on the page. It is a hash of
the page and the quiz's `:name:`; a quiz without a name is known by the text of its question and
answers. A reason may then be reworded and a quiz moved without a reader's mark being lost, while a
new question starts unsolved.
"""

import hashlib
from collections.abc import Collection

from docutils import nodes
from quiz import Quiz
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def key(page: str, quiz: Quiz) -> str:
    """Return what a solved quiz is remembered by: eight hexadecimal digits."""
    question, *answers = quiz.children
    texts = [question.astext(), *(answer[0].astext() for answer in answers)]
    known_by = [page, *quiz["names"]] if quiz["names"] else texts
    return hashlib.sha256("\0".join(known_by).encode()).hexdigest()[:8]


def note_quizzes(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the keys of a page's quizzes by their ids."""
    page = app.env.docname
    found = {quiz["ids"][0]: key(page, quiz) for quiz in doctree.findall(Quiz)}
    if found:
        # Sphinx forgets a page's metadata with the page, and merges them in parallel builds.
        app.env.metadata[page]["quizzes"] = found


def quizzes(env: BuildEnvironment) -> dict[str, dict[str, str]]:
    """Return the quizzes of every page that has some, as keys by id."""
    return {
        page: env.metadata[page]["quizzes"]
        for page in sorted(env.found_docs)
        if "quizzes" in env.metadata[page]
    }


def rewrite_sidebars(app: Sphinx, env: BuildEnvironment) -> Collection[str]:
    """Have every page written again when a quiz has changed on one of them."""
    before, env.quizzes_in_sidebars = getattr(env, "quizzes_in_sidebars", None), quizzes(env)
    return env.found_docs if env.quizzes_in_sidebars != before else ()


def load_assets(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Give the sidebar's template the list, and every page the script."""
    context["quizzes"] = {
        context["pathto"](other): found for other, found in quizzes(app.env).items()
    }
    app.add_js_file("progress.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("quiz")
    app.add_css_file("progress.css")
    app.connect("doctree-read", note_quizzes)
    app.connect("env-updated", rewrite_sidebars)
    app.connect("html-page-context", load_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
