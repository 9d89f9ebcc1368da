"""Agreement: a verb's number depends on a noun, and other nouns stand between."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

NOUNS = {"guy": "guys", "woman": "women", "child": "children", "friend": "friends"}
PEOPLE = ("we", "you", "they", "i")
VERBS = ("met", "saw", "heard", "left")
PREPOSITIONS = ("at", "near", "behind", "beside")
PLACES = {"airport": "airports", "tower": "towers", "garden": "gardens", "bridge": "bridges"}
TIMES = ((), ("recently",), ("long", "ago"))  # fills up what three words a phrase leave open
SUBJECTS = tuple(NOUNS), tuple(NOUNS.values())  # singular, plural, as all pairs here
NEARBY = tuple(PLACES) + tuple(PLACES.values())
WORDS = tuple(
    sorted(
        {"that", "those", "the", "who", "recently", "long", "ago"}.union(
            *SUBJECTS, PEOPLE, VERBS, PREPOSITIONS, NEARBY
        )
    )
)
INDEX = {word: k for k, word in enumerate(WORDS)}
NEAREST = 4  # "guy who we met was": no phrase between


def agreement(
    distance: int, N: int, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Draw beginnings of sentences that stop just before "was" or "were".

    "that guy who we met at the airports long ago", for instance, has to go on with "was". The
    subject decides, and it is the second word. Every phrase in between brings a noun of its own,
    singular or plural at random, so that the nearest noun is right half of the time only. (Elman,
    1991, trained networks on such sentences; Linzen, Dupoux and Goldberg, 2016, on real ones.)

    Args:
        distance: steps from the subject to the verb, at least 4.
        N: sentences.
        rng: what draws them.
        dtype: of the inputs.

    Returns:
        x (T, N, D), one-hot, with T = distance + 1 words, the subject among them and the verb not,
        and D the number of `WORDS`; and the targets (N,), 0 for "was" and 1 for "were", asked for
        at the last step.

    Raises:
        ValueError: the distance or N is too small.
    """
    if distance < NEAREST:
        raise ValueError(f"distance: expected at least {NEAREST}, got {distance}")
    if N < 1:
        raise ValueError(f"N: expected at least 1, got {N}")
    targets = rng.integers(2, size=N)
    phrases, rest = divmod(distance - NEAREST, 3)

    def one_of(choices: tuple[str, ...]) -> np.ndarray:
        return np.array([INDEX[word] for word in choices])[rng.integers(len(choices), size=N)]

    words = [np.where(targets, INDEX["those"], INDEX["that"])]
    words += [np.where(targets, *map(one_of, SUBJECTS[::-1]))]
    words += [one_of(("who",)), one_of(PEOPLE), one_of(VERBS)]
    for _ in range(phrases):
        words += [one_of(PREPOSITIONS), one_of(("the",)), one_of(NEARBY)]
    words += [one_of((word,)) for word in TIMES[rest]]
    return np.eye(len(WORDS), dtype=dtype)[np.stack(words)], targets


def words_of(x: ArrayLike) -> list[tuple[str, ...]]:
    """Return the sentences of x (T, N, D), as `agreement` draws it, in words."""
    return [tuple(WORDS[k] for k in sentence) for sentence in np.argmax(x, axis=-1).T]
