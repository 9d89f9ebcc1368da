"""Chapter 8, checked by other means than its cells use: autograd, SVD, closed forms."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from torch import nn

from unrolled.data.recorded import recorded

LESSONS = Path(__file__).parents[2] / "lessons"
H = 100


def rng(seed=0):
    return np.random.default_rng(seed)


def first_step_gradient(start, nonlinearity, dtype, T=50):
    """Length of the gradient of a random function of h_T by h_1, relative to that by h_T."""
    torch.manual_seed(0)
    cell = nn.RNNCell(3, H, nonlinearity=nonlinearity, dtype=dtype)
    nn.init.normal_(cell.weight_ih, std=0.1)
    nn.init.zeros_(cell.bias_ih)
    nn.init.zeros_(cell.bias_hh)
    start(cell.weight_hh)
    states = [torch.zeros(8, H, dtype=dtype)]
    for _ in range(T):
        states.append(cell(torch.randn(8, 3, dtype=dtype), states[-1]))
        states[-1].retain_grad()
    (states[-1] @ torch.randn(H, dtype=dtype)).sum().backward()
    return (states[1].grad.norm() / states[-1].grad.norm()).item()


@pytest.mark.parametrize("std", [0.001, 0.01])
def test_e14_a_small_standard_deviation_alone_makes_gradients_vanish(std):
    def start(W):
        nn.init.normal_(W, std=std)

    assert first_step_gradient(start, "tanh", torch.float32) == 0
    # A factor of s √H a step, over 49 steps, up to the scatter of one draw.
    exact = first_step_gradient(start, "tanh", torch.float64)
    assert exact ** (1 / 49) == pytest.approx(std * 10, rel=0.15)


def test_e14_the_same_network_from_other_starts_hears_its_first_step():
    def scaled(W):
        nn.init.normal_(W, std=H**-0.5)

    for start in (scaled, nn.init.orthogonal_, nn.init.eye_):
        assert first_step_gradient(start, "tanh", torch.float32) > 1e-3


def test_zero_biases_are_where_tanh_is_steepest_and_other_weights_count_once():
    slope = torch.func.grad(torch.tanh)
    assert slope(torch.tensor(0.0)) == 1 and slope(torch.tensor(0.3)) < 1

    def gradient(std_in, std_hh):
        torch.manual_seed(1)
        W_in = (std_in * torch.randn(3, H, dtype=torch.float64)).requires_grad_()
        W_hh = std_hh * torch.randn(H, H, dtype=torch.float64)
        x, h = torch.randn(3, dtype=torch.float64), torch.zeros(H, dtype=torch.float64)
        for t in range(20):
            h = torch.tanh((x @ W_in if t == 0 else 0) + h @ W_hh)
        h.sum().backward()
        return W_in.grad.norm().item()

    assert 0.5 < gradient(0.001, 0.1) / gradient(0.1, 0.1) < 50
    assert gradient(0.1, 0.001) < 1e-30 * gradient(0.1, 0.1)


def test_the_mean_square_of_one_step_is_that_of_the_singular_values():
    # E ‖vWᵀ‖² over directions v is Σσ²/H, so its mean over draws is s²H.
    means = [np.mean(np.linalg.svd(0.03 * rng(s).normal(size=(H, H)))[1] ** 2) for s in range(20)]
    assert np.mean(means) == pytest.approx(0.03**2 * H, rel=0.02)


def test_one_matrix_goes_like_its_radius_and_independent_ones_do_not():
    growth, scatter = [], []
    for seed in range(12):
        draw = rng(seed)
        W = draw.normal(size=(H, H)) / np.sqrt(H)
        radius = np.abs(np.linalg.eigvals(W)).max()
        power = np.linalg.norm(np.linalg.matrix_power(W, 400), 2) ** (1 / 400)
        assert power == pytest.approx(radius, rel=0.02)
        v = draw.normal(size=H)
        one, new = v, v
        for _ in range(100):
            one, new = one @ W, new @ (draw.normal(size=(H, H)) / np.sqrt(H))
        growth.append(np.log10(np.linalg.norm(one) / np.linalg.norm(v)))
        scatter.append(np.log10(np.linalg.norm(new) / np.linalg.norm(v)))
    assert np.abs(scatter).max() < 1.5 < np.max(np.abs(growth))
    assert np.std(growth) > 3 * np.std(scatter)


def test_small_deviations_raised_to_a_power():
    assert [round(1.05**100), round(0.95**100, 4), round(1.01**100, 1)] == [132, 0.0059, 2.7]
    assert f"{1.05**400:.0e}" == "3e+08" and round(1.1**100) == 13781


def irnn_step(h, u):
    return torch.relu(h @ torch.eye(len(h), dtype=h.dtype) + u)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_e19_relu_with_the_identity_is_exact_where_nothing_is_negative(dtype):
    torch.manual_seed(2)
    start = torch.randn(200, dtype=dtype).abs() * 10.0 ** torch.randint(-30, 30, (200,))
    start[0] = 0
    h = start.to(dtype)
    for _ in range(300):
        h = irnn_step(h, torch.zeros(200, dtype=dtype))
    assert torch.equal(h, start.to(dtype))
    assert torch.equal(irnn_step(-start.to(dtype), torch.zeros(200, dtype=dtype)), 0 * h)


def test_e19_the_jacobian_is_diagonal_with_ones_where_a_unit_is_on():
    torch.manual_seed(3)
    h, u = torch.randn(40, dtype=torch.float64).abs(), torch.randn(40, dtype=torch.float64)
    u[:5] = -h[:5]  # exactly at the kink, where code takes the slope 0
    J = torch.func.jacrev(irnn_step)(h, u)
    assert torch.equal(J, torch.diag((h + u > 0).double()))
    assert 5 < J.diagonal().sum() < 35


def test_e19_tanh_leaks_like_a_power_of_the_number_of_steps():
    # d/dt h^-2 = 2/3 near zero, so h goes like t^-1/2 and the gradient like t^-3/2.
    h = torch.ones((), dtype=torch.float64, requires_grad=True)
    state, at = h, {}
    for t in range(1, 4097):
        state = torch.tanh(state)
        if t in (100, 1024, 4096):
            (slope,) = torch.autograd.grad(state, h, retain_graph=True)
            at[t] = state.item(), slope.item()
    assert round(at[100][0], 4) == 0.1212
    assert at[4096][0] == pytest.approx(np.sqrt(3 / (2 * 4096)), rel=0.01)
    exponent = np.log(at[4096][1] / at[1024][1]) / np.log(4)
    assert exponent == pytest.approx(-1.5, abs=0.02)


def test_relu_halves_the_squared_length_even_with_an_orthogonal_matrix():
    ratio = first_step_gradient(nn.init.orthogonal_, "relu", torch.float64)
    assert ratio ** (1 / 49) == pytest.approx(np.sqrt(0.5), abs=0.06)


def test_questions_and_exercises():
    x = torch.tensor([1.0, 2, -4, 5])
    h = [x[0].clone().requires_grad_()]
    for x_t in x[1:]:
        h.append(torch.relu(h[-1] + x_t))
    assert [v.item() for v in h] == [1, 3, 0, 5]
    assert torch.autograd.grad(h[3], h[0])[0] == 0
    lstm = nn.LSTM(3, 20)
    nn.init.orthogonal_(lstm.weight_hh_l0)
    squares = [torch.linalg.svdvals(block).square() for block in lstm.weight_hh_l0.chunk(4)]
    assert sum(s.sum() for s in squares).item() == pytest.approx(20, rel=1e-4)
    assert all(s.max() > 1.2 * s.min() for s in squares)  # no block is orthogonal


def test_the_recorded_study_is_complete_and_of_the_cells_that_the_lesson_shows():
    lesson = (LESSONS / "08-initialisation-and-identity.md").read_text(encoding="utf-8")
    cells = read_myst_markdown_notebook(lesson).cells
    shown = "\n\n".join(c.source for c in cells if "study" in c.metadata.get("tags", ()))
    study = recorded("08_adding")
    assert study["cells"] == hashlib.sha256(shown.encode()).hexdigest(), (
        "the cells tagged study have changed: run lessons/studies/08_adding.py again"
    )
    made = {(r["net"], r["T"], r["rate"], r["seed"]) for r in study["runs"]}
    rates = {"tanh": (1e-3,), "IRNN": (5e-4, 1e-3), "LSTM": (1e-2,)}
    wanted = {
        (net, T, rate, seed)
        for net in rates
        for rate in rates[net]
        for T in (50, 100, 200, 400)
        for seed in (0, 1, 2)
    }
    assert made == wanted and len(study["runs"]) == len(wanted)
    for run in study["runs"]:
        solved = isinstance(run["outcome"], int) and 100 <= run["outcome"] <= 2000
        assert solved or run["outcome"] in ("overflow", "not solved")
