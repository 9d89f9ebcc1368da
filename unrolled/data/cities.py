"""City names, as the world's time zones have them."""

from importlib.resources import files


def cities() -> list[str]:
    """Return about four hundred names such as "Buenos Aires", in alphabetical order, each once.

    They are the last parts of the zones in the file zone.tab of the IANA time zone database: one
    city for each zone in current use, an island or a station where there is none. Letters are
    ASCII; some names hold a space or a hyphen. They come from the Python package tzdata, whose
    version the course pins, and not from the system, whose database may be of another year.

    Source: https://www.iana.org/time-zones, in the public domain.

    Raises:
        ModuleNotFoundError: the package tzdata is not installed.
    """
    try:
        table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("cities: expected the package tzdata, install it") from error
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    # country, coordinates, zone, and sometimes a comment
    return sorted({row[2].rpartition("/")[2].replace("_", " ") for row in rows})
