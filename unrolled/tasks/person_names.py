"""Person names: is this word, in this sentence, part of somebody's name?"""

from typing import NamedTuple

import numpy as np

FIRST = ("anna", "harry", "hermione", "ines", "omar", "tariq", "will", "yusuf")
SURNAMES = ("banerjee", "granger", "haddad", "nowak", "okafor", "silva")
TRADES = ("baker", "cook", "mason", "miller", "potter", "smith")  # also surnames
ADJECTIVES = ("clever", "new", "small", "tired")
VERBS = {"find": "found", "invent": "invented", "lose": "lost", "sell": "sold"}
THINGS = ("map", "kettle", "song", "spell")
WORDS = tuple(
    sorted(
        {"a", "and", "messrs", "the"}.union(
            FIRST, SURNAMES, TRADES, ADJECTIVES, VERBS, VERBS.values(), THINGS
        )
    )
)

CLOSINGS = {"alike": 0, "esquires": 1}  # after a list of trades: are these names?
LIST_WORDS = tuple(
    sorted(
        {"a", "and", "messrs", "the"}.union(CLOSINGS, TRADES, ADJECTIVES, VERBS.values(), THINGS)
    )
)


class Sentence(NamedTuple):
    """Words, and for each of them 1 if it belongs to a person's name, else 0."""

    words: tuple[str, ...]
    labels: tuple[int, ...]


HARRY = Sentence(
    ("harry", "potter", "and", "hermione", "granger", "invented", "a", "new", "spell"),
    (1, 1, 0, 1, 1, 0, 0, 0, 0),
)


def person_names(N: int, rng: np.random.Generator, longest: int = 4) -> list[Sentence]:
    """Draw sentences of a small grammar; `HARRY` is one of them.

    There are no capitals, as in a transcript of speech, so that a word alone does not always tell:

    - After a first name a trade is a surname: "harry potter sold a map".
    - In a list the first word decides, however far back it is: "messrs cook and smith and mason"
      names three people, "the cook and smith and mason" none.
    - At the start, "will" waits for the word after it: "will potter sold a map" names a man,
      "will the potter sell a map" asks about the future. Half of these are questions.

    One sentence in four begins with "will"; the others are statements. A subject is one or two
    persons, or a list of 2 to `longest` trades.

    Args:
        N: sentences.
        rng: what draws them.
        longest: the largest number of trades in a list, at least 2.

    Raises:
        ValueError: N is less than 1 or `longest` less than 2.
    """
    _expect_sizes(N, longest)
    return [_sentence(rng, longest) for _ in range(N)]


def trade_lists(N: int, rng: np.random.Generator, longest: int = 4) -> list[Sentence]:
    """Draw sentences about lists of trades, in which one word tells whether they are names.

    In half of the sentences that word opens the list: "messrs cook and smith and mason" names three
    people, "the cook and smith and mason" none. In the other half it closes the list: "cook and
    smith and mason esquires" and "cook and smith and mason alike". The words are `LIST_WORDS`.

    Args:
        N: sentences.
        rng: what draws them.
        longest: the largest number of trades in a list, at least 2.

    Raises:
        ValueError: N is less than 1 or `longest` less than 2.
    """
    _expect_sizes(N, longest)
    sentences = []
    for _ in range(N):
        are_names = int(rng.integers(2))
        trades = _trades(are_names, rng, longest)
        if rng.integers(2):
            tagged = [("messrs" if are_names else "the", 0), *trades]
        else:
            closing = next(word for word, label in CLOSINGS.items() if label == are_names)
            tagged = [*trades, (closing, 0)]
        verb = _one_of(tuple(VERBS.values()), rng)
        sentences.append(_finished(tagged, verb, rng))
    return sentences


def _sentence(rng: np.random.Generator, longest: int) -> Sentence:
    opening = rng.choice(["will asks", "will is a man", *6 * ["neither"]])
    base, past = _one_of(tuple(VERBS.items()), rng)
    if opening == "will asks":
        tagged, verb = [("will", 0), *_subject(rng, longest)], base
    elif opening == "will is a man":
        tagged, verb = _persons("will", rng), past
    else:
        tagged, verb = _subject(rng, longest), past
    return _finished(tagged, verb, rng)


def _finished(tagged: list[tuple[str, int]], verb: str, rng: np.random.Generator) -> Sentence:
    """Return the sentence that a subject, each word with its label, and a verb begin."""
    adjective = [_one_of(ADJECTIVES, rng)] if rng.integers(2) else []
    rest = [verb, _one_of(("a", "the"), rng), *adjective, _one_of(THINGS, rng)]
    words, labels = zip(*tagged, *((word, 0) for word in rest), strict=True)
    return Sentence(words, labels)


def _subject(rng: np.random.Generator, longest: int) -> list[tuple[str, int]]:
    """Return persons or a list, each word with its label."""
    if rng.integers(2):
        return _persons(_one_of([name for name in FIRST if name != "will"], rng), rng)
    are_names = int(rng.integers(2))
    tagged = [("messrs" if are_names else "the", 0)]
    if not are_names and rng.integers(2):
        tagged.append((_one_of(ADJECTIVES, rng), 0))
    return tagged + _trades(are_names, rng, longest)


def _trades(are_names: int, rng: np.random.Generator, longest: int) -> list[tuple[str, int]]:
    """Return 2 to `longest` trades with "and" between them, each word with its label."""
    tagged = []
    trades = rng.permutation(TRADES)  # read round and round, so that no trade follows itself
    for i in range(rng.integers(2, longest + 1)):
        tagged += [("and", 0)] * (i > 0) + [(str(trades[i % len(trades)]), are_names)]
    return tagged


def _persons(first: str, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Return one person with this first name, or that one and another."""
    tagged = [(first, 1), (_one_of(SURNAMES + TRADES, rng), 1)]
    if rng.integers(2):
        second = _one_of(FIRST, rng), _one_of(SURNAMES + TRADES, rng)
        tagged += [("and", 0), *((name, 1) for name in second)]
    return tagged


def _one_of(choices, rng: np.random.Generator):
    return choices[rng.integers(len(choices))]


def _expect_sizes(N: int, longest: int) -> None:
    for name, size, least in (("N", N, 1), ("longest", longest, 2)):
        if size < least:
            raise ValueError(f"{name}: expected at least {least}, got {size}")
