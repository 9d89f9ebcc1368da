"""The {quiz} directive: what it reads, what it refuses, what it writes."""

import io
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))
from quiz import normalise_spelling, parse_interval, parse_number

CONFIG = """
extensions = ["myst_nb", "quiz"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
suppress_warnings = ["myst-nb.lexer"]  # an unexecuted cell has no language
html_theme = "basic"
"""

SINGLE = """
:::{quiz}
Which term is *old*, $h_1$ or $h_3$?

- [x] the first, $h_1$

  It went through **two** factors.
- [ ] the last, [`h_3`](other.md)

  ```python
  h_3 = f(h_2)
  ```
:::
"""

MULTIPLE = """
:::{quiz}
:name: shared-arrays

Which are shared?

- [x] W_xh

  At every step.
- [X] W_hh

  At every step, too.
- [ ] h_t

  One a step.
:::
"""

NUMERIC = """
:::{quiz}
:kind: numeric

What is the sum?

- [x] 0.1385 ± 0.0005

  All three terms.
- [ ] 4.66·10^-4 +- 1e-6

  That is the product.
- [ ] otherwise

  Add three terms.
:::
"""

FILL_IN = """
:::{quiz}
:kind: fill-in

The gradient is …

- [x] vanishing | The  Vanish

  It shrinks.
- [ ] exploding | "big" & <b>

  It does not grow.
- [ ] otherwise

  Look at the factor.
:::
"""


def build(folder: Path, page: str, builder: str = "html") -> tuple[str, str]:
    """Build a site of this page and one without a quiz; return what was written and warned."""
    source, out = folder / "source", folder / builder
    source.mkdir(exist_ok=True)
    (source / "conf.py").write_text(CONFIG)
    (source / "index.md").write_text(page)
    (source / "other.md").write_text("---\norphan: true\n---\n# No quiz here\n")
    warnings = io.StringIO()
    with docutils_namespace():
        Sphinx(
            source, source, out, folder / "doctrees", builder, status=None, warning=warnings
        ).build()
    suffix = {"html": "html", "text": "txt", "latex": "tex"}[builder]
    written = next(out.glob(f"[!o]*.{suffix}"))
    return written.read_text(), warnings.getvalue()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    _, warnings = build(folder, "# A page\n" + SINGLE + MULTIPLE + NUMERIC + FILL_IN)
    assert warnings == ""
    return folder / "html"


@pytest.fixture(scope="module")
def quizzes(site) -> list:
    return BeautifulSoup((site / "index.html").read_text(), "html.parser").select(".quiz")


def answers_of(quiz) -> list[str]:
    return [label.get_text() for label in quiz.select(".quiz-answer label")]


def test_quizzes_are_numbered_and_have_ids(quizzes):
    assert [quiz.legend.get_text() for quiz in quizzes] == [f"Question {n}" for n in (1, 2, 3, 4)]
    assert [quiz["id"] for quiz in quizzes] == ["quiz-1", "shared-arrays", "quiz-3", "quiz-4"]


def test_every_input_has_its_own_label_and_the_question_as_description(quizzes):
    for quiz in quizzes:
        inputs = quiz.select("input")
        labels = {label["for"] for label in quiz.select("label")}
        assert inputs and {field["id"] for field in inputs} == labels
        question = quiz.find(id=quiz.fieldset["aria-describedby"])
        assert "quiz-question" in question["class"] and question.get_text(strip=True)


def test_no_id_stands_twice_in_the_page(site):
    page = BeautifulSoup((site / "index.html").read_text(), "html.parser")
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))


def test_one_right_answer_makes_radio_buttons(quizzes):
    assert [field["type"] for field in quizzes[0].select("input")] == ["radio", "radio"]
    assert len({field["name"] for field in quizzes[0].select("input")}) == 1
    assert quizzes[0].select_one(".quiz-hint") is None


def test_several_right_answers_make_checkboxes(quizzes):
    assert [field["type"] for field in quizzes[1].select("input")] == ["checkbox"] * 3
    assert answers_of(quizzes[1]) == ["A W_xh", "B W_hh", "C h_t"]
    assert "every right answer" in quizzes[1].select_one(".quiz-hint").get_text()


def test_markdown_is_rendered_in_question_answer_and_reason(quizzes):
    quiz = quizzes[0]
    assert quiz.select_one(".quiz-question em").get_text() == "old"
    assert len(quiz.select(".quiz-question .math")) == 2
    assert len(quiz.select(".quiz-answer .math")) == 1
    assert quiz.select_one(".quiz-answer a")["href"] == "other.html"
    assert quiz.select_one(".quiz-reason p:not(.quiz-for) strong").get_text() == "two"
    assert "h_3 = f(h_2)" in quiz.select_one(".quiz-reason div.highlight pre").get_text()


def test_each_reason_is_readable_without_the_script_and_names_its_answer(quizzes):
    heads = [
        [" ".join(p.get_text().split()) for p in quiz.select('[role="status"] .quiz-for')]
        for quiz in quizzes
    ]
    assert heads[1] == ["Right: W_xh", "Right: W_hh", "Wrong: h_t"]
    assert heads[2] == [
        "Right: 0.1385 ± 0.0005",
        "Wrong: 4.66·10^-4 +- 1e-6",
        "Wrong: any other answer",
    ]
    assert heads[3][0] == "Right: vanishing or The Vanish"
    for quiz in quizzes:
        assert not quiz.select(".quiz-reason[hidden], .quiz-reasons[hidden]")
        # A button that does nothing without the script is not offered.
        assert quiz.select_one(".quiz-buttons").has_attr("hidden")


def test_numeric_answers_carry_exact_bounds(quizzes):
    right, wrong, otherwise = quizzes[2].select(".quiz-reason")
    assert (right["data-low"], right["data-high"]) == ("0.1380", "0.1390")
    assert Decimal(wrong["data-low"]) == Decimal("4.65e-4")
    assert Decimal(wrong["data-high"]) == Decimal("4.67e-4")
    assert not otherwise.has_attr("data-low")


def test_fill_in_answers_carry_normal_spellings(quizzes):
    right, wrong, otherwise = quizzes[3].select(".quiz-reason")
    assert right["data-spellings"] == "vanishing|vanish"
    assert wrong["data-spellings"].split("|")[0] == "exploding"
    assert not otherwise.has_attr("data-spellings")


def test_assets_are_copied_and_the_script_loaded_only_where_there_is_a_quiz(site):
    with_quiz, without = ((site / name).read_text() for name in ("index.html", "other.html"))
    assert with_quiz.count("quiz.js") == 1
    assert "quiz.js" not in without
    for asset in ("quiz.js", "quiz.css"):
        assert (site / "_static" / asset).is_file()


def test_the_script_is_small_and_the_page_has_no_inline_handler(site, quizzes):
    assert (site / "_static" / "quiz.js").stat().st_size < 6000
    for quiz in quizzes:
        for tag in [quiz, *quiz.find_all(True)]:
            assert not [name for name in tag.attrs if name.startswith("on") or name == "style"]


def test_text_builder_writes_a_list(tmp_path):
    page, warnings = build(tmp_path, "# A page\n" + SINGLE + NUMERIC, "text")
    assert warnings == ""
    lines = [line.strip() for line in page.splitlines() if line.strip()]
    assert "**Question 1**" in lines and "**Question 2**" in lines
    start = lines.index("* **Right:** 0.1385 ± 0.0005")
    assert lines[start + 1] == "All three terms."
    assert lines[-2:] == ["* **Wrong:** otherwise", "Add three terms."]


def test_latex_builder_writes_a_list(tmp_path):
    page, warnings = build(tmp_path, "# A page\n" + SINGLE + MULTIPLE, "latex")
    assert warnings == ""
    assert r"\sphinxstylestrong{Right:}" in page
    assert page.count(r"\item") == 5


NOTEBOOK = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---
# A lesson

```{code-cell} ipython3
1 + 1
```
"""


def test_a_backtick_fence_in_a_notebook_works_too(tmp_path):
    fenced = MULTIPLE.replace(":::{quiz}", "```{quiz}").replace("\n:::\n", "\n```\n")
    page, warnings = build(tmp_path, NOTEBOOK + fenced)
    assert warnings == ""
    assert BeautifulSoup(page, "html.parser").select_one("#shared-arrays")


def test_the_line_of_a_warning_is_right_in_a_notebook(tmp_path):
    bad = quiz_of(RIGHT + "- [ ] 2\n")
    line = (NOTEBOOK + bad).splitlines().index("- [ ] 2") + 1
    _, warnings = build(tmp_path, NOTEBOOK + bad)
    assert f"index.md:{line}: WARNING: quiz: " in warnings


def quiz_of(items: str, kind: str = "choice", question: str = "A question?") -> str:
    return f"\n:::{{quiz}}\n:kind: {kind}\n\n{question}\n\n{items.rstrip()}\n:::\n"


RIGHT = "- [x] 1\n\n  Yes.\n"
WRONG = "- [ ] 2\n\n  No.\n"
OTHERWISE = "- [ ] otherwise\n\n  A hint.\n"

# Each with the line of the page that the warning must name: the directive stands in line 3,
# the first answer in line 8, the second mostly in line 11.
REFUSED = [
    pytest.param(quiz_of(RIGHT + WRONG, kind="single"), "no kind 'single'", 3, id="kind"),
    pytest.param(quiz_of(""), "no answers", 3, id="no-answers"),
    pytest.param(quiz_of(RIGHT + WRONG, question=""), "no question", 3, id="no-question"),
    pytest.param(quiz_of(WRONG + WRONG), "no answer is right", 3, id="nothing-right"),
    pytest.param(quiz_of(RIGHT), "at least two answers", 3, id="one-answer"),
    pytest.param(quiz_of(RIGHT + "- 2\n\n  No.\n"), "starts with [x]", 11, id="no-marker"),
    pytest.param(quiz_of(RIGHT + "-\n"), "starts with [x]", 11, id="empty-item"),
    pytest.param(quiz_of(RIGHT + "- [ ]\n\n  No.\n"), "is empty", 11, id="no-text"),
    pytest.param(quiz_of(RIGHT + "- [ ] 2\n"), "'2' has no reason", 11, id="no-reason"),
    pytest.param(
        quiz_of(RIGHT + "- [ ] 2\n  No.\n"), "leave a blank line", 11, id="reason-not-apart"
    ),
    pytest.param(quiz_of(RIGHT + WRONG + "\nNo."), "text follows", 15, id="text-after"),
    pytest.param(
        quiz_of("- [x] one\n\n  Yes.\n" + OTHERWISE, "numeric"), "not a number", 8, id="word"
    ),
    pytest.param(
        quiz_of("- [x] 1 ± some\n\n  Yes.\n" + OTHERWISE, "numeric"),
        "not a number",
        8,
        id="tolerance",
    ),
    pytest.param(
        quiz_of("- [x] 1 ± -1\n\n  Yes.\n" + OTHERWISE, "numeric"), "not a number", 8, id="negative"
    ),
    pytest.param(
        quiz_of(RIGHT + "- [x] 3\n\n  Yes.\n" + OTHERWISE, "numeric"),
        "one right answer",
        3,
        id="two-right-numbers",
    ),
    pytest.param(
        quiz_of(RIGHT + "- [ ] 2 ± 1\n\n  No.\n" + OTHERWISE, "numeric"),
        "overlaps '1'",
        11,
        id="overlap",
    ),
    pytest.param(
        quiz_of(RIGHT + OTHERWISE + WRONG, "numeric"), "must be the last", 11, id="otherwise-early"
    ),
    pytest.param(
        quiz_of(RIGHT + WRONG, "numeric"), "must be '- [ ] otherwise'", 11, id="no-otherwise"
    ),
    pytest.param(
        quiz_of(RIGHT + "- [x] otherwise\n\n  Yes.\n", "fill-in"),
        "must be '- [ ] otherwise'",
        11,
        id="otherwise-right",
    ),
    pytest.param(
        quiz_of("- [x] a | | b\n\n  Yes.\n" + OTHERWISE, "fill-in"), "empty spelling", 8, id="bar"
    ),
    pytest.param(
        quiz_of(RIGHT + "- [ ] 3 | The 1\n\n  No.\n" + OTHERWISE, "fill-in"),
        "'1' stands in two",
        11,
        id="twice",
    ),
]


@pytest.mark.parametrize(("body", "message", "line"), REFUSED)
def test_bad_grammar_warns_with_file_and_line(tmp_path, body, message, line):
    page, warnings = build(tmp_path, "# A page\n" + body)
    assert message in warnings
    assert f"index.md:{line}: WARNING: quiz: " in warnings
    assert warnings.count("WARNING") == 1
    assert not BeautifulSoup(page, "html.parser").select(".quiz")


NUMBERS = [
    ("0.25", "0.25"),
    (" 0,25 ", "0.25"),
    (".5", "0.5"),
    ("3.", "3"),
    ("+2", "2"),
    ("−3", "-3"),
    ("-3", "-3"),
    ("1e-3", "0.001"),
    ("1,5E3", "1500"),
    ("4.66·10^-4", "0.000466"),
    ("4,66 × 10^−4", "0.000466"),
    ("4.66*10**-4", "0.000466"),
    ("4.66 ⋅ 10^{-4}", "0.000466"),
    ("10^-4", "0.0001"),
    ("-10^2", "-100"),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_numbers_that_are_read(text, value):
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", "one", "1 2", "1,234.5", "1e", "e3", "10^", "--1", "0x10", "1/3", "٣", "nan", "inf"],
)
def test_what_is_not_a_number(text):
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text)


def spelt(digits: int, places: int, power: int, comma: bool, minus: str, form: str):
    """A number's exact value, and one way of typing it."""
    mantissa = Decimal(digits).scaleb(-places)
    text = f"{abs(mantissa):f}".replace(".", "," if comma else ".")
    value = mantissa.scaleb(power) if form else mantissa
    power_text = str(power).replace("-", minus)
    return value, ("" if digits >= 0 else minus) + text + form.format(power_text)


@given(
    digits=st.integers(-(10**12), 10**12),
    places=st.integers(0, 12),
    power=st.integers(-30, 30),
    comma=st.booleans(),
    minus=st.sampled_from("-−"),
    form=st.sampled_from(["", "e{}", "E{}", "·10^{}", " × 10^{{{}}}", "*10**{}"]),
)
def test_every_spelling_of_a_number_means_the_number(digits, places, power, comma, minus, form):
    value, text = spelt(digits, places, power, comma, minus, form)
    assert parse_number(text) == value


def test_interval_holds_its_edges_as_written():
    assert parse_interval("0.1385 ± 0.0005") == (Decimal("0.138"), Decimal("0.139"))
    assert parse_interval("12") == (Decimal(12), Decimal(12))


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("  The  Hidden\tstate ", "hidden state"),
        ("an LSTM", "lstm"),
        ("a", "a"),
        ("theory", "theory"),
        ("Bengio’s", "bengio's"),
        ("nai\u0308ve", "naïve"),
    ],
)
def test_what_does_not_count_in_a_spelling(typed, plain):
    assert normalise_spelling(typed) == plain
