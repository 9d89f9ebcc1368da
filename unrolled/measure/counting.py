"""Operators, multiplications and bytes of a call, and what it keeps: exact, without a clock."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


@dataclass
class Counts:
    """What a call did.

    Attributes:
        launches: operators that compute something; each is at least one kernel on a GPU.
        flops: floating-point operations of matrix products, two for a multiplication and its sum.
        bytes: what the operators read and wrote, if nothing were found in a cache.
        operators: how often each operator ran, by name.
    """

    launches: int = 0
    flops: int = 0
    bytes: int = 0
    operators: Counter[str] = field(default_factory=Counter)


def count(run: Callable[[], Any]) -> Counts:
    """Count what a call does, forward and backward.

    Views are left out: they compute nothing. So is what PyTorch puts into one operator, such as a
    whole layer in cuDNN: it counts once, whatever happens inside.

    Args:
        run: what to count; takes no argument. It must run in PyTorch eagerly.
    """
    counts = Counts()
    with _Recorder(counts):
        run()
    return counts


def kept_bytes(run: Callable[[], Any], besides: list[Tensor]) -> int:
    """Return the bytes that a forward pass keeps for its backward pass.

    Args:
        run: the forward pass; takes no argument.
        besides: tensors that are there anyway and don't count, such as inputs and weights.
    """
    kept = {}
    known = {tensor.untyped_storage().data_ptr() for tensor in besides}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()
    del result  # until here its storage can't be used for anything else
    return sum(kept.values())


class _Recorder(TorchDispatchMode):
    def __init__(self, counts: Counts):
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        if not _computes_nothing(function):
            touched = [t for t in tree_leaves((arguments, options, result)) if _is_tensor(t)]
            self.counts.launches += 1
            self.counts.bytes += sum(t.numel() * t.element_size() for t in touched)
            self.counts.operators[function.overloadpacket.__name__] += 1
            if (flops := flop_registry.get(function.overloadpacket)) is not None:
                self.counts.flops += flops(*arguments, **(options or {}), out_val=result)
        return result


# They make room or bring a number, but no kernel runs.
_NO_KERNEL = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach"}


def _computes_nothing(function: torch._ops.OpOverload) -> bool:
    return function.is_view or function.overloadpacket.__name__ in _NO_KERNEL | {"_unsafe_view"}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
