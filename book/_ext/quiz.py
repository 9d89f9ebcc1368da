"""The ``{quiz}`` directive: a question that marks itself in the page.

````markdown
:::{quiz}
:kind: numeric

What is $1/8$?

- [x] 0.125 ± 0.0005

  Half of a half of a half.
- [ ] 0.25 ± 0.0005

  That is $1/4$.
- [ ] otherwise

  Divide 1 by 2, three times.
:::
````

The body is a question followed by one list of answers. An answer starts with ``[x]`` (right) or
``[ ]`` (wrong); its reason follows after a blank line. The option ``:kind:`` is one of

- ``choice`` (the default): one ``[x]`` makes radio buttons, several make checkboxes;
- ``numeric``: answers are numbers, ``value ± tolerance`` or ``value +- tolerance``;
- ``fill-in``: answers are accepted spellings, separated by ``|``.

The last answer of the latter two is ``[ ] otherwise``. The option ``:name:`` sets the quiz's id,
which is ``quiz-1``, ``quiz-2``, … down the page if it is left out.

Sphinx renders every answer and reason at build time. The script beside the page compares, hides
and shows; without it, and in print, every reason can be read. After each check the quiz's element
sends the bubbling event ``quiz:answered`` with ``{id, right}`` as its detail.
"""

import re
import unicodedata
from decimal import Decimal
from html import escape
from pathlib import Path
from string import ascii_uppercase
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

ASSETS = Path(__file__).resolve().parent.parent / "_static"
KINDS = ("choice", "numeric", "fill-in")
MARKER = re.compile(r"\[([ xX])\]\s*")
POWER_OF_TEN = r"10\s*(?:\^|\*\*)\s*\{?([+-]?\d+)\}?$"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII)


class QuizError(ValueError):
    """A quiz that breaks the grammar; `line` is where, None for the directive's own line."""

    def __init__(self, message: str, line: int | None = None):
        super().__init__(message)
        self.line = line


class Quiz(nodes.General, nodes.Element):
    """A question (a container) followed by its answers; attributes `kind`, `number`, `multiple`."""


class QuizAnswer(nodes.Part, nodes.Element):
    """A paragraph with the answer, then its reason.

    Attributes: `right`; `between`, the bounds of a number; `spellings`, those accepted.
    The last two are None where they don't apply, which is what marks "otherwise".
    """


def parse_number(text: str) -> Decimal:
    """Read a number in any of the forms that quiz.js accepts from a reader.

    0.25, 0,25, −3, 1e-3 and 4.66·10^-4 are numbers. Raises ValueError otherwise.
    """
    text = text.strip().lower().replace("\N{MINUS SIGN}", "-").replace(",", ".", 1)
    text = re.sub(r"\s*[·⋅×*]\s*" + POWER_OF_TEN, r"e\1", text, flags=re.ASCII)
    text = re.sub(r"^([+-]?)" + POWER_OF_TEN, r"\g<1>1e\2", text, flags=re.ASCII)
    if not NUMBER.fullmatch(text):
        raise ValueError(f"not a number: {text!r}")
    return Decimal(text)


def parse_interval(text: str) -> tuple[Decimal, Decimal]:
    """Read ``value ± tolerance`` into its two bounds; a value alone must be met exactly.

    The bounds are decimal, so that the edges of the interval belong to it, as written.
    Raises ValueError if either part is not a number or the tolerance is negative.
    """
    value, *tolerance = re.split(r"±|\+-|\+/-", text, maxsplit=1)
    centre, margin = parse_number(value), parse_number(*tolerance or ["0"])
    if margin < 0:
        raise ValueError(f"negative tolerance: {text!r}")
    return centre - margin, centre + margin


def normalise_spelling(text: str) -> str:
    """Drop what doesn't count in a fill-in: case, outer white space, a leading article."""
    text = unicodedata.normalize("NFKC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return re.sub(r"^(?:the|an?) ", "", " ".join(text.split()).lower())


class QuizDirective(SphinxDirective):
    """Reads a quiz, numbers it within its page and gives it an id."""

    has_content = True
    option_spec: ClassVar = {"kind": directives.unchanged, "name": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """The quiz, or nothing and a warning if it breaks the grammar."""
        number = self.env.temp_data["quiz-number"] = self.env.temp_data.get("quiz-number", 0) + 1
        body = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, body)
        try:
            node = read_quiz(self.options.get("kind", "choice"), body.children)
        except QuizError as error:
            where = (self.env.docname, error.line or self.lineno)
            logger.warning("quiz: %s", error, location=where, type="quiz")
            return []
        node["number"] = number
        self.set_source_info(node)
        self.add_name(node)
        if not node["ids"]:
            node["ids"].append(f"quiz-{number}")
            self.state.document.note_explicit_target(node)
        return [node]


def read_quiz(kind: str, body: list[nodes.Node]) -> Quiz:
    """Turn the parsed body of a directive into a quiz. Raises QuizError."""
    if kind not in KINDS:
        raise QuizError(f"there is no kind '{kind}'; write one of {', '.join(KINDS)}.")
    lists = [i for i, child in enumerate(body) if isinstance(child, nodes.bullet_list)]
    if not lists:
        raise QuizError(
            "there are no answers; end it with a list of '- [x] right' and '- [ ] wrong' ones."
        )
    question, answers, rest = body[: lists[-1]], body[lists[-1]], body[lists[-1] + 1 :]
    if not question:
        raise QuizError("there is no question; write it above the list of answers.")
    if rest:
        raise QuizError(
            "text follows the answers; move it above the list, or indent it to make it a reason.",
            rest[0].line,
        )
    items = [read_answer(item) for item in answers]
    right = sum(item["right"] for item in items)
    if not right:
        raise QuizError("no answer is right; mark one with [x].")
    if kind == "choice":
        if len(items) < 2:
            raise QuizError("a choice needs at least two answers.")
    else:
        read_accepted(kind, items)
        if kind == "numeric" and right > 1:
            raise QuizError("a numeric quiz has one right answer; leave one [x].")
    node = Quiz(kind=kind, multiple=kind == "choice" and right > 1)
    node += nodes.container("", *question)
    node += items
    return node


def read_answer(item: nodes.list_item) -> QuizAnswer:
    """Take the marker off an item of the list of answers. Raises QuizError."""
    label, *reason = item.children or [None]
    text = label.children[0] if isinstance(label, nodes.paragraph) else None
    marker = MARKER.match(text) if isinstance(text, nodes.Text) else None
    if not marker:
        raise QuizError("an answer starts with [x] if it is right, with [ ] if wrong.", item.line)
    label[0] = nodes.Text(text[marker.end() :])
    if not label.astext().strip():
        raise QuizError("an answer is empty; write it after the marker.", item.line)
    if not reason:
        raise QuizError(
            f"the answer '{label.astext()}' has no reason; leave a blank line after the answer "
            "and write the reason indented below it.",
            item.line,
        )
    answer = QuizAnswer("", label, *reason, right=marker[1] in "xX", between=None, spellings=None)
    answer.line = item.line
    return answer


def read_accepted(kind: str, items: list[QuizAnswer]) -> None:
    """Read what each answer of a numeric or fill-in quiz accepts. Raises QuizError."""
    *known, last = items
    for item in known:
        text = item[0].astext()
        if text == "otherwise":
            raise QuizError("'otherwise' must be the last answer.", item.line)
        if kind == "numeric":
            try:
                low, high = parse_interval(text)
            except ValueError:
                raise QuizError(
                    f"'{text}' is not a number with its tolerance; write it as 0.25 ± 0.005.",
                    item.line,
                ) from None
            for other in known[: known.index(item)]:
                if low <= other["between"][1] and other["between"][0] <= high:
                    raise QuizError(
                        f"'{text}' overlaps '{other[0].astext()}'; narrow a tolerance.", item.line
                    )
            item["between"] = (low, high)
        else:
            spellings = [normalise_spelling(part) for part in text.split("|")]
            if not all(spellings):
                raise QuizError(f"'{text}' has an empty spelling beside a '|'.", item.line)
            for other in known[: known.index(item)]:
                if twice := set(spellings).intersection(other["spellings"]):
                    raise QuizError(f"'{twice.pop()}' stands in two answers.", item.line)
            item["spellings"] = spellings
    if last["right"] or last[0].astext() != "otherwise":
        raise QuizError(
            "the last answer must be '- [ ] otherwise', with a hint for all other answers.",
            last.line,
        )


def render(visitor, *children: nodes.Node) -> str:
    """The HTML of some nodes, taken out of the page that `visitor` is writing."""
    start = len(visitor.body)
    for child in children:
        child.walkabout(visitor)
    html = "".join(visitor.body[start:])
    del visitor.body[start:]
    return html


def visit_quiz_html(self, node: Quiz) -> None:
    """Write a quiz: form controls first, then the reasons, inside the live region."""
    id_ = escape(node["ids"][0])
    question, *answers = node.children
    choice = node["kind"] == "choice"
    controls, reasons = [], []
    for i, answer in enumerate(answers, start=1):
        label, *reason = answer.children
        html = render(self, *label.children)
        if choice:
            type_ = "checkbox" if node["multiple"] else "radio"
            letter = ascii_uppercase[i - 1]  # to talk about; a label of math alone has no text
            controls.append(
                f'<div class="quiz-answer"><input type="{type_}" name="{id_}" id="{id_}-{i}">'
                f'<label for="{id_}-{i}"><span class="quiz-letter">{letter}</span> {html}</label>'
                "</div>\n"
            )
        if not choice and i == len(answers):
            html = "any other answer"
        if answer["between"]:
            accepts = ' data-low="{}" data-high="{}"'.format(*answer["between"])
        elif answer["spellings"]:
            html = " or ".join(escape(part.strip()) for part in label.astext().split("|"))
            accepts = f' data-spellings="{escape("|".join(answer["spellings"]))}"'
        else:
            accepts = ""
        mark = "right" if answer["right"] else "wrong"
        # The answer's text is in the page twice: an id in it may be so only once.
        html = re.sub(r'\sid="[^"]*"', "", html)
        reasons.append(
            f'<div class="quiz-reason quiz-{mark}"{accepts}>\n'
            f'<p class="quiz-for"><strong>{mark.capitalize()}:</strong> {html}</p>\n'
            f"{render(self, *reason)}</div>\n"
        )
    if not choice:
        controls.append(
            f'<label for="{id_}-1">Your answer</label>\n'
            f'<input type="text" id="{id_}-1" aria-describedby="{id_}-question"'
            ' autocapitalize="off" spellcheck="false">\n'
        )
    hint = '<p class="quiz-hint">Choose every right answer.</p>\n' if node["multiple"] else ""
    # method="dialog" outside a dialog: with scripts off, Enter doesn't reload the page.
    self.body.append(
        f'<div class="quiz" id="{id_}" data-kind="{node["kind"]}">\n'
        f'<form method="dialog" autocomplete="off">\n'
        f'<fieldset aria-describedby="{id_}-question">\n'
        f"<legend>Question {node['number']}</legend>\n"
        f'<div class="quiz-question" id="{id_}-question">\n'
        f"{render(self, *question.children)}</div>\n"
        f'{hint}<div class="quiz-answers">\n{"".join(controls)}</div>\n</fieldset>\n'
        '<div class="quiz-buttons" hidden><button type="submit">Check</button>\n'
        '<button type="button" aria-pressed="false" hidden>Show all reasons</button></div>\n'
        "</form>\n"
        '<div class="quiz-feedback" role="status">\n<p class="quiz-verdict" hidden></p>\n'
        f"{''.join(reasons)}</div>\n</div>\n"
    )
    raise nodes.SkipNode


class QuizAsList(SphinxPostTransform):
    """Spell a quiz out as a list for every builder that doesn't write HTML."""

    default_priority = 400

    def is_supported(self) -> bool:
        """Whether the builder can't show a form."""
        return self.app.builder.format != "html"

    def run(self, **kwargs) -> None:
        """Replace each quiz by its number, its question and the list of its answers."""
        for node in list(self.document.findall(Quiz)):
            question, *answers = node.children
            items = nodes.bullet_list(bullet="-")
            for answer in answers:
                mark = "Right:" if answer["right"] else "Wrong:"
                answer[0].insert(0, [nodes.strong("", mark), nodes.Text(" ")])
                items += nodes.list_item("", *answer.children)
            title = nodes.paragraph("", "", nodes.strong("", f"Question {node['number']}"))
            target = nodes.target("", "", ids=node["ids"])
            node.replace_self([target, title, *question.children, items])


def serve_assets(app: Sphinx) -> None:
    """Have the script and the style copied into the site."""
    if app.builder.format == "html":
        app.config.html_static_path += [str(ASSETS / "quiz.css"), str(ASSETS / "quiz.js")]


def load_assets(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Load the script on the pages that have a quiz, and on no other."""
    if doctree is not None and next(doctree.findall(Quiz), None) is not None:
        app.add_js_file("quiz.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the directive with Sphinx."""
    app.add_node(Quiz, html=(visit_quiz_html, None))
    app.add_directive("quiz", QuizDirective)
    app.add_post_transform(QuizAsList)
    app.add_css_file("quiz.css")
    app.connect("builder-inited", serve_assets)
    app.connect("html-page-context", load_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
