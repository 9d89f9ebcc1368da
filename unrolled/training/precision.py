"""The numbers in which a device multiplies."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

PRECISIONS = ("float32", "tf32", "bfloat16")


@contextmanager
def precision_of(name: str, device: torch.device | str) -> Iterator[None]:
    """Choose the precision of products for what runs inside the `with`.

    - "float32": as it says. PyTorch's own setting lets cuDNN's recurrent layers use tf32.
    - "tf32": products of float32 with 10 of the 23 bits behind the point, on GPUs since 2020;
      elsewhere the same as "float32".
    - "bfloat16": products in bfloat16 by `torch.autocast`; parameters and what is summed over steps
      stay in float32 (mixed precision, Micikevicius et al., 2018). Enter it anew for each update:
      autocast keeps its shortened copies of the weights until the outermost `with` ends.

    Args:
        name: one of `PRECISIONS`.
        device: where it runs.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in PRECISIONS:
        known = ", ".join(map(repr, PRECISIONS))
        raise ValueError(f"precision: expected one of {known}, got {name!r}")
    places = torch.backends.cuda.matmul, torch.backends.cudnn.rnn
    before = [place.fp32_precision for place in places]
    kind = torch.device(device).type
    try:
        for place in places:
            place.fp32_precision = "tf32" if name == "tf32" else "ieee"
        with torch.autocast(kind, torch.bfloat16) if name == "bfloat16" else nullcontext():
            yield
    finally:
        for place, setting in zip(places, before, strict=True):
            place.fp32_precision = setting
