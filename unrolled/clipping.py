"""Clipping: limit gradients before an update, by value, by norm, by global norm, or step by step.

All functions take finite numbers only. An infinite or undefined entry has no direction that could
be kept, and no threshold mends it: they raise `FloatingPointError` and say where it stands, so that
a training loop can leave this update out. Nothing given is changed; what is returned is new.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike


def clip_by_value(gradients: Mapping[str, np.ndarray], threshold: float) -> dict[str, np.ndarray]:
    """Limit every entry to the interval from −threshold to threshold.

    That is the closest point of a cube. Signs stay, the direction may turn. Same as
    `torch.nn.utils.clip_grad_value_`.

    Args:
        gradients: arrays by name, of any shapes and floating-point types.
        threshold: a positive number.

    Returns:
        The clipped arrays by name, with their shapes and types.

    Raises:
        ValueError: the threshold is not a positive finite number, there is no gradient, or one
            does not hold floating-point numbers.
        FloatingPointError: an entry is infinite or not a number.
    """
    threshold = _positive(threshold)
    return {
        name: np.clip(array, -threshold, threshold) for name, array in _checked(gradients).items()
    }


def clip_by_norm(
    gradients: Mapping[str, np.ndarray], threshold: float
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Scale each array by itself down to a norm of at most `threshold`.

    Each array keeps its direction; all of them together do not, for they are scaled differently.

    Args:
        gradients: arrays by name, of any shapes and floating-point types.
        threshold: a positive number.

    Returns:
        The clipped arrays by name, with their shapes and types, and the norms they had before.

    Raises:
        ValueError, FloatingPointError: as `clip_by_value`.
    """
    threshold = _positive(threshold)
    clipped, norms = {}, {}
    for name, array in _checked(gradients).items():
        (clipped[name],), norms[name] = _clip_together([array], threshold)
    return clipped, norms


def clip_by_global_norm(
    gradients: Mapping[str, np.ndarray], threshold: float
) -> tuple[dict[str, np.ndarray], float]:
    """Scale all arrays by one factor, so that their joint norm is at most `threshold`.

    The factor is min(1, threshold / norm) (Pascanu, Mikolov and Bengio, 2013, algorithm 1), so the
    direction of the whole gradient stays. `torch.nn.utils.clip_grad_norm_` divides by norm + 1e-6
    instead, and ends as much short of the threshold.

    Args:
        gradients: arrays by name, of any shapes and floating-point types: those of parameters
            only, for whatever else stands there adds to the norm.
        threshold: a positive number.

    Returns:
        The clipped arrays by name, with their shapes and types, and the joint norm before.

    Raises:
        ValueError, FloatingPointError: as `clip_by_value`.
    """
    threshold = _positive(threshold)
    arrays = _checked(gradients)
    clipped, norm = _clip_together(list(arrays.values()), threshold)
    return dict(zip(arrays, clipped, strict=True)), norm


def clip_step(dh: ArrayLike, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale the gradient of each sequence's state at one step to a norm of at most `threshold`.

    This is for the loop of backpropagation through time: what travels to the step before is
    limited each time, so that nothing can grow over steps. The older a term of the sum over k,
    the more often it is scaled, so the direction of the weights' gradient does not stay.

    Args:
        dh: the gradient of the states of one step (N, H).
        threshold: a positive number.

    Returns:
        The clipped gradient (N, H) in the type of dh, and the norms before, (N,).

    Raises:
        ValueError: as `clip_by_value`, or dh does not have two axes.
        FloatingPointError: an entry is infinite or not a number.
    """
    threshold = _positive(threshold)
    dh = _checked({"dh": np.asarray(dh)})["dh"]
    if dh.ndim != 2:
        raise ValueError(f"dh: expected shape (N, H), got {dh.shape}")
    rows = [_clip_together([row], threshold) for row in dh]
    clipped = np.array([row for (row,), _ in rows], dh.dtype).reshape(dh.shape)
    return clipped, np.array([norm for _, norm in rows])


def _clip_together(arrays: list[np.ndarray], threshold: float) -> tuple[list[np.ndarray], float]:
    """Return the arrays scaled to a joint norm of at most `threshold`, and the norm before."""
    # Squares of float32 overflow beyond 1.8e19, those of float64 beyond 1.3e154, and then a norm
    # would be inf although each entry is finite. Entries divided by the largest have no such limit.
    largest = max(float(np.abs(array).max(initial=0)) for array in arrays)
    if largest == 0:
        return [array.copy() for array in arrays], 0.0
    parts = [array.astype(np.float64) / largest for array in arrays]
    relative = float(np.sqrt(sum(np.vdot(part, part) for part in parts)))
    norm = largest * relative
    if norm <= threshold:
        return [array.copy() for array in arrays], norm
    factor = threshold / relative
    scaled = (part * factor for part in parts)
    return [part.astype(array.dtype) for part, array in zip(scaled, arrays, strict=True)], norm


def _positive(threshold: float) -> float:
    """Return the threshold as a Python float, which leaves the type of float32 arrays alone."""
    if not 0 < threshold < np.inf:
        raise ValueError(f"threshold: expected a positive finite number, got {threshold}")
    return float(threshold)


def _checked(gradients: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if not gradients:
        raise ValueError("gradients: expected at least one array, got none")
    arrays = {name: np.asarray(array) for name, array in gradients.items()}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise ValueError(f"{name}: expected floating-point numbers, got {array.dtype}")
    for name, array in arrays.items():
        wrong = ~np.isfinite(array)
        if wrong.any():
            where = np.argwhere(wrong)[0].tolist()
            raise FloatingPointError(
                f"{name}: expected finite numbers, got {array[wrong][0]} at {where}; "
                "clipping can't mend that, leave this update out"
            )
    return arrays
