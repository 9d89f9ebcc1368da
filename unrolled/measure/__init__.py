"""What an LSTM costs on this machine, by every way there is to run it: `unrolled measure`.

- `unrolled.measure.paths`: the ways, from a product a gate to a kernel of our own.
- `unrolled.measure.counting`: operators, multiplications and bytes of a call, without a clock.
- `unrolled.measure.parts`: what is measured; each part gives rows, one at a time.
- `unrolled.measure.run`: all parts, each in a process of its own, so that one may fail.
- `unrolled.measure.record`: the file that comes of it, and what is wrong with one.

Chapter 14 shows the result. Importing this loads PyTorch.
"""

from unrolled.measure.counting import Counts, count, kept_bytes
from unrolled.measure.record import RecordError, load, problems
from unrolled.measure.run import measure

__all__ = ["Counts", "RecordError", "count", "kept_bytes", "load", "measure", "problems"]
