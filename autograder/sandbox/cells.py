"""Running a notebook's cells without IPython: magics made harmless, values shown, errors told."""

import ast
import base64
import io
import linecache
import re
import sys
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any

_MAGIC = re.compile(r"^(?P<indent>\s*)(?P<target>[\w, ]+=\s*)?(?P<kind>%|!!?)(?P<line>[^\n]*)$")
_HELP = re.compile(r"^\s*(?:\?{1,2}\s*[\w.]+|[\w.]+\s*\?{1,2})\s*$")
_RUNS_BODY = frozenset({"time", "timeit", "capture", "prun", "python", "python3"})
QUIET_MAGICS = frozenset(
    {"matplotlib", "load_ext", "reload_ext", "autoreload", "config", "pylab", "precision"}
)
MAX_SHOWN = 20_000
MAX_FIGURES = 8
MAX_PNG = 2_000_000


class Shell:
    """What `get_ipython()` gives: magics that do no harm, or say that they do nothing here."""

    def run_line_magic(self, name: str, line: str = "", *_: Any, **__: Any) -> None:
        """Ignore what only concerns display; say of all else that it was left out."""
        if name not in QUIET_MAGICS:
            print(f"%{name} has no effect when the notebook is graded.")

    def run_cell_magic(self, name: str, line: str = "", cell: str = "") -> None:
        """Say that the cell was left out."""
        print(f"The cell magic %%{name} has no effect when the notebook is graded.")

    def magic(self, line: str) -> None:
        """Run a line magic given with its arguments."""
        self.run_line_magic(*line.lstrip("%").split(None, 1))

    def system(self, command: str) -> None:
        """Say that no other program is run."""
        print(f"!{command} was not run: a graded notebook can't start other programs.")

    def getoutput(self, command: str) -> list[str]:
        """Say that no other program is run; its output is empty."""
        self.system(command)
        return []


def plain_python(source: str) -> str:
    """A cell as Python, with the same line numbers, where it uses IPython's magics.

    A cell that is Python already is given back unchanged.
    """
    if "%" not in source and "!" not in source and "?" not in source:
        return source
    try:
        ast.parse(source)
        return source
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        pass
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        name, _, rest = lines[first][2:].strip().partition(" ")
        if name in _RUNS_BODY:
            lines[first] = ""
        else:
            body = "\n".join(lines[first + 1 :])
            lines = [""] * first
            lines.append(f"get_ipython().run_cell_magic({name!r}, {rest!r}, {body!r})")
    for i, line in enumerate(lines):
        lines[i] = _plain_line(line)
    return "\n".join(lines)


def _plain_line(line: str) -> str:
    if _HELP.match(line):
        return ""
    found = _MAGIC.match(line)
    if not found:
        return line
    start = found["indent"] + (found["target"] or "")
    text = found["line"].strip()
    if found["kind"] != "%":
        call = "getoutput" if found["target"] or found["kind"] == "!!" else "system"
        return f"{start}get_ipython().{call}({text!r})"
    name, _, rest = text.partition(" ")
    if name in ("time", "timeit") and rest and not rest.startswith("-"):
        return start + rest
    return f"{start}get_ipython().run_line_magic({name!r}, {rest!r})"


def ends_quietly(source: str) -> bool:
    """Whether the last line ends in a semicolon, so that its value isn't shown."""
    for line in reversed(source.split("\n")):
        code = line.split("#")[0].rstrip() if "#" in line else line.rstrip()
        if code:
            return code.endswith(";")
    return False


def compile_cell(
    source: str, filename: str, flags: int = 0
) -> tuple[CodeType | None, CodeType | None]:
    """Compile a cell: its statements, and the expression that it ends in, or None.

    The lines are kept for tracebacks.

    Raises:
        SyntaxError, ValueError: the cell is no Python.
    """
    source = plain_python(source)
    lines = [line + "\n" for line in source.split("\n")]
    linecache.cache[filename] = (len(source), None, lines, filename)
    tree = ast.parse(source, filename)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    body = compile(tree, filename, "exec", flags, dont_inherit=True) if tree.body else None
    ending = compile(last, filename, "eval", flags, dont_inherit=True) if last else None
    return body, ending


def run_cell(body: CodeType | None, ending: CodeType | None, names: dict[str, Any]) -> Any:
    """Run a compiled cell; the value of the expression that it ends in, or None."""
    if body is not None:
        exec(body, names)
    return eval(ending, names) if ending is not None else None


def shown(value: Any) -> str:
    """The text of a displayed value, cut where it is long."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<a {type(value).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " … (cut)"


def error_lines(error: BaseException, is_cell: Callable[[str], bool]) -> list[str]:
    """A short traceback, of the frames in cells only, then the error's type and message."""
    lines = []
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_cell(f.filename)]
    if len(frames) > 8:
        frames = frames[:4] + frames[-4:]
    for frame in frames:
        lines.append(f"{frame.filename.strip('<>')}, line {frame.lineno}, in {frame.name}")
        lines += around(frame.filename, frame.lineno or 1)
    if isinstance(error, SyntaxError):
        lines += [line.rstrip() for line in traceback.format_exception_only(error)][-4:]
    else:
        lines.append(f"{type(error).__name__}: {message_of(error)}")
    return lines


def around(filename: str, number: int) -> list[str]:
    """The line of a traceback with its neighbours, an arrow at it."""
    found = []
    for i in range(max(1, number - 2), number + 3):
        line = linecache.getline(filename, i).rstrip("\n")
        if line or i == number:
            arrow = "---->" if i == number else "     "
            found.append(f"{arrow} {i} {line[:300]}")
    return found


def message_of(error: BaseException) -> str:
    """The text of an error, cut where it is long, whatever its `__str__` does."""
    try:
        text = str(error)
    except Exception:
        text = "(its message can't be shown)"
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " … (cut)"


def take_figures() -> list[str]:
    """Matplotlib's open figures as PNG in base64, closed afterwards; none where it isn't used."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    taken = []
    try:
        for number in pyplot.get_fignums()[:MAX_FIGURES]:
            file = io.BytesIO()
            pyplot.figure(number).savefig(file, format="png", dpi=72)
            if file.tell() <= MAX_PNG:
                taken.append(base64.b64encode(file.getvalue()).decode("ascii"))
        pyplot.close("all")
    except Exception as error:
        print(f"A figure could not be drawn: {type(error).__name__}: {message_of(error)}")
    return taken
