"""Figures that a reader moves with sliders: SVG in the page, over data computed at build.

A lesson's cell ends in `slider_lines(...)` or `slider_heatmap(...)`. The HTML that it shows holds
the picture of the starting position, which is all that print and a browser without scripts show,
and the data of every position, over which `book/_static/slider.js` redraws. The axes stay where
they are, so that positions can be compared. Labels and messages are plain text.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib import rcParamsDefault
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from unrolled.figures import COLOURS, DASHES

# In units of the viewBox. A phone shows its 500 at about 350 px, where 17 are 11 px high or more.
WIDTH, HEIGHT, FONT = 500, 320, 17
LEFT, TOP, BOTTOM = 78, 12, 264
LINES_END, CELLS_END, BAR = 488, 386, (402, 418)
STROKE = 2.5
LEVELS = 10  # shades of a heat map
SIGNIFICANT = 3  # digits of the numbers in the page
MAX_TICKS = 6
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class SliderFigure:
    """What a cell shows: `html` in the book; `text`, a sentence, where HTML can't be shown."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


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
    positions = _Positions.of(name, sliders, start, messages)
    x = _rising("x", x)
    if not 1 <= len(curves) <= len(COLOURS):
        raise ValueError(f"curves: expected 1 to {len(COLOURS)} lines, got {len(curves)}")
    lines = []
    for line, values in curves.items():
        argument, values = f"curves[{line!r}]", np.asarray(values)
        if values.shape not in {(*positions.shape, x.size), (*positions.shape, 1)}:
            expected = (*positions.shape, x.size)
            raise ValueError(f"{argument}: expected shape {expected}, got {values.shape}")
        values = _finite(argument, values, positive=log)
        lines.append(_rounded(values.reshape(-1, values.shape[-1])))
    frames = [list(rows) for rows in zip(*lines, strict=True)]
    limits = _limits(limits, (v for frame in frames for row in frame for v in row), log)

    across, up = _Scale(x[0], x[-1], LEFT, LINES_END), _Scale(*limits, BOTTOM, TOP, log)
    columns = [round(across(value), 1) for value in x]
    looks = [
        f'fill="none" stroke="{colour}" stroke-width="{STROKE}"{_dashes(dash)}'
        for colour, dash in zip(COLOURS.values(), DASHES, strict=True)
    ]
    paths = (
        f'<path data-series {look} d="{_line(columns, row, up)}"/>'
        for look, row in zip(looks, frames[positions.first], strict=False)
    )
    return _figure(
        name,
        positions,
        drawing=_axes(xlabel, across.ticks(), ylabel, up.ticks(), LINES_END)
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
    positions = _Positions.of(name, sliders, start, messages)
    x, y, cells = _rising("x", x), _rising("y", y), np.asarray(cells)
    if cells.shape != (expected := (*positions.shape, y.size, x.size)):
        raise ValueError(f"cells: expected shape {expected}, got {cells.shape}")
    cells = _finite("cells", cells, positive=log, blank=True)
    frames = _rounded(cells.reshape(-1, y.size, x.size))
    limits = _limits(limits, cells[~np.isnan(cells)], log)

    columns = np.linspace(LEFT, CELLS_END, x.size + 1).round(1).tolist()
    rows = np.linspace(TOP, BOTTOM, y.size + 1).round(1).tolist()
    shade = _Scale(*limits, 0, LEVELS, log)
    bar = _Scale(*limits, BOTTOM, TOP, log)
    steps = np.linspace(BOTTOM, TOP, LEVELS + 1).round(1)
    shades = [f'fill-opacity="{(level + 1) / LEVELS:g}"' for level in range(LEVELS)]
    paths = (
        f'<path data-series {look} d="{d}"/><path {look} d="{_box(BAR[0], high, BAR[1], low)}"/>'
        for look, d, low, high in zip(
            shades,
            _shaded(columns, rows, frames[positions.first], shade),
            steps[:-1],
            steps[1:],
            strict=True,
        )
    )
    ticks = (_label(BAR[1] + 6, at + 5, text) for at, text in bar.ticks())
    return _figure(
        name,
        positions,
        drawing=f'<g class="slider-cells" fill="{COLOURS["blue"]}" shape-rendering="crispEdges">'
        f"{''.join(paths)}</g>{''.join(ticks)}{_label(WIDTH - 8, None, label, 'middle')}"
        + _axes(xlabel, _names(columns, x), ylabel, _names(rows, y), CELLS_END, ruled=False),
        end=CELLS_END,
        readers={xlabel: x, ylabel: y},
        keys=[escape(label)],
        data={"columns": columns, "rows": rows, "scale": shade.affine, "log": log},
        frames=frames,
    )


@dataclass(frozen=True)
class _Positions:
    """The grid of the sliders, where they stand at first, and what is said at each position."""

    grid: dict[str, np.ndarray]
    at: tuple[int, ...]
    texts: list[str]

    @classmethod
    def of(
        cls, name: str, sliders: Mapping, start: float | Sequence[float], messages: Sequence
    ) -> "_Positions":
        """Check the arguments that lines and heat maps share; raise ValueError."""
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise ValueError(f"name: expected small letters, digits and hyphens, got {name!r}")
        if len(sliders) not in (1, 2):
            raise ValueError(f"sliders: expected one or two, got {len(sliders)}")
        grid = {text: _rising(f"sliders[{text!r}]", values) for text, values in sliders.items()}
        shape = tuple(values.size for values in grid.values())
        wanted = np.atleast_1d(start)
        if wanted.shape != (len(grid),):
            raise ValueError(f"start: expected {len(grid)} value(s), one a slider, got {start!r}")
        at = []
        for (text, values), value in zip(grid.items(), wanted, strict=True):
            found = np.flatnonzero(np.isclose(values, value))
            if not found.size:
                raise ValueError(f"start: expected one of the values of {text!r}, got {value}")
            at.append(int(found[0]))
        said = np.array(messages, dtype=object)
        if said.shape != shape or not all(isinstance(message, str) for message in said.flat):
            raise ValueError(f"messages: expected texts of shape {shape}, got shape {said.shape}")
        texts = []
        for index in np.ndindex(shape):
            values = zip(grid.items(), index, strict=True)
            told = ", ".join(f"{text} {_text(_round(v[i]))}" for (text, v), i in values)
            texts.append(f"{told}: {said[index]}")
        return cls(grid, tuple(at), texts)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each slider."""
        return tuple(values.size for values in self.grid.values())

    @property
    def first(self) -> int:
        """The index of the starting position among all positions."""
        return int(np.ravel_multi_index(self.at, self.shape))


@dataclass(frozen=True)
class _Scale:
    """A straight line from the numbers low … high, or their logarithms, to begin … end."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    @property
    def affine(self) -> tuple[float, float]:
        """Offset and factor, which are all that the page's script needs."""
        low, high = (math.log10(v) if self.log else v for v in (self.low, self.high))
        factor = (self.end - self.begin) / (high - low)
        return self.begin - factor * low, factor

    def __call__(self, value: float) -> float:
        offset, factor = self.affine
        return offset + factor * (math.log10(value) if self.log else value)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places and labels of round numbers, or of powers of ten."""
        if self.log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            every = math.ceil(len(powers) / MAX_TICKS)
            shown = {10.0**power: power for power in powers if power % every == 0}
            names = {0: "1", 1: "10"}
            return [
                (self(value), names.get(power, "10" + str(power).translate(SUPERSCRIPTS)))
                for value, power in shown.items()
            ]
        values = MaxNLocator(MAX_TICKS, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        inside = [v for v in values if self.low - slack <= v <= self.high + slack]
        return [(self(value), _text(_round(value))) for value in inside]


def _finite(
    argument: str, values: ArrayLike, positive: bool = False, blank: bool = False
) -> np.ndarray:
    """Return float64 numbers; raise ValueError with the first that may not be drawn."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{argument}: expected numbers, got {values!r}") from None
    wrong = ~np.isfinite(numbers) & ~(blank & np.isnan(numbers))
    wrong |= positive & (numbers <= 0)
    if wrong.any():
        where = tuple(map(int, np.argwhere(wrong)[0]))
        kind = "positive finite" if positive else "finite"
        raise ValueError(f"{argument}: expected {kind} numbers, got {numbers[where]} at {where}")
    return numbers


def _rising(argument: str, values: ArrayLike) -> np.ndarray:
    numbers = _finite(argument, values)
    if numbers.ndim != 1 or numbers.size < 2 or not (np.diff(numbers) > 0).all():
        raise ValueError(f"{argument}: expected a row of two or more rising numbers, got {values}")
    return numbers


def _limits(
    limits: tuple[float, float] | None, values: Iterable[float], log: bool
) -> tuple[float, float]:
    """Return the limits given, checked, or some that all values fit into."""
    if limits is not None:
        low, high = _finite("limits", limits, positive=log)
        if not low < high:
            raise ValueError(f"limits: expected (low, high), got {limits}")
        return float(low), float(high)
    values = np.fromiter(values, dtype=np.float64)
    if not values.size:
        raise ValueError("cells: expected at least one number, got nan only")
    low, high = float(values.min()), float(values.max())
    if log:
        low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return 10.0**low, 10.0 ** max(high, low + 1)
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin


def _round(value: float) -> float | int | None:
    """Return a number as the page has it; nan, which JSON lacks, as None."""
    if math.isnan(value):
        return None
    short = float(f"{value:.{SIGNIFICANT}g}")
    return int(short) if short.is_integer() and abs(short) < 1e6 else short


def _rounded(values: np.ndarray) -> list:
    if values.ndim == 1:
        return [_round(value) for value in values]
    return [_rounded(row) for row in values]


def _text(value: float | None) -> str:
    """Write a number as the page's script does, with a minus sign rather than a hyphen."""
    if value is None:
        return "no value"
    if value and not 1e-4 <= abs(value) < 1e6:
        written = np.format_float_scientific(value, trim="-", exp_digits=1)
    else:
        written = np.format_float_positional(value, trim="-")
    return written.replace("+", "").replace("-", "−")


def _dashes(dash: str | tuple) -> str:
    """Return Matplotlib's dash pattern as an attribute of SVG."""
    names = {"--": "dashed", ":": "dotted", "-.": "dashdot"}
    if dash == "-":
        return ""
    pattern = rcParamsDefault[f"lines.{names[dash]}_pattern"] if dash in names else dash[1]
    lengths = " ".join(f"{length * STROKE:g}" for length in pattern)
    return f' stroke-dasharray="{lengths}"'


def _line(columns: Sequence[float], row: Sequence[float], up: _Scale) -> str:
    """Return a line's path; a row of one number makes it level."""
    row = row if len(row) > 1 else row * len(columns)
    return "M" + "L".join(f"{x:g} {up(value):.1f}" for x, value in zip(columns, row, strict=True))


def _box(left: float, top: float, right: float, bottom: float) -> str:
    return f"M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}z"


def _shaded(
    columns: Sequence[float], rows: Sequence[float], cells: Sequence[Sequence], shade: _Scale
) -> list[str]:
    """Return one path a shade, made of the boxes of the cells that have it."""
    paths = [""] * LEVELS
    for j, row in enumerate(cells):
        for i, value in enumerate(row):
            if value is not None:
                level = min(max(math.floor(shade(value)), 0), LEVELS - 1)
                paths[level] += _box(columns[i], rows[j], columns[i + 1], rows[j + 1])
    return paths


def _names(edges: Sequence[float], values: np.ndarray) -> list[tuple[float, str]]:
    """Return the middles and names of some rows or columns, evenly chosen."""
    every = math.ceil(values.size / MAX_TICKS)
    chosen = range(0, values.size, every)
    return [((edges[i] + edges[i + 1]) / 2, _text(_round(values[i]))) for i in chosen]


def _label(x: float, y: float | None, text: str, anchor: str = "start") -> str:
    """Return a text at a place, or, without y, one that climbs beside the middle of the plot."""
    if y is None:
        where = f'transform="translate({x:g} {(TOP + BOTTOM) / 2:g}) rotate(-90)"'
    else:
        where = f'x="{x:g}" y="{y:g}"'
    return f'<text {where} text-anchor="{anchor}">{escape(text)}</text>'


def _axes(
    xlabel: str,
    xticks: Iterable[tuple[float, str]],
    ylabel: str,
    yticks: Iterable[tuple[float, str]],
    end: float,
    ruled: bool = True,
) -> str:
    """Return both axes with their labels; `ruled` adds faint lines at the ticks."""
    rules, texts = "", ""
    for x, text in xticks:
        rules += f"M{x:.1f} {TOP}V{BOTTOM}"
        texts += _label(round(x, 1), BOTTOM + 20, text, "middle")
    for y, text in yticks:
        rules += f"M{LEFT} {y:.1f}H{end}"
        texts += _label(LEFT - 7, round(y, 1) + 5.5, text, "end")
    grid = f'<path stroke-opacity="0.2" d="{rules}"/>' if ruled else ""
    return (
        f'<g fill="none" stroke="currentColor">{grid}<path d="M{LEFT} {TOP}V{BOTTOM}H{end}"/></g>'
        f"{texts}{_label((LEFT + end) / 2, BOTTOM + 46, xlabel, 'middle')}"
        f"{_label(18, None, ylabel, 'middle')}"
    )


def _ranges(kind: str, count: dict[str, int], at: Iterable[int]) -> str:
    """Return a native slider for each label, hidden until the script can serve it."""
    inputs = (
        f"<label>{escape(text)} "
        f'<input type="range" data-{kind} min="0" max="{size - 1}" value="{value}"'
        ' autocomplete="off"></label>\n'
        for (text, size), value in zip(count.items(), at, strict=True)
    )
    return f'<div class="slider-{kind}s" hidden>\n{"".join(inputs)}</div>\n'


def _figure(
    name: str,
    positions: _Positions,
    *,
    drawing: str,
    end: float,
    readers: dict[str, np.ndarray],
    keys: list[str],
    data: dict[str, Any],
    frames: list,
) -> SliderFigure:
    """Put the picture, its sliders, its read-out and its data into one piece of HTML.

    A reader slider picks the point whose values stand below the picture: x, or x and y.
    """
    text = positions.texts[positions.first]
    counts = {label: values.size for label, values in positions.grid.items()}
    sizes = {label: values.size for label, values in readers.items()}
    axes = {label: _rounded(values) for label, values in readers.items()}
    data |= {"axes": axes, "texts": positions.texts, "frames": frames}
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    told = " ".join(f'<span class="slider-value">{key}<b hidden></b></span>' for key in keys)
    html = (
        f'<div class="slider" id="{name}">\n'
        f"{_ranges('parameter', counts, positions.at)}"
        f'<p class="slider-message">{escape(text)}</p>\n'
        f'<svg class="slider-picture" role="img" aria-label="{escape(text)}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-size="{FONT}"'
        f' fill="currentColor"><clipPath id="{name}-inside">'
        f'<path d="{_box(LEFT, TOP, end, BOTTOM)}"/></clipPath>{drawing}'
        f'<path class="slider-mark" clip-path="url(#{name}-inside)" fill="none"'
        ' stroke="currentColor" stroke-width="1.5"/></svg>\n'
        f"{_ranges('reader', sizes, [size // 2 for size in sizes.values()])}"
        f'<p class="slider-values"><span class="slider-where" hidden></span> {told}</p>\n'
        f'<script type="application/json">{written}</script>\n</div>\n'
    )
    return SliderFigure(html, text)
