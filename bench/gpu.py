"""What `unrolled measure` finds on a CUDA device: the ways to run an LSTM, from a loop to a kernel.

Times are forward and backward; "ratio" is over torch.nn.LSTM's. Chapter 14 tells more.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.parts import NothingToMeasureError
from unrolled.measure import measure


def rows(quick: bool) -> Iterator[dict]:
    """Give the rows of every part of `unrolled measure`, with the part's name.

    Raises:
        NothingToMeasureError: there is no CUDA device.
    """
    if not torch.cuda.is_available():
        raise NothingToMeasureError("there is no CUDA device on this machine")
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder:
        found = measure(Path(folder, "cuda.json"), "cuda", "python -m bench gpu", quick)
    yield {"device": found["device"]["name"], "versions": str(found["versions"])}
    for name, part in found["parts"].items():
        yield {"part": name, "status": part["status"], "why": part["why"]}
    for name, part in found["parts"].items():
        for row in part["rows"]:
            yield {"part": name} | row
