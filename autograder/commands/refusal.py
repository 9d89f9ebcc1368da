"""How a command says that it did nothing."""

import sys


def refuse(message: str) -> int:
    """Say in one line on stderr why nothing was done; return the exit status for it."""
    print(f"autograder: {message}", file=sys.stderr)
    return 1
