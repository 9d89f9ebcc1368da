"""Run `python -m autograder.student ps2.ipynb`: check your notebook before you hand it in."""

import sys

from autograder.student.validate import main

if __name__ == "__main__":
    sys.exit(main())
