"""Chapter 7's statements, by another way than the lesson's: autograd, fractions, counts."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from numpy.polynomial import Polynomial

from unrolled.nets import RNN
from unrolled.tasks import coin_level
from unrolled.truncated import TruncatedBPTT


def scalar_gradient(w, losses, tau=None):
    """dL/dw of h_t = w h_{t−1}, h_0 = 1, L = Σ losses[t] h_t, by autograd, with cuts or without."""
    w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    h, L = torch.ones((), dtype=torch.float64), 0.0
    for t, g in enumerate(losses):
        if tau is not None and t % tau == 0:
            h = h.detach()
        h = w * h
        L = L + g * h
    L.backward()
    return w.grad.item()


def network(T=12, N=3, D=2, H=4, seed=3, scale=1.0):
    """A network, its inputs, and the gradient that reaches every state from above."""
    rng = np.random.default_rng(seed)
    net = RNN.initialise(D, H, rng)
    net.W_hh *= scale
    return net, rng.normal(size=(T, N, D)), rng.normal(size=(T, N, H))


def graph_of(net, x, cut=()):
    """States by torch with the weight W_hh as a leaf; the state before a step in `cut` is cut."""
    W_xh, W_hh, b_h, x = (torch.tensor(a) for a in (net.W_xh, net.W_hh, net.b_h, x))
    W_hh.requires_grad_()
    h, states = torch.zeros(x.shape[1], len(b_h), dtype=torch.float64), []
    for t, x_t in enumerate(x):
        h = torch.tanh(x_t @ W_xh + (h.detach() if t in cut else h) @ W_hh + b_h)
        states.append(h)
    return W_hh, torch.stack(states)


def gradient(net, x, g, cut=()):
    W_hh, h = graph_of(net, x, cut)
    h.backward(torch.tensor(g))
    return W_hh.grad.numpy()


# The worked example ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("w", "full", "truncated"), [(0.5, 3.25, 2.5), (1.0, 10, 6), (2.0, 49, 25)]
)
def test_worked_numbers(w, full, truncated):
    assert Polynomial([0, 1, 1, 1, 1]).deriv()(w) == full
    assert scalar_gradient(w, [1, 1, 1, 1]) == full
    assert scalar_gradient(w, [1, 1, 1, 1], tau=2) == truncated


def test_the_truncated_gradient_has_the_wrong_sign():
    L = Polynomial([0, 0, 3, 0, -2])
    assert L.deriv()(1) == scalar_gradient(1.0, [0, 3, 0, -2]) == -2
    assert scalar_gradient(1.0, [0, 3, 0, -2], tau=2) == 2
    assert L(1.02) < L(1) < L(0.98)


@pytest.mark.parametrize(
    ("k1", "k2", "expected"), [(2, 2, "5/2"), (1, 2, "11/4"), (2, 3, "23/8"), (4, 4, "13/4")]
)
def test_worked_numbers_of_k1_and_k2(k1, k2, expected):
    half, total = Fraction(1, 2), Fraction(0)
    for end in range(k1, 5, k1):  # the walks
        for t in range(end - k1 + 1, end + 1):  # the losses that it counts
            total += sum(half ** (t - 1) for _ in range(max(end - k2 + 1, 1), t + 1))
    assert total == Fraction(expected)


# The derivation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [1, 2, 3, 4, 6])
def test_what_is_dropped_is_one_message_a_cut(tau):
    net, x, g = network()
    missing = gradient(net, x, g) - gradient(net, x, g, cut=range(tau, 12, tau))
    by_messages = np.zeros_like(net.W_hh)
    weights = [torch.tensor(W) for W in (net.W_xh, net.W_hh, net.b_h)]
    for s in range(tau, 12, tau):
        start = RNN(net.W_xh, net.W_hh, net.b_h).forward(x[:s])[-1]
        leaf = torch.tensor(start, requires_grad=True)
        h = leaf
        L = 0.0
        for x_t, g_t in zip(torch.tensor(x[s:]), torch.tensor(g[s:]), strict=True):
            h = torch.tanh(x_t @ weights[0] + h @ weights[1] + weights[2])
            L = L + (g_t * h).sum()
        L.backward()
        W_hh, states = graph_of(net, x[:s], cut=range(0, s - tau + 1))
        (states[-1] * leaf.grad).sum().backward()
        by_messages += W_hh.grad.numpy()
    np.testing.assert_allclose(by_messages, missing, rtol=0, atol=1e-12)
    assert np.abs(missing).max() > 1e-3


def test_tau_of_the_whole_length_is_exact():
    net, x, g = network()
    reader = TruncatedBPTT(net)
    reader.forward(x)
    exact = gradient(net, x, g)
    np.testing.assert_allclose(reader.backward(g).dW_hh, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("tau", [2, 5, 10])
def test_share_of_a_lag_that_windows_keep(tau):
    T = 4 * tau
    for lag in range(tau + 2):
        pairs = [(t, t - lag) for t in range(T) if t >= lag]
        kept = sum(t // tau == k // tau for t, k in pairs)
        assert kept == 4 * max(tau - lag, 0)
        assert Fraction(kept, T) == max(Fraction(tau - lag, tau), 0)


def test_forward_is_exact_and_only_reset_changes_it():
    net, x, _ = network()
    whole, reader = net.forward(x), TruncatedBPTT(net)
    carried = np.concatenate([reader.forward(x[s : s + 3]) for s in range(0, 12, 3)])
    np.testing.assert_allclose(carried, whole, rtol=0, atol=1e-14)
    reader.reset()
    assert np.abs(reader.forward(x[3:6]) - whole[3:6]).max() > 0.01


# E6: no remedy for vanishing gradients -----------------------------------------------------------


@pytest.mark.parametrize("scale", [0.2, 1.0, 2.0])
def test_truncation_sets_old_terms_to_zero_whatever_they_were(scale):
    net, x, g = network(scale=scale)

    def reach(cut):
        """How much the last loss answers to the input of each step."""
        W = [torch.tensor(a) for a in (net.W_xh, net.W_hh, net.b_h)]
        inputs = torch.tensor(x, requires_grad=True)
        h = torch.zeros(3, 4, dtype=torch.float64)
        for t, x_t in enumerate(inputs.unbind(0)):
            h = torch.tanh(x_t @ W[0] + (h.detach() if t in cut else h) @ W[1] + W[2])
        (h * torch.tensor(g[-1])).sum().backward()
        return inputs.grad.abs().amax(dim=(1, 2)).numpy()

    whole, cut = reach(()), reach(range(0, 12, 4))
    assert (whole > 0).all() and (cut[:8] == 0).all() and (cut[8:] > 0).all()


def test_identity_recurrence_has_gradient_one_until_it_is_cut():
    assert scalar_gradient(1.0, [0] * 39 + [1]) == 40
    assert scalar_gradient(1.0, [0] * 39 + [1], tau=20) == 20


# Costs, levels, exercises ------------------------------------------------------------------------


def test_steps_back_are_k2_for_every_k1():
    net, x, g = network(T=400)
    calls = []
    backward = net.backward
    net.backward = lambda dh: calls.append(len(dh)) or backward(dh)
    for k1, k2 in ((20, 20), (4, 4), (2, 8), (1, 10)):
        calls.clear()
        reader = TruncatedBPTT(net, k2)
        for s in range(0, 400, k1):
            reader.forward(x[s : s + k1])
            reader.backward(g[s : s + k1])
        assert max(calls) == k2 and len(calls) == 400 // k1
        assert 0.95 < sum(calls) / (400 * k2 / k1) <= 1


def test_the_best_loss_with_a_reset():
    """By brute force: at each of six steps, the best answer to what is known since the reset."""
    losses = []
    for position in range(6):
        table = {}
        for bits in product((0, 1), repeat=2):
            p = 0.5 + 0.5 * bits[0] - 0.25 * bits[1]
            known = (bits[0] if position >= 3 else None, bits[1] if position >= 8 else None)
            table.setdefault(known, []).append(p)
        for ps in table.values():
            q = np.mean(ps)
            losses.append(-(q * np.log(q) + (1 - q) * np.log(1 - q)) * len(ps) / 4)
    assert sum(losses) / 6 == pytest.approx(
        (coin_level(False, False) + coin_level(True, False)) / 2
    )
    assert round(sum(losses) / 6, 3) == 0.590


def test_random_cuts_are_right_on_average():
    """Exercise 5, by drawing cuts for autograd rather than by going through all of them."""
    rng, c, total = np.random.default_rng(5), 0.4, 0.0
    draws = 40_000
    for cuts in rng.random((draws, 3)) < c:
        kept = np.concatenate([[0], np.where(cuts, 0, 1 / (1 - c))])
        dh_dw, h = 0.0, 1.0  # forward mode
        for t in range(4):
            dh_dw, h = h + 0.5 * kept[t] * dh_dw, 0.5 * h
            total += dh_dw
    assert total / draws == pytest.approx(3.25, abs=0.02)
