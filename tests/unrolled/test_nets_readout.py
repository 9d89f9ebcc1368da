"""The read-out against torch.nn.Linear."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.nets import Readout

every_shape = settings(max_examples=40, deadline=None, derandomize=True)
POSITIONS = st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple)


def problem(positions, H, C, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    layer = Readout.initialise(H, C, rng, dtype)
    h, do = (rng.normal(size=(*positions, size)).astype(dtype) for size in (H, C))
    return layer, h, do


@every_shape
@given(POSITIONS, st.integers(1, 5), st.integers(1, 5), st.integers(0, 999))
def test_equals_torch_linear(positions, H, C, seed):
    layer, h, do = problem(positions, H, C, seed)
    linear = torch.nn.Linear(H, C, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(layer.W_ho.T))
        linear.bias.copy_(torch.tensor(layer.b_o))
    theirs = torch.tensor(h, requires_grad=True)
    expected = linear(theirs)
    expected.backward(torch.tensor(do))
    np.testing.assert_allclose(layer.forward(h), expected.detach(), rtol=0, atol=1e-12)
    gradients = layer.backward(do)
    np.testing.assert_allclose(gradients.dh, theirs.grad, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradients.dW_ho, linear.weight.grad.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradients.db_o, linear.bias.grad, rtol=0, atol=1e-12)


def test_an_update_in_place_updates_the_layer():
    layer, h, _ = problem((3, 2), 4, 5)
    before = layer.forward(h)
    layer.parameters["b_o"] += 1
    np.testing.assert_allclose(layer.forward(h), before + 1)
    assert layer.parameters["W_ho"] is layer.W_ho


def test_dtype_is_kept_and_arguments_are_left_unchanged():
    layer, h, do = problem((3, 2), 4, 5, dtype=np.float32)
    h_before, do_before = h.copy(), do.copy()
    assert layer.forward(h).dtype == np.float32
    assert {gradient.dtype for gradient in layer.backward(do)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(h, h_before)
    np.testing.assert_array_equal(do, do_before)


def test_initialise_draws_as_torch_linear_does():
    layer = Readout.initialise(400, 300, np.random.default_rng(0))
    theirs = torch.nn.Linear(400, 300)
    for ours, other in ((layer.W_ho, theirs.weight), (layer.b_o, theirs.bias)):
        other = other.detach().numpy()
        assert ours.size == other.size
        assert np.abs(ours).max() <= 1 / 20
        assert np.isclose(np.abs(ours).max(), np.abs(other).max(), rtol=0.05)
        assert np.isclose(ours.std(), other.std(), rtol=0.1)


LAYER, STATES, DO = problem((3, 2), 4, 5)


def forwarded():
    LAYER.forward(STATES)
    return LAYER


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Readout(np.ones(4), np.ones(5)), "W_ho: expected shape (H, C), got (4,)"),
        (lambda: Readout(np.ones((4, 0)), np.ones(0)), "W_ho: expected shape (H, C), got (4, 0)"),
        (
            lambda: Readout(np.ones((4, 5), int), np.ones(5)),
            "W_ho: expected floating-point numbers, got int64",
        ),
        (lambda: Readout(np.ones((4, 5)), np.ones(4)), "b_o: expected shape (5,), got (4,)"),
        (
            lambda: Readout(np.ones((4, 5)), np.ones(5, np.float32)),
            "b_o: expected float64 as W_ho has, got float32",
        ),
        (
            lambda: Readout.initialise(0, 5, np.random.default_rng(0)),
            "H: expected at least 1, got 0",
        ),
        (
            lambda: Readout.initialise(4, 0, np.random.default_rng(0)),
            "C: expected at least 1, got 0",
        ),
        (lambda: LAYER.forward(STATES[..., :3]), "h: expected shape (T, N, 4) or (N, 4), got"),
        (lambda: LAYER.forward(STATES[0, 0]), "h: expected shape (T, N, 4) or (N, 4), got (4,)"),
        (
            lambda: LAYER.forward(STATES.astype(np.float32)),
            "h: expected float64 as W_ho has, got float32",
        ),
        (lambda: forwarded().backward(DO[..., :4]), "do: expected shape (3, 2, 5), got (3, 2, 4)"),
        (lambda: forwarded().backward(DO[:2]), "do: expected shape (3, 2, 5), got (2, 2, 5)"),
        (
            lambda: forwarded().backward(DO.astype(np.float32)),
            "do: expected float64 as W_ho has, got float32",
        ),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_backward_needs_a_forward():
    layer, _, do = problem((3, 2), 4, 5)
    with pytest.raises(RuntimeError, match="backward: expected a call of forward before it"):
        layer.backward(do)
