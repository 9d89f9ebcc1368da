"""Right solutions that warn and print, which never counts against a student."""

from collections.abc import Mapping

NOISE = """
    import sys
    import warnings

    warnings.warn("this may overflow")
    print("debugging " * 1000)
    print("debugging", file=sys.stderr)
    np.exp(np.array([1000.0]))
"""


def noisy(source: str) -> str:
    """Return a cell whose first function does all this after its docstring."""
    return source.replace('."""\n', '."""' + NOISE, 1)


def all_noisy(solution: Mapping[str, str]) -> dict[str, str]:
    """Return every cell of a solution, noisy."""
    return {cell: noisy(source) for cell, source in solution.items()}
