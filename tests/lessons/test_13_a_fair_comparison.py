"""Chapter 13's statements, each shown once more by another way than the lesson's."""

import hashlib
from importlib import import_module
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from scipy import stats
from statsmodels.tsa.ar_model import AutoReg

from unrolled.data.digits import digits
from unrolled.data.python_source import python_source
from unrolled.data.recorded import recorded
from unrolled.data.series import sunspots

LESSONS = Path(__file__).parents[2] / "lessons"
CELLS = read_myst_markdown_notebook((LESSONS / "13-a-fair-comparison.md").read_text("utf-8")).cells
SHOWN = "\n\n".join(c.source for c in CELLS if "study" in c.metadata.get("tags", ()))
KINDS = {"tanh": torch.nn.RNN, "IRNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}


@pytest.fixture(scope="module")
def lesson() -> dict:
    """What the lesson's cells define: its imports and the cells tagged `study`."""
    imports = [c.source for c in CELLS if c.source.startswith("from ")][:2]
    names = {}
    exec("\n".join([*imports, SHOWN]), names)
    return names


def numbers_to_learn(cell, D, H, C):
    layer = sum(p.numel() for p in KINDS[cell](D, H).parameters())
    blocks = {"tanh": 1, "IRNN": 1, "GRU": 2, "LSTM": 4}[cell]  # whose second bias adds nothing
    return layer - blocks * H + C * (H + 1)


def test_sizes_of_equal_count_by_counting_torchs_parameters(lesson):
    for (D, C, P), cell in product(lesson["TASKS"].values(), lesson["CELLS"]):
        H = lesson["nearest_hidden_size"](cell, P, D, C)
        off = [abs(numbers_to_learn(cell, D, size, C) - P) for size in (H - 1, H, H + 1)]
        assert off[1] <= min(off[0], off[2]) and off[1] / P < 0.04  # the count only rises with H


def test_the_starts_are_what_the_protocol_says(lesson):
    rng = np.random.default_rng(0)
    net = {(c, s): lesson["network"](c, s, 3, 20, 2, rng)[0]
           for c, s in product(lesson["CELLS"], lesson["STARTS"])}  # fmt: skip
    W = net["tanh", "long"].W_hh
    np.testing.assert_allclose(W @ W.T, np.eye(20), atol=1e-5)
    assert np.abs(net["tanh", "short"].W_hh).max() <= 20**-0.5
    for start, scale in (("short", 0.5), ("long", 1.0)):
        np.testing.assert_array_equal(net["IRNN", start].W_hh, scale * np.eye(20))
    for cell, (start, bias) in product(("GRU", "LSTM"), (("short", 1), ("long", 3))):
        keep = net[cell, start].b_h[20:40]
        np.testing.assert_array_equal(keep, bias)
        others = np.delete(net[cell, start].b_h, range(20, 40))
        assert np.abs(others).max() <= 20**-0.5


def test_the_gates_that_start_open_are_those_that_keep(lesson):
    """Without input and with huge biases in that block, the state or the cell stays."""
    for cell in ("GRU", "LSTM"):
        net, _ = lesson["network"](cell, "long", 2, 5, 1, np.random.default_rng(0))
        net.W_xh[:], net.W_hh[:], net.b_h[5:10] = 0, 0, 50
        h0 = np.full((1, 5), 0.3, np.float32)
        if cell == "GRU":
            h = net.forward(np.zeros((9, 1, 2), np.float32), h0)
            np.testing.assert_allclose(h[-1], h0, atol=1e-6)
        else:
            net.b_h[:5] = -50  # nothing is written
            net.forward(np.zeros((9, 1, 2), np.float32), h0, h0)
            np.testing.assert_allclose(net.c[-1], h0, atol=1e-6)


def test_parts_of_a_finite_set_share_nothing(lesson):
    for task, count in (("digits", 1797), ("sunspots", 285), ("characters", len(python_source()))):
        start, validation, test, end = lesson["BOUNDS"][task]
        assert 0 == start < validation < test < end == count
    assert lesson["BOUNDS"]["digits"][2] == digits().x_train.shape[1]
    years, _ = sunspots()
    assert list(years[24 + np.array(lesson["BOUNDS"]["sunspots"][1:3])]) == [1871, 1921]


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_draws_stay_within_their_part(lesson, part):
    rng = np.random.default_rng(3)
    text, symbols = python_source(), lesson["symbols"]
    place = ("train", "validation", "test").index(part)
    first, end = lesson["BOUNDS"]["characters"][place : place + 2]
    x, y = lesson["draw"]("characters", part, 20, rng)
    assert x.shape == (40, 20, 96) and y.shape == (32, 20)
    for n in range(20):
        read = "".join(symbols[k] for k in x[:, n].argmax(axis=1))
        wanted = "".join(symbols[k] for k in y[:, n])
        assert read + wanted[-1] in text[first:end] and (read + wanted[-1]).endswith(wanted)
    x, y = lesson["draw"]("digits", part, 10_000, rng)
    first, end = lesson["BOUNDS"]["digits"][place : place + 2]
    assert x.shape == (64, end - first, 1) and y.shape == (1, end - first)
    assert len(np.unique(x[:, :, 0], axis=1).T) == end - first  # every image once


def test_a_seed_gives_all_cells_the_same_data(lesson, monkeypatch):
    seen = {}

    def spy(net, read_out, descent, x, y):
        seen.setdefault(kind, []).append(x)

    monkeypatch.setitem(lesson, "update", spy)
    for kind in ("tanh", "LSTM"):
        lesson["run"]("recall", kind, "long", 1e-3, 5, "test", updates=3)
    np.testing.assert_array_equal(seen["tanh"], seen["LSTM"])


def test_a_run_that_overflows_has_failed_from_there_on(lesson, monkeypatch):
    real, calls = lesson["update"], []

    def overflows(*arguments):
        calls.append(1)
        if len(calls) == 150:
            raise FloatingPointError
        real(*arguments)

    monkeypatch.setitem(lesson, "update", overflows)
    curve = lesson["run"]("recall", "tanh", "long", 1e-3, 0, "test", updates=300)
    assert curve[0] is not None and curve[1:] == [None, None]


def test_wilson_misses_less_than_the_textbook():
    k = np.arange(11)
    for p, at_most in ((0.9, 0.67), (0.95, 0.42)):
        chance = stats.binom.pmf(k, 10, p)
        half = 1.96 * np.sqrt(k / 10 * (1 - k / 10) / 10)
        assert chance[np.abs(k / 10 - p) <= half].sum() < at_most
        ends = [stats.binomtest(i, 10).proportion_ci(0.95, method="wilson") for i in range(11)]
        assert sum(c for c, (low, high) in zip(chance, ends, strict=True) if low <= p <= high) > 0.9


@pytest.mark.parametrize(
    ("a", "b", "n", "low", "high"),
    [
        (3, 0, 3, 0.0999, 0.1001),
        (10, 6, 10, 0.05, 0.1),
        (10, 5, 10, 0.03, 0.05),
        (10, 3, 10, 0, 0.01),
    ],
)
def test_fishers_test_as_scipy_has_it(a, b, n, low, high):
    assert low < stats.fisher_exact([[a, n - a], [b, n - b]]).pvalue < high


def test_the_best_of_twenty():
    mean = stats.norm.expect(lambda x: 20 * x * stats.norm.cdf(x) ** 19)
    assert 0.90 + 0.02 * mean == pytest.approx(0.937, abs=0.001)


def study():
    return recorded("13_comparison")


def test_the_recorded_studies_are_complete_and_of_the_cells_that_the_lesson_shows(lesson):
    digest = hashlib.sha256(SHOWN.encode()).hexdigest()
    for name in ("13_comparison", "13_lengths"):
        assert recorded(name)["cells"] == digest, (
            f"the cells tagged study have changed: run lessons/studies/{name}.py again"
        )
    made = [(r["task"], r["cell"]) for r in study()["runs"]]
    assert made == list(product(lesson["TASKS"], lesson["CELLS"]))
    made = [(r["method"], r["T"]) for r in recorded("13_lengths")["runs"]]
    assert made == list(product(lesson["METHODS"], (10, 20, 40, 60)))
    assert all(len(r["errors"]) == 10 for r in recorded("13_lengths")["runs"])


def test_every_cell_had_the_same_search_and_the_best_mean_was_taken(lesson):
    def mean(trial):
        return np.mean([np.inf if s is None else s for s in trial[2:]])

    for r in study()["runs"]:
        assert [tuple(t[:2]) for t in r["trials"]] == list(
            product(lesson["STARTS"], lesson["RATES"])
        )
        assert all(len(t) == 4 for t in r["trials"])
        chosen = next(t for t in r["trials"] if t[:2] == [r["start"], r["rate"]])
        # Scores are kept with four digits, so two means may have become equal.
        assert mean(chosen) <= min(map(mean, r["trials"])) * 1.001 + 1e-9
        assert len(r["curves"]) == 10 and all(len(c) == 6 for c in r["curves"])
        for curve in r["curves"]:
            lost = [s is None for s in curve]
            assert lost == sorted(lost)  # once overflowed, always


def test_the_autoregression_as_statsmodels_fits_it(lesson):
    _, values = sunspots()
    _, validation, test, end = lesson["BOUNDS"]["sunspots"]
    targets, error = 24 + np.arange(end), {}
    for order in range(1, 13):
        constant, *weights = AutoReg(values[: 24 + validation], order).fit().params
        forecast = constant + sum(w * values[targets - lag] for lag, w in enumerate(weights, 1))
        wrong = (forecast - values[targets]) ** 2
        error[order] = [np.sqrt(part.mean()) for part in np.split(wrong, [validation, test])[1:]]
    assert min(error, key=lambda order: error[order][0]) == 2
    assert error[2][1] == pytest.approx(20.1, abs=0.05)
    assert min(e[1] for e in error.values()) == error[10][1] < 18


@pytest.mark.parametrize("method", ["SGD-C", "SGD-CR"])
def test_runs_side_by_side_are_the_runs_one_by_one(lesson, monkeypatch, method):
    monkeypatch.syspath_prepend(LESSONS / "studies")
    lengths = import_module("13_lengths")
    one_by_one = [lesson["order_run"](method, 20, seed, updates=20) for seed in (0, 1)]
    together = lengths.errors_side_by_side(method, 20, (0, 1), 20, torch.device("cpu"))
    np.testing.assert_allclose(together, one_by_one, atol=0.005)  # of 1000 sequences
    assert 0.02 < min(together) and together[0] != together[1]


def test_side_by_side_a_broken_network_ends_alone(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS / "studies")
    lengths = import_module("13_lengths")
    draw = lengths.names["temporal_order"]

    def broken(T, N, rng):
        x, y = draw(T, N, rng)
        return (x * np.nan, y) if rng is rngs[1] and N == 20 else (x, y)

    rngs = []
    real = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda s: rngs.append(real(s)) or rngs[-1])
    monkeypatch.setitem(lengths.names, "temporal_order", broken)
    first, second = lengths.errors_side_by_side("SGD-C", 10, (0, 1), 2, torch.device("cpu"))
    assert second is None and first is not None
