"""A character model that counts: what a network that reads text has to beat."""

from collections import Counter

import numpy as np


class NGram:
    """The next character from the last few, by counts smoothed as Witten and Bell (1991) do.

    With n(c s) how often the character s followed the context c in training, n(c) the sum of these
    over s, and d(c) the number of different s seen after c,

        p(s | c) = (n(c s) + d(c) p(s | c without its first character)) / (n(c) + d(c)),

    down to the empty context, whose shorter one is uniform over the alphabet. A context never seen
    leaves the word to the shorter one. The form is Witten and Bell's method C, interpolated as in
    Chen and Goodman (1999).

    Args:
        text: what is counted, at least order + 1 characters.
        order: how many characters back it looks, 0 or more. Order 2 is a "trigram model".
        alphabet: all characters that it gives a probability to; those of the text if None.

    Raises:
        ValueError: the text is too short, the order negative, or a character of the text is not in
            the alphabet.
    """

    def __init__(self, text: str, order: int, alphabet: str | None = None):
        if order < 0:
            raise ValueError(f"order: expected at least 0, got {order}")
        if len(text) < order + 1:
            raise ValueError(f"text: expected at least {order + 1} characters, got {len(text)}")
        self.order = order
        self.alphabet = "".join(sorted(set(text if alphabet is None else alphabet)))
        if unknown := set(text) - set(self.alphabet):
            raise ValueError(f"text: expected characters of the alphabet, got {min(unknown)!r}")
        # By length: how often a string occurs, how often it is followed, and by how many kinds.
        self._counts = [
            Counter(text[i : i + length] for i in range(len(text) - length + 1))
            for length in range(1, order + 2)
        ]
        self._followed, self._kinds = [], []
        for counts in self._counts:
            followed, kinds = Counter(), Counter()
            for string, count in counts.items():
                followed[string[:-1]] += count
                kinds[string[:-1]] += 1
            self._followed.append(followed)
            self._kinds.append(kinds)

    def probability(self, character: str, context: str) -> float:
        """Return p(character | context), of which the last `order` characters are read.

        Raises:
            ValueError: the character is not in the alphabet.
        """
        if len(character) != 1 or character not in self.alphabet:
            raise ValueError(f"character: expected one of the alphabet, got {character!r}")
        context = context[len(context) - self.order :] if len(context) > self.order else context
        p = 1 / len(self.alphabet)
        for length in range(len(context) + 1):
            seen = context[len(context) - length :]
            followed = self._followed[length][seen]
            if not followed:  # nor was any longer context seen
                break
            kinds = self._kinds[length][seen]
            p = (self._counts[length][seen + character] + kinds * p) / (followed + kinds)
        return p

    def bits(self, text: str, start: int = 0) -> np.ndarray:
        """Return −log₂ p of each character of the text from `start` on, given those before it.

        Args:
            text: what is read, from its beginning.
            start: the first character that is counted, 0 to len(text) − 1.

        Returns:
            (len(text) − start,) bits; their mean is the bits per character.

        Raises:
            ValueError: `start` is out of its range, or a character is not in the alphabet.
        """
        if not 0 <= start < len(text):
            raise ValueError(f"start: expected 0 to {len(text) - 1}, got {start}")
        k = self.order
        return -np.log2(
            [self.probability(text[i], text[max(0, i - k) : i]) for i in range(start, len(text))]
        )
