"""The same numbers on each run."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# What both PyTorch's check and cuDNN's recurrent layers accept.
WORKSPACE = ":16:8"


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Seed every generator, and allow only algorithms that give the same result each time.

    Same machine and same versions, that is: another GPU may add in another order. An operation that
    has no such algorithm raises a RuntimeError rather than going on. It can be slower.

    Args:
        seed: for PyTorch on all devices, NumPy's global generator and Python's.

    Raises:
        RuntimeError: CUDA has been used already with other settings of cuBLAS, which reads them
            once: set CUBLAS_WORKSPACE_CONFIG=:16:8 before the program starts.
    """
    if os.environ.get("CUBLAS_WORKSPACE_CONFIG") != WORKSPACE and torch.cuda.is_initialized():
        raise RuntimeError(
            f"deterministic: set CUBLAS_WORKSPACE_CONFIG={WORKSPACE} before the program starts; "
            "CUDA runs already without it"
        )
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = WORKSPACE
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    strict = torch.are_deterministic_algorithms_enabled()
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict)
        cudnn.deterministic, cudnn.benchmark = before
