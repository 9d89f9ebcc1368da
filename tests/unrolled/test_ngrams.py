from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.ngrams import NGram

texts = st.text("abc", min_size=6, max_size=60)


@given(texts, st.integers(0, 4), st.text("abcd", max_size=6))
def test_probabilities_sum_to_one_after_any_context(text, order, context):
    model = NGram(text, order, "abcd")
    p = [model.probability(s, context) for s in "abcd"]
    assert min(p) > 0 and sum(p) == pytest.approx(1, abs=1e-12)


def test_by_hand():
    """abracadabra after "a": b twice, c and d once; after nothing: a 5, b and r 2, c and d 1."""
    model = NGram("abracadabra", 1)
    for s, pair, alone in (("a", 0, 5), ("b", 2, 2), ("c", 1, 1), ("d", 1, 1), ("r", 0, 2)):
        after_nothing = (alone + 5 * Fraction(1, 5)) / (11 + 5)
        expected = (pair + 3 * after_nothing) / (4 + 3)
        assert model.probability(s, "bra") == pytest.approx(float(expected), abs=1e-15)


@given(texts, st.integers(0, 3))
def test_against_the_formula_by_counting_again(text, order):
    model = NGram(text, order, "abc")

    def expected(s, context):
        shorter = expected(s, context[1:]) if context else 1 / 3
        after = [text[i + len(context)] for i in range(len(text) - len(context))
                 if text.startswith(context, i)]  # fmt: skip
        if not after:
            return shorter
        kinds = len(set(after))
        return (after.count(s) + kinds * shorter) / (len(after) + kinds)

    for i in range(order, len(text)):
        context = text[i - order : i]
        assert model.probability(text[i], context) == pytest.approx(expected(text[i], context))


def test_an_unseen_context_is_cut_to_the_seen_part():
    model = NGram("abababab", 2, "abz")
    assert model.probability("b", "za") == model.probability("b", "a")
    assert model.probability("b", "zz") == model.probability("b", "")


def test_bits_count_from_start_and_read_what_is_before():
    model = NGram("abababababac", 2)
    bits = model.bits("abac", start=2)
    expected = [model.probability("a", "ab"), model.probability("c", "ba")]
    np.testing.assert_allclose(bits, -np.log2(expected))
    assert model.bits("abab").mean() < NGram("abababababac", 0).bits("abab").mean()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NGram("abc", -1), "order: expected at least 0, got -1"),
        (lambda: NGram("ab", 2), "text: expected at least 3 characters, got 2"),
        (lambda: NGram("abz", 1, "ab"), "text: expected characters of the alphabet, got 'z'"),
        (lambda: NGram("abab", 1).probability("z", "a"), "character: expected one .* got 'z'"),
        (lambda: NGram("abab", 1).probability("ab", "a"), "character: expected one .* got 'ab'"),
        (lambda: NGram("abab", 1).bits("abab", 4), "start: expected 0 to 3, got 4"),
        (lambda: NGram("abab", 1).bits("abz"), "character: expected one .* got 'z'"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
