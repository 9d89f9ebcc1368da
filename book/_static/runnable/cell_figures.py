"""A Matplotlib backend that shows figures in the output of the cell that draws them.

Matplotlib imports it by the setting MPLBACKEND=module://cell_figures when a first figure is made.
"""

import base64
import io

import cell_runner
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.figure import Figure

__all__ = ["FigureCanvas", "show"]

# A drawing with very many points is smaller as pixels.
MOST_SVG_BYTES = 500_000


def show(*args: object, **kwargs: object) -> None:
    """Send every open figure to the page and close it: what `plt.show()` calls."""
    try:
        for manager in Gcf.get_all_fig_managers():
            cell_runner.page.output.figure(data_url(manager.canvas.figure))
    finally:
        Gcf.destroy_all()


def data_url(figure: Figure) -> str:
    """Return a figure as the address of an image: SVG, or PNG where that would be too large."""
    kind, drawing = "svg+xml", draw(figure, format="svg", metadata={"Date": None})
    if len(drawing) > MOST_SVG_BYTES:
        kind, drawing = "png", draw(figure, format="png", dpi=144)
    return f"data:image/{kind};base64,{base64.b64encode(drawing).decode()}"


def draw(figure: Figure, **options: object) -> bytes:
    """Return a figure in a format of Matplotlib's."""
    buffer = io.BytesIO()
    figure.savefig(buffer, bbox_inches="tight", **options)
    return buffer.getvalue()
