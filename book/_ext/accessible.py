"""Mend what axe finds in pages that other extensions write.

- sphinx-exercise gives the content of every exercise and solution the same id.
- docutils gives the entries of a bibliography roles that ARIA has withdrawn.
"""

from docutils import nodes
from sphinx.application import Sphinx

REPEATED_IDS = {"exercise-content", "solution-content"}
WITHDRAWN_ROLES = (' role="doc-biblioentry"', ' role="list"', ' role="doc-backlink"')


def drop_repeated_ids(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Take the id from every section that shares it with others, before the page is written."""
    for section in doctree.findall(nodes.section):
        section["ids"] = [id_ for id_ in section["ids"] if id_ not in REPEATED_IDS]


def drop_withdrawn_roles(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Take the roles from bibliographies; their order and headings say enough."""
    if doctree is not None and any(doctree.findall(nodes.citation)):
        for role in WITHDRAWN_ROLES:
            context["body"] = context["body"].replace(role, "")


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect("doctree-resolved", drop_repeated_ids)
    app.connect("html-page-context", drop_withdrawn_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
