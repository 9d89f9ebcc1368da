"""The figures' style: the same bytes on every build, readable on both themes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbformat
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

from unrolled.figures import COLOURS, DASHES, INK, use_style

ROOT = Path(__file__).parents[2]
GROUNDS = {"light": "#ffffff", "dark": "#121212"}
DRAW = """
import io
from matplotlib.figure import Figure
from unrolled.figures import use_style

use_style()
fig = Figure()
ax = fig.subplots()
for k in range(3):
    ax.plot([0, 1, 2], [k, k + 1, k * k], marker="o", label=f"$k={k}$")
ax.set(xlim=(0, 1.5), xlabel="step $t$")
ax.legend()
svg = io.BytesIO()
fig.savefig(svg, format="svg", metadata={"Date": None})
"""


@pytest.fixture
def style():
    with matplotlib.rc_context():
        use_style()
        yield


def contrast(one, other):
    """Return the contrast ratio of WCAG 2.2."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
def test_ink_reads_on_both_grounds(ground):
    assert contrast(INK, ground) >= 4


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
@pytest.mark.parametrize("name", list(COLOURS)[:4])
def test_first_four_colours_stand_out_on_both_grounds(name, ground):
    assert contrast(COLOURS[name], ground) >= 3


def test_every_line_has_its_own_colour_and_its_own_dash(style):
    ax = Figure().subplots()
    lines = [ax.plot([0, 1])[0] for _ in COLOURS]
    assert len({line.get_color() for line in lines}) == len(COLOURS) == 6
    assert len({str(line._dash_pattern) for line in lines}) == len(DASHES) == 6


def test_everything_that_is_not_data_is_drawn_in_ink_on_no_ground(style):
    fig = Figure()
    ax = fig.subplots()
    ax.plot([0, 1], label="line")
    ax.set(title="title", xlabel="x", ylabel="y")
    letters = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.legend().get_texts()]
    letters += [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.text(0, 0, "note")]
    assert {text.get_color() for text in letters} == {INK}
    assert {matplotlib.colors.to_hex(s.get_edgecolor()) for s in ax.spines.values()} == {INK}
    assert fig.get_facecolor()[3] == ax.get_facecolor()[3] == 0
    png = io.BytesIO()
    fig.savefig(png, format="png")
    png.seek(0)
    assert matplotlib.image.imread(png)[0, 0, 3] == 0


def test_letters_stay_readable_on_a_phone(style):
    width = matplotlib.rcParams["figure.figsize"][0] * 96
    assert width <= 700
    for name in ("font.size", "axes.labelsize", "xtick.labelsize", "legend.fontsize"):
        pixels = matplotlib.rcParams[name] * 96 / 72
        assert pixels * 350 / width >= 9.5


def test_svg_is_the_same_in_every_process_with_and_without_ipython():
    without = f"{DRAW}import sys; assert 'IPython' not in sys.modules"
    with_it = f"import IPython{DRAW}"
    first, second = (
        subprocess.run(
            [sys.executable, "-c", f"{script}\nprint(svg.getvalue().decode())"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        for script, seed in ((without, "1"), (with_it, "2"))
    )
    assert first.stdout.startswith(b"<?xml")
    assert first.stdout == second.stdout
    assert first.stderr == b""


def test_notebook_draws_the_same_svg_again():
    first = "from unrolled.figures import use_style\nuse_style()"
    draw = "import matplotlib.pyplot as plt\nplt.plot([0, 1], 'o-', label='a')\nplt.legend();"
    cells = [nbformat.v4.new_code_cell(source) for source in (first, draw, draw)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    one, two = ([output.data for output in cell.outputs] for cell in notebook.cells[1:])
    assert [sorted(data) for data in one] == [["image/svg+xml", "text/plain"]]
    assert one == two
