"""Measure the graders as one measures a classifier, and write the table that the book shows.

    python -m tests.autograder.problems.measure

For each solution cell: how many known misconceptions there are, how many lose marks, and how many
are told their own sentence; how many random edits that change a result lose marks; and how many
right solutions in other styles get full marks.
"""

import contextlib
import io
import warnings

from tqdm import tqdm

from tests.autograder.problems.random_edits import wrong_edits
from tests.autograder.problems.sets import ROOT, SETS, ProblemSet

PAGE = ROOT / "book" / "_data" / "problems.md"
HEAD = (
    "| set | cell | misconceptions | lose marks | told their own sentence | random wrong edits "
    "| lose marks | right in another style | full marks |\n"
    "| --- | --- | --: | --: | --: | --: | --: | --: | --: |\n"
)


def row(problem_set: ProblemSet, cell: str) -> list[int]:
    """Return the numbers of one solution cell."""
    tests = problem_set.of(cell)
    of = sum(test.points for test in tests)
    mutants = [m for m in problem_set.catalogue if m.cell == cell]
    killed = told = 0
    for mutant in mutants:
        names = problem_set.names(problem_set.catalogue.variant(mutant))
        scores = [problem_set.score(names, test) for test in tests]
        killed += sum(points for points, _ in scores) < of
        told += any(mutant.sentence in printed for _, printed in scores)
    edits = list(wrong_edits(problem_set, cell))
    styles = [v for v in problem_set.variants.RIGHT.values() if cell in v]
    accepted = 0
    for variant in styles:
        names = problem_set.names(variant)
        accepted += sum(problem_set.score(names, test)[0] for test in tests) == of
    lost = sum(lost for _, lost in edits)
    return [len(mutants), killed, told, len(edits), lost, len(styles), accepted]


def table() -> str:
    """Measure everything; the last row adds up."""
    cells = [(s, cell) for s in SETS for cell in s.model.sources]
    rows = []
    for problem_set, cell in tqdm(cells, unit="cell", dynamic_ncols=True):
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append((problem_set.name, cell, row(problem_set, cell)))
    rows.append(("all", "", [sum(column) for column in zip(*(n for *_, n in rows), strict=True)]))
    lines = [f"| {name} | {cell} | {' | '.join(map(str, n))} |\n" for name, cell, n in rows]
    return HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"), end="")
