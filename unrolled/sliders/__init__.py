"""Figures that a reader moves with sliders: SVG in the page, over data computed at build.

A lesson's cell ends in `slider_lines(...)` or `slider_heatmap(...)`. The HTML that it shows holds
the picture of the starting position, which is all that print and a browser without scripts show,
and the data of every position, over which `book/_static/slider.js` redraws. The axes stay where
they are, so that positions can be compared. Labels and messages are plain text.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from unrolled.figures import COLOURS, DASHES
from unrolled.sliders.drawing import (
    BAR,
    BOTTOM,
    CELLS_END,
    LEFT,
    LEVELS,
    LINES_END,
    STROKE,
    TOP,
    WIDTH,
    Scale,
    axes,
    box,
    dashes,
    label_at,
    line_path,
    names_between,
    shaded,
)
from unrolled.sliders.numbers import finite, limits_of, rising, rounded
from unrolled.sliders.page import Positions, SliderFigure, figure

__all__ = ["SliderFigure", "slider_heatmap", "slider_lines"]


def slider_lines(
    name: str,
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    sliders: Mapping[str, Sequence[float]],
    start: float | Sequence[float],
    messages: Sequence,
    xlabel: str,
    ylabel: str,
    log: bool = False,
    limits: tuple[float, float] | None = None,
) -> SliderFigure:
    """Draw lines over x, one picture for each position of one slider or two.

    Args:
        name: the figure's id in the page: small letters, digits and hyphens.
        x: where the lines have their points, rising (X,).
        curves: the values of each line by its name, (P, X), or (P, Q, X) with two sliders. A last
            axis of size 1 makes a level line.
        sliders: the rising values of each parameter, P of them, or P and Q, by its label.
        start: the value at which each slider stands at first.
        messages: what is to be seen at each position, (P,) or (P, Q); the page puts the values of
            the parameters before it.
        xlabel: label of the axis across, with its unit.
        ylabel: label of the axis up, with its unit.
        log: whether the axis up is logarithmic.
        limits: the ends of the axis up, where lines are cut off; by default every line fits.

    Raises:
        ValueError: an argument lacks the form above, or a number is not finite, or not positive
            on a logarithmic axis.
    """
    positions = Positions.of(name, sliders, start, messages)
    x = rising("x", x)
    if not 1 <= len(curves) <= len(COLOURS):
        raise ValueError(f"curves: expected 1 to {len(COLOURS)} lines, got {len(curves)}")
    lines = []
    for line, values in curves.items():
        argument, values = f"curves[{line!r}]", np.asarray(values)
        if values.shape not in {(*positions.shape, x.size), (*positions.shape, 1)}:
            expected = (*positions.shape, x.size)
            raise ValueError(f"{argument}: expected shape {expected}, got {values.shape}")
        values = finite(argument, values, positive=log)
        lines.append(rounded(values.reshape(-1, values.shape[-1])))
    frames = [list(rows) for rows in zip(*lines, strict=True)]
    limits = limits_of(limits, (v for frame in frames for row in frame for v in row), log)

    across, up = Scale(x[0], x[-1], LEFT, LINES_END), Scale(*limits, BOTTOM, TOP, log)
    columns = [round(across(value), 1) for value in x]
    looks = [
        f'fill="none" stroke="{colour}" stroke-width="{STROKE}"{dashes(dash)}'
        for colour, dash in zip(COLOURS.values(), DASHES, strict=True)
    ]
    paths = (
        f'<path data-series {look} d="{line_path(columns, row, up)}"/>'
        for look, row in zip(looks, frames[positions.first], strict=False)
    )
    return figure(
        name,
        positions,
        drawing=axes(xlabel, across.ticks(), ylabel, up.ticks(), LINES_END)
        + f'<g clip-path="url(#{name}-inside)">{"".join(paths)}</g>',
        end=LINES_END,
        readers={xlabel: x},
        keys=[
            f'<svg class="slider-key" width="34" height="8" aria-hidden="true">'
            f'<path {look} d="M0 4H34"/></svg> {escape(line)}'
            for line, look in zip(curves, looks, strict=False)
        ],
        data={"columns": columns, "rows": [TOP, BOTTOM], "scale": up.affine, "log": log},
        frames=frames,
    )


def slider_heatmap(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    cells: ArrayLike,
    *,
    sliders: Mapping[str, Sequence[float]],
    start: float | Sequence[float],
    messages: Sequence,
    xlabel: str,
    ylabel: str,
    label: str,
    log: bool = False,
    limits: tuple[float, float] | None = None,
) -> SliderFigure:
    """Draw a matrix as shades, its first row on top, for each position of one slider or two.

    Args:
        name: the figure's id in the page: small letters, digits and hyphens.
        x: what the columns stand for, rising (X,).
        y: what the rows stand for, rising (Y,).
        cells: the numbers (P, Y, X), or (P, Q, Y, X) with two sliders; nan leaves a cell blank.
        sliders: as in `slider_lines`.
        start: as in `slider_lines`.
        messages: as in `slider_lines`.
        xlabel: label of the columns.
        ylabel: label of the rows.
        label: what the shades stand for.
        log: whether equal steps of shade are equal ratios.
        limits: the numbers of the faintest and the darkest shade; by default all cells fit.

    Raises:
        ValueError: as in `slider_lines`.
    """
    positions = Positions.of(name, sliders, start, messages)
    x, y, cells = rising("x", x), rising("y", y), np.asarray(cells)
    if cells.shape != (expected := (*positions.shape, y.size, x.size)):
        raise ValueError(f"cells: expected shape {expected}, got {cells.shape}")
    cells = finite("cells", cells, positive=log, blank=True)
    frames = rounded(cells.reshape(-1, y.size, x.size))
    limits = limits_of(limits, cells[~np.isnan(cells)], log)

    columns = np.linspace(LEFT, CELLS_END, x.size + 1).round(1).tolist()
    rows = np.linspace(TOP, BOTTOM, y.size + 1).round(1).tolist()
    shade = Scale(*limits, 0, LEVELS, log)
    bar = Scale(*limits, BOTTOM, TOP, log)
    steps = np.linspace(BOTTOM, TOP, LEVELS + 1).round(1)
    shades = [f'fill-opacity="{(level + 1) / LEVELS:g}"' for level in range(LEVELS)]
    paths = (
        f'<path data-series {look} d="{d}"/><path {look} d="{box(BAR[0], high, BAR[1], low)}"/>'
        for look, d, low, high in zip(
            shades,
            shaded(columns, rows, frames[positions.first], shade),
            steps[:-1],
            steps[1:],
            strict=True,
        )
    )
    ticks = (label_at(BAR[1] + 6, at + 5, text) for at, text in bar.ticks())
    return figure(
        name,
        positions,
        drawing=f'<g class="slider-cells" fill="{COLOURS["blue"]}" shape-rendering="crispEdges">'
        f"{''.join(paths)}</g>{''.join(ticks)}{label_at(WIDTH - 8, None, label, 'middle')}"
        + axes(
            xlabel,
            names_between(columns, x),
            ylabel,
            names_between(rows, y),
            CELLS_END,
            ruled=False,
        ),
        end=CELLS_END,
        readers={xlabel: x, ylabel: y},
        keys=[escape(label)],
        data={"columns": columns, "rows": rows, "scale": shade.affine, "log": log},
        frames=frames,
    )
