"""Beam search against greedy decoding and against all sequences there are; forced inputs."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.decoding import beam_search, forced
from unrolled.sampling import generate, greedy

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


class Model:
    """A random model whose logits depend on all that it has read, and whose state is a tuple."""

    def __init__(self, C, seed, forbidden=0.0):
        self.C, self.seed, self.forbidden = C, seed, forbidden

    def start(self, N):
        return np.arange(N), (np.zeros(N, np.int64), None)

    def step(self, symbols, state):
        n, (read, nothing) = state
        assert nothing is None and len(symbols) == len(n) == len(read)
        read = read * self.C + symbols + 1
        return np.stack([self.logits(*key) for key in zip(n, read, strict=True)]), (n, (read, None))

    def logits(self, n, read):
        rng = np.random.default_rng((self.seed, int(n), int(read)))
        logits = 2 * rng.normal(size=self.C)
        shut = rng.random(self.C) < self.forbidden
        shut[rng.integers(self.C)] = False
        return np.where(shut, -np.inf, logits)


def log_p_of(model, n, word, first, end):
    """Return the log-probability of one word, symbol by symbol."""
    read, total, symbol = 0, 0.0, first
    for following in word:
        read = read * model.C + symbol + 1
        logits = model.logits(n, read)
        total += logits[following] - np.log(np.exp(logits).sum())
        symbol = following
        if symbol == end:
            break
    return total


def all_words(C, T, end):
    """Return every word of T symbols, or shorter and ended, filled up with `end`."""
    words = set()
    for word in itertools.product(range(C), repeat=T):
        if end in word:
            stop = word.index(end)
            word = word[:stop] + (end,) * (T - stop)
        words.add(word)
    return sorted(words)


sizes = {"C": st.integers(2, 3), "T": st.integers(1, 4), "N": st.integers(1, 3)}
ends = st.sampled_from([None, 0, 1])
seeds = st.integers(0, 999)


@SETTINGS
@given(**sizes, end=ends, seed=seeds, forbidden=st.sampled_from([0.0, 0.4]))
def test_with_room_for_all_it_finds_all_in_order(C, T, N, end, seed, forbidden):
    model = Model(C, seed, forbidden)
    first = np.arange(N) % C
    words, log_p = beam_search(model.step, model.start(N), first, C**T, T, end)
    expected = all_words(C, T, end)
    with np.errstate(divide="ignore"):
        for n in range(N):
            p = {word: log_p_of(model, n, word, first[n], end) for word in expected}
            best = sorted((v for v in p.values() if v > -np.inf), reverse=True)
            found = log_p[n] > -np.inf
            assert found.sum() == len(best)
            np.testing.assert_allclose(log_p[n][found], best, rtol=0, atol=1e-9)
            for k in np.flatnonzero(found):
                word = tuple(words[:, n, k]) + (end,) * (T - len(words))
                assert p[word] == pytest.approx(log_p[n, k], abs=1e-9)
    if forbidden == 0:
        np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)


@SETTINGS
@given(**sizes, end=ends, seed=seeds)
def test_width_one_is_greedy(C, T, N, end, seed):
    model, first = Model(C, seed), np.zeros(N, int)
    words, log_p = beam_search(model.step, model.start(N), first, 1, T, end)
    expected = generate(model.step, model.start(N), first, greedy, T, end)
    np.testing.assert_array_equal(words[..., 0], expected)
    assert words.shape[1:] == (N, 1) and log_p.shape == (N, 1)


@SETTINGS
@given(C=st.integers(2, 4), T=st.integers(1, 6), width=st.integers(1, 6), end=ends, seed=seeds)
def test_what_it_says_of_a_sequence_is_true(C, T, width, end, seed):
    model = Model(C, seed)
    words, log_p = beam_search(model.step, model.start(2), np.zeros(2, int), width, T, end)
    assert (log_p[:, 1:] <= log_p[:, :-1]).all() and log_p.dtype == np.float64
    for n in range(2):
        found = words[:, n, log_p[n] > -np.inf].T
        assert 1 <= len({tuple(word) for word in found}) == len(found) <= width
        for word, claimed in zip(found, log_p[n], strict=False):
            assert log_p_of(model, n, word, 0, end) == pytest.approx(claimed, abs=1e-9)


def test_finds_what_greedy_misses():
    """Chapter 3's words of two letters: greedy writes "ac" of 0.2, "bc" has 0.36."""
    table = np.log(
        [[0.6, 0.4, 0, 0, 0], [0, 0, *[1 / 3] * 3], [0, 0, 0.9, 0.05, 0.05]]
        + 1e-300 * np.ones((3, 5))
    )

    def step(symbols, t):
        rows = np.zeros(len(symbols), int) if t[0] == 0 else symbols + 1
        return table[rows], t + 1

    for width, word, p in ((1, "ac", 0.2), (2, "bc", 0.36)):
        words, log_p = beam_search(step, np.zeros(1, int), [0], width, 2)
        assert "".join("abcde"[k] for k in words[:, 0, 0]) == word
        assert np.exp(log_p[0, 0]) == pytest.approx(p)


def test_stops_when_all_have_ended():
    def step(symbols, state):
        return np.tile([5.0, 0.0], (len(symbols), 1)), None

    words, _ = beam_search(step, None, [1, 1], 1, T=50, end=0)
    assert words.shape == (1, 2, 1)


def test_sequences_of_a_batch_do_not_mix():
    model = Model(3, 5)
    together, p = beam_search(model.step, model.start(4), np.zeros(4, int), 3, 5, end=0)
    for n in range(4):
        alone, q = beam_search(
            model.step, (np.array([n]), (np.zeros(1, int), None)), [0], 3, 5, end=0
        )
        np.testing.assert_array_equal(together[: len(alone), n], alone[:, 0])
        np.testing.assert_array_equal(p[n], q[0])


def test_float32_logits_are_summed_in_float64():
    def step(symbols, state):
        return np.tile(np.float32([1.0, 0.0]), (len(symbols), 1)), state

    _, log_p = beam_search(step, None, [0], 1, T=1000)
    assert log_p[0, 0] == pytest.approx(-1000 * np.log1p(np.exp(-1)), rel=1e-12)


@pytest.mark.parametrize(
    "first, width, T, message",
    [
        ([0], 0, 3, "width: expected at least 1, got 0"),
        ([0], 2, 0, "T: expected at least 1, got 0"),
        ([[0]], 2, 3, "first: expected integers of shape (N,), got shape (1, 1) of int64"),
        ([0.0], 2, 3, "first: expected integers of shape (N,), got shape (1,) of float64"),
        ([], 2, 3, "first: expected integers of shape (N,), got shape (0,) of float64"),
    ],
)
def test_wrong_argument_is_named(first, width, T, message):
    model = Model(3, 0)
    with pytest.raises(ValueError, match=re.escape(message)):
        beam_search(model.step, model.start(1), first, width, T)


def test_wrong_logits_are_named():
    with pytest.raises(ValueError, match="logits: expected numbers or −inf, got nan"):
        beam_search(lambda symbols, _: (np.full((1, 2), np.nan), None), None, [0], 2, 3)


def test_forced_inputs_are_the_targets_one_step_later():
    targets = np.array([[3, 1], [2, 2], [5, 4]], np.int32)
    read = forced(targets, 9)
    np.testing.assert_array_equal(read, [[9, 9], [3, 1], [2, 2]])
    assert read.dtype == np.int32 and targets[0, 0] == 3
    np.testing.assert_array_equal(forced(targets[:1], 0), [[0, 0]])


@pytest.mark.parametrize("targets", [np.zeros(3, int), np.zeros((3, 2))])
def test_wrong_targets_are_named(targets):
    message = f"targets: expected integers of shape (T, N), got shape {targets.shape}"
    with pytest.raises(ValueError, match=re.escape(message)):
        forced(targets, 0)
