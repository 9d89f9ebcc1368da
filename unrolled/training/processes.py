"""Several processes, one a GPU, as `torchrun` starts them; each has its rows of the batch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed


@dataclass(frozen=True)
class Processes:
    """This process among the others.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
        device: where it computes.
    """

    rank: int
    count: int
    device: torch.device

    def rows(self, N: int) -> slice:
        """Return which rows of a batch of N sequences are this process's.

        Raises:
            ValueError: N is not a multiple of the number of processes. The mean of the processes'
                means would then not be the mean over the batch.
        """
        if N % self.count:
            raise ValueError(f"N: expected a multiple of the {self.count} processes, got {N}")
        share = N // self.count
        return slice(self.rank * share, (self.rank + 1) * share)


@contextmanager
def processes() -> Iterator[Processes]:
    """Join the processes that `torchrun` started; alone if it didn't.

    On CUDA they talk by NCCL and each takes the GPU of its local rank; on CPUs by gloo. Inside the
    `with`, `train` averages gradients over all of them.

    Raises:
        RuntimeError: there are more processes on this machine than GPUs.
    """
    local, count = (
        int(os.environ.get(name, d)) for name, d in (("LOCAL_RANK", 0), ("WORLD_SIZE", 1))
    )
    gpus = torch.cuda.device_count()
    if gpus and local >= gpus:
        raise RuntimeError(f"process {local} of this machine has no GPU: there are {gpus}")
    device = torch.device("cuda", local) if gpus else torch.device("cpu")
    if gpus:
        torch.cuda.set_device(device)
    if "RANK" not in os.environ:
        yield Processes(0, 1, device)
        return
    torch.distributed.init_process_group("nccl" if gpus else "gloo")
    try:
        yield Processes(torch.distributed.get_rank(), count, device)
    finally:
        torch.distributed.destroy_process_group()
