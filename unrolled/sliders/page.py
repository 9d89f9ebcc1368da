"""The HTML of a slider's figure: sliders, picture, read-out, and the data of every position."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from unrolled.sliders.drawing import BOTTOM, FONT, HEIGHT, LEFT, TOP, WIDTH, box
from unrolled.sliders.numbers import rising, rounded, rounded_number, text_of


@dataclass(frozen=True)
class SliderFigure:
    """What a cell shows: `html` in the book; `text`, a sentence, where HTML can't be shown."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Positions:
    """The grid of the sliders, where they stand at first, and what is said at each position."""

    grid: dict[str, np.ndarray]
    at: tuple[int, ...]
    texts: list[str]

    @classmethod
    def of(
        cls, name: str, sliders: Mapping, start: float | Sequence[float], messages: Sequence
    ) -> "Positions":
        """Check the arguments that lines and heat maps share; raise ValueError."""
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise ValueError(f"name: expected small letters, digits and hyphens, got {name!r}")
        if len(sliders) not in (1, 2):
            raise ValueError(f"sliders: expected one or two, got {len(sliders)}")
        grid = {text: rising(f"sliders[{text!r}]", values) for text, values in sliders.items()}
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
            told = ", ".join(f"{text} {text_of(rounded_number(v[i]))}" for (text, v), i in values)
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


def ranges(kind: str, count: dict[str, int], at: Iterable[int]) -> str:
    """Return a native slider for each label, hidden until the script can serve it."""
    inputs = (
        f"<label>{escape(text)} "
        f'<input type="range" data-{kind} min="0" max="{size - 1}" value="{value}"'
        ' autocomplete="off"></label>\n'
        for (text, size), value in zip(count.items(), at, strict=True)
    )
    return f'<div class="slider-{kind}s" hidden>\n{"".join(inputs)}</div>\n'


def figure(
    name: str,
    positions: Positions,
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
    axes = {label: rounded(values) for label, values in readers.items()}
    data |= {"axes": axes, "texts": positions.texts, "frames": frames}
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    told = " ".join(f'<span class="slider-value">{key}<b hidden></b></span>' for key in keys)
    html = (
        f'<div class="slider" id="{name}">\n'
        f"{ranges('parameter', counts, positions.at)}"
        f'<p class="slider-message">{escape(text)}</p>\n'
        f'<svg class="slider-picture" role="img" aria-label="{escape(text)}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-size="{FONT}"'
        f' fill="currentColor"><clipPath id="{name}-inside">'
        f'<path d="{box(LEFT, TOP, end, BOTTOM)}"/></clipPath>{drawing}'
        f'<path class="slider-mark" clip-path="url(#{name}-inside)" fill="none"'
        ' stroke="currentColor" stroke-width="1.5"/></svg>\n'
        f"{ranges('reader', sizes, [size // 2 for size in sizes.values()])}"
        f'<p class="slider-values"><span class="slider-where" hidden></span> {told}</p>\n'
        f'<script type="application/json">{written}</script>\n</div>\n'
    )
    return SliderFigure(html, text)
