"""City names from the package tzdata."""

import sys
from importlib.metadata import version
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from unrolled.data.cities import cities

LOCK = Path(__file__).parents[2] / "requirements.lock"


def test_names_are_sorted_unique_and_spelled():
    names = cities()
    assert names == sorted(set(names))
    assert {"Paris", "Buenos Aires", "Port-au-Prince", "Knox", "Tokyo"} <= set(names)
    for name in names:
        assert name and name.isascii() and name.replace(" ", "").replace("-", "").isalpha()


def test_every_name_ends_a_zone():
    """Against zoneinfo's list of keys, another file of the same package."""
    ends = {zone.rpartition("/")[2].replace("_", " ") for zone in available_timezones()}
    assert set(cities()) <= ends


def test_number_of_names_is_that_of_the_pinned_version():
    assert f"tzdata=={version('tzdata')}" in LOCK.read_text().splitlines()
    assert len(cities()) == 418


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tzdata", None)
    with pytest.raises(ModuleNotFoundError, match="cities: expected the package tzdata"):
        cities()
