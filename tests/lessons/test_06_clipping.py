"""Chapter 6's statements, each shown once more by another way than the lesson's."""

from math import comb

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize, minimize_scalar

from unrolled.activations import sigmoid
from unrolled.clipping import clip_by_global_norm, clip_by_norm, clip_by_value
from unrolled.jacobian_regulariser import jacobian_regulariser
from unrolled.tasks import temporal_order


def degrees(u, v):
    """The angle by arctan of two lengths, which rounding does not harm, rather than arccos."""
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    return np.degrees(2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))


def test_worked_numbers_three_four():
    g = {"dW": np.array([3.0, 4.0])}
    by_norm, by_value = clip_by_norm(g, 1)[0]["dW"], clip_by_value(g, 1)["dW"]
    np.testing.assert_allclose(by_norm, [0.6, 0.8], rtol=1e-15)
    assert by_value.tolist() == [1, 1]
    assert np.degrees(np.arctan2(4, 3)) == pytest.approx(53.13, abs=0.005)
    assert 53.13 - 45 == pytest.approx(8.13) == round(degrees(g["dW"], by_value), 2)
    np.testing.assert_allclose(clip_by_norm(g, 0.7)[0]["dW"], [0.42, 0.56], rtol=1e-14)
    assert clip_by_value(g, 0.7)["dW"].tolist() == [0.7, 0.7]


@pytest.mark.parametrize("seed", range(5))
def test_by_norm_is_the_closest_point_of_the_ball_and_by_value_of_the_cube(seed):
    g, eta = 3 * np.random.default_rng(seed).normal(size=4), 0.7
    start, distance = np.zeros(4), lambda c: ((g - c) ** 2).sum()
    in_ball = {"type": "ineq", "fun": lambda c: eta**2 - c @ c}
    ball = minimize(distance, start, constraints=in_ball, options={"ftol": 1e-14}).x
    cube = minimize(distance, start, bounds=[(-eta, eta)] * 4, options={"ftol": 1e-14}).x
    np.testing.assert_allclose(clip_by_global_norm({"g": g}, eta)[0]["g"], ball, atol=1e-5)
    np.testing.assert_allclose(clip_by_value({"g": g}, eta)["g"], cube, atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_e17_rescaling_keeps_the_direction_and_cutting_entries_off_does_not(seed):
    g = {"dW": np.random.default_rng(seed).normal(size=(6, 6))}
    flat = g["dW"].ravel()
    rescaled, cut = (
        clip_by_global_norm(g, 0.7)[0]["dW"].ravel(),
        clip_by_value(g, 0.7)["dW"].ravel(),
    )
    assert degrees(flat, rescaled) < 1e-6
    assert degrees(flat, cut) > 5
    assert (np.sign(cut) == np.sign(flat)).all() and cut @ flat > 0


def test_by_value_may_turn_almost_to_the_side():
    g = np.r_[1e12, np.ones(9_999)]
    assert degrees(g, clip_by_value({"g": g}, 1.0)["g"]) == pytest.approx(89.4, abs=0.05)


def test_each_array_on_its_own_turns_the_whole():
    g = {"dW": np.array([3.0, 4.0]), "db": np.array([0.3])}
    whole = np.r_[3.0, 4.0, 0.3]
    each, together = clip_by_norm(g, 1)[0], clip_by_global_norm(g, 1)[0]
    assert degrees(whole, np.r_[each["dW"], each["db"]]) == pytest.approx(13.27, abs=0.005)
    assert degrees(whole, np.r_[together["dW"], together["db"]]) < 1e-6


def huber_minimum(eta, share=0.2, high=10.0):
    """Where Huber's loss of zeros and tens is least: clipped descent, one sample a batch."""

    def huber(error):
        size = abs(error)
        return size**2 / 2 if size <= eta else eta * (size - eta / 2)

    def mean_loss(w):
        return (1 - share) * huber(w) + share * huber(w - high)

    return minimize_scalar(mean_loss, bounds=(-1, 9), method="bounded", options={"xatol": 1e-10}).x


@pytest.mark.parametrize("eta, settles", [(1, 0.25), (2, 0.5), (4, 1.0), (8, 2.0)])
def test_the_bias_is_that_of_hubers_loss(eta, settles):
    assert huber_minimum(eta) == pytest.approx(settles, abs=1e-5)


def test_the_quiz_on_the_bias():
    assert huber_minimum(1, share=0.1) == pytest.approx(1 / 9, abs=1e-5)


@pytest.mark.parametrize("eta, N, settles", [(1.5, 4, 1.66), (0.5, 4, 2.22), (1, 16, 1.957)])
def test_the_bias_in_batches(eta, N, settles):
    def mean(w):
        ks = range(N + 1)
        chances = (comb(N, k) * 0.2**k * 0.8 ** (N - k) for k in ks)
        return sum(
            c * max(-eta, min(eta, w - 10 * k / N)) for c, k in zip(chances, ks, strict=True)
        )

    assert brentq(mean, -1, 5) == pytest.approx(settles, abs=0.005)


def test_clipped_descent_on_samples_settles_beside_the_mean():
    rng, w, visited = np.random.default_rng(0), 2.0, []
    for y in np.where(rng.uniform(size=40_000) < 0.2, 10.0, 0.0):
        w -= 0.01 * np.clip(w - y, -1, 1)
        visited.append(w)
    assert np.mean(visited[10_000:]) == pytest.approx(0.25, abs=0.05)


def torch_network(kind, T=30, H=64, seed=0):
    """A torch.nn.RNN on temporal order after one backward pass."""
    torch.manual_seed(seed)
    net, read_out = torch.nn.RNN(6, H, dtype=torch.float64), torch.nn.Linear(H, 4).double()
    if kind == "orthogonal":
        torch.nn.init.orthogonal_(net.weight_hh_l0)
    x, y = temporal_order(T, 32, np.random.default_rng(seed), np.float64)
    x = torch.tensor(x, requires_grad=True)
    h, _ = net(x)
    torch.nn.functional.cross_entropy(read_out(h[-1]), torch.tensor(y)).backward()
    return [*net.parameters(), *read_out.parameters()], x.grad.norm(dim=(1, 2))


@pytest.mark.parametrize("seed", range(5))
def test_e6_a_vanished_gradient_is_returned_unchanged(seed):
    parameters, by_step = torch_network("default", seed=seed)
    assert by_step[0] < 1e-3 * by_step[-1]  # vanished
    before = [p.grad.clone() for p in parameters]
    assert torch.nn.utils.clip_grad_norm_(parameters, 1.0) < 1
    assert all(torch.equal(p.grad, b) for p, b in zip(parameters, before, strict=True))


@pytest.mark.parametrize("eta", [1e-3, 1e-1])
def test_e6_where_clipping_acts_old_terms_stay_as_small_beside_new_ones(eta):
    """The share of each step, by giving each its own copy of W_hh in torch."""
    rng = np.random.default_rng(0)
    H, T = 8, 12
    shared = torch.tensor(0.1 * rng.normal(size=(H, H)))
    copies = [shared.clone().requires_grad_() for _ in range(T)]
    h = torch.tensor(rng.normal(size=(1, H)))
    for W in copies:
        h = torch.tanh(h @ W + 0.1)
    h.sum().backward()
    terms = np.array([W.grad.norm().item() for W in copies])
    total = {"dW": sum(W.grad for W in copies).numpy()}
    clipped, norm = clip_by_global_norm(total, eta)
    factor = np.linalg.norm(clipped["dW"]) / norm
    assert factor < 1 and terms[0] < 1e-3 * terms[-1]
    np.testing.assert_allclose(factor * terms[0] / (factor * terms[-1]), terms[0] / terms[-1])
    np.testing.assert_allclose(clipped["dW"], sum(factor * W.grad for W in copies), rtol=1e-12)


def torch_loss(w, b, T=50):
    h = torch.full_like(w, 0.5)
    for _ in range(T):
        h = torch.sigmoid(w * h + b)
    return (h - 0.7) ** 2


def torch_descent(w, b, eta, rate=0.3, updates=200):
    w, b = (v.clone().requires_grad_() for v in (w, b))
    for _ in range(updates):
        d = torch.stack(torch.autograd.grad(torch_loss(w, b).sum(), (w, b)))
        norm = d.norm(dim=0)
        with torch.no_grad():
            factor = (eta / norm).clamp(max=1) if eta else torch.ones_like(norm)
            w -= rate * factor * d[0]
            b -= rate * factor * d[1]
    return w.detach(), b.detach()


def test_the_cliff_throws_without_clipping_and_not_with_it():
    w, b = torch.meshgrid(
        torch.linspace(5, 6, 11, dtype=torch.float64),
        torch.linspace(-2.4, -2, 9, dtype=torch.float64),
        indexing="ij",
    )
    thrown, ends = {}, {}
    for eta in (None, 1.0):
        w_end, b_end = torch_descent(w, b, eta)
        thrown[eta] = int((torch.hypot(w_end - w, b_end - b) > 3).sum())
        ends[eta] = torch_loss(w_end, b_end)
    assert thrown[None] > 20 and thrown[1.0] == 0
    assert (ends[1.0] < 0.02).all() and (ends[None] < 0.02).sum() < 60


@pytest.mark.parametrize("w", [4.5, 5.0, 6.0])
def test_the_cliff_stands_where_b_is_minus_half_of_w(w):
    h = np.full(2, 0.5)
    for _ in range(400):
        h = sigmoid(w * h + np.array([-w / 2 - 1e-3, -w / 2 + 1e-3]))
    assert h[0] < 0.4 < 0.6 < h[1]


def test_omega_of_one_linear_unit():
    h, dh = np.ones((2, 1, 1)), np.array([[[0.0]], [[3.0]]])
    for w, slope in ((0.5, -1.0), (1.5, 1.0)):
        omega, dW = jacobian_regulariser(np.array([[w]]), h, dh, "relu")
        assert (omega, dW[0, 0]) == (0.25, slope)


def test_clipping_before_adam_with_a_threshold_always_passed_has_no_size():
    torch.manual_seed(0)
    gradients = torch.randn(50, 4, dtype=torch.float64)
    ends = []
    for eta in (0.1, 0.01):
        w = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
        descent = torch.optim.Adam([w], lr=0.1, eps=1e-30)
        for d in gradients:
            w.grad = eta * d / d.norm()
            descent.step()
        ends.append(w.detach().clone())
    torch.testing.assert_close(*ends, rtol=0, atol=1e-12)
