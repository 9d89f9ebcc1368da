"""Planted copies are found however they are disguised; independent solutions are never a pair."""

import io
import json
import keyword
import random
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.cli import main
from autograder.similarity.page import page
from autograder.similarity.pairs import Code, pairs
from autograder.similarity.submitted import students_code
from autograder.similarity.tokens import tokens
from autograder.similarity.winnowing import WINDOW, K, fingerprints
from tests.autograder.problems.sets import SETS, ProblemSet

EACH_SET = pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)
# These are the model solution itself, with lines added or a type changed.
THE_MODELS = {"with warnings", "noisy", "float32 or float64 inside"}


def independent(problem_set: ProblemSet) -> dict[str, list[str]]:
    """Whole solutions that were written independently: name -> the cells' sources."""
    cells = problem_set.model.sources
    written = {"the model": list(cells.values())}
    for name, variant in problem_set.variants.RIGHT.items():
        if variant.keys() == cells.keys() and name not in THE_MODELS:
            written[name] = list(variant.values())
    return written


def release(problem_set: ProblemSet) -> Code:
    code = [cell for cell in problem_set.notebook.cells if cell.cell_type == "code"]
    locked = [cell.source for cell in code if cell.metadata.get("nbgrader", {}).get("locked")]
    return Code.read("\n\n".join(locked))


def renamed(cells: list[str]) -> list[str]:
    """Every name that the code binds gets another one; attributes and keywords can't."""

    def one(source: str) -> str:
        found, before = [], ""
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            text = token.string
            plain = token.type == tokenize.NAME and not keyword.iskeyword(text)
            if plain and before != "." and text not in ("np", "torch", "nn"):
                text = f"v{sum(map(ord, text))}"
            found.append((token.type, text))
            before = token.string
        return tokenize.untokenize(found)

    return [one(source) for source in cells]


def reordered(cells: list[str]) -> list[str]:
    return cells[::-1]


def commented(cells: list[str]) -> list[str]:
    return ["\n".join(f"{line}  # mine" if line else "" for line in c.split("\n")) for c in cells]


def partly(cells: list[str]) -> list[str]:
    """The copy's own first part, and the rest from the other."""
    rng = random.Random(0)
    own = "\n".join(f"w{i} = w{rng.randrange(i + 1)} + f({i}) * g[{i}, 2]" for i in range(6))
    return [own, *renamed(cells)]


@EACH_SET
def test_no_two_independent_solutions_are_a_pair(problem_set):
    submissions = {n: Code.read("\n\n".join(c)) for n, c in independent(problem_set).items()}
    assert len(submissions) >= 8
    assert pairs(submissions, release(problem_set)) == []


@EACH_SET
@pytest.mark.parametrize("disguise", [list, renamed, reordered, commented, partly])
def test_a_planted_copy_is_the_only_pair(problem_set, disguise):
    written = independent(problem_set)
    victim = sorted(written)[1]
    submissions = {n: Code.read("\n\n".join(c)) for n, c in written.items()}
    submissions["copy"] = Code.read("\n\n".join(disguise(written[victim])))
    found = pairs(submissions, release(problem_set))
    assert [set(pair.students) for pair in found] == [{"copy", victim}]


def test_what_everybody_was_given_does_not_count():
    given = "\n".join(independent(SETS[1])["the model"])
    both = {"ann": Code.read(given), "bob": Code.read(given)}
    assert len(pairs(both, Code.read(""))) == 1
    assert pairs(both, Code.read(given)) == []


def test_what_most_write_does_not_count():
    usual = independent(SETS[1])["the model"]
    many = {f"student{i}": Code.read("\n".join(usual)) for i in range(6)}
    assert pairs(many, Code.read("")) == []


words = st.lists(st.sampled_from("abcdefgh"), max_size=80)


@settings(max_examples=60, deadline=None)
@given(before=words, after=words, seed=st.integers(0, 999))
def test_a_shared_run_of_guaranteed_length_is_always_found(before, after, seed):
    rng = random.Random(seed)
    run = [str(rng.random()) for _ in range(K + WINDOW - 1)]
    assert fingerprints(before + run).keys() & fingerprints(run + after).keys()


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=200))
def test_anything_can_be_read_as_code(text):
    Code.read(text)


def test_names_numbers_comments_and_documentation_do_not_count():
    one = 'def f(x):\n    """Words."""\n    return x.sum() + 3  # three\n'
    other = "def g(state):\n    return state.sum() + 41\n"
    assert [t.kind for t in tokens(one)] == [t.kind for t in tokens(other)]
    assert [t.kind for t in tokens("x.sum()")] != [t.kind for t in tokens("x.max()")]


def notebook(path: Path, *cells: tuple[str, dict]) -> None:
    path.parent.mkdir(parents=True)
    found = [
        {"cell_type": "code", "source": source, "metadata": {"nbgrader": facts}, "outputs": []}
        for source, facts in cells
    ]
    path.write_text(
        json.dumps({"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )


def test_the_page_shows_both_and_runs_nothing():
    solution = "\n".join(independent(SETS[1])["the model"])
    attack = f"{solution}\nname = '<script>alert(1)</script>'"
    submissions = {"ann": Code.read(solution), "<b>bob": Code.read(attack)}
    found = pairs(submissions, Code.read(""))
    html = page("ps2", found, submissions, 0.5)
    assert "<script" not in html and "<b>bob" not in html and "&lt;b&gt;bob" in html
    assert html.count("<mark>") > 20 and "&lt;script&gt;" in html


def test_the_command_lists_the_pair(tmp_path, monkeypatch, capsys):
    cells = independent(SETS[1])
    mine = {"solution": True, "locked": False, "grade_id": "answer"}
    theirs = {"solution": False, "locked": True, "grade_id": "tests"}
    stub = ("def padded_forward():\n    raise NotImplementedError", mine)
    notebook(tmp_path / "release" / "ps2" / "ps2.ipynb", stub, ("check(1)", theirs))
    names = sorted(cells)[:4]
    for student, name in zip(("ann", "bob", "cem", "dee"), [*names[:3], names[0]], strict=True):
        path = tmp_path / "submitted" / student / "ps2" / "ps2.ipynb"
        notebook(path, ("\n\n".join(cells[name]), mine), ("check(1)", theirs))
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "ps2"]) == 0
    said = capsys.readouterr().out
    assert "100%  ann  dee" in said and "1 of all pairs of 4" in said
    assert "ann and dee: 100 %" in (tmp_path / "reports" / "ps2-alike.html").read_text()
    assert main(["compare", "ps2", "--threshold", "7"]) == 1
    assert "threshold: expected a share" in capsys.readouterr().err


def test_without_a_release_nothing_is_compared(tmp_path, monkeypatch, capsys):
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "ps2"]) == 1
    assert "run nbgrader generate_assignment ps2 first" in capsys.readouterr().err


def test_only_what_the_student_wrote_is_read(tmp_path):
    path = tmp_path / "a" / "ps2.ipynb"
    mine, theirs = {"solution": True, "locked": False}, {"locked": True}
    notebook(path, ("answer = 1", mine), ("check(answer)", theirs), ("own = 2", {}))
    assert students_code([path]) == "answer = 1\n\n\nown = 2"
    path.write_text("no notebook")
    assert students_code([path, tmp_path / "missing.ipynb"]) == ""
