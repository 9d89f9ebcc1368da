"""Runs the cells of a page inside Pyodide: worker.js hands it one cell at a time.

Nothing here needs a browser, so the tests also run it in an ordinary Python.
"""

import ast
import contextlib
import io
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator

MOST_CHARACTERS = 20_000
MOST_FIGURES = 10

# Called with the kind of a piece of output ("out", "err", "figure" or "note") and its text.
Send = Callable[[str, str], None]


class Output:
    """What one run of a cell shows. It ends at a limit, so that no cell can choke the page."""

    def __init__(self, send: Send):
        self.send = send
        self.characters_left = MOST_CHARACTERS
        self.figures_left = MOST_FIGURES
        self.is_cut = False

    def text(self, kind: str, text: str) -> None:
        """Send text, as far as the limit allows, and say once where it was cut."""
        if self.is_cut:
            return
        if piece := text[: self.characters_left]:
            self.send(kind, piece)
        self.characters_left -= len(piece)
        if len(piece) < len(text):
            self.is_cut = True
            self.send("note", f"Cut here: a cell shows at most {MOST_CHARACTERS:,} characters.")

    def figure(self, data_url: str) -> None:
        """Send a picture, as far as the limit allows."""
        if self.figures_left > 0:
            self.send("figure", data_url)
        elif self.figures_left == 0:
            self.send("note", f"Cut here: a cell shows at most {MOST_FIGURES} figures.")
        self.figures_left -= 1


class Stream(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr while a cell runs."""

    def __init__(self, output: Output, kind: str):
        self.output = output
        self.kind = kind

    def writable(self) -> bool:
        """Say that this stream takes text."""
        return True

    def write(self, text: str) -> int:
        """Pass the text on."""
        self.output.text(self.kind, text)
        return len(text)


class Page:
    """The names that the cells of a page share."""

    def __init__(self, send: Send):
        self.send = send
        self.names = {"__name__": "__main__"}
        self.output = Output(send)

    def run(self, title: str, source: str, imports: str = "", aside: bool = False) -> bool:
        """Run a cell, send what it shows, and tell whether it came to its end.

        Args:
            title: what tracebacks call it, "cell 3".
            source: its code.
            imports: import statements that it needs and that stand elsewhere on the page.
            aside: undo what it does to names and arrays, so that no other cell sees it.
        """
        global page
        page = self
        self.output = Output(self.send)
        out, err = Stream(self.output, "out"), Stream(self.output, "err")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                with undone(self.names) if aside else contextlib.nullcontext():
                    exec(compile(imports, "imports", "exec", dont_inherit=True), self.names)
                    execute(title, source, self.names)
                    show_figures()
            except BaseException as error:  # SystemExit too: no cell ends the interpreter
                self.output.text("err", explain(error))
                return False
        return True


# The page whose cell ran last: where cell_figures.py finds the output to draw into.
page: Page | None = None


@contextlib.contextmanager
def undone(names: dict) -> Iterator[None]:
    """Afterwards, let names stand for what they stood for, and arrays hold what they held.

    The code inside works on the arrays themselves, not on copies: functions of other cells,
    which it may call, look at those.
    """
    before = dict(names)
    arrays = {name: value.copy() for name, value in names.items() if is_array(value)}
    try:
        yield
    finally:
        names.clear()
        names.update(before)
        for name, content in arrays.items():
            names[name][...] = content


def is_array(value: object) -> bool:
    """Tell whether a value is a NumPy array that can be changed, without importing NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray) and value.flags.writeable


def execute(title: str, source: str, names: dict) -> None:
    """Run code as a notebook does: the last expression's value is shown unless ';' follows it."""
    # Where tracebacks look up the lines of a file.
    linecache.cache[title] = (len(source), None, source.splitlines(keepends=True), title)
    tree = ast.parse(source, title)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, title, "exec", dont_inherit=True), names)
    if last is not None:
        value = eval(compile(last, title, "eval", dont_inherit=True), names)
        if value is not None:
            print(repr(value))


def show_figures() -> None:
    """Show the figures that a cell left open, if it drew any."""
    if "cell_figures" in sys.modules:
        sys.modules["cell_figures"].show()


def explain(error: BaseException) -> str:
    """Return a traceback that shows the lines of cells and no others."""
    told = traceback.TracebackException.from_exception(error)
    for part in chain(told):
        own = [frame for frame in part.stack if frame.filename.startswith("cell ")]
        part.stack = traceback.StackSummary.from_list(own)
    return "".join(told.format())


def chain(
    told: traceback.TracebackException,
) -> Iterator[traceback.TracebackException]:
    """Yield an exception, its causes and the members of its groups."""
    yield told
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            yield from chain(other)
