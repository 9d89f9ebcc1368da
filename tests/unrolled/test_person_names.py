"""The naming task: its labels follow from the words by rules written here once more."""

import numpy as np
import pytest

from unrolled.tasks.person_names import (
    FIRST,
    HARRY,
    LIST_WORDS,
    SURNAMES,
    TRADES,
    WORDS,
    person_names,
    trade_lists,
)


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


def decided_by(words):
    """Return the word that tells whether a list's trades are names, and the place of its trades."""
    places = [t for t, word in enumerate(words) if word in TRADES]
    opening, closing = places[0] - 1, places[-1] + 1
    assert places == list(range(places[0], closing, 2))
    assert all(words[t] == "and" for t in range(places[0] + 1, closing, 2))
    return words[opening] if opening >= 0 else words[closing], places


def test_in_a_list_one_word_on_either_side_decides():
    deciding = []
    for words, labels in trade_lists(4000, np.random.default_rng(2)):
        word, places = decided_by(words)
        assert set(words) <= set(LIST_WORDS)
        expected = {"messrs": 1, "the": 0, "esquires": 1, "alike": 0}[word]
        assert labels == tuple(expected * (t in places) for t in range(len(words)))
        assert 2 <= len(places) <= 4
        deciding.append(word)
    assert ("messrs" in deciding) and all(
        abs(deciding.count(w) / 4000 - 0.25) < 0.03 for w in set(deciding)
    )


def test_lists_share_their_words_but_the_one_that_decides():
    sentences = trade_lists(3000, np.random.default_rng(3), 2)
    for names, none in (("messrs", "the"), ("esquires", "alike")):
        rest = [
            {words for words, _ in sentences if decided_by(words)[0] == word}
            for word in (names, none)
        ]
        turned = {tuple(none if w == names else w for w in words) for words in rest[0]}
        assert turned & rest[1]


@pytest.mark.parametrize("draw", [person_names, trade_lists])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "N: expected at least 1, got 0"), ((1, 1), "longest: expected at least 2, got 1")],
)
def test_bad_input_is_named(draw, arguments, message):
    N, *longest = arguments
    with pytest.raises(ValueError, match=message):
        draw(N, np.random.default_rng(0), *longest)
