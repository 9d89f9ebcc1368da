"""Markdown as HTML for pages that instructors and students open, without what could run there.

nbgrader's formgrader and feedback render a submission's text cells with any HTML in them, scripts
included, and the formgrader's page may change every grade. Here HTML in Markdown is shown as text.
"""

from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


@pass_context
def markdown2html(context: Context, source: str) -> str:
    """Render a cell's Markdown in nbconvert's templates, in place of its filter of this name."""
    renderer = IPythonRenderer(
        escape=True,
        allow_harmful_protocols=False,
        attachments=context.get("cell", {}).get("attachments", {}),
    )
    return MarkdownWithMath(renderer=renderer).render(source)
