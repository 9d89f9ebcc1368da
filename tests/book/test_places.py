"""What feedback tells students to read again is on the site, at that address."""

import re

import pytest

from tests.autograder.problems.sets import SETS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("problem_set", SETS, ids=lambda s: s.name)
def test_every_place_of_a_catalogue_is_on_the_site(site, problem_set):
    for misconception in problem_set.catalogue:
        page, _, anchor = str(misconception.place).rpartition(": ")[2].partition("#")
        text = (site / page).read_text(encoding="utf-8")
        assert f'id="{anchor}"' in text, (misconception.name, anchor)
        if misconception.place.equation:
            shown = re.search(r"eqno\">(\([\d.]+\))", text[text.index(f'id="{anchor}"') :])[1]
            assert f"equation {shown}: " in str(misconception.place), misconception.name
