"""Random wrong edits of a model solution: operators, indices, transposes, signs, off-by-one, names.

`edits_of` lists every single edit of a source that still compiles, in an order that a seed decides.
Which of them change a result is for the caller to find out: some don't, such as the order of two
summands.
"""

import ast
import copy
import random
from collections.abc import Callable, Iterator

import numpy as np

from autograder.problems.answers import answer_of, call, close
from autograder.problems.problem import Problem
from tests.autograder.problems.sets import ProblemSet

WANTED = 30  # edits a cell that change the result
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult}
COMPARE = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
FUNCTIONS = {"zeros": "ones", "tanh": "sin", "exp": "expm1", "sum": "mean", "minimum": "maximum"}


def variants_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield (kind, another node) for the edits of one node."""
    if isinstance(node, ast.BinOp):
        if other := BINARY.get(type(node.op)):
            yield "operator", ast.BinOp(node.left, other(), node.right)
        if isinstance(node.op, ast.Add | ast.Sub):
            yield "term dropped", node.left
            yield "term dropped", node.right
        if isinstance(node.op, ast.Mult):
            yield "factor dropped", node.left
            yield "factor dropped", node.right
        if isinstance(node.op, ast.MatMult):
            yield "transpose", ast.BinOp(node.left, node.op, transposed(node.right))
            yield "transpose", ast.BinOp(transposed(node.left), node.op, node.right)
        yield "sign", ast.UnaryOp(ast.USub(), node)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", node.value
    if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
        yield "function", ast.Attribute(node.value, FUNCTIONS[node.attr], node.ctx)
    if isinstance(node, ast.Compare) and (other := COMPARE.get(type(node.ops[0]))):
        yield "comparison", ast.Compare(node.left, [other()], node.comparators)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "off by one", ast.Constant(node.value + 1)
        yield "off by one", ast.Constant(node.value - 1)
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Tuple):
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Constant):
            for sign in (ast.Add(), ast.Sub()):
                moved = ast.BinOp(node.slice, sign, ast.Constant(1))
                yield "index", ast.Subscript(node.value, moved, node.ctx)
            yield "index", ast.Subscript(node.value, ast.Constant(0), node.ctx)
    if isinstance(node, ast.AugAssign):
        yield "sum overwritten", ast.Assign([as_target(node.target)], node.value)
        if other := BINARY.get(type(node.op)):
            yield "operator", ast.AugAssign(node.target, other(), node.value)
    if isinstance(node, ast.IfExp):
        yield "condition", ast.IfExp(node.test, node.orelse, node.body)
        yield "condition", node.body
        yield "condition", node.orelse
    if isinstance(node, ast.Call) and len(node.args) >= 2:
        swapped = [*node.args[:-2], node.args[-1], node.args[-2]]
        yield "arguments swapped", ast.Call(node.func, swapped, node.keywords)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Subscript):
        yield "zeroed", ast.Assign(node.targets, ast.BinOp(ast.Constant(0), ast.Mult(), node.value))


def transposed(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def as_target(node: ast.expr) -> ast.expr:
    node = copy.deepcopy(node)
    node.ctx = ast.Store()
    return node


def edits_of(source: str, seed: int = 0) -> list[tuple[str, str]]:
    """Return (what was done, the edited source) for every single edit, in the seed's order."""
    tree = ast.parse(source)
    names = sorted({a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)})
    found = []
    for position, node in enumerate(ast.walk(tree)):
        others = [("name", ast.Name(name, ast.Load())) for name in _confused_with(node, names)]
        for kind, other in [*variants_of(node), *others]:
            edited = ast.fix_missing_locations(replaced(tree, position, other))
            line = getattr(node, "lineno", 0)
            try:
                text = ast.unparse(edited)
                compile(text, "<edit>", "exec")
            except (SyntaxError, ValueError):
                continue
            found.append((f"{kind} in line {line}: {ast.unparse(node)[:60]}", text))
    random.Random(seed).shuffle(found)
    return found


def _confused_with(node: ast.AST, names: list[str]) -> list[str]:
    """Return the other arguments that an argument may be mistaken for."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        return [name for name in names if name != node.id]
    return []


def replaced(tree: ast.Module, position: int, other: ast.AST) -> ast.Module:
    """Return a copy of a tree in which the node of this place in `ast.walk` is another one."""
    whole = copy.deepcopy(tree)
    target = next(node for n, node in enumerate(ast.walk(whole)) if n == position)
    other = copy.deepcopy(other)
    for parent in ast.walk(whole):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, other)
                return whole
            if isinstance(value, list) and any(item is target for item in value):
                value[:] = [other if item is target else item for item in value]
                return whole
    return whole


def wrong_edits(problem_set: ProblemSet, cell: str) -> Iterator[tuple[str, bool]]:
    """Yield (what was done, whether it loses marks) for `WANTED` edits that change a result.

    Which ones do is found out on inputs other than the hidden ones.
    """
    mine = [p for p in problem_set.problems if p.cell == cell]
    problem = min(mine, key=_size)  # not the one that is there for its size
    found = 0
    for what, source in edits_of(problem_set.model.sources[cell]):
        try:
            function = problem_set.names({cell: source})[problem.function]
        except Exception:  # what raises as soon as the cell is run needs no hidden test
            continue
        if changes_a_result(problem, function):
            found += 1
            yield what, problem.grade(function) < problem.points
            if found == WANTED:
                return


def changes_a_result(problem: Problem, function: Callable) -> bool:
    """Whether it differs from the reference on inputs other than the hidden ones."""
    with np.errstate(all="ignore"):
        for seed in (10_000, 20_000):
            for case in problem.cases(seed):
                reply = call(problem.adapt(function), case.arguments)
                for output in problem.outputs:
                    got = answer_of(reply, output.name, problem.unpack)
                    if got is None or not close(got, case.expected[output.name]):
                        return True
    return False


def _size(problem: Problem) -> int:
    arrays = [a for case in problem.cases() for a in case.arguments.values()]
    return sum(a.size for a in arrays if isinstance(a, np.ndarray))
