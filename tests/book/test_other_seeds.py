"""What a lesson claims is tried on seeds that its page does not show; the result is kept."""

import json
import re
import sys
from pathlib import Path

import pytest
from small_site import HEADER

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book"))
import other_seeds  # noqa: E402

LESSON = (
    HEADER
    + """
# A lesson

```{code-cell} ipython3
import numpy as np

SEEDS = (0, 1, 2)
draws = [np.random.default_rng(seed).uniform() for seed in SEEDS]
```

```{code-cell} ipython3
:tags: [these-seeds, hide-cell]

assert len(draws) == 3
```

```{code-cell} ipython3
:tags: [claim]

assert all(draw CLAIM for draw in draws)
print(f"{len(draws)} draws from {SEEDS[0]} on are as claimed")
```
"""
)


@pytest.fixture
def lesson(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "16-a-lesson.md"
        path.write_text(text)
        return path

    return write


def test_claims_are_run_on_the_seeds_given_and_their_lines_returned(lesson):
    path = lesson(LESSON.replace("CLAIM", "< 1"))
    assert other_seeds.claims_on(path, (7, 8)) == ["2 draws from 7 on are as claimed"]


def test_a_claim_that_does_not_hold_is_an_error(lesson):
    with pytest.raises(AssertionError):
        other_seeds.claims_on(lesson(LESSON.replace("CLAIM", "< 0")), (7, 8))


def test_a_lesson_that_names_its_seeds_twice_or_not_at_all_is_refused(lesson):
    text = LESSON.replace("CLAIM", "< 1")
    for wrong in (text.replace("SEEDS = (0, 1, 2)", "SEEDS = [0]"), text + text):
        with pytest.raises(ValueError, match="expected one line"):
            other_seeds.claims_on(lesson(wrong), (7, 8))


def test_a_lesson_without_a_claim_is_refused(lesson):
    with pytest.raises(ValueError, match="expected a cell tagged 'claim'"):
        other_seeds.claims_on(lesson(LESSON.replace("[claim]", "[hide-input]")), (7, 8))


def written_lessons() -> dict[str, Path]:
    chapters = sorted(other_seeds.LESSONS.glob("[0-9][0-9]-*.md"))
    return {str(int(path.name[:2])): path for path in chapters}


def test_every_lesson_claims_something_and_its_result_is_kept():
    results = json.loads(other_seeds.RESULTS.read_text())
    assert results.keys() == written_lessons().keys()
    for number, path in written_lessons().items():
        cells = other_seeds.code_cells(path)
        claims = [source for source, tags in cells if "claim" in tags]
        said = sum(source.count("print(") for source in claims)
        assert len(results[number]["lines"]) >= said > 0, path.name
        (line,) = other_seeds.SEEDS_LINE.findall("\n".join(source for source, _ in cells))
        shown = set(map(int, re.findall(r"\d+", line)))
        assert len(shown) >= 3, path.name
        assert len(set(results[number]["seeds"]) - shown) >= 5, path.name


def test_the_page_shows_the_results():
    results = json.loads(other_seeds.RESULTS.read_text())
    assert other_seeds.TABLE.read_text() == other_seeds.table(results)


@pytest.mark.full
@pytest.mark.parametrize("number", written_lessons())
def test_what_is_kept_is_what_the_lesson_prints_now(number, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    result = json.loads(other_seeds.RESULTS.read_text())[number]
    lines = other_seeds.claims_on(written_lessons()[number], tuple(result["seeds"]))
    assert lines == result["lines"]
