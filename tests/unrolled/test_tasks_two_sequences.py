"""The two-sequence problem: lengths, signal, noise and padding as the paper states them."""

import re

import numpy as np
import pytest

from unrolled.tasks import two_sequences


@pytest.mark.parametrize("informative", [1, 3])
def test_signal_noise_and_padding(informative):
    x, lengths, classes = two_sequences(50, 400, np.random.default_rng(0), informative)
    assert x.shape == (55, 400, 1) and lengths.shape == classes.shape == (400,)
    assert set(lengths) == set(range(50, 56)) and set(classes) == {0, 1}
    for n in range(400):
        assert (x[:informative, n, 0] == (1 if classes[n] else -1)).all()
        assert (x[informative : lengths[n], n, 0] != 0).all()
        assert not x[lengths[n] :, n, 0].any()


def test_variance_and_balance():
    x, lengths, classes = two_sequences(500, 500, np.random.default_rng(1))
    noise = x[3 : lengths.min()]
    assert noise.var() == pytest.approx(0.2, rel=0.02) and abs(noise.mean()) < 0.01
    assert 200 < classes.sum() < 300


def test_short_lengths_dtype_and_errors():
    x, lengths, _ = two_sequences(4, 3, np.random.default_rng(0), dtype=np.float32)
    assert x.shape == (4, 3, 1) and x.dtype == np.float32 and (lengths == 4).all()
    wrong = {
        "T: expected more than the 3 informative steps, got 3": dict(T=3, N=2),
        "N: expected at least 1, got 0": dict(T=5, N=0),
        "informative: expected at least 1, got -1": dict(T=5, N=2, informative=-1),
    }
    for text, arguments in wrong.items():
        with pytest.raises(ValueError, match=re.escape(text)):
            two_sequences(rng=np.random.default_rng(0), **arguments)
