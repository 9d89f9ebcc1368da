"""Chapter 11's statements, each shown once more by another way than the lesson's."""

import hashlib
from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from scipy.special import expit

from unrolled.data.recorded import recorded
from unrolled.tasks.person_names import TRADES, trade_lists

LESSONS = Path(__file__).parents[2] / "lessons"
LESSON = LESSONS / "11-peepholes-directions-depth.md"
CELLS = read_myst_markdown_notebook(LESSON.read_text(encoding="utf-8")).cells


def peephole_step(x, h, c, w, p, output_sees="new"):
    """One unit's step in torch, from the equations of Gers, Schraudolph and Schmidhuber."""
    a = {k: x * w[f"x{k}"] + h * w[f"h{k}"] + w[f"b{k}"] for k in "ifgo"}
    i, f = torch.sigmoid(a["i"] + p["i"] * c), torch.sigmoid(a["f"] + p["f"] * c)
    new = f * c + i * torch.tanh(a["g"])
    seen = new if output_sees == "new" else c
    return torch.sigmoid(a["o"] + p["o"] * seen) * torch.tanh(new), new


W = dict(xi=1.0, xf=0.5, xg=1.0, xo=0.5, hi=0.5, hf=1.0, hg=2.0, ho=1.0)
W |= dict(bi=0.0, bf=1.0, bg=0.0, bo=0.0)
P = dict(i=0.5, f=-0.5, o=1.0)


def test_the_two_steps_by_hand():
    x, c0 = (torch.tensor(v, dtype=torch.float64) for v in (1.0, 0.5))
    _, c1 = peephole_step(x, 0 * x, c0, W, P)
    assert c1.item() == pytest.approx(0.9806, abs=5e-5)

    def c2(c1):
        o1 = torch.sigmoid(0.5 + P["o"] * c1)  # x w_xo, and h_0 = 0
        return peephole_step(-x, o1 * torch.tanh(c1), c1, W, P)[1]

    total = torch.autograd.functional.jacobian(c2, c1.detach())
    assert total.item() == pytest.approx(1.0820, abs=5e-5)
    no_peepholes = dict.fromkeys("ifo", 0.0)
    _, c1 = peephole_step(x, 0 * x, c0, W, no_peepholes)

    def c2_without(c1):
        h1 = torch.sigmoid(0.5 + 0 * c1) * torch.tanh(c1)
        return peephole_step(-x, h1, c1, W, no_peepholes)[1]

    total = torch.autograd.functional.jacobian(c2_without, c1.detach())
    assert total.item() == pytest.approx(0.9488, abs=5e-5)


def test_e15_an_output_gate_that_sees_the_old_cell_is_one_step_late():
    w = dict.fromkeys(W, 0.0) | dict(bi=40.0, bf=40.0, bg=float(np.arctanh(0.1)), bo=-75.0)
    p = dict(i=0.0, f=0.0, o=100.0)
    first = {}
    for output_sees in ("new", "old"):
        h = c = torch.zeros((), dtype=torch.float64)
        spoken = []
        for _ in range(10):
            h, c = peephole_step(0 * c, h, c, w, p, output_sees)
            spoken.append(h.item())
        first[output_sees] = 1 + int(np.argmax(np.array(spoken) > 0.5))
    assert first == {"new": 8, "old": 9}


def test_with_peepholes_the_direct_path_can_grow():
    f, c, p_f = expit(0.0), 2.0, 3.0
    slope = (
        expit(p_f * (c + 1e-6) - p_f * c) * (c + 1e-6)
        - expit(p_f * (c - 1e-6) - p_f * c) * (c - 1e-6)
    ) / 2e-6
    assert slope == pytest.approx(f + c * f * (1 - f) * p_f) == pytest.approx(2.0)


@pytest.mark.parametrize("kind", [torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM])
def test_one_direction_cannot_tell_deep_learning_from_deep_sea(kind):
    one, other = "i think deep learning is fun".split(), "i think deep sea is dangerous".split()
    words = sorted({*one, *other})
    codes = [[words.index(w) for w in pair] for pair in zip(one, other, strict=True)]
    x = torch.eye(len(words))[torch.tensor(codes)]
    torch.manual_seed(0)
    h, _ = kind(len(words), 8, bidirectional=True)(x)
    at = one.index("deep")
    torch.testing.assert_close(h[at, 0, :8], h[at, 1, :8], rtol=0, atol=1e-6)
    assert not torch.allclose(h[at, 0, 8:], h[at, 1, 8:], atol=0.01)


def test_a_second_layer_hears_every_input_in_both_halves():
    torch.manual_seed(0)
    for layers, blind in ((1, True), (2, False)):
        net = torch.nn.GRU(2, 4, layers, bidirectional=True, dtype=torch.float64)
        x = torch.randn(7, 1, 2, dtype=torch.float64, requires_grad=True)
        h, _ = net(x)
        around = h[2, 0, :4].sum() + h[4, 0, 4:].sum()
        (dx,) = torch.autograd.grad(around, x)
        assert (not dx[3].any()) == blind


def test_dropout_in_torch_is_between_the_layers_and_inverted():
    torch.manual_seed(0)
    net = torch.nn.RNN(1, 400, 2, dropout=0.25)
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
        net.bias_ih_l0 += 0.5
        net.weight_ih_l1.copy_(1e-3 * torch.eye(400))
    h, _ = net(torch.zeros(30, 10, 1))
    seen = h / 1e-3 / np.tanh(0.5)
    assert seen.min() == 0 and seen.max().item() == pytest.approx(1 / 0.75, rel=1e-3)
    assert (seen == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert seen.mean().item() == pytest.approx(1, abs=0.01)


def test_ways_through_a_stack_are_counted_rightly():
    for layers, steps in product((1, 2, 3), (0, 1, 4)):
        ways = np.zeros((layers, steps + 1), dtype=int)
        ways[0, 0] = 1
        for level, t in product(range(layers), range(steps + 1)):
            ways[level, t] += (ways[level - 1, t] if level else 0) + (
                ways[level, t - 1] if t else 0
            )
        assert ways[-1, -1] == comb(steps + layers - 1, layers - 1)
    assert [comb(10 + layers - 1, layers - 1) for layers in (1, 2, 3)] == [1, 11, 66]


def test_parameters_of_a_stack_in_both_directions():
    net = torch.nn.LSTM(10, 20, num_layers=2, bidirectional=True)
    two_biases = sum(p.numel() for p in net.parameters())
    assert two_biases - 4 * 4 * 20 == 14720


def test_only_one_side_of_a_list_goes_with_its_labels():
    named = {}
    for words, labels in trade_lists(8000, np.random.default_rng(0)):
        trades = [t for t, word in enumerate(words) if word in TRADES]
        left = "" if trades[0] == 0 else words[0]
        named.setdefault((left, words[trades[-1] + 1]), []).append(max(labels))
    for (left, right), labels in named.items():
        expected = {"messrs": 1, "the": 0}.get(left, {"esquires": 1, "alike": 0}.get(right))
        assert set(labels) == {expected}
    # What a reader from one side has before it when it must answer: nothing, or any verb.
    for side in (0, 1):
        by_sight = {}
        for pair, labels in named.items():
            if pair[side] not in ("messrs", "the", "esquires", "alike"):
                by_sight.setdefault(pair[side], []).extend(labels)
        assert by_sight
        for labels in by_sight.values():
            assert abs(np.mean(labels) - 0.5) < 5 * 0.5 / np.sqrt(len(labels))


def test_the_recorded_study_is_complete_and_of_the_cells_that_the_lesson_shows():
    shown = "\n\n".join(c.source for c in CELLS if "study" in c.metadata.get("tags", ()))
    study = recorded("11_masked_characters")
    assert study["cells"] == hashlib.sha256(shown.encode()).hexdigest(), (
        "the cells tagged study have changed: run lessons/studies/11_masked_characters.py again"
    )
    runs = study["runs"]
    assert len({(r["name"], r["seed"]) for r in runs}) == len(runs) == 7 * 4
    for run in runs:
        assert len(run["bits"]) == (10 if run["name"].startswith("little") else 6)
        assert all(2 < b < 5 for b in run["bits"])


def test_the_studys_networks_are_of_equal_size():
    sizes = []
    for run in recorded("11_masked_characters")["runs"]:
        layers, H, both, _ = run["setting"]
        if not run["name"].startswith("little"):
            net = torch.nn.GRU(32, H, layers, bidirectional=both)
            sizes.append(sum(p.numel() for p in net.parameters()))
    assert 36_000 < min(sizes) and max(sizes) < 38_000
