"""Sequences of different lengths in one array, and windows over a long one.

Everything is time-major, as in `torch.nn.RNN`: the first axis is the step, the second the sequence.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def pad(sequences: Sequence[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """Stack sequences of different lengths; zeros follow where one has ended.

    The numbers are those of `torch.nn.utils.rnn.pad_sequence`. Padding behind the end changes no
    state before it; what stands there has to be left out of every mean (`mask_of`).

    Args:
        sequences: N arrays of shapes (T_n, …), T_n at least 1, alike in all but T_n.

    Returns:
        x (T, N, …) with T the largest T_n, in the sequences' dtype, and the lengths (N,).

    Raises:
        ValueError: there are none, one is empty, or shapes or dtypes differ.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("sequences: expected at least one, got none")
    for n, array in enumerate(arrays):
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"sequences[{n}]: expected at least one step, got shape {array.shape}")
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequences[{n}]: expected steps of shape {arrays[0].shape[1:]} "
                f"as the first sequence has, got {array.shape[1:]}"
            )
        if array.dtype != arrays[0].dtype:
            raise ValueError(
                f"sequences[{n}]: expected {arrays[0].dtype} as the first sequence has, "
                f"got {array.dtype}"
            )
    lengths = np.array([len(array) for array in arrays])
    x = np.zeros((lengths.max(), len(arrays), *arrays[0].shape[1:]), arrays[0].dtype)
    for n, array in enumerate(arrays):
        x[: len(array), n] = array
    return x, lengths


def mask_of(lengths: ArrayLike, T: int | None = None) -> np.ndarray:
    """Return which positions hold data: True at step t of sequence n if t < lengths[n].

    Args:
        lengths: how many steps each sequence has (N,), integers from 1 to T.
        T: steps of the padded array; the largest length if None.

    Returns:
        Booleans (T, N), which `unrolled.losses` take as a mask.

    Raises:
        ValueError: a length or T is wrong.
    """
    lengths = _lengths(lengths, T)
    return np.arange(lengths.max() if T is None else T)[:, None] < lengths


def last(h: ArrayLike, lengths: ArrayLike) -> np.ndarray:
    """Return the state of each sequence at its own last step, h[lengths[n] − 1, n].

    Args:
        h: states (T, N, …) of padded sequences.
        lengths: how many steps each sequence has (N,), integers from 1 to T.

    Returns:
        (N, …), in the dtype of h.

    Raises:
        ValueError: a shape or a length is wrong.
    """
    h = np.asarray(h)
    if h.ndim < 2:
        raise ValueError(f"h: expected shape (T, N, …), got {h.shape}")
    lengths = _lengths(lengths, len(h))
    if len(lengths) != h.shape[1]:
        raise ValueError(f"lengths: expected shape ({h.shape[1]},), got {lengths.shape}")
    return h[lengths - 1, np.arange(len(lengths))]


def windows(series: ArrayLike, length: int, ahead: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into all windows of `length` values, each with the `ahead` values after it.

    Args:
        series: (L,), or (L, D) for D values a step.
        length: values that a forecast may look at.
        ahead: values to be forecast.

    Returns:
        past (length, M) and future (ahead, M), or (length, M, D) and (ahead, M, D), with
        M = L − length − ahead + 1. Column m begins at step m. Both are read-only views, in which
        neighbouring windows share their numbers: nothing is copied.

    Raises:
        ValueError: the series has another shape, `length` or `ahead` is less than 1, or the series
            is too short for one window.
    """
    series = np.asarray(series)
    if series.ndim not in (1, 2):
        raise ValueError(f"series: expected shape (L,) or (L, D), got {series.shape}")
    for name, size in (("length", length), ("ahead", ahead)):
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")
    if len(series) < length + ahead:
        raise ValueError(
            f"series: expected at least {length + ahead} values "
            f"for length {length} and ahead {ahead}, got {len(series)}"
        )
    both = np.lib.stride_tricks.sliding_window_view(series, length + ahead, axis=0)
    both = np.moveaxis(both, -1, 0)
    return both[:length], both[length:]


def _lengths(lengths: ArrayLike, T: int | None) -> np.ndarray:
    """Return the lengths as an integer array (N,), each from 1 to T."""
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or lengths.size == 0:
        raise ValueError(f"lengths: expected shape (N,), N at least 1, got {lengths.shape}")
    if lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths: expected integers, got {lengths.dtype}")
    wrong = (lengths < 1) | (lengths > (lengths.max() if T is None else T))
    if wrong.any():
        upper = "" if T is None else f" and at most T = {T}"
        raise ValueError(f"lengths: expected at least 1{upper}, got {lengths[wrong][0]}")
    return lengths
