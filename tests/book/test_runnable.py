"""Runnable cells without a browser: imports, the wheel, the runner, and every lesson's cells."""

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from jupyter_cache.readers import get_reader

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "book" / "_static" / "runnable"
LESSONS = sorted((ROOT / "lessons").glob("*.md"))


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    # Not exec_module: it would leave a __pycache__ in a folder that the site copies.
    exec(spec.loader.source_to_code(path.read_bytes(), path), module.__dict__)
    return module


runnable = load(ROOT / "book" / "_ext" / "runnable.py")
cell_runner = load(STATIC / "cell_runner.py")


class Shown(list):
    """What a page was sent."""

    def __call__(self, kind: str, text: str) -> None:
        self.append((kind, text))

    def text(self, kind: str) -> str:
        return "".join(text for each, text in self if each == kind)


@pytest.fixture
def shown():
    return Shown()


@pytest.fixture
def page(shown):
    return cell_runner.Page(shown)


def test_a_cell_brings_the_imports_that_it_uses():
    imports = runnable.imports_of(
        "from itertools import product\nimport matplotlib.pyplot as plt\nimport numpy as np\n"
        "import os.path\nimport torch, sys\nfrom torch import nn\n"
        "from unrolled.checks import check_close, check_gradient as check\n"
        "from unrolled.modules import RNN as TorchRNN\nuse_style()"
    )
    assert set(imports) == {"product", "plt", "np", "os", "sys", "check_close", "check"}
    assert runnable.needed_imports("a = np.ones(3)\nos.path", imports) == (
        "import numpy as np\nimport os.path"
    )
    assert runnable.needed_imports("check(torch, nn)", imports) == (
        "from unrolled.checks import check_gradient as check"
    )
    assert runnable.needed_imports("plt.show()", imports).splitlines() == [
        "import matplotlib.pyplot as plt",
        "from unrolled.figures import use_style",
        "use_style()",
    ]
    assert runnable.imports_of("%matplotlib inline\nimport numpy") == {}


def test_only_cells_that_do_not_run_lend_their_imports():
    cells = [("import math", []), ("import cmath", ["runnable"]), ("math, cmath", ["runnable"])]
    assert runnable.runnable_cells(cells) == [{"imports": ""}, {"imports": "import math"}]


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("https://mirror.example/pyodide", "https://mirror.example/pyodide/"),
        ("/pyodide/", "/pyodide/"),
        ("pyodide", "../pyodide/"),
    ],
)
def test_pyodide_comes_from_where_the_setting_says(setting, address):
    from_lesson = lambda path, resource: f"../{path}" if resource else path  # noqa: E731
    assert runnable.pyodide_address(setting, from_lesson) == address


def test_the_wheel_holds_what_the_browser_can_import(tmp_path):
    app = type("App", (), {"outdir": tmp_path, "builder": type("Builder", (), {"format": "html"})})
    runnable.write_wheel(app)
    (wheel,) = (tmp_path / runnable.WHEELS).iterdir()
    assert wheel.name == app.runnable_wheel
    assert re.fullmatch(r"unrolled_course-[\d.]+-py3-none-any\.whl", wheel.name)
    first = wheel.read_bytes()
    runnable.write_wheel(app)
    assert wheel.read_bytes() == first
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if ".dist-info/" not in name]
        contents = {name: file.read(name).decode() for name in file.namelist()}
    library = (ROOT / "unrolled").rglob("*.py")
    left_out = {"modules", "data", "training", "kernels", "measure"}
    own = [p for p in library if not left_out & set(p.relative_to(ROOT).parts)]
    assert sorted(names) == sorted(path.relative_to(ROOT).as_posix() for path in own)
    assert not [name for name in names if re.search(r"^\s*(import|from) torch", contents[name])]
    (metadata,) = (text for name, text in contents.items() if name.endswith("/METADATA"))
    assert re.findall("^Requires-Python: (.*)$", metadata, re.MULTILINE) == [">=3.11"]
    assert re.findall("^Requires-Dist: (.*)$", metadata, re.MULTILINE) == ["numpy"]


def test_the_last_expression_is_shown(page, shown):
    assert page.run("cell 1", "a = 3\na + 1")
    assert page.run("cell 2", "a;")
    assert page.run("cell 3", "None")
    assert page.run("cell 4", "")
    assert shown == [("out", "4"), ("out", "\n")]


def test_names_are_shared_and_an_aside_is_undone(page, shown):
    page.run(
        "cell 1",
        "a, b = np.zeros(2), 2\ndef total():\n    return a.sum() + b",
        "import numpy as np",
    )
    # A function of another cell sees what the aside does, as a check of a gradient must.
    assert page.run("cell 2", "a += 1; b = 3; c = 4; print(total())", aside=True)
    assert not page.run("cell 3", "a += 1; b = 3; del total; 1 / 0", aside=True)
    assert page.run("cell 4", "print(total(), a, 'c' in globals())")
    assert shown.text("out") == "5.0\n2.0 [0. 0.] False\n"


def test_a_traceback_names_the_cells_lines_only(page, shown):
    page.run("cell 1", "def f(x):\n    import json\n    return json.loads(x)")
    assert not page.run("cell 2", "\nf('no JSON')")
    told = shown.text("err")
    assert re.findall(r'File "(.*)", line (\d+)', told) == [("cell 2", "2"), ("cell 1", "3")]
    assert "return json.loads(x)" in told
    assert told.splitlines()[-1].startswith("json.decoder.JSONDecodeError: Expecting value")


def test_a_chain_of_exceptions_is_cleaned_throughout(page, shown):
    assert not page.run("cell 1", "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError")
    told = shown.text("err")
    assert set(re.findall(r'File "(.*?)"', told)) == {"cell 1"}
    assert "ZeroDivisionError" in told and told.endswith("KeyError\n")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def f(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class C:\n    def __repr__(self):\n        return 1 / 0\nC()", "ZeroDivisionError"),
        ("def f():\n    f()\nf()", "RecursionError"),
    ],
)
def test_no_cell_ends_the_interpreter(page, shown, source, error):
    assert not page.run("cell 1", source)
    assert error in shown.text("err")
    assert page.run("cell 2", "print('alive')")
    assert shown[-2:] == [("out", "alive"), ("out", "\n")]


@pytest.mark.parametrize(
    "source",
    [
        "for i in range(100_000):\n    print('x' * 99)",
        "'y' * 10_000_000",
        "raise ValueError('z' * 10_000_000)",
        "import sys\nsys.stderr.write('e' * 20_001)",
    ],
)
def test_output_ends_at_the_limit(page, shown, source):
    page.run("cell 1", source)
    assert shown.text("note") == "Cut here: a cell shows at most 20,000 characters."
    assert len(shown.text("out")) + len(shown.text("err")) == 20_000
    page.run("cell 2", "print('next')")
    assert shown[-2:] == [("out", "next"), ("out", "\n")]


def test_output_of_just_the_limit_is_whole(page, shown):
    page.run("cell 1", "print('x' * 19_999)")
    assert shown.text("note") == ""


# Runs the cells that come as JSON on standard input, in an interpreter that has no PyTorch and
# whose `unrolled` is the wheel's, and prints for each whether it ran, and what it showed.
DRIVER = """
import json, sys
sys.path[:0] = sys.argv[1:]
sys.modules["torch"] = None
import cell_runner
results = []
for cell in json.load(sys.stdin):
    shown = []
    page = globals().get("page") or cell_runner.Page(lambda *sent: None)
    page.send = lambda *sent: shown.append(sent)
    results.append((page.run(**cell), shown))
print(json.dumps(results))
"""


def run_cells(tmp_path: Path, cells: list[dict]) -> list[tuple[bool, list]]:
    app = type("App", (), {"outdir": tmp_path, "builder": type("Builder", (), {"format": "html"})})
    runnable.write_wheel(app)
    wheel = tmp_path / runnable.WHEELS / app.runnable_wheel
    done = subprocess.run(
        [sys.executable, "-B", "-c", DRIVER, wheel, STATIC],
        input=json.dumps(cells),
        env=os.environ | {"MPLBACKEND": "module://cell_figures"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lesson_cells(lesson: Path) -> list[dict]:
    """A lesson's runnable cells as the page's script hands them on."""
    notebook = get_reader({"name": "myst_nb_md", "type": "plugin"})(str(lesson))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [(cell.source, cell.metadata.get("tags", [])) for cell in code]
    tagged = [(source, tags) for source, tags in sources if "runnable" in tags]
    return [
        {"title": f"cell {i}", "source": source, "aside": "aside" in tags, **site}
        for i, ((source, tags), site) in enumerate(
            zip(tagged, runnable.runnable_cells(sources), strict=True), start=1
        )
    ]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lessons_cells_run_on_their_own(tmp_path, lesson):
    """No runnable cell needs PyTorch, or a name from a cell that is not runnable."""
    cells = lesson_cells(lesson)
    assert len(cells) >= 10
    results = run_cells(tmp_path, cells)
    wrong = [
        f"{cell['title']}: {''.join(text for kind, text in shown if kind == 'err')}"
        for cell, (ran, shown) in zip(cells, results, strict=True)
        if not ran
    ]
    assert wrong == []
    figures = [text for _, shown in results for kind, text in shown if kind == "figure"]
    assert bool(figures) == any("plt.show()" in cell["source"] for cell in cells)
    assert all(b"<svg" in base64.b64decode(text.partition(",")[2]) for text in figures)


SOLUTIONS = {
    "02": ("da_t = dh_t  #", "da_t = dh_t * h_t * (1 - h_t)  #"),
    "04": ("dh_t = g[t] + from_later  #", "dh_t = g[t] + 0.1 * h[t] + from_later  #"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "lesson", [path for path in LESSONS if path.name[:2] in SOLUTIONS], ids=lambda path: path.stem
)
def test_a_stub_says_not_yet_and_a_right_answer_passes(tmp_path, lesson):
    cells = lesson_cells(lesson)
    stub = next(i for i, cell in enumerate(cells) if "change this line" in cell["source"])
    line, answer = SOLUTIONS[lesson.name[:2]]
    right = cells[stub] | {"source": cells[stub]["source"].replace(line, answer)}
    assert right != cells[stub]
    *_, (_, at_first), (_, at_last) = run_cells(tmp_path, [*cells[: stub + 1], right])
    assert "".join(text for _, text in at_first).startswith("Not yet: ")
    assert re.match(r"d\S+: relative error \S+ over \d+ entries", at_last[0][1])


@pytest.mark.parametrize(("points", "kind"), [(10, "svg+xml"), (100_000, "png")])
def test_a_figure_is_svg_or_where_that_is_large_png(tmp_path, points, kind):
    source = f"plt.scatter(*np.random.default_rng(0).random((2, {points})), marker='x')\nplt.show()"
    imports = "import numpy as np\nimport matplotlib.pyplot as plt"
    many = "for _ in range(12):\n    plt.figure()"
    cells = [{"title": "cell 1", "source": source, "imports": imports}]
    cells.append({"title": "cell 2", "source": many})
    (_, shown), (_, bounded) = run_cells(tmp_path, cells)
    assert [(k, text.partition(";")[0]) for k, text in shown] == [("figure", f"data:image/{kind}")]
    assert [k for k, _ in bounded] == ["figure"] * 10 + ["note"]
