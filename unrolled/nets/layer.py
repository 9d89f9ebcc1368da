"""What all layers in NumPy have in common: a workspace, and checks of what they are given."""

import numpy as np


class Layer:
    """A layer that computes in the dtype of its weights, with arrays that it may use again."""

    dtype: np.dtype
    keep_workspace = False
    _buffers: dict[str, np.ndarray]

    def _buffer(self, name: str, *shape: int) -> np.ndarray:
        """Return an array to write into: a new one, or the one of that name in the workspace."""
        if not self.keep_workspace:
            return np.empty(shape, self.dtype)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = np.empty(shape, self.dtype)
        buffer.flags.writeable = True
        return buffer

    def _expect(self, name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
        """Raise a ValueError unless the array has this shape and the layer's dtype."""
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
        if array.dtype != self.dtype:
            raise ValueError(f"{name}: expected {self.dtype} as W_xh has, got {array.dtype}")

    def _expect_inputs(self, x: np.ndarray, D: int) -> None:
        """Raise a ValueError unless x is (T, N, D), not empty, in the layer's dtype."""
        if x.ndim != 3 or x.shape[2] != D or 0 in x.shape:
            raise ValueError(
                f"x: expected shape (T, N, {D}) with T and N at least 1, got {x.shape}"
            )
        self._expect("x", x, x.shape)
