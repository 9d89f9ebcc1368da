"""Handwritten digits as sequences of 64 pixels. Needs scikit-learn, which ships the images."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from sklearn.datasets import load_digits

TRAIN = 1437  # of 1797 images: four fifths


class Digits(NamedTuple):
    """Pixels from 0 to 1, time-major, and the digits that they show."""

    x_train: np.ndarray  # (64, 1437, 1)
    y_train: np.ndarray  # (1437,)
    x_test: np.ndarray  # (64, 360, 1)
    y_test: np.ndarray  # (360,)


def digits(permuted: bool = False, dtype: DTypeLike = np.float32) -> Digits:
    """Return scikit-learn's 8×8 digits, one pixel a step.

    The images are the test set of Alpaydin and Kaynak's *Optical Recognition of Handwritten Digits*
    (UCI Machine Learning Repository, 1998). They are shuffled before they are split, always in the
    same way, since the set is ordered by writer.

    Args:
        permuted: read the pixels in one fixed random order, the same for all images, rather than
            row by row. Le, Jaitly and Hinton (2015, section 4.2) do so with MNIST.
        dtype: of the pixels.

    Returns:
        x_train (64, 1437, 1), y_train (1437,), x_test (64, 360, 1), y_test (360,).

    Raises:
        ValueError: `dtype` is not a floating-point type.
    """
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype: expected a floating-point type, got {np.dtype(dtype)}")
    images = load_digits()
    shuffle = np.random.default_rng(0)
    order = shuffle.permutation(len(images.target))
    x = (images.data[order].T / 16).astype(dtype)[:, :, None]
    if permuted:
        x = x[shuffle.permutation(len(x))]
    y = images.target[order]
    return Digits(x[:, :TRAIN], y[:TRAIN], x[:, TRAIN:], y[TRAIN:])
