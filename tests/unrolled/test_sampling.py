"""Choosing symbols against torch's softmax and against exact probabilities; generating."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.sampling import generate, greedy, probabilities, sampled

every_shape = settings(max_examples=40, deadline=None, derandomize=True)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


def logits_of(shape, seed=0, dtype=np.float64):
    return (5 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)


@every_shape
@given(SHAPES, st.floats(0.05, 20), st.integers(0, 999))
def test_probabilities_equal_torchs_softmax(shape, temperature, seed):
    logits = logits_of(shape, seed)
    expected = torch.softmax(torch.tensor(logits) / temperature, dim=-1)
    p = probabilities(logits, temperature)
    np.testing.assert_allclose(p, expected, rtol=0, atol=1e-12)


@every_shape
@given(SHAPES, st.integers(0, 999))
def test_greedy_is_the_limit_of_a_low_temperature(shape, seed):
    logits = logits_of(shape, seed)
    best = greedy(logits)
    np.testing.assert_array_equal(best, torch.tensor(logits).argmax(dim=-1))
    rng = np.random.default_rng(seed)
    np.testing.assert_array_equal(sampled(logits, rng, temperature=1e-300), best)


@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_draws_have_the_probabilities(temperature):
    logits = np.array([1.0, -np.inf, 0.0, 2.0])
    p = probabilities(logits, temperature)
    M = 100_000
    drawn = sampled(np.tile(logits, (M, 1)), np.random.default_rng(0), temperature)
    share = np.bincount(drawn, minlength=4) / M
    assert share[1] == 0 == p[1]
    assert (np.abs(share - p) <= 4 * np.sqrt(p * (1 - p) / M)).all()


def test_a_draw_follows_its_uniform_number():
    class Fixed:
        def random(self, shape):
            return np.array([0.0, 0.49, 0.5, 0.74, 0.75, 0.999]).reshape(shape)

    logits = np.tile(np.log([2.0, 1.0, 1.0]), (6, 1))
    assert sampled(logits, Fixed()).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_forbidden_class_is_not_drawn_even_at_the_ends(last):
    class Ends:
        def random(self, shape):
            return np.array([0.0, np.nextafter(1, 0)]).reshape(shape)

    logits = np.full((2, 3), -np.inf)
    logits[:, last] = 7.0
    assert sampled(logits, Ends()).tolist() == [last, last]


def test_extreme_logits_and_temperatures_stay_finite():
    logits = np.array([1e300, 0.0, -1e300])
    for temperature in (1e-320, 1.0, 1e300):
        p = probabilities(logits, temperature)
        assert np.isfinite(p).all() and p.sum() == pytest.approx(1)
    np.testing.assert_array_equal(probabilities(logits, 1e-320), [1, 0, 0])
    np.testing.assert_allclose(probabilities(np.array([3.0, 1.0]), 1e300), 0.5)


def test_dtype_is_kept_and_logits_are_left_unchanged():
    logits = logits_of((3, 4), dtype=np.float32)
    before = logits.copy()
    assert probabilities(logits, 0.7).dtype == np.float32
    sampled(logits, np.random.default_rng(0), 0.7)
    np.testing.assert_array_equal(logits, before)


def counting(symbols, state):
    """A model that is sure of the symbol after the one it reads; its state counts the steps."""
    return 50 * np.eye(4)[(symbols + 1) % 4], state + 1


def test_generate_feeds_back_what_it_chose():
    assert generate(counting, 0, [0, 2], greedy, T=5).T.tolist() == [
        [1, 2, 3, 0, 1],
        [3, 0, 1, 2, 3],
    ]


def test_generate_stops_when_all_have_ended_and_fills_up():
    written = generate(counting, 0, [0, 2], greedy, T=10, end=0)
    assert written.T.tolist() == [[1, 2, 3, 0], [3, 0, 0, 0]]


def test_generate_hands_the_state_on():
    seen = []

    def step(symbols, state):
        seen.append(state)
        return counting(symbols, state)

    generate(step, 10, [0], greedy, T=4)
    assert seen == [10, 11, 12, 13]


def test_generate_draws_from_the_models_joint_distribution():
    """Of a Markov chain, all words of two symbols, against their exact probabilities."""
    chain = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.1, 0.1, 0.8]])
    M = 50_000
    choose = partial(sampled, rng=np.random.default_rng(0))
    words = generate(
        lambda symbols, _: (np.log(chain[symbols]), None), None, np.zeros(M, int), choose, T=2
    )
    share = np.bincount(3 * words[0] + words[1], minlength=9) / M
    exact = (chain[0][:, None] * chain).ravel()
    assert np.abs(share - exact).max() < 4 * 0.5 / np.sqrt(M)


LOGITS = logits_of((2, 3))
RNG = np.random.default_rng(0)


def altered(where, value):
    logits = LOGITS.copy()
    logits[where] = value
    return logits


@pytest.mark.parametrize("choose", [probabilities, greedy, partial(sampled, rng=RNG)])
@pytest.mark.parametrize(
    "logits, message",
    [
        (altered((1, 2), np.nan), "logits: expected numbers or −inf, got nan at [1, 2]"),
        (altered((0, 1), np.inf), "logits: expected numbers or −inf, got inf at [0, 1]"),
        (altered(1, -np.inf), "logits: expected a class that is allowed, got −inf for all at [1]"),
        (LOGITS.astype(int), "logits: expected floating-point numbers, got int64"),
        (LOGITS[:, :0], "logits: expected shape (…, C), not empty, got (2, 0)"),
        (np.float64(1), "logits: expected shape (…, C), not empty, got ()"),
    ],
)
def test_wrong_logits_are_named(choose, logits, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        choose(logits)


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("choose", [probabilities, partial(sampled, rng=RNG)])
def test_wrong_temperature_is_named(choose, temperature):
    with pytest.raises(ValueError, match="temperature: expected a positive finite number, got"):
        choose(LOGITS, temperature=temperature)


def test_temperature_that_float32_cannot_hold_is_named():
    with pytest.raises(ValueError, match="temperature: expected a positive finite number, got"):
        probabilities(LOGITS.astype(np.float32), 1e-60)


@pytest.mark.parametrize(
    "first, T, message",
    [
        ([0], 0, "T: expected at least 1, got 0"),
        ([[0]], 3, "first: expected integers of shape (N,), got shape (1, 1) of int64"),
        ([0.0], 3, "first: expected integers of shape (N,), got shape (1,) of float64"),
        ([], 3, "first: expected integers of shape (N,), got shape (0,) of float64"),
    ],
)
def test_generates_wrong_argument_is_named(first, T, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        generate(counting, 0, first, greedy, T)
