"""Python's own library as a text: fifteen modules of Python 3.11.7, the same on every machine."""

from pathlib import Path

SOURCE = Path(__file__).with_suffix(".txt")


def python_source() -> str:
    """Return the source of fifteen modules of Python's library, one after the other.

    The text is an extract that ships with the course, since the modules of the Python that runs
    this differ from version to version. It is copyright of the Python Software Foundation, under
    the licence in python_source_license.txt beside it. About 283,000 characters, ASCII; before each
    module stands a line such as "# Lib/bisect.py".
    """
    return SOURCE.read_text(encoding="ascii")
