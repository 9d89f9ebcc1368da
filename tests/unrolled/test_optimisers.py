"""SGD and Adam against torch.optim, over many steps."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.optimisers import SGD, Adam

every_shape = settings(max_examples=30, deadline=None, derandomize=True)
SHAPES = st.lists(
    st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3
)


def parameters_and_gradients(shapes, steps, seed, dtype=np.float64):
    """Named arrays, and a list of gradients of very different sizes, one dict a step."""
    rng = np.random.default_rng(seed)
    parameters = {f"W{i}": rng.normal(size=shape).astype(dtype) for i, shape in enumerate(shapes)}
    gradients = [
        {
            f"d{name}": (10.0 ** rng.integers(-6, 3) * rng.normal(size=W.shape)).astype(dtype)
            for name, W in parameters.items()
        }
        for _ in range(steps)
    ]
    return parameters, gradients


def by_torch(optimiser, parameters, gradients, **options):
    """What torch.optim makes of copies of the parameters."""
    leaves = {name: torch.tensor(W, requires_grad=True) for name, W in parameters.items()}
    theirs = optimiser(leaves.values(), **options)
    for gradient in gradients:
        for name, leaf in leaves.items():
            leaf.grad = torch.tensor(gradient[f"d{name}"])
        theirs.step()
    return {name: leaf.detach().numpy() for name, leaf in leaves.items()}


def assert_same(parameters, expected, atol):
    for name, W in parameters.items():
        np.testing.assert_allclose(W, expected[name], rtol=0, atol=atol, err_msg=name)


@every_shape
@given(SHAPES, st.integers(1, 8), st.floats(1e-4, 1), st.integers(0, 999))
def test_sgd_equals_torch(shapes, steps, rate, seed):
    parameters, gradients = parameters_and_gradients(shapes, steps, seed)
    expected = by_torch(torch.optim.SGD, parameters, gradients, lr=rate)
    ours = SGD(parameters, rate)
    for gradient in gradients:
        ours.update(gradient)
    assert_same(parameters, expected, atol=1e-10)


@every_shape
@given(
    SHAPES,
    st.integers(1, 8),
    st.floats(1e-4, 1),
    st.sampled_from([(0.9, 0.999), (0.0, 0.0), (0.5, 0.9)]),
    st.sampled_from([1e-8, 1e-3]),
    st.integers(0, 999),
)
def test_adam_equals_torch(shapes, steps, rate, betas, eps, seed):
    parameters, gradients = parameters_and_gradients(shapes, steps, seed)
    expected = by_torch(torch.optim.Adam, parameters, gradients, lr=rate, betas=betas, eps=eps)
    ours = Adam(parameters, rate, betas, eps)
    for gradient in gradients:
        ours.update(gradient)
    assert_same(parameters, expected, atol=1e-10)


def test_defaults_of_adam_are_torchs():
    parameters, gradients = parameters_and_gradients([(3, 2)], 5, 0)
    expected = by_torch(torch.optim.Adam, parameters, gradients)
    ours = Adam(parameters)
    for gradient in gradients:
        ours.update(gradient)
    assert_same(parameters, expected, atol=1e-12)


def test_adams_first_step_is_the_rate_whatever_the_size_of_the_gradient():
    W = np.zeros(3)
    Adam({"W": W}, rate=0.1, eps=1e-30).update({"dW": np.array([1e-9, -5.0, 1e9])})
    np.testing.assert_allclose(W, [-0.1, 0.1, -0.1], rtol=1e-12)


@pytest.mark.parametrize("optimiser", [SGD, Adam])
def test_arrays_are_changed_in_place_and_keep_their_dtype(optimiser):
    parameters, gradients = parameters_and_gradients([(2, 3)], 3, 0, np.float32)
    W = parameters["W0"]
    before, given = W.copy(), gradients[0]["dW0"].copy()
    ours = optimiser(parameters, 0.1)
    for gradient in gradients:
        ours.update({"dW0": gradient["dW0"].astype(np.float64)})  # as a careless caller may
    assert ours.parameters["W0"] is W and W.dtype == np.float32
    assert not np.array_equal(W, before)
    np.testing.assert_array_equal(gradients[0]["dW0"], given)


@pytest.mark.parametrize("optimiser", [SGD, Adam])
@pytest.mark.parametrize(
    "gradients, message",
    [
        ({"dW": np.ones(3)}, "db: expected the gradient of every parameter, it is missing"),
        ({"dW": np.ones(3), "db": np.ones(3)}, "db: expected shape (2,), got (3,)"),
    ],
)
def test_a_wrong_gradient_is_named_and_changes_nothing(optimiser, gradients, message):
    W, b = np.ones(3), np.ones(2)
    ours = optimiser({"W": W, "b": b}, 0.1)
    with pytest.raises(ValueError, match=re.escape(message)):
        ours.update(gradients)
    np.testing.assert_array_equal(W, np.ones(3))
    ours.update({"dW": np.ones(3), "db": np.ones(2), "dx": np.ones(7)})  # others are left aside
    np.testing.assert_allclose(W, 0.9)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: SGD({}, 0), "rate: expected a positive finite number, got 0"),
        (lambda: SGD({}, np.nan), "rate: expected a positive finite number, got nan"),
        (lambda: Adam({}, np.inf), "rate: expected a positive finite number, got inf"),
        (lambda: SGD({"W": np.ones(2, int)}, 1), "W: expected floating-point numbers, got int64"),
        (lambda: Adam({}, betas=(0.9, 1.0)), "betas: expected numbers from 0 to below 1, got 1.0"),
        (lambda: Adam({}, betas=(np.nan, 0)), "betas: expected numbers from 0 to below 1, got nan"),
        (lambda: Adam({}, eps=0), "eps: expected a positive finite number, got 0"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
