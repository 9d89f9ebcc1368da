"""The latch task: what x and the targets hold, and that it is what the paper's unit reads."""

import re

import numpy as np
import pytest

from unrolled.nets import RNN
from unrolled.tasks import latch


@pytest.mark.parametrize(("T", "informative"), [(4, 3), (20, 3), (2, 1)])
def test_code_of_class_and_step_then_noise(T, informative):
    x, targets = latch(T, 200, np.random.default_rng(0), informative)
    assert x.shape == (T, 200, 2 * informative + 1) and targets.shape == (200, 1)
    assert set(targets.ravel()) == {-0.8, 0.8}
    for n in range(200):
        expected = np.zeros((T, 2 * informative))
        first = informative if targets[n, 0] > 0 else 0
        for t in range(informative):
            expected[t, first + t] = 1
        np.testing.assert_array_equal(x[:, n, :-1], expected)
    assert not x[:informative, :, -1].any()
    assert (x[informative:, :, -1] != 0).all()


def test_noise_has_the_standard_deviation_asked_for():
    x, targets = latch(1003, 100, np.random.default_rng(1), noise=0.5)
    noise = x[3:, :, -1]
    assert noise.std() == pytest.approx(0.5, rel=0.02) and abs(noise.mean()) < 0.01
    assert 30 < (targets > 0).sum() < 70
    assert not latch(9, 5, np.random.default_rng(1), noise=0)[0][..., -1].any()


def test_rows_of_the_input_weights_are_the_trained_inputs():
    x, targets = latch(6, 5, np.random.default_rng(2))
    inputs = np.random.default_rng(3).normal(size=(2, 3))  # by class and step
    net = RNN(np.r_[inputs.ravel(), 1][:, None], np.array([[1.25]]), np.zeros(1))
    h = net.forward(x)[-1]
    for n in range(5):
        state = 0.0
        for t in range(6):
            fed = inputs[int(targets[n, 0] > 0), t] if t < 3 else x[t, n, -1]
            state = np.tanh(1.25 * state + fed)
        assert h[n, 0] == pytest.approx(state, abs=1e-14)


def test_dtype_and_errors():
    x, targets = latch(5, 2, np.random.default_rng(0), dtype=np.float32)
    assert x.dtype == targets.dtype == np.float32
    wrong = {
        "T: expected more than the 3 informative steps, got 3": dict(T=3, N=2),
        "N: expected at least 1, got 0": dict(T=5, N=0),
        "informative: expected at least 1, got 0": dict(T=5, N=2, informative=0),
        "noise: expected a finite number of at least 0, got -1": dict(T=5, N=2, noise=-1),
        "noise: expected a finite number of at least 0, got nan": dict(T=5, N=2, noise=np.nan),
    }
    for text, arguments in wrong.items():
        with pytest.raises(ValueError, match=re.escape(text)):
            latch(rng=np.random.default_rng(0), **arguments)
