"""Layers over padded sequences: each sequence runs to its own end, as in a packed sequence."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.modules.layer import Layer

State = Tensor | tuple[Tensor, Tensor]  # h (K, N, H), or h and c of an LSTM


def run_padded(
    layer: Layer, x: Tensor, lengths: Tensor, start: State | None = None
) -> tuple[Tensor, State]:
    """Run a layer over sequences of different lengths.

    From step to step only those that have not ended go on, so what stands in the padding is not
    read. The layer is called once for each length that occurs.

    Args:
        layer: an RNN, GRU or LSTM of `unrolled.modules`.
        x: inputs (T, N, D).
        lengths: as `lengths_of` returns them.
        start: initial states, as the layer takes them; zeros if None.

    Returns:
        h (T, N, H), zero in the padding, and what each sequence ends with, in the form of `start`.
    """
    T, N, _ = x.shape
    ends = lengths.unique().tolist()  # in ascending order
    if ends == [T]:
        return layer(x, start)
    order = lengths.argsort(descending=True)
    back = order.argsort()
    x, state = x[:, order], start if start is None else columns(start, order)
    h, ended, begin = [], [], 0
    for end in ends:
        going_on, running = (int((lengths > step).sum()) for step in (end, begin))
        piece, state = layer(x[begin:end, :running], state)
        h.append(functional.pad(piece, (0, 0, 0, N - running)))
        ended.insert(0, columns(state, slice(going_on, None)))  # those that ended last come first
        state, begin = columns(state, slice(going_on)), end
    h = functional.pad(torch.cat(h), (0, 0, 0, 0, 0, T - begin))
    return h[:, back], columns(joined(ended, dim=1), back)


def reversed_within(x: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence of x (T, N, F) turned round within its own length, padding as it is."""
    t = torch.arange(len(x))[:, None]
    source = torch.where(t < lengths, lengths - 1 - t, t).to(x.device)
    return x.gather(0, source[..., None].expand_as(x))


def lengths_of(x: Tensor, lengths: Sequence[int] | Tensor | None) -> Tensor:
    """Return the lengths of the N sequences in x (T, N, D) as a tensor on the CPU, T each if None.

    Raises:
        ValueError: there are not N, or one is not an integer from 1 to T.
    """
    T, N, _ = x.shape
    lengths = torch.full((N,), T) if lengths is None else torch.as_tensor(lengths).cpu()
    if lengths.shape != (N,):
        raise ValueError(f"lengths: expected shape ({N},), got {tuple(lengths.shape)}")
    if lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(f"lengths: expected integers, got {lengths.dtype}")
    wrong = lengths[(lengths < 1) | (lengths > T)]
    if len(wrong):
        raise ValueError(f"lengths: expected at least 1 and at most T = {T}, got {wrong[0]}")
    return lengths


def expect_rows(start: State | None, rows: int) -> None:
    """Raise a ValueError unless initial states have one row for each layer and direction."""
    parts = start if isinstance(start, tuple) else (start,)
    for name, part in zip(("h0", "c0"), parts, strict=False):
        if part is not None and len(part) != rows:
            expected = f"{rows} rows, one a layer and direction"
            raise ValueError(f"{name}: expected {expected}, got {len(part)}")


def rows(state: State | None, begin: int, end: int) -> State | None:
    """Return the rows begin … end − 1 of the first axis of h, or of h and c; None of None."""
    if isinstance(state, tuple):
        return tuple(part[begin:end] for part in state)
    return state if state is None else state[begin:end]


def columns(state: State, which: Tensor | slice) -> State:
    """Return these sequences' columns of h, or of h and c."""
    if isinstance(state, tuple):
        return tuple(part[:, which] for part in state)
    return state[:, which]


def joined(states: Sequence[State], dim: int = 0) -> State:
    """Return states one after the other along an axis, h with h and c with c."""
    if isinstance(states[0], tuple):
        return tuple(torch.cat(parts, dim) for parts in zip(*states, strict=True))
    return torch.cat(tuple(states), dim)
