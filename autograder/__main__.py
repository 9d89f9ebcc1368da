"""Run `python -m autograder`: the same as the command `autograder`."""

import sys

from autograder.cli import main

if __name__ == "__main__":  # Dask's processes import this file too
    sys.exit(main())
