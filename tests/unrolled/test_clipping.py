"""Clipping against torch.nn.utils and against what each kind promises."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.clipping import clip_by_global_norm, clip_by_norm, clip_by_value, clip_step

many = settings(max_examples=60, deadline=None, derandomize=True)
shapes = st.lists(st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=4)
thresholds = st.floats(1e-3, 1e3)
exponents = st.integers(-3, 3)  # of the gradients' size
seeds = st.integers(0, 999)
EVERY = (clip_by_value, clip_by_norm, clip_by_global_norm)


def some_gradients(shapes, seed=0, size=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {
        f"d{i}": (size * rng.normal(size=shape)).astype(dtype) for i, shape in enumerate(shapes)
    }


def in_torch(gradients):
    """Parameters that hold copies of the gradients, as an optimiser would find them."""
    parameters = [torch.nn.Parameter(torch.tensor(array)) for array in gradients.values()]
    for parameter in parameters:
        parameter.grad = parameter.detach().clone()
    return parameters


def assert_equal(clipped, parameters, atol=1e-12):
    for array, parameter in zip(clipped.values(), parameters, strict=True):
        np.testing.assert_allclose(array, parameter.grad.numpy(), rtol=1e-12, atol=atol)


def arrays_of(function, gradients, threshold):
    """The clipped arrays, whatever else the function returns."""
    result = function(gradients, threshold)
    return result[0] if isinstance(result, tuple) else result


@many
@given(shapes=shapes, seed=seeds, exponent=exponents, threshold=thresholds)
def test_by_value_equals_torch(shapes, seed, exponent, threshold):
    gradients = some_gradients(shapes, seed, 10.0**exponent)
    parameters = in_torch(gradients)
    torch.nn.utils.clip_grad_value_(parameters, threshold)
    assert_equal(clip_by_value(gradients, threshold), parameters, atol=0)


@many
@given(shapes=shapes, seed=seeds, exponent=exponents, threshold=thresholds)
def test_global_norm_equals_torch_given_the_norm_less_its_constant(
    shapes, seed, exponent, threshold
):
    gradients = some_gradients(shapes, seed, 10.0**exponent)
    clipped, norm = clip_by_global_norm(gradients, threshold)
    parameters = in_torch(gradients)
    theirs = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    assert norm == pytest.approx(theirs.item(), rel=1e-12)
    torch.nn.utils.clip_grads_with_norm_(parameters, threshold, theirs - 1e-6)
    assert_equal(clipped, parameters)


def test_global_norm_and_torch_as_it_is_differ_by_its_constant_only():
    gradients = some_gradients([(3, 4), (4,)], size=10)
    clipped, norm = clip_by_global_norm(gradients, 1.0)
    parameters = in_torch(gradients)
    assert torch.nn.utils.clip_grad_norm_(parameters, 1.0).item() == pytest.approx(norm, rel=1e-12)
    short = norm / (norm + 1e-6)
    for array, parameter in zip(clipped.values(), parameters, strict=True):
        np.testing.assert_allclose(array * short, parameter.grad, rtol=1e-12)
        assert not np.array_equal(array, parameter.grad)


@many
@given(shapes=shapes, seed=seeds, exponent=exponents, threshold=thresholds)
def test_by_norm_is_the_global_norm_of_each_array_alone(shapes, seed, exponent, threshold):
    gradients = some_gradients(shapes, seed, 10.0**exponent)
    clipped, norms = clip_by_norm(gradients, threshold)
    for name, array in gradients.items():
        alone, norm = clip_by_global_norm({name: array}, threshold)
        np.testing.assert_array_equal(clipped[name], alone[name])
        assert norms[name] == norm


@many
@given(shapes=shapes, seed=seeds, exponent=exponents, threshold=thresholds)
def test_global_norm_keeps_the_direction_and_stays_within_the_ball(
    shapes, seed, exponent, threshold
):
    gradients = some_gradients(shapes, seed, 10.0**exponent)
    clipped, norm = clip_by_global_norm(gradients, threshold)
    g, c = (np.concatenate([a.ravel() for a in d.values()]) for d in (gradients, clipped))
    assert norm == pytest.approx(np.linalg.norm(g), rel=1e-12)
    np.testing.assert_allclose(c, g * min(1, threshold / norm), rtol=1e-12)


@many
@given(N=st.integers(0, 4), H=st.integers(1, 5), seed=seeds, threshold=thresholds)
def test_step_clips_each_sequence_by_its_own_norm(N, H, seed, threshold):
    dh = np.random.default_rng(seed).normal(size=(N, H))
    clipped, norms = clip_step(dh, threshold)
    assert clipped.shape == dh.shape and norms.shape == (N,)
    expected = np.linalg.norm(dh, axis=1)
    np.testing.assert_allclose(norms, expected, rtol=1e-12)
    np.testing.assert_allclose(
        clipped, dh * np.minimum(1, threshold / expected)[:, None], rtol=1e-12
    )


@pytest.mark.parametrize("function", EVERY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_gradients_come_back_bit_for_bit(function, dtype):
    gradients = some_gradients([(3, 4), (4,), ()], size=1e-3, dtype=dtype)
    for name, array in arrays_of(function, gradients, 1.0).items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, gradients[name])


@pytest.mark.parametrize("function", EVERY)
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_nothing_given_changes_and_nothing_returned_is_shared(function, size):
    gradients = some_gradients([(3, 4), (4,)], size=size)
    before = {name: array.copy() for name, array in gradients.items()}
    for name, array in arrays_of(function, gradients, np.float64(1.0)).items():
        assert not np.shares_memory(array, gradients[name])
        np.testing.assert_array_equal(gradients[name], before[name])


@pytest.mark.parametrize("function", EVERY)
def test_float32_stays_float32(function):
    gradients = some_gradients([(3, 4), (4,)], size=100, dtype=np.float32)
    for array in arrays_of(function, gradients, np.float64(1.0)).values():
        assert array.dtype == np.float32
    assert clip_step(gradients["d0"], np.float64(1.0))[0].dtype == np.float32


@pytest.mark.parametrize("function", EVERY)
def test_zeros_and_an_array_without_entries_stay(function):
    gradients = {"dW": np.zeros((2, 2)), "db": np.zeros(0)}
    for name, array in arrays_of(function, gradients, 1.0).items():
        np.testing.assert_array_equal(array, gradients[name])


@pytest.mark.parametrize("dtype, large", [(np.float32, 1e30), (np.float64, 1e300)])
def test_a_norm_whose_squares_overflow_is_clipped_all_the_same(dtype, large):
    g = np.array([3 * large, 4 * large], dtype)
    clipped, norm = clip_by_global_norm({"dW": g}, 1.0)
    assert norm == pytest.approx(5 * large, rel=1e-6)
    np.testing.assert_allclose(clipped["dW"], [0.6, 0.8], rtol=1e-6)


def test_tiny_gradients_do_not_lose_their_norm():
    _, norm = clip_by_global_norm({"dW": np.array([3e-200, 4e-200])}, 1.0)
    assert norm == pytest.approx(5e-200, rel=1e-12)


def test_values_that_a_mutant_would_get_wrong():
    g = {"dW": np.array([[3.0, -0.2]]), "db": np.array([-5.0])}
    by_value = clip_by_value(g, 1.0)
    assert by_value["dW"].tolist() == [[1.0, -0.2]] and by_value["db"].tolist() == [-1.0]
    together, norm = clip_by_global_norm(g, 1.0)
    assert norm == pytest.approx(np.sqrt(34.04))
    assert together["db"][0] / together["dW"][0, 0] == pytest.approx(-5 / 3)


@pytest.mark.parametrize("threshold", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("function", EVERY)
def test_a_threshold_that_is_none_is_refused(function, threshold):
    message = f"threshold: expected a positive finite number, got {threshold}"
    with pytest.raises(ValueError, match=re.escape(message)):
        function({"dW": np.ones(2)}, threshold)
    with pytest.raises(ValueError, match=re.escape(message)):
        clip_step(np.ones((1, 2)), threshold)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("function", EVERY)
def test_what_is_not_finite_is_named_with_its_place(function, wrong):
    g = {"db": np.ones(2), "dW": np.array([[1.0, 2.0], [wrong, 4.0]])}
    with pytest.raises(
        FloatingPointError, match=re.escape(f"dW: expected finite numbers, got {wrong} at [1, 0]")
    ):
        function(g, 1.0)
    with pytest.raises(
        FloatingPointError, match=re.escape(f"dh: expected finite numbers, got {wrong} at [1, 0]")
    ):
        clip_step(g["dW"], 1.0)


@pytest.mark.parametrize("function", EVERY)
def test_other_bad_input_is_refused(function):
    with pytest.raises(ValueError, match="gradients: expected at least one array, got none"):
        function({}, 1.0)
    with pytest.raises(ValueError, match="dW: expected floating-point numbers, got int64"):
        function({"dW": np.arange(3)}, 1.0)


def test_a_step_has_two_axes():
    with pytest.raises(ValueError, match=re.escape("dh: expected shape (N, H), got (3,)")):
        clip_step(np.ones(3), 1.0)
