"""The picture of a slider's figure in SVG: scales, axes, lines, shaded cells."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib import rcParamsDefault
from matplotlib.ticker import MaxNLocator

from unrolled.sliders.numbers import rounded_number, text_of

# In units of the viewBox. A phone shows its 500 at about 350 px, where 17 are 11 px high or more.
WIDTH, HEIGHT, FONT = 500, 320, 17
LEFT, TOP, BOTTOM = 78, 12, 264
LINES_END, CELLS_END, BAR = 488, 386, (402, 418)
STROKE = 2.5
LEVELS = 10  # shades of a heat map
MAX_TICKS = 6
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
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
        """Return where a number lies."""
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
        return [(self(value), text_of(rounded_number(value))) for value in inside]


def dashes(dash: str | tuple) -> str:
    """Return Matplotlib's dash pattern as an attribute of SVG."""
    names = {"--": "dashed", ":": "dotted", "-.": "dashdot"}
    if dash == "-":
        return ""
    pattern = rcParamsDefault[f"lines.{names[dash]}_pattern"] if dash in names else dash[1]
    lengths = " ".join(f"{length * STROKE:g}" for length in pattern)
    return f' stroke-dasharray="{lengths}"'


def line_path(columns: Sequence[float], row: Sequence[float], up: Scale) -> str:
    """Return a line's path; a row of one number makes it level."""
    row = row if len(row) > 1 else row * len(columns)
    return "M" + "L".join(f"{x:g} {up(value):.1f}" for x, value in zip(columns, row, strict=True))


def box(left: float, top: float, right: float, bottom: float) -> str:
    """Return a rectangle's path."""
    return f"M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}z"


def shaded(
    columns: Sequence[float], rows: Sequence[float], cells: Sequence[Sequence], shade: Scale
) -> list[str]:
    """Return one path a shade, made of the boxes of the cells that have it."""
    paths = [""] * LEVELS
    for j, row in enumerate(cells):
        for i, value in enumerate(row):
            if value is not None:
                level = min(max(math.floor(shade(value)), 0), LEVELS - 1)
                paths[level] += box(columns[i], rows[j], columns[i + 1], rows[j + 1])
    return paths


def names_between(edges: Sequence[float], values: np.ndarray) -> list[tuple[float, str]]:
    """Return the middles and names of some rows or columns, evenly chosen."""
    every = math.ceil(values.size / MAX_TICKS)
    chosen = range(0, values.size, every)
    return [((edges[i] + edges[i + 1]) / 2, text_of(rounded_number(values[i]))) for i in chosen]


def label_at(x: float, y: float | None, text: str, anchor: str = "start") -> str:
    """Return a text at a place, or, without y, one that climbs beside the middle of the plot."""
    if y is None:
        where = f'transform="translate({x:g} {(TOP + BOTTOM) / 2:g}) rotate(-90)"'
    else:
        where = f'x="{x:g}" y="{y:g}"'
    return f'<text {where} text-anchor="{anchor}">{escape(text)}</text>'


def axes(
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
        texts += label_at(round(x, 1), BOTTOM + 20, text, "middle")
    for y, text in yticks:
        rules += f"M{LEFT} {y:.1f}H{end}"
        texts += label_at(LEFT - 7, round(y, 1) + 5.5, text, "end")
    grid = f'<path stroke-opacity="0.2" d="{rules}"/>' if ruled else ""
    return (
        f'<g fill="none" stroke="currentColor">{grid}<path d="M{LEFT} {TOP}V{BOTTOM}H{end}"/></g>'
        f"{texts}{label_at((LEFT + end) / 2, BOTTOM + 46, xlabel, 'middle')}"
        f"{label_at(18, None, ylabel, 'middle')}"
    )
