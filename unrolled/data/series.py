"""Three measured series, all in the public domain, as they come with statsmodels.

Each function returns (years, values), both (L,) and float64: decimal years, and what was measured
then. The standard split fits on what lies before the year `TEST_BEGINS` and tests on the rest:

    years, values = co2()
    train = values[years < TEST_BEGINS["co2"]]
"""

import numpy as np

TEST_BEGINS = {"sunspots": 1921, "co2": 1990, "el_nino": 1990}
"""The first year of each test part. 1921 is customary for sunspots (Weigend et al., 1990)."""


def sunspots() -> tuple[np.ndarray, np.ndarray]:
    """Return the yearly mean sunspot number, 1700 to 2008 (309 values).

    It rises and falls in about eleven years. Source: National Geophysical Data Center, by
    `statsmodels.datasets.sunspots`.
    """
    from statsmodels.datasets import sunspots as source

    table = source.load_pandas().data
    return table["YEAR"].to_numpy(np.float64), table["SUNACTIVITY"].to_numpy(np.float64)


def co2() -> tuple[np.ndarray, np.ndarray]:
    """Return the monthly mean CO₂ at Mauna Loa in ppm, March 1958 to December 2001 (526 values).

    Means of weekly measurements; five months without any are filled in along a straight line. Years
    are those of the middle of the month. Source: Keeling and Whorf (2004), by
    `statsmodels.datasets.co2`.
    """
    from statsmodels.datasets import co2 as source

    weekly = source.load_pandas().data["co2"]
    values = weekly.resample("MS").mean().interpolate().to_numpy(np.float64)
    return 1958 + (np.arange(2, 2 + len(values)) + 0.5) / 12, values


def el_nino() -> tuple[np.ndarray, np.ndarray]:
    """Return the monthly sea surface temperature off Peru in °C, 1950 to 2010 (732 values).

    The region is Niño 1+2. A yearly season, and some years that are much warmer: El Niño. Years are
    those of the middle of the month. Source: NOAA, ERSST.V3B, by `statsmodels.datasets.elnino`.
    """
    from statsmodels.datasets import elnino as source

    table = source.load_pandas().data
    values = table.drop(columns="YEAR").to_numpy(np.float64).ravel()
    return table["YEAR"].iloc[0] + (np.arange(len(values)) + 0.5) / 12, values
