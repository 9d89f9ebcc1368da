"""Which submissions share more than the release and the class have in common."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from autograder.similarity.tokens import Token, tokens
from autograder.similarity.winnowing import K, fingerprints

THRESHOLD = 0.5  # of the smaller one's fingerprints
FEWEST = 6  # shared fingerprints: below, short answers are alike by chance
# A passage that more students have than this is the usual way to write it.
COMMON_SHARE, COMMON_LEAST = 0.1, 4


@dataclass(frozen=True)
class Code:
    """What one student wrote: source, tokens, and where which fingerprint stands."""

    source: str
    tokens: tuple[Token, ...]
    places: Mapping[int, Sequence[int]]

    @classmethod
    def read(cls, source: str) -> "Code":
        """Tokenise and fingerprint a source."""
        found = tokens(source)
        return cls(source, tuple(found), fingerprints([token.kind for token in found]))

    def lines(self, shared: frozenset[int]) -> set[int]:
        """Return the lines, from 1, on which tokens of these fingerprints stand."""
        starts = (place for key in shared for place in self.places[key])
        return {token.line for start in starts for token in self.tokens[start : start + K]}


@dataclass(frozen=True)
class Pair:
    """Two students whose code is alike.

    Attributes:
        share: of the fingerprints of the one who has fewer, those that the other has too.
        shared: these fingerprints.
    """

    students: tuple[str, str]
    share: float
    shared: frozenset[int]


def pairs(
    submissions: Mapping[str, Code], release: Code, threshold: float = THRESHOLD
) -> list[Pair]:
    """Return the pairs that are alike beyond the release, the most alike first.

    Args:
        submissions: by student.
        release: what everybody was given; what stands there is nobody's own.
        threshold: the least share to report, above 0, at most 1.

    Raises:
        ValueError: the threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: expected a share above 0 and at most 1, got {threshold:g}")
    own = {
        name: frozenset(code.places) - frozenset(release.places)
        for name, code in submissions.items()
    }
    held = Counter(key for keys in own.values() for key in keys)
    most = max(COMMON_LEAST, COMMON_SHARE * len(own))
    own = {name: frozenset(k for k in keys if held[k] <= most) for name, keys in own.items()}
    found = []
    for (one, other), shared in _shared(own):
        share = shared / min(len(own[one]), len(own[other]))
        if shared >= FEWEST and share >= threshold:
            found.append(Pair((one, other), share, own[one] & own[other]))
    return sorted(found, key=lambda pair: (-pair.share, -len(pair.shared), pair.students))


def _shared(own: Mapping[str, frozenset[int]]) -> Iterator[tuple[tuple[str, str], int]]:
    """Count what each pair shares, by fingerprint: most pairs of a large class share none."""
    holders = defaultdict(list)
    for name in sorted(own):
        for key in own[name]:
            holders[key].append(name)
    counts = Counter(pair for names in holders.values() for pair in combinations(names, 2))
    yield from counts.items()
