"""One part in a process of its own: python -m unrolled.measure PART DEVICE [--quick].

Rows go to standard output as they are made, a line of JSON each.
"""

import json
import os
import sys

import torch

from unrolled.measure.parts import PARTS
from unrolled.training import precision_of

if __name__ == "__main__":
    name, device, *rest = sys.argv[1:]
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    # Libraries write to standard output too: it is kept for the rows.
    rows, sys.stdout = sys.stdout, sys.stderr
    with precision_of("float32", device):
        for row in PARTS[name](device, bool(rest)):
            print(json.dumps(row), file=rows, flush=True)
