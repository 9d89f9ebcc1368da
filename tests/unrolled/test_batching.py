"""Padding, masks, last states and windows, against torch.nn.utils.rnn and plain indexing."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence, unpad_sequence

from unrolled.batching import last, mask_of, pad, windows

every_shape = settings(max_examples=60, deadline=None, derandomize=True)
LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def drawn(lengths, shape=(2,), dtype=np.float64):
    rng = np.random.default_rng(0)
    return [(9 * rng.normal(size=(T, *shape))).astype(dtype) for T in lengths]


@every_shape
@given(LENGTHS, st.sampled_from([(), (3,), (2, 2)]), st.sampled_from([np.float32, np.int64]))
def test_pad_equals_torch_and_keeps_the_dtype(lengths, shape, dtype):
    sequences = drawn(lengths, shape, dtype)
    x, found = pad(sequences)
    assert x.dtype == dtype and found.tolist() == lengths
    np.testing.assert_array_equal(x, pad_sequence([torch.tensor(s) for s in sequences]).numpy())


@every_shape
@given(LENGTHS, st.integers(0, 3))
def test_the_mask_keeps_what_torch_unpads(lengths, more):
    x, found = pad(drawn(lengths))
    x = np.concatenate([x, np.ones((more, *x.shape[1:]))])
    mask = mask_of(found, len(x))
    assert mask.shape == x.shape[:2] and mask.dtype == bool
    kept = unpad_sequence(torch.tensor(x), torch.tensor(lengths))
    for n, sequence in enumerate(kept):
        np.testing.assert_array_equal(x[mask[:, n], n], sequence.numpy())


@every_shape
@given(LENGTHS)
def test_without_T_the_mask_is_as_long_as_the_longest(lengths):
    np.testing.assert_array_equal(mask_of(lengths), mask_of(lengths, max(lengths)))


@every_shape
@given(LENGTHS)
def test_last_takes_each_sequence_at_its_own_end(lengths):
    sequences = drawn(lengths, dtype=np.float32)
    ends = last(*pad(sequences))
    assert ends.dtype == np.float32
    np.testing.assert_array_equal(ends, np.stack([s[-1] for s in sequences]))


@every_shape
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 5), st.sampled_from([(), (2,)]))
def test_windows_equal_torch_unfold(length, ahead, more, shape):
    series = drawn([length + ahead + more], shape)[0]
    past, future = windows(series, length, ahead)
    both = torch.tensor(series).unfold(0, length + ahead, 1).movedim(-1, 0).numpy()
    assert past.shape == (length, more + 1, *shape) and future.shape == (ahead, more + 1, *shape)
    np.testing.assert_array_equal(np.concatenate([past, future]), both)


def test_windows_copy_nothing_and_cannot_be_written_to():
    series = np.arange(9.0)
    past, future = windows(series, 3, 2)
    assert np.shares_memory(past, series) and np.shares_memory(future, series)
    with pytest.raises(ValueError, match="read-only"):
        past[0, 0] = 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pad([]), "sequences: expected at least one, got none"),
        (lambda: pad([[1.0], []]), "sequences[1]: expected at least one step, got shape (0,)"),
        (lambda: pad([3.0]), "sequences[0]: expected at least one step, got shape ()"),
        (
            lambda: pad([np.ones((2, 3)), np.ones((2, 4))]),
            "sequences[1]: expected steps of shape (3,) as the first sequence has, got (4,)",
        ),
        (
            lambda: pad([np.ones(2), np.ones(2, np.float32)]),
            "sequences[1]: expected float64 as the first sequence has, got float32",
        ),
        (lambda: mask_of([]), "lengths: expected shape (N,), N at least 1, got (0,)"),
        (lambda: mask_of([1.0]), "lengths: expected integers, got float64"),
        (lambda: mask_of([2, 0]), "lengths: expected at least 1, got 0"),
        (lambda: mask_of([2, 5], 4), "lengths: expected at least 1 and at most T = 4, got 5"),
        (lambda: last(np.ones(3), [1]), "h: expected shape (T, N, …), got (3,)"),
        (lambda: last(np.ones((3, 2)), [1]), "lengths: expected shape (2,), got (1,)"),
        (lambda: last(np.ones((3, 1)), [4]), "lengths: expected at least 1 and at most T = 3"),
        (lambda: windows(5.0, 1), "series: expected shape (L,) or (L, D), got ()"),
        (lambda: windows(np.ones(9), 0), "length: expected at least 1, got 0"),
        (lambda: windows(np.ones(9), 1, 0), "ahead: expected at least 1, got 0"),
        (lambda: windows(np.ones(4), 3, 2), "series: expected at least 5 values"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
