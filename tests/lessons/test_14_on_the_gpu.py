"""Chapter 14's statements, each shown once more by another way than the lesson's."""

import numpy as np
import pytest
import torch

from unrolled.kernels import LARGEST


@pytest.mark.parametrize("N, D, H", [(32, 100, 200), (16, 64, 64)])
def test_flops_of_a_step_are_counted_by_pytorchs_own_counter(N, D, H):
    from torch.utils.flop_counter import FlopCounterMode

    cell, x, h = torch.nn.LSTMCell(D, H), torch.zeros(N, D), torch.zeros(N, H)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        gates = x @ cell.weight_ih.T + h @ cell.weight_hh.T
    assert gates.shape == (N, 4 * H)
    assert counter.get_total_flops() == 8 * N * H * (D + H)


@pytest.mark.parametrize("step, stops", [(1.0, 256), (0.1, 32), (0.01, 4)])
def test_a_bfloat16_sum_stands_still(step, stops):
    c, delta = torch.tensor(0.0, dtype=torch.bfloat16), torch.tensor(step, dtype=torch.bfloat16)
    for _ in range(2000):
        c = c + delta
    assert c.item() == stops and (c + delta).item() == stops


def test_the_table_of_number_formats():
    for dtype, bits in ((torch.float32, 23), (torch.bfloat16, 7), (torch.float16, 10)):
        assert torch.finfo(dtype).eps == 2.0**-bits
    assert torch.finfo(torch.float16).max == 65504
    assert torch.finfo(torch.bfloat16).max == pytest.approx(3.4e38, rel=0.01)
    assert 6e-8 == pytest.approx(2**-24, rel=0.01) and 5e-4 == pytest.approx(2**-11, rel=0.03)


@pytest.mark.parametrize("c", [1.0, 3.0, 64.0, 200.0, 0.3])
def test_what_is_lost_in_a_sum(c):
    c = torch.tensor(c).bfloat16()
    k = int(np.floor(np.log2(c.item())))
    lost, kept = 0.99 * 2.0 ** (k - 8), 1.01 * 2.0 ** (k - 8)
    assert (c.double() + lost).bfloat16() == c and (c.double() + kept).bfloat16() > c


def test_adding_a_quarter_to_64_and_nothing_larger_has_no_effect():
    c = torch.tensor(64.0).bfloat16()
    without = [2.0**k for k in range(-6, 3) if c + torch.tensor(2.0**k).bfloat16() == c]
    assert max(without) == 0.25


def test_an_update_of_a_ten_thousandth_moves_no_weight_above_three_hundredths():
    w = torch.linspace(0.0315, 1, 999).bfloat16()
    rate = torch.tensor(1e-4).bfloat16()
    assert torch.equal(w - rate, w) and not torch.equal(w / 8 - rate, w / 8)


def test_four_gates_of_the_largest_layers_fit_on_the_chip():
    for dtype, H in LARGEST.items():
        assert 4 * H * H * dtype.itemsize <= 128 * 1024 < 227 * 1024
        assert 4 * (2 * H) ** 2 * dtype.itemsize >= 227 * 1024


def test_the_mean_of_processes_and_clipping():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8, 5))
    shares = rows.reshape(4, 2, 5).mean(axis=1)
    np.testing.assert_allclose(shares.mean(axis=0), rows.mean(axis=0))
    norms = np.linalg.norm(shares, axis=1)
    assert norms.mean() > 1.2 * np.linalg.norm(rows.mean(axis=0))  # so clip after averaging
    uneven = (rows[:2].mean(axis=0) + rows[2:].mean(axis=0)) / 2
    assert not np.allclose(uneven, rows.mean(axis=0))


def test_marks_17_steps_apart_keep_least():
    kept = {k: 2 * 1024 / k + 7 * k for k in range(1, 200)}
    assert min(kept, key=kept.get) == 17 and round(kept[17]) == 239 and 7 * 1024 == 7168


def test_autocast_keeps_its_copies_of_the_weights():
    layer, x = torch.nn.Linear(3, 1, bias=False), torch.ones(2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        before = layer(x)
        with torch.no_grad():
            layer.weight += 1
        assert torch.equal(layer(x), before)
    with torch.autocast("cpu", torch.bfloat16):
        assert not torch.equal(layer(x), before)
