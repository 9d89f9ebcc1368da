"""What can be told from the instructor's notebook alone, once for all submissions."""

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.judge.errors import SourceError
from autograder.judge.submission import released_text, role_of
from autograder.sandbox import Environment
from autograder.sandbox.cells import compile_cell, plain_python

JUDGE, COMPATIBILITY = "judge", "compatibility"
_BUILTINS = frozenset(dir(builtins))


@dataclass
class SourceCell:
    """One code cell of the source.

    Attributes:
        name: its grade_id, or its number.
        filename: what tracebacks call it.
        text, released: its text, in full and as students have it.
        hidden: whether it holds hidden tests.
        bound, used: names that it binds at top level, and all names that occur in it.
        imports: its top-level imports, as code of their own.
        imported: names that those bind.
        is_check: an ungraded cell that binds nothing and calls things with a student's name.
    """

    name: str
    text: str
    role: str
    cell: NotebookNode
    released: str = ""
    hidden: bool = False
    bound: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    imports: list[tuple[frozenset[str], CodeType]] = field(default_factory=list)
    tree: ast.Module | None = None
    is_check: bool = False

    @property
    def filename(self) -> str:
        """What tracebacks call it."""
        return f"<{self.name}>"

    @cached_property
    def code(self) -> tuple[CodeType | None, CodeType | None]:
        """Its statements and its last expression, compiled."""
        try:
            return compile_cell(self.text, self.filename)
        except (SyntaxError, ValueError) as error:
            raise SourceError(f"The cell {self.name!r} of the source: {error}.") from None


class Source:
    """An instructor's notebook, parsed.

    Raises:
        SourceError: it is no notebook, or a cell of it is no Python.
    """

    def __init__(self, text: str) -> None:
        try:
            self.notebook = nbformat.reads(text, as_version=4)
        except Exception as error:
            raise SourceError(
                f"The source is not a notebook that can be read: {type(error).__name__}: "
                f"{str(error)[:200]}"
            ) from None
        self.policy = read_policy(self.notebook.metadata.get("autograder", {}))
        self.cells: dict[int, SourceCell] = {}
        self.names: frozenset[str] = frozenset()  # names that solution cells bind
        students: set[str] = set()
        ours: set[str] = set()
        helpers: set[str] = set()  # names that instructor's functions may read
        seen: set[str] = set()
        for number, cell in enumerate(self.notebook.cells):
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name is not None:
                if name in seen:
                    raise SourceError(f"The source has two cells with the grade_id {name!r}.")
                seen.add(name)
            if cell.cell_type != "code":
                continue
            found = read_cell(cell, str(name or f"cell {number + 1}"))
            self.cells[id(cell)] = found
            if found.role in ("solution", "manual"):
                students |= found.bound - found.imported
            elif found.role == "instructor":
                found.is_check = is_check(found, students, ours)
                ours |= found.imported
                if not found.is_check:
                    helpers |= found.used
        self.names = frozenset(students)
        self.helpers = frozenset(helpers)
        self.environment = Environment(self.policy["packages"], self.preload())

    def of(self, cell: NotebookNode) -> SourceCell:
        """What is known about a code cell of this source."""
        found = self.cells.get(id(cell))
        if found is None:  # a copy: by its grade_id
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            for known in self.cells.values():
                if known.name == name:
                    return known
            found = self.cells[id(cell)] = read_cell(cell, str(name or cell.get("id", "cell")))
        return found

    def preload(self) -> tuple[str, ...]:
        """Modules that students' cells import anyway, as far as the packages allow them."""
        allowed = self.policy["packages"]
        modules = {"numpy": None}
        for found in self.cells.values():
            if found.role == "test" or found.tree is None:
                continue
            released = ast.parse(plain_python(found.released)) if found.hidden else found.tree
            for module in imported_modules(released):
                top = module.partition(".")[0]
                ours = top in ("autograder", "unrolled")
                if ours and not (module + ".").startswith("autograder.student."):
                    continue
                if ours or top in sys.stdlib_module_names or allowed is None or top in allowed:
                    modules[module] = None
        return tuple(sorted(modules))


def read_policy(found: Any) -> dict[str, Any]:
    """The source's wishes about how it is graded, checked.

    Raises:
        SourceError: one of them is none.
    """
    policy: dict[str, Any] = {"packages": None, "mode": JUDGE}
    policy |= {"memory_mb": None, "cpu_s": None, "call_s": None}
    if not isinstance(found, dict):
        raise SourceError('The metadata "autograder" of the source must be an object.')
    unknown = sorted(set(found) - set(policy))
    if unknown:
        raise SourceError(
            f'The metadata "autograder" of the source has an unknown entry {unknown[0]!r}; there '
            f"are {', '.join(policy)}."
        )
    packages = found.get("packages")
    if packages is not None:
        if not isinstance(packages, list) or any(not isinstance(name, str) for name in packages):
            raise SourceError('"packages" in the source\'s metadata must be a list of names.')
        policy["packages"] = tuple(packages)
    mode = found.get("mode", JUDGE)
    if mode not in (JUDGE, COMPATIBILITY):
        raise SourceError(
            f'"mode" in the source\'s metadata is {mode!r}, not "judge" or "compatibility".'
        )
    policy["mode"] = mode
    for name in ("memory_mb", "cpu_s", "call_s"):
        value = found.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise SourceError(f"{name!r} in the source's metadata must be a positive number.")
            policy[name] = value
    return policy


def read_cell(cell: NotebookNode, name: str) -> SourceCell:
    """Parse one code cell of the source.

    Raises:
        SourceError: it is no Python.
    """
    text = cell.source
    role = role_of(cell)
    found = SourceCell(name, text, role, cell)
    found.released = released_text(text)
    found.hidden = "BEGIN HIDDEN TESTS" in text
    try:
        tree = ast.parse(plain_python(text))
    except (SyntaxError, ValueError) as error:
        raise SourceError(f"The cell {name!r} of the source is not Python: {error}.") from None
    found.tree = tree
    found.used = frozenset(
        node.id if isinstance(node, ast.Name) else node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80)
    )
    bound: set[str] = set()
    for statement in top_level(tree.body):
        names = names_bound_by(statement)
        bound |= names
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found.imported |= names
            module = ast.Module([statement], [])
            found.imports.append((frozenset(names), compile(module, found.filename, "exec")))
    found.bound = frozenset(bound)
    return found


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run in the cell's own scope, those within if, for, try and with too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from top_level(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from top_level(handler.body)
        for case in getattr(statement, "cases", []):
            yield from top_level(case.body)


def names_bound_by(statement: ast.stmt) -> frozenset[str]:
    """Names that one statement binds in its own scope, without the statements within it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return frozenset({statement.name})
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return frozenset((a.asname or a.name.partition(".")[0]) for a in statement.names)
    parts: list[ast.AST] = []
    for part in ast.iter_child_nodes(statement):
        if not isinstance(part, ast.stmt | ast.ExceptHandler | ast.match_case):
            parts.append(part)
    names: set[str] = set()
    while parts:
        node = parts.pop()
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        parts.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Full names of the modules that a cell imports at top level."""
    for statement in top_level(tree.body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
            if (statement.module + ".").startswith("autograder.student."):
                yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def is_check(cell: SourceCell, students: set[str], imported: set[str]) -> bool:
    """Whether a cell only calls things with the student's names, so that no test sees a change."""
    if cell.bound or cell.tree is None or not cell.tree.body or cell.hidden:
        return False
    for statement in cell.tree.body:
        if isinstance(statement, ast.Assert):
            called: ast.expr = statement.test
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            called = statement.value
            root = root_of(called.func)
            if root not in students and root not in imported and root not in _BUILTINS:
                return False
        else:
            return False
        if not any(isinstance(n, ast.Name) and n.id in students for n in ast.walk(called)):
            return False
    return True


def root_of(node: ast.expr) -> str | None:
    """The name that a chain of attributes, items and calls starts from."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return None
    return node.id


def ends_in_students_value(tree: ast.Module, students: set[str]) -> bool:
    """Whether a cell's last expression hands on what the student's code gave, unchanged.

    Conversions such as `float(...)` count as unchanged; calculations, comparisons and calls of
    the instructor's own functions don't.
    """
    tainted = set(students)
    for statement in top_level(tree.body):
        if isinstance(statement, ast.Assign) and handed_on(statement.value, tainted):
            for target in statement.targets:
                tainted |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    tainted.discard(target.id)
    last = tree.body[-1] if tree.body else None
    return isinstance(last, ast.Expr) and handed_on(last.value, tainted)


_CONVERSIONS = frozenset({"float", "int", "round", "bool", "complex", "str", "min", "max", "abs"})


def handed_on(node: ast.expr, tainted: set[str]) -> bool:
    """Whether an expression's value is one that a tainted name stands for or gives."""
    if isinstance(node, ast.NamedExpr):
        return handed_on(node.value, tainted)
    if isinstance(node, ast.IfExp):
        return handed_on(node.body, tainted) or handed_on(node.orelse, tainted)
    if isinstance(node, ast.BoolOp):
        return any(handed_on(value, tainted) for value in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in _CONVERSIONS and node.func.id not in tainted:
            return any(handed_on(argument, tainted) for argument in node.args)
    return root_of(node) in tainted
