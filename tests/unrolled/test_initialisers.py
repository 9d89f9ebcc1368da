"""Initial weights: their distributions, what they do to lengths, and what is refused."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.initialisers import gaussian, identity, orthogonal, scaled_gaussian

every_size = settings(max_examples=40, deadline=None, derandomize=True)
SEEDS = st.integers(0, 999)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_gaussian_has_its_mean_and_standard_deviation():
    W = gaussian((400, 500), 0.01, rng())
    # Five standard errors of the mean and of the standard deviation of 200 000 draws.
    assert abs(W.mean()) < 5 * 0.01 / np.sqrt(W.size)
    assert abs(W.std() - 0.01) < 5 * 0.01 / np.sqrt(2 * W.size)
    assert abs(np.mean(np.abs(W) < 0.01) - 0.6827) < 0.006  # and it is a Gaussian


def test_scaled_gaussian_keeps_the_mean_squared_length():
    ratios = []
    for seed in range(200):
        W, v = scaled_gaussian(50, rng(seed)), rng(1000 + seed).normal(size=50)
        ratios.append((np.linalg.norm(v @ W) / np.linalg.norm(v)) ** 2)
    assert abs(np.mean(ratios) - 1) < 5 * np.sqrt(2 / 50 / 200)


def test_scaled_gaussian_has_the_radius_and_the_singular_value_of_its_gain():
    W = scaled_gaussian(600, rng(), gain=1.5)
    assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(1.5, rel=0.1)
    assert np.linalg.norm(W, 2) == pytest.approx(3, rel=0.05)


@every_size
@given(H=st.integers(1, 30), gain=st.floats(0, 3), seed=SEEDS)
def test_orthogonal_keeps_every_length_times_its_gain(H, gain, seed):
    W = orthogonal(H, rng(seed), gain)
    np.testing.assert_allclose(W @ W.T, gain**2 * np.eye(H), rtol=0, atol=1e-12)
    v = rng(seed + 1).normal(size=H)
    assert np.linalg.norm(v @ W) == pytest.approx(gain * np.linalg.norm(v), abs=1e-12)


def test_orthogonal_is_uniform_where_a_bare_qr_is_not():
    # Under the uniform distribution the trace has mean 0 and variance 1 (Diaconis and Shahshahani).
    traces = np.array([np.trace(orthogonal(5, rng(seed))) for seed in range(2000)])
    assert abs(traces.mean()) < 0.1 and abs(traces.var() - 1) < 0.2
    bare = [np.trace(np.linalg.qr(rng(seed).normal(size=(5, 5)))[0]) for seed in range(2000)]
    assert abs(np.mean(bare)) > 0.3


def test_orthogonal_agrees_with_torch_in_what_it_promises():
    theirs = torch.nn.init.orthogonal_(torch.empty(20, 20, dtype=torch.float64), gain=1.3).numpy()
    ours = orthogonal(20, rng(), gain=1.3)
    np.testing.assert_allclose(ours.T @ ours, theirs.T @ theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 0.01, 0.0])
def test_identity_is_torchs_eye_scaled(scale):
    theirs = scale * torch.nn.init.eye_(torch.empty(7, 7, dtype=torch.float64))
    np.testing.assert_array_equal(identity(7, scale), theirs)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_are_kept_and_the_same_draws_are_rounded(dtype):
    made = {
        "gaussian": lambda d: gaussian((4, 3), 0.1, rng(), dtype=d),
        "scaled": lambda d: scaled_gaussian(4, rng(), dtype=d),
        "orthogonal": lambda d: orthogonal(4, rng(), dtype=d),
        "identity": lambda d: identity(4, dtype=d),
    }
    for make in made.values():
        assert make(dtype).dtype == dtype
        np.testing.assert_array_equal(make(dtype), make(np.float64).astype(dtype))


@every_size
@given(seed=SEEDS)
def test_the_generator_decides_alone(seed):
    for make in (scaled_gaussian, orthogonal):
        np.testing.assert_array_equal(make(5, rng(seed)), make(5, rng(seed)))
        assert not np.array_equal(make(5, rng(seed)), make(5, rng(seed + 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian((), 1, rng()), "shape: expected sizes of at least 1, got ()"),
        (lambda: gaussian((3, 0), 1, rng()), "shape: expected sizes of at least 1, got (3, 0)"),
        (lambda: gaussian((3,), -1, rng()), "std: expected a finite number that is not neg"),
        (lambda: gaussian((3,), np.nan, rng()), "std: expected a finite number that is not neg"),
        (lambda: scaled_gaussian(0, rng()), "H: expected at least 1, got 0"),
        (lambda: scaled_gaussian(3, rng(), np.inf), "gain: expected a finite number"),
        (lambda: orthogonal(0, rng()), "H: expected at least 1, got 0"),
        (lambda: orthogonal(3, rng(), -0.5), "gain: expected a finite number"),
        (lambda: identity(-2), "H: expected at least 1, got -2"),
        (lambda: identity(2, np.inf), "scale: expected a finite number"),
        (lambda: identity(2, dtype=int), "dtype: expected a floating-point type, got int64"),
        (lambda: orthogonal(2, rng(), dtype=int), "dtype: expected a floating-point type"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
