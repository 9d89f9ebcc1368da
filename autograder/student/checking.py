"""Building blocks of the visible checks: read an answer, compare it, say what is wrong."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def real_array(value: Any) -> np.ndarray:
    """Read an answer as an array of real numbers, whatever holds them (a view, a list of arrays).

    float32 and float64 keep their dtype, integers and booleans become float64.

    Raises:
        ValueError: says in words what the value is instead.
    """
    try:
        array = np.asarray(value)
        if array.dtype == object:  # such as an object array of arrays: stack what it holds
            array = np.asarray(array.tolist())
    except ValueError:
        raise ValueError("holds pieces of different shapes, not one array") from None
    if array.dtype.kind in "iub":
        array = array.astype(float)
    if array.dtype.kind == "c":
        raise ValueError("holds complex numbers, not real ones")
    if array.dtype.kind != "f":
        raise ValueError(f"is of type {type(value).__name__}, not an array of numbers")
    return array


def shaped_array(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Read an answer as a finite array of the given shape.

    Raises:
        AssertionError: names the array and says what is wrong with it.
    """
    try:
        array = real_array(value)
    except ValueError as error:
        raise AssertionError(f"{name} {error}.") from None
    hint = " Is it transposed?" if array.shape == shape[::-1] else ""
    assert array.shape == shape, f"{name} has shape {array.shape}, but it should be {shape}.{hint}"
    assert np.isfinite(array).all(), f"{name} holds NaN or infinite values."
    return array


def assert_equal(got: np.ndarray, want: np.ndarray, message: str, tolerance: float = 1e-6) -> None:
    """Compare two arrays of one shape, relative to the largest entry of `want`.

    float32 entries may differ by float32's rounding.

    Raises:
        AssertionError: the message, then the index of the worst entry and the size of the error.
    """
    if np.float32 in (got.dtype, want.dtype):
        tolerance = max(tolerance, 1e-4)
    error = np.abs(np.asarray(got, float) - want) / (np.abs(want).max() or 1.0)
    if error.max() > tolerance:
        where = ", ".join(str(int(i)) for i in np.unravel_index(error.argmax(), error.shape))
        raise AssertionError(
            f"{message} The largest relative error is {error.max():.1e}, at index [{where}]."
        )


def unchanged(before: Any, after: Any) -> bool:
    """Whether an argument is what it was: an array, a plain value, or a dict or list of such."""
    if type(before) is not type(after):
        return False
    if isinstance(before, np.ndarray):
        same_kind = before.dtype == after.dtype
        return same_kind and np.array_equal(before, after, equal_nan=before.dtype.kind in "fc")
    if isinstance(before, Mapping):
        return before.keys() == after.keys() and all(unchanged(before[k], after[k]) for k in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return bool(before == after)


def assert_unchanged(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Check that a function left its arguments as they were.

    Raises:
        AssertionError: names the argument that was changed.
    """
    for name, value in before.items():
        assert unchanged(value, after[name]), (
            f"Your function changed its argument {name} in place. Work on a copy: {name}.copy()."
        )


def run(function: Callable, given: Mapping[str, Any], *names: str) -> Any:
    """Call a function on copies of the named arguments and check that it changed none of them."""
    copies = copy.deepcopy({k: given[k] for k in names})
    value = function(*copies.values())
    assert_unchanged({k: given[k] for k in names}, copies)
    return value


def read_gradients(
    function: str, grads: Any, given: Mapping[str, Any], names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Read a dict of gradients, one for each of the named arrays, and check their shapes."""
    kind = type(grads).__name__
    assert isinstance(grads, Mapping), f"{function} must give a dict of gradients, not a {kind}."
    missing = [f"d{name}" for name in names if f"d{name}" not in grads]
    assert not missing, f"The gradients of {function} lack {', '.join(missing)}."
    return {f"d{k}": shaped_array(f"d{k}", grads[f"d{k}"], given[k].shape) for k in names}


def central_differences(
    loss: Callable[[], float], array: np.ndarray, eps: float = 1e-6
) -> np.ndarray:
    """Numerical gradient of `loss()` with respect to `array` (float64), which is nudged in place.

    (L(a + eps) − L(a − eps)) / (2 eps) for each entry a; every entry is restored.
    """
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + eps
        above = loss()
        array[index] = kept - eps
        below = loss()
        array[index] = kept
        gradient[index] = (above - below) / (2 * eps)
    return gradient
