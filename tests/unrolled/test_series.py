"""The measured series: their size, their source, their gaps."""

import numpy as np
import pytest
import statsmodels.datasets as source

from unrolled.data.series import TEST_BEGINS, co2, el_nino, sunspots

LOADERS = {"sunspots": sunspots, "co2": co2, "el_nino": el_nino}
SIZES = {"sunspots": (309, 1), "co2": (526, 12), "el_nino": (732, 12)}  # values, and values a year


@pytest.mark.parametrize("name", LOADERS)
def test_years_are_evenly_spaced_and_values_finite(name):
    years, values = LOADERS[name]()
    L, a_year = SIZES[name]
    assert years.shape == values.shape == (L,)
    assert years.dtype == values.dtype == np.float64
    assert np.isfinite(values).all()
    np.testing.assert_allclose(np.diff(years), 1 / a_year, atol=1e-9)


@pytest.mark.parametrize("name", LOADERS)
def test_both_parts_of_the_split_hold_decades(name):
    years, _ = LOADERS[name]()
    test = years >= TEST_BEGINS[name]
    assert (~test).sum() > 200 and test.sum() > 80


def test_co2_is_the_mean_of_the_weeks_of_each_month():
    years, values = co2()
    weekly = source.co2.load_pandas().data["co2"].dropna()
    known = 0
    for year, value in zip(years, values, strict=True):
        whole, month = int(year), int((year - int(year)) * 12) + 1
        weeks = weekly[(weekly.index.year == whole) & (weekly.index.month == month)]
        if len(weeks):
            known += 1
            assert value == pytest.approx(weeks.mean())
        else:
            assert 310 < value < 330
    assert known == 521


def test_el_nino_runs_month_by_month():
    years, values = el_nino()
    table = source.elnino.load_pandas().data
    assert values[12 * 5 + 6] == table.loc[5, "JUL"] and int(years[12 * 5 + 6]) == 1955


def test_sunspots_are_the_years_of_the_source():
    years, values = sunspots()
    table = source.sunspots.load_pandas().data
    assert dict(zip(years, values, strict=True)) == dict(zip(*table.to_numpy().T, strict=True))
