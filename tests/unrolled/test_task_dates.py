"""Dates: the words name the date that was drawn, by another way of reading them."""

import datetime
import re

import numpy as np
import pytest

from unrolled.tasks import dates
from unrolled.tasks.dates import DAYS, FIRST, LAST, SIGNS, WORDS, in_words, words_of

UP_TO_TWELVE = "one two three four five six seven eight nine ten eleven twelve".split()
TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBERS = {word: k for k, word in enumerate(UP_TO_TWELVE + TEENS, 1)}
NUMBERS |= {word: 10 * k for k, word in enumerate(TENS, 2)}
ORDINALS = {"first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12}
ORDINALS |= {f"{word}th": k for word, k in NUMBERS.items() if k < 20 and k not in ORDINALS.values()}
ORDINALS |= {"twentieth": 20, "thirtieth": 30}


def read_out(words):
    """Return the date that words name."""
    *words, end = words
    assert end == "."
    day = 0
    while words[0] in TENS or words[0] in ORDINALS:
        word = words.pop(0)
        day += ORDINALS.get(word, NUMBERS.get(word, 0))
        if word in ORDINALS:
            break
    month = datetime.datetime.strptime(words.pop(0), "%B").month
    if words[:2] == ["two", "thousand"]:
        year, rest = 2000, words[2:]
    else:
        year, rest = 100 * NUMBERS[words[0]], words[1:]
    assert rest != ["oh"]
    year += sum(NUMBERS[word] for word in rest if word not in ("oh", "hundred"))
    return datetime.date(year, month, day)


def test_every_date_is_named_rightly_and_by_no_other_name():
    names = set()
    for day in range(DAYS):
        date = FIRST + datetime.timedelta(days=day)
        words = in_words(date)
        assert read_out(words) == date and len(words) <= 7 and set(words) <= set(WORDS)
        names.add(tuple(words))
    assert len(names) == DAYS == 73_049 and date == LAST


@pytest.mark.parametrize(
    "date, words",
    [
        ((1900, 1, 1), "first january nineteen hundred"),
        ((1905, 5, 3), "third may nineteen oh five"),
        ((1999, 12, 31), "thirty first december nineteen ninety nine"),
        ((2000, 2, 29), "twenty ninth february two thousand"),
        ((2007, 8, 30), "thirtieth august two thousand seven"),
        ((2012, 6, 12), "twelfth june twenty twelve"),
        ((2040, 4, 20), "twentieth april twenty forty"),
    ],
)
def test_dates_as_one_says_them(date, words):
    assert in_words(datetime.date(*date)) == [*words.split(), "."]


@pytest.mark.parametrize("day_first", [False, True])
def test_signs_and_words_are_of_the_same_date(day_first):
    x, y, lengths = dates(300, np.random.default_rng(0), day_first)
    assert x.shape == (10, 300) and y.shape == (lengths.max(), 300) == (7, 300)
    for signs, target, length in zip(x.T, y.T, lengths, strict=True):
        form = "%d-%m-%Y" if day_first else "%Y-%m-%d"
        text = "".join(SIGNS[k] for k in signs)
        date = datetime.datetime.strptime(text, form).date()
        assert [WORDS[k] for k in target[:length]] == in_words(date)
        assert (target[length:] == 0).all() and WORDS[target[length - 1]] == "."
    assert words_of(y)[0] == " ".join(in_words(_date(x[:, 0], day_first))[:-1])


def _date(signs, day_first):
    parts = "".join(SIGNS[k] for k in signs).split("-")
    return datetime.date(*map(int, parts[::-1] if day_first else parts))


def test_both_orders_draw_the_same_dates():
    (_, y, _), (_, again, _) = (dates(20, np.random.default_rng(3), d) for d in (False, True))
    np.testing.assert_array_equal(y, again)


def test_all_of_the_two_hundred_years_come_up():
    x, _, _ = dates(20_000, np.random.default_rng(1))
    years = {"".join(SIGNS[k] for k in signs[:4]) for signs in x.T}
    assert years == {str(year) for year in range(1900, 2100)}


def test_texts_stop_at_the_first_end():
    third, may = WORDS.index("third"), WORDS.index("may")
    assert words_of([[third, 0], [may, may], [0, 0], [may, may]]) == ["third may", ""]
    assert words_of([[third], [may]]) == ["third may"]


def test_wrong_argument_is_named():
    with pytest.raises(ValueError, match="N: expected at least 1, got 0"):
        dates(0, np.random.default_rng(0))
    message = re.escape("date: expected one from 1900-01-01 to 2099-12-31, got 2100-01-01")
    with pytest.raises(ValueError, match=message):
        in_words(datetime.date(2100, 1, 1))
