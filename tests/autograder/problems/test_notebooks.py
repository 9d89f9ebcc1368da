"""The problem sets' notebooks: their form, their points, and that nothing can be pasted in."""

import ast
import difflib
import io
import re
import tokenize

import nbformat
import pytest

from tests.autograder.problems.sets import ROOT, SETS

EACH_SET = pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)
ALIKE = 0.75  # of two functions' tokens, from where on one can be made of the other


def graded(notebook):
    return [c.metadata.nbgrader for c in notebook.cells if "nbgrader" in c.metadata]


def statements(source: str) -> list[str]:
    """What functions do, whatever their annotations and docstrings are."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node = strip(node)
        found.append(ast.unparse(node))
    return found


def strip(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in [*node.args.args, *node.args.kwonlyargs]:
                argument.annotation = None
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


@EACH_SET
def test_source_is_a_clean_notebook(problem_set):
    notebook = problem_set.notebook
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    entries = [c for c in notebook.cells if "nbgrader" in c.metadata]
    assert all(cell.id == cell.metadata.nbgrader.grade_id for cell in entries)
    assert [p.name for p in problem_set.path.parent.iterdir()] == [problem_set.path.name]


@EACH_SET
def test_points_add_up_to_what_the_statement_says(problem_set):
    points = [entry.points for entry in graded(problem_set.notebook) if entry.get("points")]
    assert sum(points) == 100
    title = problem_set.notebook.cells[0].source
    assert "100 points" in title
    for word in ("points", "difficulty", "minutes"):
        assert re.search(rf"\| {word} \|", title), word
    for test in problem_set.tests:
        problems = [p for p in problem_set.problems if p.function in test.functions]
        assert test.points in {p.points for p in problems}, test.name


@EACH_SET
def test_only_the_last_set_may_use_torch(problem_set):
    packages = problem_set.notebook.metadata.autograder["packages"]
    assert packages == (["numpy", "torch"] if problem_set.name == "ps5" else ["numpy"])


@EACH_SET
def test_every_problem_has_a_check_and_every_set_an_open_question(problem_set):
    names = [entry.grade_id for entry in graded(problem_set.notebook)]
    for cell in problem_set.model.sources:
        assert f"{cell}-check" in names
    tasks = [c for c in problem_set.notebook.cells if c.metadata.get("nbgrader", {}).get("task")]
    assert 1 <= len(tasks) <= 2
    for cell in tasks:
        assert "=== BEGIN MARK SCHEME ===" in cell.source and "**Points**" in cell.source


@EACH_SET
def test_the_model_solution_is_the_reference(problem_set):
    shown = {c.id: c.source for c in problem_set.notebook.cells if c.cell_type == "code"}
    for cell, source in problem_set.model.sources.items():
        assert statements(shown[cell]) == statements(source), cell


def tokens(source: str) -> list[str]:
    """Return a function's tokens without comments, docstrings and the names it chose itself."""
    kept = []
    source = ast.unparse(strip(ast.parse(source)))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER):
            kept.append(token.string)
    return kept


def functions_in(source: str) -> list[str]:
    """Return the sources of all functions and classes of a piece of Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with magics
        return []
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return [ast.unparse(node) for node in found]


@pytest.fixture(scope="module")
def public_functions() -> dict[str, str]:
    """Every function of the lessons and of the library, by where it stands."""
    found = {}
    for path in sorted((ROOT / "lessons").glob("*.md")):
        cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```", path.read_text(), re.M | re.S)
        for cell in cells:
            code = re.sub(r"\A(---\n.*?\n---\n|(:[^\n]*\n)+)", "", cell, flags=re.S)
            for function in functions_in(code):
                found[f"{path.name}: {function.splitlines()[0]}"] = function
    for path in sorted((ROOT / "unrolled").rglob("*.py")):
        for function in functions_in(path.read_text()):
            found[f"{path.relative_to(ROOT)}: {function.splitlines()[0]}"] = function
    return found


@EACH_SET
def test_no_solution_can_be_pasted_from_a_lesson_or_the_library(problem_set, public_functions):
    for cell, source in problem_set.model.sources.items():
        for function in functions_in(source):
            ours = tokens(function)
            for where, public in public_functions.items():
                matcher = difflib.SequenceMatcher(None, ours, tokens(public), autojunk=False)
                if matcher.real_quick_ratio() > ALIKE and matcher.quick_ratio() > ALIKE:
                    assert matcher.ratio() <= ALIKE, f"{cell} is too much like {where}"
