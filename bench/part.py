"""One part in a process of its own: python -m bench.part NAME [--quick].

Rows go to standard output as they are made, a line of JSON each; after them, where there is
something to say, why there are no more. What libraries print there goes to standard error.
"""

import json
import sys

from bench.parts import PARTS, NothingToMeasureError


def main(name: str, quick: bool) -> None:
    """Print a part's rows, and how it ended if it did not end well."""
    lines, sys.stdout = sys.stdout, sys.stderr
    try:
        for row in PARTS[name].load().rows(quick):
            print(json.dumps(row), file=lines, flush=True)
    except NothingToMeasureError as error:
        print(json.dumps({"none": str(error)}), file=lines)
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        print(json.dumps({"failed": f"{type(error).__name__}: {text}"}), file=lines)
        raise


if __name__ == "__main__":
    main(sys.argv[1], "--quick" in sys.argv)
