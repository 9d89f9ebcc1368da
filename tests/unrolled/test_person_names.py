"""The naming task: its labels follow from the words by rules written here once more."""

import numpy as np
import pytest

from unrolled.tasks.person_names import FIRST, HARRY, SURNAMES, TRADES, WORDS, person_names


def labelled_by_rule(words):
    """Label a sentence from its words alone, reading on where "will" opens it."""
    labels = []
    for t, word in enumerate(words):
        if t == 0 and word == "will":
            labels.append(int(words[1] in SURNAMES + TRADES))
        elif word in TRADES:
            before = t - 1
            while words[before] == "and" or words[before] in TRADES:
                before -= 1
            labels.append(int(words[before] == "messrs" or words[before] in FIRST))
        else:
            labels.append(int(word in FIRST + SURNAMES))
    return tuple(labels)


@pytest.mark.parametrize("longest", [2, 4, 9])
def test_labels_follow_from_the_words(longest):
    for words, labels in person_names(500, np.random.default_rng(longest), longest):
        assert set(words) <= set(WORDS)
        assert labels == labelled_by_rule(words), words


def test_the_decks_sentence_is_labelled_by_the_same_rules():
    assert HARRY.labels == labelled_by_rule(HARRY.words) == (1, 1, 0, 1, 1, 0, 0, 0, 0)
    assert set(HARRY.words) <= set(WORDS)


def test_lists_are_as_long_as_asked_and_no_longer():
    longest = 0
    for words, _ in person_names(2000, np.random.default_rng(0), 6):
        trades = [i for i, word in enumerate(words) if word in TRADES]
        assert all(words[i] != words[i + 2] for i in trades if i + 2 in trades)
        if "messrs" in words:
            longest = max(longest, len(trades))
            assert 2 <= len(trades) <= 6
    assert longest == 6


def test_the_ambiguous_words_are_balanced():
    sentences = person_names(8000, np.random.default_rng(1))
    opening = [labels[0] for words, labels in sentences if words[0] == "will"]
    assert abs(len(opening) / 8000 - 0.25) < 0.02 and abs(np.mean(opening) - 0.5) < 0.04
    lists = [labels[-99:] for words, labels in sentences if "messrs" in words]
    no_names = [1 for _, labels in sentences if not any(labels)]
    assert 0.8 < len(lists) / len(no_names) < 1.25


def test_the_same_seed_draws_the_same_sentences():
    first, second = (person_names(20, np.random.default_rng(5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "N: expected at least 1, got 0"), ((1, 1), "longest: expected at least 2, got 1")],
)
def test_bad_input_is_named(arguments, message):
    N, *longest = arguments
    with pytest.raises(ValueError, match=message):
        person_names(N, np.random.default_rng(0), *longest)
