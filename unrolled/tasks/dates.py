"""Dates: read one in digits, write it in words."""

import datetime

import numpy as np
from numpy.typing import ArrayLike

from unrolled.batching import pad

ONES = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS = (
    *("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"),
    *("seventeenth", "eighteenth", "nineteenth", "twentieth"),
)
MONTHS = (
    *("", "january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
# Word 0 ends every date, so it may begin one as well.
WORDS = (
    ".",
    *sorted({*ONES, *TENS, *ORDINALS, *MONTHS, "thirtieth", "hundred", "thousand", "oh"} - {""}),
)
SIGNS = "-0123456789"
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
DAYS = (LAST - FIRST).days + 1


def dates(
    N: int, rng: np.random.Generator, day_first: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw dates from 1900 to 2099, each day as likely as any other.

    "1905-05-03" is to be written "third may nineteen oh five .", a sign at a time read and a word
    at a time written. The words have the order day, month, year. So their order is that of what is
    read if the day comes first, "03-05-1905", and nearly its opposite if the year does.

    Args:
        N: dates.
        rng: what draws them.
        day_first: whether the digits are in the order day, month, year; else year, month, day.

    Returns:
        sources (10, N), indices into `SIGNS`; targets (T, N), indices into `WORDS`, with T the
        longest of them, at most 7, and zeros after the end; their lengths (N,), the end, word 0,
        included.

    Raises:
        ValueError: N is less than 1.
    """
    if N < 1:
        raise ValueError(f"N: expected at least 1, got {N}")
    drawn = [FIRST + datetime.timedelta(days=day) for day in rng.integers(DAYS, size=N).tolist()]
    form = "{:%d-%m-%Y}" if day_first else "{:%Y-%m-%d}"
    signs = np.array([[SIGNS.index(sign) for sign in form.format(date)] for date in drawn])
    targets, lengths = pad([[WORDS.index(word) for word in in_words(date)] for date in drawn])
    return signs.T, targets, lengths


def in_words(date: datetime.date) -> list[str]:
    """Return the words for a date, the end among them.

    Raises:
        ValueError: the date is not from 1900 to 2099.
    """
    if not FIRST <= date <= LAST:
        raise ValueError(f"date: expected one from {FIRST} to {LAST}, got {date}")
    if date.day <= 20:
        day = [ORDINALS[date.day]]
    elif date.day == 30:
        day = ["thirtieth"]
    else:
        day = [TENS[date.day // 10], ORDINALS[date.day % 10]]
    century, rest = divmod(date.year, 100)
    if century == 20 and rest < 10:
        year = ["two", "thousand", ONES[rest]]
    elif rest == 0:
        year = ["nineteen", "hundred"]
    else:
        tens, ones = (TENS[rest // 10], ONES[rest % 10]) if rest >= 20 else ("", ONES[rest])
        year = [{19: "nineteen", 20: "twenty"}[century], tens or "oh" * (rest < 10), ones]
    return [*day, MONTHS[date.month], *(word for word in year if word), WORDS[0]]


def words_of(targets: ArrayLike) -> list[str]:
    """Return targets (T, N), or what a network wrote for them, as texts up to the first end."""
    return [
        " ".join(WORDS[k] for k in column).partition(WORDS[0])[0].strip()
        for column in np.asarray(targets).T
    ]
