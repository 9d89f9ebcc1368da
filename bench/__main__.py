"""Run a section of the measurements: python -m bench grading [options]."""

import os
import sys

# One thread for each process, before anything loads NumPy: small matrices, many processes.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from bench import grading, nets

SECTIONS = {"grading": grading.main, "nets": nets.main}


def main(arguments: list[str]) -> int:
    """Run the section named first; the rest of the arguments are its own."""
    if not arguments or arguments[0] not in SECTIONS:
        print(f"bench: name a section: {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    return SECTIONS[arguments[0]](arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
