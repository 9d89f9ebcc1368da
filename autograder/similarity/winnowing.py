"""Fingerprints of a text by winnowing (Schleimer, Wilkerson and Aiken, 2003).

Of every window of `WINDOW` neighbouring k-grams the one with the smallest hash is kept, with its
place. Two texts that share WINDOW + K − 1 tokens in a row share a fingerprint, wherever these
tokens stand; what is shorter than K tokens is never found.
"""

import hashlib
from collections.abc import Sequence

K = 12  # tokens: about two short lines
WINDOW = 6  # k-grams


def fingerprints(kinds: Sequence[str]) -> dict[int, list[int]]:
    """Map each fingerprint of a token sequence to the places at which it starts."""
    hashes = [_hash(kinds[i : i + K]) for i in range(len(kinds) - K + 1)]
    kept: dict[int, list[int]] = {}
    last = -1
    for start in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        window = hashes[start : start + WINDOW]
        # The last smallest one, as the paper has it: fewer are kept where texts repeat.
        place = start + max(i for i, h in enumerate(window) if h == min(window))
        if place != last:
            kept.setdefault(hashes[place], []).append(place)
            last = place
    return kept


def _hash(kinds: Sequence[str]) -> int:
    """A hash that is the same in every run, as Python's own of strings is not."""
    text = "\0".join(kinds).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
