"""A training loop for any device: clipping, mixed precision, checkpoints, several processes.

- `train`: the loop. It can be stopped at any time and goes on exactly where it was.
- `precision_of`: float32, tf32 or bfloat16 for what runs inside it.
- `deterministic`: the same numbers on each run.
- `processes`: what `torchrun` has started, each with its rows of the batch.

Importing this loads PyTorch.
"""

from unrolled.training.checkpoint import CheckpointError
from unrolled.training.deterministic import deterministic
from unrolled.training.loop import Progress, train
from unrolled.training.precision import PRECISIONS, precision_of
from unrolled.training.processes import Processes, processes

__all__ = [
    "PRECISIONS",
    "CheckpointError",
    "Processes",
    "Progress",
    "deterministic",
    "precision_of",
    "processes",
    "train",
]
