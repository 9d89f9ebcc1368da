"""Chapter 9's statements, each shown once more by another way than the lesson's."""

import numpy as np
import pytest
import torch

from unrolled.activations import sigmoid
from unrolled.baselines import Autoregression
from unrolled.batching import windows
from unrolled.data.series import TEST_BEGINS, co2
from unrolled.nets import GRU


def test_e16_retention_over_33_steps_by_the_library():
    """One unit whose candidate is 0 and whose gate is constant: the deck's gate is ours from 1."""
    for deck, kept in ((0.8, 8.6e-24), (0.99, 1e-66), (0.01, 0.718)):
        z = 1 - deck
        b_h = np.array([0.0, np.log(z / (1 - z)), 0.0])
        net = GRU(np.zeros((1, 3)), np.zeros((1, 3)), b_h)
        h = net.forward(np.zeros((33, 1, 1)), np.ones((1, 1)))
        assert h[-1, 0, 0] == pytest.approx(kept, rel=2e-3)
        dh = np.zeros_like(h)
        dh[-1] = 1
        assert net.backward(dh).dh0.item() == pytest.approx(kept, rel=2e-3)  # so is the gradient


def test_the_deck_s_0_8_read_as_ours_keeps_little_too():
    assert 0.8**33 == pytest.approx(6e-4, rel=0.06)
    assert 0.9792**33 == pytest.approx(0.5, rel=2e-3)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("reset", ["after", "before"])
def test_e8_a_weighted_mean_never_leaves_the_interval_and_a_sum_does(seed, reset):
    rng = np.random.default_rng(seed)
    net = GRU.initialise(3, 5, rng, reset)
    for parameter in net.parameters.values():
        parameter *= 20
    assert np.abs(net.forward(rng.normal(size=(100, 4, 3)))).max() <= 1
    assert np.cumsum(np.full(50, 0.9))[-1] == pytest.approx(45)


def test_e8_with_the_reset_gate_open_the_unit_is_an_lstm_with_coupled_gates():
    """f = z and i = 1 − z, compared with the cell c of torch.nn.LSTMCell."""
    rng = np.random.default_rng(0)
    D, H = 2, 3
    W_x, W_h = rng.normal(size=(D, H)), np.zeros((H, H))  # the gates see x only, as h differs
    W_n, b_z = rng.normal(size=(D, H)), rng.normal(size=H)
    x, h0 = rng.normal(size=(1, D)), rng.uniform(-1, 1, size=(1, H))
    cell = torch.nn.LSTMCell(D, H, dtype=torch.float64)
    with torch.no_grad():
        gates = np.hstack([-W_x, W_x, W_n, 0 * W_x]).T
        cell.weight_ih.copy_(torch.tensor(gates))
        cell.weight_hh.zero_()
        cell.bias_ih.copy_(torch.tensor(np.hstack([-b_z, b_z, 0 * b_z, 0 * b_z])))
        cell.bias_hh.zero_()
        _, c = cell(torch.tensor(x), (torch.zeros(1, H, dtype=torch.float64), torch.tensor(h0)))
    gru = GRU(
        np.hstack([0 * W_x, W_x, W_n]), np.hstack([W_h] * 3), np.hstack([0 * b_z, b_z, 0 * b_z])
    )
    np.testing.assert_allclose(gru.forward(x[None], h0)[0], c, rtol=0, atol=1e-14)


def test_e9_element_wise_products_are_the_diagonal_case_and_mix_nothing():
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=4), rng.normal(size=4)
    np.testing.assert_allclose(w * x, x @ np.diag(w))
    with pytest.raises(ValueError, match="broadcast"):
        rng.normal(size=2) * x


@pytest.mark.parametrize("seed", range(5))
def test_e10_negating_the_z_block_turns_one_sense_into_the_other(seed):
    rng = np.random.default_rng(seed)
    D, H = 3, 4
    W_xh, W_hh, b_h = (rng.normal(size=s) for s in ((D, 3 * H), (H, 3 * H), 3 * H))
    x, h0 = rng.normal(size=(6, 2, D)), rng.normal(size=(2, H))
    h, states = h0, []
    for x_t in x:  # z on the new value, reset before the product
        r, z, n = np.split(x_t @ W_xh + b_h, 3, axis=1)
        r, z = sigmoid(r + h @ W_hh[:, :H]), sigmoid(z + h @ W_hh[:, H : 2 * H])
        h = (1 - z) * h + z * np.tanh(n + (r * h) @ W_hh[:, 2 * H :])
        states.append(h)
    sign = np.repeat([1, -1, 1], H)
    ours = GRU(W_xh * sign, W_hh * sign, b_h * sign, reset="before")
    np.testing.assert_allclose(ours.forward(x, h0), states, rtol=0, atol=1e-12)
    unlike = GRU(W_xh * sign, W_hh * sign, b_h * sign, reset="after")
    assert np.abs(unlike.forward(x, h0) - states).max() > 1e-3


def test_e11_the_gradient_is_the_sum_over_copies():
    """A copy of the weights for each step, by autograd: their gradients add up to the whole."""
    rng = np.random.default_rng(0)
    D, H, T = 2, 3, 5
    cells = [torch.nn.GRUCell(D, H, dtype=torch.float64) for _ in range(T)]
    for cell in cells[1:]:
        cell.load_state_dict(cells[0].state_dict())
    x, h0 = (torch.tensor(rng.normal(size=s)) for s in ((T, 1, D), (1, H)))
    h = h0
    for x_t, cell in zip(x, cells, strict=True):
        h = cell(x_t, h)
    h.sum().backward()
    copies = sum(cell.weight_hh.grad for cell in cells)

    whole = torch.nn.GRU(D, H, dtype=torch.float64)
    whole.load_state_dict({f"{name}_l0": value for name, value in cells[0].state_dict().items()})
    whole(x, h0[None])[0][-1].sum().backward()
    torch.testing.assert_close(copies, whole.weight_hh_l0.grad, rtol=0, atol=1e-14)
    assert copies.abs().max() > 1e-3


def test_step_jacobian_is_the_sum_of_four_paths():
    rng = np.random.default_rng(0)
    D, H = 2, 4
    net = GRU.initialise(D, H, rng)
    x, h0 = rng.normal(size=(1, 1, D)), rng.normal(size=(1, H))
    net.forward(x, h0)
    r, z, n = (gate[0, 0] for gate in net.gates)
    W_hr, W_hz, W_hn = np.split(net.W_hh, 3, axis=1)
    m, h = h0[0] @ W_hn + net.b_hn, h0[0]
    J = (
        np.diag(z)
        + ((1 - z) * (1 - n**2) * r)[:, None] * W_hn.T
        + ((h - n) * z * (1 - z))[:, None] * W_hz.T
        + ((1 - z) * (1 - n**2) * m * r * (1 - r))[:, None] * W_hr.T
    )
    e = 1e-6
    columns = [(net.forward(x, h0 + d) - net.forward(x, h0 - d))[0, 0] for d in e * np.eye(H)]
    np.testing.assert_allclose(J, np.stack(columns, axis=1) / (2 * e), rtol=0, atol=1e-9)


def test_worked_step_by_autograd():
    h = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    r, z = torch.sigmoid(3 - 2 * h), torch.sigmoid(2 - 2 * h)
    n = torch.tanh(-2 + r * (3 * h + 0.5))
    new = (1 - z) * n + z * h
    new.backward()
    assert round(new.item(), 4) == 0.3026
    assert round(h.grad.item(), 4) == 1.0074


def test_a_linear_map_of_the_changes_beats_chapter_1_s_forecasts_of_co2():
    """By the library's autoregression on changes, which is another fit than the lesson's."""
    years, values = co2()
    cut = int((years < TEST_BEGINS["co2"]).sum())
    changes = np.diff(values)
    model = Autoregression.fit(changes[: cut - 1], 36)
    for ahead, best in ((1, 0.37), (12, 1.10)):
        past, future = windows(changes[cut - 1 - 36 :], 36, ahead)
        error = (model.forecast(past, ahead) - future).sum(axis=0)
        assert np.sqrt(np.mean(error**2)) < 0.95 * best


@pytest.mark.parametrize("bias, steps", [(0.0, 1.0), (2.0, 5.5), (4.0, 38.2), (7.3, 1027)])
def test_half_life_of_a_bias(bias, steps):
    assert sigmoid(bias) ** steps == pytest.approx(0.5, abs=0.005)
