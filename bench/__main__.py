"""Measure, and write the result as JSON and as a table in Markdown.

    python -m bench                  everything; more than an hour, most of it grading
    python -m bench --quick          everything, small: a few minutes, and rough figures
    python -m bench nets memory      these parts

A part that fails is named, and the others go on. The files are whole after every part. A part that
was measured before on this machine, with these versions and at this commit, stays in them.
"""

import argparse
import sys
from pathlib import Path

from bench.parts import PARTS
from bench.run import run

FOLDER = Path(__file__).resolve().parents[1] / "_build" / "bench"


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all; return 1 where one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; or all")
    parser.add_argument("--quick", action="store_true", help="fewer repeats and smaller classes")
    parser.add_argument("--out", type=Path, default=FOLDER, help=f"folder (default {FOLDER})")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    try:
        result = run(options.out, options.parts or list(PARTS), options.quick)
    except KeyboardInterrupt:
        print(f"bench: stopped; what is measured lies in {options.out}", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"bench: {options.out}: can't be written ({error.strerror})", file=sys.stderr)
        return 1
    print((options.out / "bench.md").read_text(encoding="utf-8"))
    print(f"Written to {options.out}: bench.json, bench.md")
    return int(any(part["status"] == "failed" for part in result["parts"].values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
