"""The digits as sequences: the whole set, split once, in two orders of pixels."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from unrolled.data.digits import digits


def as_rows(x):
    """Images as rows of 64 whole numbers from 0 to 16."""
    return np.rint(16 * x[:, :, 0].T).astype(int)


def test_shapes_types_and_range():
    data = digits()
    assert data.x_train.shape == (64, 1437, 1) and data.x_test.shape == (64, 360, 1)
    assert data.y_train.shape == (1437,) and data.y_test.shape == (360,)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.x_train.min() == 0 and data.x_train.max() == 1
    assert digits(dtype=np.float64).x_test.dtype == np.float64


def test_every_image_is_there_once_with_its_digit():
    data, raw = digits(), load_digits()
    images = np.concatenate([as_rows(data.x_train), as_rows(data.x_test)])
    labels = np.concatenate([data.y_train, data.y_test])
    ours = np.column_stack([images, labels]).tolist()
    theirs = np.column_stack([raw.data.astype(int), raw.target]).tolist()
    assert sorted(ours) == sorted(theirs)


def test_every_digit_is_in_both_parts_about_equally():
    data = digits()
    for labels in (data.y_train, data.y_test):
        share = np.bincount(labels, minlength=10) / len(labels)
        assert share.min() > 0.06 and share.max() < 0.14


def test_permuted_is_one_order_for_all_and_the_same_at_every_call():
    plain, permuted = digits(), digits(permuted=True)
    # Find where the first image's pixels went by the columns over all images, which differ.
    order = [
        next(j for j in range(64) if np.array_equal(row, plain.x_train[j]))
        for row in permuted.x_train[np.ptp(permuted.x_train, axis=(1, 2)) > 0]
    ]
    varying = np.flatnonzero(np.ptp(plain.x_train, axis=(1, 2)) > 0)
    assert sorted(order) == varying.tolist()
    assert order != varying.tolist()
    np.testing.assert_array_equal(plain.y_test, permuted.y_test)
    np.testing.assert_array_equal(digits(permuted=True).x_test, permuted.x_test)
    np.testing.assert_array_equal(np.sort(plain.x_test, axis=0), np.sort(permuted.x_test, axis=0))


def test_integers_are_refused():
    with pytest.raises(ValueError, match="dtype: expected a floating-point type, got int64"):
        digits(dtype=np.int64)
