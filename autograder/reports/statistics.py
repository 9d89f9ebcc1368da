"""Figures about a class: how scores spread, how hard each item is, what it tells apart."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.reports.class_results import ClassResults, Item, Misconception, StudentResults

BINS = 10
HALF = 0.5  # of the points: below, a student needs a hand


@dataclass(frozen=True)
class ItemFigures:
    """How a class did on one item.

    Attributes:
        share: the mean share of its points, 0 to 1: its easiness, which test theory calls
            difficulty; None where nobody handed in.
        full: how many have all its points.
        none: how many have none.
        pending: how many are still to be graded.
        discrimination: the correlation of its points with those of all other items (the corrected
            item-total correlation); None where either is the same for everybody.
    """

    item: Item
    share: float | None
    full: int
    none: int
    pending: int
    discrimination: float | None


@dataclass(frozen=True)
class Summary:
    """Where the scores of those who handed in lie."""

    count: int
    mean: float
    median: float
    lowest: float
    highest: float


def summary(scores: Sequence[float]) -> Summary | None:
    """Sum up scores, or None where there are none."""
    if not scores:
        return None
    return Summary(
        len(scores), statistics.fmean(scores), statistics.median(scores), min(scores), max(scores)
    )


def histogram(scores: Sequence[float], most: float) -> list[int]:
    """Count scores in ten equal parts of 0 to `most`; full marks, and more, are in the last."""
    counts = [0] * BINS
    for score in scores:
        counts[min(int(BINS * score / most), BINS - 1) if most else 0] += 1
    return counts


def item_figures(results: ClassResults) -> list[ItemFigures]:
    """Work out each item's figures over those who handed in."""
    found = []
    for item in results.items:
        graded = [s for s in results.handed_in if s.points.get(item) is not None]
        points = [s.points[item] or 0.0 for s in graded]
        rest = [sum(p or 0.0 for other, p in s.points.items() if other != item) for s in graded]
        share = statistics.fmean(points) / item.most if points and item.most else None
        found.append(
            ItemFigures(
                item,
                share,
                sum(p >= item.most for p in points),
                sum(p <= 0 for p in points),
                len(results.handed_in) - len(graded),
                correlation(points, rest),
            )
        )
    return found


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation, or None where it is not defined."""
    try:
        return statistics.correlation(x, y)
    except statistics.StatisticsError:  # fewer than two, or all the same
        return None


def misconceptions(results: ClassResults) -> list[tuple[Misconception, int]]:
    """Count the students who were told each sentence, the commonest first."""
    counts = Counter(m for student in results.students for m in student.misconceptions)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0].sentence))


def need_a_hand(results: ClassResults) -> list[tuple[StudentResults, str]]:
    """Name students below half of the points graded so far, and those who handed in nothing."""
    found = []
    for student in results.students:
        graded = sum(i.most for i, p in student.points.items() if p is not None)
        if not student.handed_in:
            found.append((student, "handed in nothing"))
        elif student.score < HALF * graded:
            found.append((student, f"{student.score:g} of {graded:g} points graded so far"))
    return sorted(found, key=lambda pair: (pair[0].handed_in, pair[0].score, pair[0].student))
