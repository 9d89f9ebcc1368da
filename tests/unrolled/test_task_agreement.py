"""Agreement: the second word decides, and nothing after it does."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.tasks import agreement
from unrolled.tasks.agreement import NOUNS, PLACES, WORDS, words_of


@settings(max_examples=60, deadline=None, derandomize=True)
@given(distance=st.integers(4, 40), N=st.integers(1, 20), seed=st.integers(0, 999))
def test_sentences_are_those_of_the_grammar(distance, N, seed):
    x, targets = agreement(distance, N, np.random.default_rng(seed))
    assert x.shape == (distance + 1, N, len(WORDS)) and targets.shape == (N,)
    assert ((x == 0) | (x == 1)).all() and (x.sum(axis=2) == 1).all()
    people, verbs = "(we|you|they|i)", "(met|saw|heard|left)"
    places = "|".join((*PLACES, *PLACES.values()))
    phrase = rf"( (at|near|behind|beside) the ({places}))"
    for words, target in zip(words_of(x), targets, strict=True):
        subject = "|".join(NOUNS.values() if target else NOUNS)
        opening = f"{('that', 'those')[target]} ({subject}) who {people} {verbs}"
        # The verb would be the next word: distance steps after the second.
        assert len(words) + 1 - 2 == distance
        assert re.fullmatch(rf"{opening}{phrase}*( recently| long ago)?", " ".join(words)), words


def test_the_decks_sentence_is_one_of_them():
    sentences = words_of(agreement(7, 20_000, np.random.default_rng(0))[0])
    assert ("that", "guy", "who", "we", "met", "at", "the", "airport") in sentences


def test_numbers_are_balanced_and_no_later_word_tells():
    x, targets = agreement(13, 20_000, np.random.default_rng(1))
    assert abs(targets.mean() - 0.5) < 0.015
    for t in range(2, len(x)):
        for word in np.flatnonzero(x[t].any(axis=0)):
            here = x[t, :, word] == 1
            tolerance = 5 * 0.5 / np.sqrt(here.sum())
            assert abs(targets[here].mean() - 0.5) < tolerance, (t, WORDS[word])


def test_same_seed_same_sentences_and_the_dtype_asked_for():
    one, other = (agreement(9, 5, np.random.default_rng(2), np.float64) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    assert one[0].dtype == np.float64
    assert agreement(9, 5, np.random.default_rng(2))[0].dtype == np.float32


@pytest.mark.parametrize(
    "distance, N, message",
    [(3, 1, "distance: expected at least 4, got 3"), (4, 0, "N: expected at least 1, got 0")],
)
def test_wrong_argument_is_named(distance, N, message):
    with pytest.raises(ValueError, match=message):
        agreement(distance, N, np.random.default_rng(0))
