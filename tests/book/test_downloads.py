"""The notebooks that readers download, and the links to them."""

import functools
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import nbclient
import nbformat
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from small_site import HEADER

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book"))

from library_wheel import build_wheel  # noqa: E402

LESSONS = sorted(path.stem for path in (ROOT / "lessons").glob("*.md"))
EXECUTED = [*LESSONS, "prerequisites"]  # the pages that a reader can take along as a notebook

CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["myst_nb", "sphinx_design", "sphinx_exercise", "quiz", "downloads"]
html_theme = "basic"
numfig = True
math_numfig = False
suppress_warnings = ["myst.domains"]
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "dollarmath"]
"""

PAGE = (
    HEADER
    + """
# A *title*

Prices are 3 \\$ or a\\*b_c\\_d; see [the other page](other.md), {eq}`tiny-sum` and <https://example.org>.

1\\. is no list.

$$
1 + 1 &= 2
$$ (tiny-sum)

```{code-cell} ipython3
:tags: [remove-cell]

a = 1
```

```{code-cell} ipython3
:tags: [hide-input]

b = a + 1
```

:::{note}
Mind $|a|$.
:::

| norm | code |
| --- | --- |
| $\\|a\\|$ | `x` |

:::{quiz}
How many?

- [x] one

  Count:

  ```python
  if a:
      count()
  ```
- [ ] \\<b\\> & two

  No.
:::

:::{exercise} Think
:label: tiny-think

Why?
:::

:::{solution} tiny-think
:class: dropdown

Because.
:::

:::{dropdown} Model *answer* < 3
An answer.
:::
"""
)


def is_chapter(name: str) -> bool:
    """Whether a lesson is one of the numbered chapters, which have a form; the capstone is not."""
    return name[0].isdigit()


class Tiny(NamedTuple):
    """A site of one lesson: where it is, the lesson's page and notebook, and the build's log."""

    out: Path
    html: str
    notebook: nbformat.NotebookNode | None
    log: str


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A function that builds such a site, once for all tests with the same settings."""

    @functools.cache
    def build(page: str = PAGE, **settings: str) -> Tiny:
        source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
        conf = CONF.format(ext=str(ROOT / "book" / "_ext"))
        conf += "".join(f"{name} = {value!r}\n" for name, value in settings.items())
        (source / "conf.py").write_text(conf)
        (source / "index.md").write_text(page)
        (source / "other.md").write_text("---\norphan: true\n---\n# Other\n")
        command = [sys.executable, "-m", "sphinx", "-q", "-E", "-b", "html", source, out]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        html, notebook = out / "index.html", out / "notebooks" / "index.ipynb"
        return Tiny(
            out,
            html.read_text() if html.is_file() else "",
            nbformat.read(notebook, 4) if notebook.is_file() else None,
            done.stderr,
        )

    return build


def markdown(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_every_construct_becomes_plain_markdown(tiny):
    _, _, notebook, log = tiny()
    assert log == ""
    text = markdown(notebook)
    for part in (
        "# A *title*",
        r"Prices are 3 \$ or a\*b_c_d; see the other page, (1) and ",
        "[https://example.org](https://example.org).",
        "\n1\\. is no list.",
        "$$\n1 + 1 &= 2\n\\tag{1}\n$$",
        "<blockquote>\n\n**Note**\n\nMind $|a|$.\n\n</blockquote>",
        "| norm | code |\n| --- | --- |\n| $\\vert a\\vert$ | `x` |",
        "**Question 1.** How many?\n\n- A. one\n- B. \\<b> & two",
        "- A: **right.** Count:\n\n  ```python\n  if a:\n      count()\n  ```\n- B: **wrong.** No.",
        "**Exercise 1 (Think)**\n\nWhy?",
        "<summary>Solution to Exercise 1 (Think)</summary>\n\nBecause.\n\n</details>",
        "<summary>Model answer &lt; 3</summary>\n\nAn answer.",
    ):
        assert part in text


def test_hidden_and_removed_cells_stay(tiny):
    notebook = tiny().notebook
    assert code(notebook)[1:] == ["a = 1", "b = a + 1"]
    assert all(not cell.metadata for cell in notebook.cells)


def test_without_an_address_the_library_is_a_file_beside_the_notebook(tiny):
    out, html, notebook, _ = tiny()
    page = BeautifulSoup(html, "html.parser").select_one(".downloads")
    assert page.find_previous_sibling().name == "h1"
    names = [link["href"] for link in page.select("a")]
    assert names[0] == "notebooks/index.ipynb" and names[1].endswith("-py3-none-any.whl")
    assert all((out / name).is_file() for name in names)
    assert "colab" not in html and "http" not in code(notebook)[0]
    assert f'"{Path(names[1]).name}"' in code(notebook)[0]


def test_with_an_address_everything_leads_there(tiny):
    _, html, notebook, log = tiny(
        html_baseurl="https://course.example.org/rnn", colab_repository="ORG/REPO/blob/pages"
    )
    assert log == ""
    links = BeautifulSoup(html, "html.parser").select(".downloads a")
    assert [link["href"] for link in links] == [
        "notebooks/index.ipynb",
        "https://colab.research.google.com/github/ORG/REPO/blob/pages/notebooks/index.ipynb",
    ]
    assert '"https://course.example.org/rnn/notebooks/" + wheel' in code(notebook)[0]
    assert "[the other page](https://course.example.org/rnn/other.html)" in markdown(notebook)


def test_colab_without_an_address_is_refused(tiny):
    *_, log = tiny(colab_repository="ORG/REPO/blob/pages")
    assert "set the site's address" in log


def test_what_has_no_markdown_is_named(tiny):
    _, _, notebook, log = tiny(PAGE + "\n:::{epigraph}\nWords.\n:::\n")
    assert notebook is None
    assert "no Markdown for 'block_quote'" in log and "index" in log


def test_install_cell_says_which_file_it_misses(tiny, tmp_path):
    """In an environment that has no `unrolled`; `-S` keeps the editable installation out."""
    notebook = tiny().notebook
    command = [sys.executable, "-I", "-S", "-c", code(notebook)[0]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode and re.search(r"Download unrolled_course-\S+\.whl", done.stderr)


def test_the_wheel_installs_the_whole_library_and_nothing_else(tmp_path):
    wheel = build_wheel(tmp_path / "one", ["unrolled"])
    assert wheel.read_bytes() == build_wheel(tmp_path / "two", ["unrolled"]).read_bytes()
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "-q"]
    subprocess.run([*command, "--target", target, wheel], check=True, timeout=120)
    ours = {path.relative_to(ROOT) for path in (ROOT / "unrolled").rglob("*.py")}
    assert {p.relative_to(target) for p in (target / "unrolled").rglob("*.py")} == ours
    assert (target / "unrolled" / "data" / "python_source.txt").is_file()
    assert not (target / "autograder").exists()


def test_the_wheel_has_no_upper_limit_and_can_leave_a_part_out(tmp_path):
    wheel = zipfile.ZipFile(build_wheel(tmp_path, ["unrolled"], without=["unrolled/modules"]))
    names = wheel.namelist()
    assert "unrolled/nets/rnn.py" in names and not [n for n in names if "modules" in n]
    assert "Requires-Python: >=3.11\n" in wheel.read(names[-3]).decode()


def test_a_renamed_folder_is_noticed(tmp_path):
    with pytest.raises(ValueError, match="unrolled/gone"):
        build_wheel(tmp_path, ["unrolled"], without=["unrolled/gone"])
    with pytest.raises(ValueError, match="there is no nothing"):
        build_wheel(tmp_path, ["nothing"])


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSONS)
class TestLesson:
    """The lessons' own notebooks."""

    @pytest.fixture
    def notebook(self, site, name):
        return nbformat.read(site / "notebooks" / f"{name}.ipynb", 4)

    def test_is_clean(self, notebook):
        nbformat.validate(notebook)
        assert notebook.cells[0].cell_type == "code" and "pip" in notebook.cells[0].source
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert len(cells) > 20
        assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)

    def test_reads_as_plain_markdown(self, notebook, name):
        """No MyST is left, and no mark of Markdown's stays unread."""
        text = markdown(notebook)
        assert not re.search(r"^\s*:::|^\s*```\{|\{[a-z:]+\}`|^\(\S+\)=$|^:\w+:", text, re.M)
        assert "127.0.0.1" not in text and "<svg" not in text
        text = re.sub(r"\\[\\`*$<_]", "", text)  # what is escaped is meant to be seen
        text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", "x", text, flags=re.DOTALL)
        html = MarkdownIt("commonmark").enable("table").render(text)
        page = BeautifulSoup(html, "html.parser")
        for element in page.select("code"):
            element.decompose()
        assert not re.search(r"\*\*|`|\]\(|^#|\$|^\s*\|", page.get_text(), re.M)
        folded = 15 if is_chapter(name) else 3
        assert len(page.select("details")) >= folded and len(page.select("table")) >= 1

    def test_numbers_are_the_sites(self, notebook, site, name):
        page = BeautifulSoup((site / "lessons" / f"{name}.html").read_text(), "html.parser")
        shown = [n.get_text().rstrip("#").strip("()") for n in page.select("span.eqno")]
        text = markdown(notebook)
        assert len(shown) > 5 and re.findall(r"\\tag\{(.+?)\}", text) == shown
        figures = [n.get_text().strip() for n in page.select("figcaption .caption-number")]
        assert re.findall(r"^_(Fig\. [C\d.]+):", text, re.M) == figures
        exercises = [n.get_text().strip() for n in page.select(".exercise .caption-number")]
        assert re.findall(r"^\*\*(Exercise [C\d.]+) ", text, re.M) == exercises
        assert shown[0] == (f"{int(name[:2])}.1" if is_chapter(name) else "C.1")

    def test_holds_all_questions_of_the_page(self, notebook, site, name):
        page = BeautifulSoup((site / "lessons" / f"{name}.html").read_text(), "html.parser")
        text = markdown(notebook)
        assert text.count("<summary>Answer</summary>") == len(page.select(".quiz"))
        assert text.count("<summary>Solution to") == len(page.select(".solution"))
        headings = [h for h in re.findall(r"^#+ (.+)", text, re.M)]
        assert len(headings) == len(page.select("article :is(h1, h2, h3, h4)"))


# The site's build has executed the same cells: here it is the notebook's form that counts.
QUICK = ("02-the-recurrent-cell", "prerequisites")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in QUICK else pytest.mark.full) for n in EXECUTED],
)
def test_notebook_executes_from_top_to_bottom(site, name, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(site / "notebooks" / f"{name}.ipynb", 4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert outputs
    assert name not in LESSONS or any("image/svg+xml" in o.get("data", {}) for o in outputs)


def test_every_notebook_of_the_site_is_executed_here(site):
    assert sorted(path.stem for path in (site / "notebooks").glob("*.ipynb")) == sorted(EXECUTED)
