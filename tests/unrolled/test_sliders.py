"""The figures with sliders: what is in their HTML, and what is refused."""

import gzip
import json
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from unrolled.figures import COLOURS
from unrolled.sliders import slider_heatmap, slider_lines

NAN, INF = np.nan, np.inf

LINES = {
    "name": "trace",
    "x": [0, 1, 4],
    "curves": {"state": [[0, 1, 2], [2, 1, 0]], "level": [[0.5], [1.5]]},
    "sliders": {"weight w": [0.5, 1]},
    "start": 1,
    "messages": ["it rises", "it falls"],
    "xlabel": "step t",
    "ylabel": "state h",
    "limits": (0, 2),
}
CELLS = {
    "name": "influence",
    "x": [0, 1],
    "y": [1, 2],
    "cells": [[[1e-3, NAN], [1e-1, 1e-2]], [[1e-3, NAN], [1, 1]]],
    "sliders": {"radius": [0.9, 1.1]},
    "start": 0.9,
    "messages": ["fades", "stays"],
    "xlabel": "from step k",
    "ylabel": "at step t",
    "label": "influence",
    "log": True,
}


def lines(**changes):
    return slider_lines(**(LINES | changes))


def heatmap(**changes):
    return slider_heatmap(**(CELLS | changes))


def data(figure) -> dict:
    return json.loads(re.search(r"<script[^>]*>(.*)</script>", figure.html)[1])


def series(figure) -> list[str]:
    return re.findall(r'<path data-series [^>]*\bd="([^"]*)"', figure.html)


def texts(figure) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", figure.html)]


def test_the_picture_is_the_starting_position():
    # The plot is the box from (78, 264) to (488, 12); x runs from 0 to 4 and y from 0 to 2.
    falling = "M78 12.0L180.5 138.0L488 264.0"
    assert series(lines()) == [falling, "M78 75.0L180.5 75.0L488 75.0"]
    assert series(lines(start=[0.5]))[0] == "M78 264.0L180.5 138.0L488 12.0"


def test_the_message_says_the_parameter_and_labels_the_picture():
    html = lines().html
    assert 'role="img" aria-label="weight w 1: it falls"' in html
    assert '<p class="slider-message">weight w 1: it falls</p>' in html
    assert data(lines())["texts"] == ["weight w 0.5: it rises", "weight w 1: it falls"]
    assert repr(lines()) == "weight w 1: it falls"
    assert lines()._repr_html_() == html


def test_two_sliders_run_through_their_positions_in_order():
    curve = np.arange(18).reshape(2, 3, 3)
    said = [["a", "b", "c"], ["d", "e", "f"]]
    sliders = {"w": [0, 1], "b": [-1, 0, 1]}
    figure = lines(curves={"h": curve}, sliders=sliders, start=(1, -1), messages=said, limits=None)
    found = data(figure)
    assert found["frames"][3] == [curve[1, 0].tolist()]
    assert [text[-1] for text in found["texts"]] == list("abcdef")
    assert figure.text == "w 1, b −1: d"
    assert re.findall(r'data-parameter min="0" max="(\d)" value="(\d)"', figure.html) == [
        ("1", "1"),
        ("2", "0"),
    ]


def test_every_control_waits_for_the_script():
    for figure in (lines(), heatmap()):
        inputs = figure.html.count("<input")
        hidden = re.findall(r"<div [^>]*hidden>(.*?)</div>", figure.html, re.DOTALL)
        assert sum(part.count("<input") for part in hidden) == inputs >= 2


def test_lines_differ_by_colour_and_by_dash():
    curves = {f"line {i}": np.full((2, 3), i + 1.0) for i in range(6)}
    drawn = re.findall(
        r'stroke="(#\w+)" stroke-width="2.5"([^>]*?) d="M78', lines(curves=curves).html
    )
    assert [colour for colour, _ in drawn] == list(COLOURS.values())
    assert len({dash for _, dash in drawn}) == 6


def test_axes_have_ticks_and_labels():
    assert texts(lines()) == [*"01234", "0", "0.5", "1", "1.5", "2", "step t", "state h"]


def test_a_logarithmic_axis_has_powers_of_ten():
    curve = {"size": [[1e-3, 1, 10], [1e-3, 1, 10]]}
    figure = lines(curves=curve, log=True, limits=None)
    assert texts(figure)[5:10] == ["10⁻³", "10⁻²", "10⁻¹", "1", "10"]
    assert series(figure) == ["M78 264.0L180.5 75.0L488 12.0"]


def test_without_limits_everything_fits():
    for log in (False, True):
        curve = {"size": [[0.02, 0.5, 3], [0.02, 700, 3]]}
        figure = lines(curves=curve, log=log, limits=None, start=1)
        heights = [float(y) for y in re.findall(r" ([\d.-]+)", series(figure)[0])]
        assert 12 <= min(heights) < max(heights) <= 264
    assert series(lines(curves={"zero": np.zeros((2, 3))}, limits=None))[0].count("138.0") == 3


def test_a_heat_map_has_its_first_row_on_top_and_blank_cells():
    drawn = series(heatmap(start=1.1))
    assert len(drawn) == 10
    # 10⁻³ is the faintest shade, at the top left; 1 the darkest, the whole second row.
    assert drawn[0] == "M78 12H232V138H78z"
    assert drawn[-1] == "M78 138H232V264H78zM232 138H386V264H232z"
    assert not any(drawn[1:-1])
    assert data(heatmap())["frames"][0] == [[0.001, None], [0.1, 0.01]]


def test_numbers_in_the_page_are_short():
    curve = {"h": [[1 / 3, 2e-9 / 3, 123456], [-0.0, 1, 2.0]]}
    assert data(lines(curves=curve, limits=None))["frames"] == [
        [[0.333, 6.67e-10, 123000]],
        [[0, 1, 2]],
    ]


def test_the_html_is_the_same_again_and_small():
    grid, x = np.linspace(0.5, 1.5, 21), np.arange(0, 61, 2)
    args = {
        "curves": {"adjoint": grid[:, None] ** x, "bound": 1.1 * grid[:, None] ** x},
        "sliders": {"radius": grid},
        "messages": [f"after 60 steps {v**60:.2g}" for v in grid],
    }
    html = [lines(x=x, **args, log=True, limits=None).html for _ in range(2)]
    assert html[0] == html[1]
    assert len(gzip.compress(html[0].encode())) < 5500


def test_text_is_never_read_as_html():
    hostile = '</script><img src="x">&'
    figures = [
        lines(
            curves={hostile: np.ones((2, 3))},
            sliders={hostile: [0.5, 1]},
            messages=[hostile, hostile],
            xlabel=hostile,
            ylabel=hostile,
        ),
        heatmap(label=hostile, xlabel=hostile, ylabel=hostile, messages=[hostile, hostile]),
    ]
    for figure in figures:
        tags, parser = [], HTMLParser()
        parser.handle_starttag = lambda tag, attributes, tags=tags: tags.append(tag)
        parser.feed(figure.html)
        assert "img" not in tags and tags.count("script") == 1
        assert hostile in data(figure)["texts"][0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "A b"}, "name: expected small letters, digits and hyphens, got 'A b'"),
        ({"x": [0, 1, 1]}, "x: expected a row of two or more rising numbers, got [0, 1, 1]"),
        ({"x": ["a", "b"]}, "x: expected numbers, got ['a', 'b']"),
        ({"curves": {}}, "curves: expected 1 to 6 lines, got 0"),
        ({"curves": {"h": np.ones((3, 2))}}, "curves['h']: expected shape (2, 3), got (3, 2)"),
        (
            {"curves": {"h": [[1, 2, 3], [1, NAN, 3]]}},
            "curves['h']: expected finite numbers, got nan at (1, 1)",
        ),
        (
            {"curves": {"h": [[1, 2, 0], [1, 2, 3]]}, "log": True, "limits": (1, 2)},
            "curves['h']: expected positive finite numbers, got 0.0 at (0, 2)",
        ),
        ({"sliders": {}}, "sliders: expected one or two, got 0"),
        (
            {"sliders": {"w": [1]}},
            "sliders['w']: expected a row of two or more rising numbers, got [1]",
        ),
        ({"start": 0.7}, "start: expected one of the values of 'weight w', got 0.7"),
        ({"start": (0.5, 1)}, "start: expected 1 value(s), one a slider, got (0.5, 1)"),
        ({"messages": ["a"]}, "messages: expected texts of shape (2,), got shape (1,)"),
        ({"messages": ["a", 2]}, "messages: expected texts of shape (2,), got shape (2,)"),
        ({"limits": (2, 0)}, "limits: expected (low, high), got (2, 0)"),
        ({"limits": (0, INF)}, "limits: expected finite numbers, got inf at (1,)"),
        (
            {"limits": (0, 2), "log": True, "curves": {"h": np.ones((2, 3))}},
            "limits: expected positive finite numbers, got 0.0 at (0,)",
        ),
    ],
)
def test_lines_refuse(changes, message):
    with pytest.raises(ValueError) as error:
        lines(**changes)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": [1, 2, 3]}, "cells: expected shape (2, 3, 2), got (2, 2, 2)"),
        (
            {"cells": np.full((2, 2, 2), INF)},
            "cells: expected positive finite numbers, got inf at (0, 0, 0)",
        ),
        (
            {"cells": np.zeros((2, 2, 2))},
            "cells: expected positive finite numbers, got 0.0 at (0, 0, 0)",
        ),
        ({"cells": np.full((2, 2, 2), NAN)}, "cells: expected at least one number, got nan only"),
        ({"y": [2, 1]}, "y: expected a row of two or more rising numbers, got [2, 1]"),
    ],
)
def test_heat_maps_refuse(changes, message):
    with pytest.raises(ValueError) as error:
        heatmap(**changes)
    assert str(error.value) == message
