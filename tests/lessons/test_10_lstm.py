"""Chapter 10's statements, each shown once more by another way than the lesson's."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import fisher_exact

from unrolled.data.recorded import recorded
from unrolled.tasks import agreement

LESSONS = Path(__file__).parents[2] / "lessons"
CELLS = read_myst_markdown_notebook((LESSONS / "10-lstm.md").read_text(encoding="utf-8")).cells


def torch_lstm(D, H, seed, bias=0.0, scale=1.0):
    torch.manual_seed(seed)
    net = torch.nn.LSTM(D, H, dtype=torch.float64)
    with torch.no_grad():
        net.weight_hh_l0 *= scale
        net.bias_ih_l0[H : 2 * H] = bias
        net.bias_hh_l0[H : 2 * H] = 0
    return net


def last_cell_by_first(net, x):
    """Return dc_T/dc_1 by autograd, and the product of the forget gates after step 1."""
    H = net.hidden_size
    W_ih, W_hh, b_ih, b_hh = net.parameters()

    def run(c, o):
        # c_1 is given, and h_1 follows it; then torch's own layer takes over.
        h = o * torch.tanh(c)
        return net(x[1:], (h[None, None], c[None, None]))[1][1][0, 0]

    with torch.no_grad():
        _, (_, c1) = net(x[:1])
        a = x[0, 0] @ W_ih.T + b_ih + b_hh
        o1 = torch.sigmoid(a[3 * H :])
        states, _ = net(x)
        before = states[:-1, 0]
        f = torch.sigmoid((x[1:, 0] @ W_ih.T + before @ W_hh.T + b_ih + b_hh)[:, H : 2 * H])
    return torch.autograd.functional.jacobian(lambda c: run(c, o1), c1[0, 0]), f.prod(dim=0)


def sentences(T, seed):
    return torch.tensor(agreement(T - 1, 1, np.random.default_rng(seed), np.float64)[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bias", [0, 1, 3])
def test_e7_the_direct_path_is_most_of_one_step_and_little_of_twenty(bias, seed):
    share = {}
    for age in (1, 20):
        x = sentences(34, seed)[: age + 1]
        C, direct = last_cell_by_first(torch_lstm(35, 32, seed, bias), x)
        share[age] = float((torch.diagonal(C) * direct).sum() / (C * C).sum())
    assert share[1] > 0.85 and abs(share[20]) < 0.15


@pytest.mark.parametrize("seed", range(3))
def test_e7_the_whole_explodes_while_the_direct_path_cannot(seed):
    x = sentences(34, seed)
    C, direct = last_cell_by_first(torch_lstm(35, 32, seed, bias=3.0, scale=3.0), x)
    assert torch.linalg.matrix_norm(C, ord=2) > 10 and direct.max() < 1
    C, direct = last_cell_by_first(torch_lstm(35, 32, seed, bias=0.0), x)
    assert torch.linalg.matrix_norm(C, ord=2) < 1e-3 and direct.max() < 1e-6


@pytest.mark.parametrize("w, expected", [(-1.0, 0.0452), (0.0, 0.9526), (3.0, 3.6748)])
def test_e7_one_unit_at_rest(w, expected):
    net = torch_lstm(1, 1, 0, bias=3.0)
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
        net.weight_hh_l0[2] = w
        for gate in (0, 1, 3):
            net.bias_ih_l0[gate] = 3.0
    o = torch.sigmoid(torch.tensor(3.0, dtype=torch.float64))

    def step(c):
        start = (o * torch.tanh(c)).reshape(1, 1, 1), c.reshape(1, 1, 1)
        return net(torch.zeros(1, 1, 1, dtype=c.dtype), start)[1][1]

    slope = torch.autograd.functional.jacobian(step, torch.zeros(1, dtype=torch.float64)).item()
    assert slope == pytest.approx(expected, abs=5e-5)
    assert slope == pytest.approx(float(o + o * w * o))


def test_half_lives_and_the_rule_of_thumb():
    left = {b: expit(b) ** 33 for b in (0, 1, 3)}
    assert left == pytest.approx({0: 1.16e-10, 1: 3.2e-5, 3: 0.2014}, rel=0.02)
    bias = brentq(lambda b: expit(b) ** 50 - 0.5, 0, 10)
    assert bias == pytest.approx(4.27, abs=0.01)
    for n in (10, 50, 500):
        assert expit(np.log(n)) ** n == pytest.approx(np.exp(-1), rel=0.06)


def test_e15_the_cell_counts_and_the_state_saturates():
    net = torch_lstm(1, 1, 0)
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
        net.bias_ih_l0 += 40.0  # all gates and the candidate at 1
    h, (_, c) = net(torch.zeros(30, 1, 1, dtype=torch.float64))
    assert c.item() == pytest.approx(30) and 0.999 < h[4].item() <= h[-1].item() <= 1


def test_parameters_of_the_three_cells():
    D, H = 35, 32
    count = {
        kind: sum(p.numel() for p in kind(D, H).parameters())
        for kind in (torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM)
    }
    assert count[torch.nn.LSTM] - 4 * H == 4 * H * (D + H + 1) == 8704
    assert count[torch.nn.GRU] - 2 * H == 3 * H * (D + H + 1) + H == 6560
    assert count[torch.nn.RNN] - H == H * (D + H + 1) == 2176


def test_the_sentence_has_96_words():
    source = next(c.source for c in CELLS if "No person shall be" in c.source)
    text = source.split('"""')[1]
    assert len(text.split()) == 96 and text.strip().endswith("thereof.")


def test_the_recorded_study_is_complete_and_of_the_cells_that_the_lesson_shows():
    shown = "\n\n".join(c.source for c in CELLS if "study" in c.metadata.get("tags", ()))
    study = recorded("10_lstm")
    assert study["cells"] == hashlib.sha256(shown.encode()).hexdigest(), (
        "the cells tagged study have changed: run lessons/studies/10_lstm.py again"
    )
    made = [(r["task"], r["cell"], r["rate"], r["seed"]) for r in study["runs"]]
    assert len(made) == len(set(made)) == 2 * 6 * 10
    for run in study["runs"]:
        # The error is rounded, so at 0.01 it may have been on either side.
        solved = run["updates"] is not None
        assert run["error"] <= 0.01 if solved else run["error"] >= 0.01
        assert run["updates"] is None or run["updates"] <= study["most"] == 800


def test_six_and_nine_of_ten_are_within_luck_and_none_and_ten_are_not():
    assert fisher_exact([[6, 4], [9, 1]]).pvalue > 0.2
    assert fisher_exact([[0, 10], [10, 0]]).pvalue < 1e-4
