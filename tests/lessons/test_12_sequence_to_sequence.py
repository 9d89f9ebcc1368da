"""Chapter 12's statements, each shown once more by another way than the lesson's."""

import hashlib
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from scipy.stats import mannwhitneyu

from unrolled.data.recorded import recorded

LESSONS = Path(__file__).parents[2] / "lessons"
CELLS = read_myst_markdown_notebook(
    (LESSONS / "12-sequence-to-sequence.md").read_text(encoding="utf-8")
).cells


def lags(order, backwards):
    """Return each word's lag by putting reading and writing on one line and counting."""
    n = len(order)
    source = range(n - 1, -1, -1) if backwards else range(n)
    target = sorted(range(n), key=lambda j: order[j])
    line = [("read", j) for j in source] + [("write", j) for j in target]
    return [line.index(("write", j)) - line.index(("read", j)) for j in range(n)]


@pytest.mark.parametrize("n", range(1, 7))
def test_e19_reversal_leaves_the_mean_lag_unchanged_for_every_order(n):
    for order in itertools.permutations(range(n)):
        for backwards in (False, True):
            assert Fraction(sum(lags(order, backwards)), n) == n


@pytest.mark.parametrize("n", [1, 2, 3, 12, 20])
def test_e19_the_smallest_lag_shrinks_if_the_order_is_shared_and_grows_if_it_is_opposite(n):
    same, opposite = tuple(range(n)), tuple(range(n - 1, -1, -1))
    odd = list(range(1, 2 * n, 2))
    assert lags(same, False) == [n] * n and lags(same, True) == odd
    assert lags(opposite, False) == odd[::-1] and lags(opposite, True) == [n] * n


def test_words_of_the_example():
    assert lags((0, 1, 2), True) == [1, 3, 5]
    assert (lags((0, 2, 1), False), lags((0, 2, 1), True)) == ([3, 4, 2], [1, 4, 4])


def test_two_directions_shorten_the_mean_lag_to_three_quarters():
    for n in (2, 8, 20):
        shorter = np.minimum(lags(range(n), False), lags(range(n), True))
        assert shorter.mean() == 0.75 * n


@pytest.mark.parametrize("backwards", [False, True])
def test_a_linear_unit_keeps_w_to_the_power_of_the_lag(backwards):
    """By torch's own layers, with autograd through the hand-over."""
    n, w = 5, 0.7
    order = np.random.default_rng(0).permutation(n)
    encoder, decoder = (
        torch.nn.RNN(1, 1, nonlinearity="relu", bias=False).double() for _ in range(2)
    )
    with torch.no_grad():
        for layer, into in ((encoder, 1.0), (decoder, 0.0)):
            layer.weight_ih_l0.fill_(into)
            layer.weight_hh_l0.fill_(w)
    x = torch.ones(n, 1, 1, dtype=torch.float64, requires_grad=True)  # positive: ReLU is linear
    _, state = encoder(x.flip(0) if backwards else x)
    s, _ = decoder(torch.zeros(n, 1, 1, dtype=torch.float64), state)
    slopes = [torch.autograd.grad(s[order[j]], x, retain_graph=True)[0][j].item() for j in range(n)]
    expected = [w**lag for lag in lags(order, backwards)]
    np.testing.assert_allclose(slopes, expected, rtol=1e-12)


@pytest.mark.parametrize("lam", [0.5, 0.8, 0.99, 1.0, 1.3])
def test_spread_lags_never_keep_less_in_the_mean(lam):
    for n in (1, 2, 12, 20):
        forwards = np.mean(np.power(lam, lags(range(n), False)))
        backwards = np.mean(np.power(lam, lags(range(n), True)))
        assert backwards >= forwards * (1 - 1e-12)
        assert (backwards > forwards * 1.000001) == (lam != 1 and n > 1)


def test_attention_shortens_the_gap_from_exponential_to_one_over_its_length():
    """The gradient from the last output to the first word, with the source four times as long."""
    torch.manual_seed(0)
    encoder, decoder = torch.nn.LSTM(9, 32).double(), torch.nn.LSTM(9, 32).double()
    loudness = {}
    for S, attends in itertools.product((20, 80), (False, True)):
        x = torch.eye(9).double()[torch.randint(9, (S, 8))].requires_grad_()
        h, state = encoder(x)
        s, _ = decoder(torch.eye(9).double()[torch.randint(9, (1, 8))], state)
        if attends:
            alpha = (s * h).sum(-1, keepdim=True).softmax(0)
            s = s + (alpha * h).sum(0, keepdim=True)
        loudness[S, attends] = torch.autograd.grad(s.sum(), x)[0][0].norm().item()
    assert loudness[20, True] > 100 * loudness[20, False]
    assert loudness[80, False] < 1e-6 * loudness[20, False]
    assert 0.1 < 4 * loudness[80, True] / loudness[20, True] < 10


def test_the_recorded_study_is_complete_and_of_the_cells_that_the_lesson_shows():
    shown = "\n\n".join(c.source for c in CELLS if "study" in c.metadata.get("tags", ()))
    study = recorded("12_reversal")
    assert study["cells"] == hashlib.sha256(shown.encode()).hexdigest(), (
        "the cells tagged study have changed: run lessons/studies/12_reversal.py again"
    )
    made = [(r["task"], r["backwards"], r["seed"]) for r in study["runs"]]
    assert len(made) == len(set(made)) == 7 * 2 * 10
    for r in study["runs"]:
        assert 0 <= r["whole"] <= r["free"] <= 1 and r["forced"] <= 1


def whole(task, backwards, what="whole"):
    runs = recorded("12_reversal")["runs"]
    return [r[what] for r in runs if (r["task"], r["backwards"]) == (task, backwards)]


def test_e19_in_one_language_reversal_helps_one_order_and_harms_the_other():
    for task, better in (("day first", True), ("year first", False)):
        test = mannwhitneyu(whole(task, better), whole(task, not better), alternative="greater")
        assert test.pvalue < 0.001


@pytest.mark.parametrize("n", [12, 16, 20])
def test_reversal_helps_copying_on_every_seed(n):
    assert min(whole(n, True, "forced")) > max(whole(n, False, "forced")) + 0.1
