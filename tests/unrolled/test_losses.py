"""Losses against torch.nn.functional and finite differences, with and without masks."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from unrolled.checks import numerical_gradient
from unrolled.losses import (
    bits_per_character,
    perplexity,
    softmax_cross_entropy,
    squared_error,
)

every_shape = settings(max_examples=40, deadline=None, derandomize=True)
SIZES = {name: st.integers(1, 4) for name in "TNC"}


def problem(T, N, C, seed=0, masked=True):
    rng = np.random.default_rng(seed)
    logits, target = rng.normal(size=(2, T, N, C))
    mask = rng.integers(0, 2, (T, N))
    mask[rng.integers(T), rng.integers(N)] = 1
    return logits, rng.integers(0, C, (T, N)), target, mask if masked else None


@every_shape
@given(**SIZES, masked=st.booleans(), seed=st.integers(0, 999))
def test_cross_entropy_equals_torch(T, N, C, masked, seed):
    logits, targets, _, mask = problem(T, N, C, seed, masked)
    theirs = torch.tensor(logits, requires_grad=True)
    counted = targets if mask is None else np.where(mask, targets, -100)  # -100: torch's ignored
    expected = functional.cross_entropy(theirs.flatten(0, 1), torch.tensor(counted).flatten())
    expected.backward()
    loss, dlogits = softmax_cross_entropy(logits, targets, mask)
    assert isinstance(loss, float)
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(dlogits, theirs.grad, rtol=0, atol=1e-12)


@every_shape
@given(**SIZES, masked=st.booleans(), seed=st.integers(0, 999))
def test_squared_error_equals_torch(T, N, C, masked, seed):
    y, _, target, mask = problem(T, N, C, seed, masked)
    theirs = torch.tensor(y, requires_grad=True)
    weight = torch.ones(T, N) if mask is None else torch.tensor(mask)
    error = functional.mse_loss(theirs, torch.tensor(target), reduction="none").sum(-1) / 2
    expected = (error * weight).sum() / weight.sum()
    expected.backward()
    loss, dy = squared_error(y, target, mask)
    assert isinstance(loss, float)
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(dy, theirs.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_equal_finite_differences(masked):
    a, targets, target, mask = problem(3, 2, 4, masked=masked)
    for loss, truth in ((softmax_cross_entropy, targets), (squared_error, target)):
        numerical = numerical_gradient(lambda f=loss, b=truth: f(a, b, mask)[0], a)
        np.testing.assert_allclose(loss(a, truth, mask)[1], numerical, rtol=0, atol=1e-8)


def test_worked_numbers():
    loss, dlogits = softmax_cross_entropy(np.zeros((1, 1, 4)), [[2]])
    assert loss == pytest.approx(np.log(4))
    np.testing.assert_allclose(dlogits[0, 0], [0.25, 0.25, -0.75, 0.25])
    loss, dy = squared_error(np.array([[[3.0, 1.0]]]), [[[1.0, 0.0]]])
    assert loss == 2.5
    np.testing.assert_array_equal(dy, [[[2.0, 1.0]]])


@pytest.mark.parametrize("mask_type", [bool, int, np.float32])
def test_what_stands_under_the_mask_is_not_read(mask_type):
    a, targets, target, mask = problem(3, 2, 4)
    expected = softmax_cross_entropy(a, targets, mask), squared_error(a, target, mask)
    hidden = mask == 0
    a[hidden], target[hidden], targets[hidden] = np.nan, np.inf, -1
    mask = mask.astype(mask_type)
    got = softmax_cross_entropy(a, targets, mask), squared_error(a, target, mask)
    for (loss, gradient), (expected_loss, expected_gradient) in zip(got, expected, strict=True):
        assert loss == expected_loss
        np.testing.assert_array_equal(gradient, expected_gradient)
        assert not gradient[hidden].any()


@every_shape
@given(**SIZES, seed=st.integers(0, 999))
def test_perplexity_is_the_geometric_mean_of_one_over_p(T, N, C, seed):
    logits, targets, _, mask = problem(T, N, C, seed)
    p = torch.softmax(torch.tensor(logits), dim=-1).numpy()
    chosen = np.take_along_axis(p, targets[..., None], axis=-1)[..., 0][mask == 1]
    loss, _ = softmax_cross_entropy(logits, targets, mask)
    assert perplexity(loss) == pytest.approx(np.prod(1 / chosen) ** (1 / mask.sum()))
    assert bits_per_character(loss) == pytest.approx(-np.log2(chosen).mean(), abs=1e-12)
    assert perplexity(loss) == pytest.approx(2 ** bits_per_character(loss))


def test_perplexity_of_a_uniform_guess_of_certainty_and_of_the_impossible():
    assert perplexity(np.log(29)) == pytest.approx(29)
    assert bits_per_character(np.log(8)) == pytest.approx(3)
    assert (perplexity(0), bits_per_character(0)) == (1, 0)
    assert perplexity(np.inf) == bits_per_character(np.inf) == perplexity(1e4) == np.inf


@pytest.mark.parametrize("measure", [perplexity, bits_per_character])
@pytest.mark.parametrize("loss", [-0.1, np.nan])
def test_what_no_cross_entropy_can_be_is_named(measure, loss):
    message = f"loss: expected a mean cross-entropy, 0 or more, got {loss}"
    with pytest.raises(ValueError, match=re.escape(message)):
        measure(loss)


def test_large_logits_do_not_overflow():
    loss, dlogits = softmax_cross_entropy(np.array([[[1e4, 0.0, -1e4]]]), [[1]])
    assert loss == 1e4
    np.testing.assert_array_equal(dlogits, [[[1, -1, 0]]])


def test_dtype_is_kept_and_arguments_are_left_unchanged():
    a, targets, target, mask = problem(3, 2, 4)
    a32, target32 = a.astype(np.float32), target.astype(np.float32)
    before = a32.copy()
    assert softmax_cross_entropy(a32, targets, mask)[1].dtype == np.float32
    assert squared_error(a32, target32, mask)[1].dtype == np.float32
    assert squared_error(a32, target, mask)[1].dtype == np.float32
    np.testing.assert_array_equal(a32, before)


A, TARGETS, TARGET, MASK = problem(3, 2, 4)


def altered(array, where, value):
    array = array.copy()
    array[where] = value
    return array


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: softmax_cross_entropy(A, TARGETS.T),
            "targets: expected shape (3, 2), got (2, 3)",
        ),
        (
            lambda: softmax_cross_entropy(A, TARGETS.astype(float)),
            "targets: expected integers, got float64",
        ),
        (
            lambda: softmax_cross_entropy(A, altered(TARGETS, (2, 1), 4)),
            "targets: expected classes from 0 to 3, got 4 at [2, 1]",
        ),
        (
            lambda: softmax_cross_entropy(A, altered(TARGETS, (0, 1), -1)),
            "targets: expected classes from 0 to 3, got -1 at [0, 1]",
        ),
        (
            lambda: softmax_cross_entropy(A.astype(int), TARGETS),
            "logits: expected floating-point numbers, got int64",
        ),
        (
            lambda: softmax_cross_entropy(A[..., :0], TARGETS),
            "logits: expected at least one position and class, got shape (3, 2, 0)",
        ),
        (lambda: squared_error(A, TARGET[..., :1]), "target: expected shape (3, 2, 4), got"),
        (lambda: squared_error(A.astype(int), TARGET), "y: expected floating-point numbers"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("loss, truth", [(softmax_cross_entropy, TARGETS), (squared_error, TARGET)])
@pytest.mark.parametrize(
    "mask, message",
    [
        (np.zeros((3, 2)), "mask: expected at least one 1, got 0 everywhere"),
        (MASK[:2], "mask: expected shape (3, 2), got (2, 2)"),
        (altered(MASK, (1, 0), 2), "mask: expected 0 or 1, got 2 at [1, 0]"),
        (altered(MASK.astype(float), (1, 0), np.nan), "mask: expected 0 or 1, got nan at [1, 0]"),
    ],
)
def test_wrong_mask_is_named(loss, truth, mask, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        loss(A, truth, mask)
