"""One style for all figures of the course."""

import sys

import matplotlib
from cycler import cycler

# Okabe and Ito's palette (2008), which colour-blind readers can tell apart, without black and
# yellow: each vanishes on one of the two grounds. The first four keep a contrast of 3 on both.
COLOURS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
}
DASHES = ("-", "--", ":", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (10, 3)))

# For lines and letters: a grey whose contrast is 4.4 on white and 4.2 on the dark theme's #121212.
# No grey has more than 4.3 on both.
INK = "#787878"

_STYLE = {
    # 6 inches are 576 px. A phone shows that at 350 px, where 13 pt are still 10 px high.
    "figure.figsize": (6.0, 3.5),
    "figure.constrained_layout.use": True,
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "lines.linewidth": 2.0,
    # One drawing serves the light and the dark theme: no ground of its own, and ink for both.
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "patch.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.3,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=list(COLOURS.values())) + cycler(linestyle=DASHES),
    # Without a fixed salt the ids in an SVG differ on every build.
    "svg.hashsalt": "unrolled",
}


def use_style() -> None:
    """Make all figures from here on the course's; in a notebook, draw them as SVG.

    The same figure gives the same bytes on every build. Outside a notebook that needs
    `savefig(..., metadata={"Date": None})`, for Matplotlib has no setting for the date.
    """
    matplotlib.rcParams.update(_STYLE)
    # Loaded already if this is a notebook; not worth loading to find out that it is not.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from matplotlib_inline.config import InlineBackend

        # Its settings rather than set_matplotlib_formats, whose effect is lost when the backend
        # starts later, with the first figure.
        inline = InlineBackend.instance(parent=shell)
        inline.shell = shell
        inline.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
        inline.figure_formats = {"svg"}
