"""What the layers in NumPy have in common: weights, a workspace, checks of what they are given."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike


class Layer:
    """A layer that computes in the dtype of its first weight."""

    first_weight = "W_xh"
    dtype: np.dtype

    def _expect(self, name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
        """Raise a ValueError unless the array has this shape and the layer's dtype."""
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
        if array.dtype != self.dtype:
            raise ValueError(
                f"{name}: expected {self.dtype} as {self.first_weight} has, got {array.dtype}"
            )

    def _expect_inputs(self, x: ArrayLike) -> np.ndarray:
        """Return x as an array, or raise a ValueError unless it is (T, N, D) and not empty."""
        x = np.asarray(x)
        D = len(self.W_xh)
        if x.ndim != 3 or x.shape[2] != D or 0 in x.shape:
            raise ValueError(
                f"x: expected shape (T, N, {D}) with T and N at least 1, got {x.shape}"
            )
        self._expect("x", x, x.shape)
        return x

    def _expect_first(self, weight: np.ndarray, shape: str, multiple: int = 1) -> None:
        """Take the first weight's dtype, or raise a ValueError.

        Args:
            weight: it must be a matrix of floating-point numbers, not empty.
            shape: the shape that a message names, such as "(D, 3H)".
            multiple: what its second size must be a multiple of.
        """
        if weight.ndim != 2 or 0 in weight.shape or weight.shape[1] % multiple:
            raise ValueError(f"{self.first_weight}: expected shape {shape}, got {weight.shape}")
        if weight.dtype.kind != "f":
            expected = "expected floating-point numbers"
            raise ValueError(f"{self.first_weight}: {expected}, got {weight.dtype}")
        self.dtype = weight.dtype

    @staticmethod
    def _draw(
        rng: np.random.Generator, shapes: list[tuple[int, ...]], dtype: DTypeLike, **sizes: int
    ) -> list[np.ndarray]:
        """Draw arrays from U(−1/√H, 1/√H), as PyTorch does; a ValueError names a size below 1."""
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name}: expected at least 1, got {size}")
        bound = 1 / np.sqrt(sizes["H"])
        return [rng.uniform(-bound, bound, shape).astype(dtype) for shape in shapes]


class RecurrentLayer(Layer):
    """A layer with W_xh, W_hh and b_h, whose blocks of H columns are its gates.

    It holds the very arrays it is given, and writes into arrays that it may use again.
    """

    gate_count = 1

    def __init__(self, W_xh: ArrayLike, W_hh: ArrayLike, b_h: ArrayLike, keep_workspace: bool):
        self.W_xh, self.W_hh, self.b_h = np.asarray(W_xh), np.asarray(W_hh), np.asarray(b_h)
        G = self.gate_count
        columns = "H" if G == 1 else f"{G}H"
        self._expect_first(self.W_xh, f"(D, {columns})", multiple=G)
        H = self.W_xh.shape[1] // G
        self._expect("W_hh", self.W_hh, (H, G * H))
        self._expect("b_h", self.b_h, (G * H,))
        self.keep_workspace = keep_workspace
        self._buffers: dict[str, np.ndarray] = {}
        self._x: np.ndarray | None = None  # what backward needs of the last forward
        self._states: np.ndarray | None = None

    @classmethod
    def _shapes(cls, D: int, H: int) -> list[tuple[int, ...]]:
        G = cls.gate_count
        return [(D, G * H), (H, G * H), (G * H,)]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays by name, W_xh, W_hh and b_h among them: the network's own, not copies."""
        return {"W_xh": self.W_xh, "W_hh": self.W_hh, "b_h": self.b_h}

    def _buffer(self, name: str, *shape: int) -> np.ndarray:
        """Return an array to write into: a new one, or the one of that name in the workspace."""
        if not self.keep_workspace:
            return np.empty(shape, self.dtype)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = np.empty(shape, self.dtype)
        buffer.flags.writeable = True
        return buffer

    def _begin(self, x: ArrayLike, **starts: ArrayLike | None) -> list[np.ndarray]:
        """Keep x as rows, and return a block (T + 1, N, H) for each initial value, which it holds.

        With h_0 … h_T in one block, h_{t−1} for all t is a view, as the gradient of W_hh needs it.

        Raises:
            ValueError: x is not (T, N, D) or empty, or an initial value is not (N, H).
        """
        x = self._expect_inputs(x)
        T, N, D = x.shape
        H = len(self.W_hh)
        starts = {n: None if start is None else np.asarray(start) for n, start in starts.items()}
        for name, start in starts.items():
            if start is not None:
                self._expect(name, start, (N, H))
        blocks = []
        for name, start in starts.items():
            block = self._buffer(f"from {name}", T + 1, N, H)
            block[0] = 0 if start is None else start
            blocks.append(block)
        self._x, self._states = x.reshape(T * N, D), blocks[0]
        return blocks

    def _of_last_forward(self, what: str, array: np.ndarray | None) -> np.ndarray:
        if array is None:
            raise RuntimeError(f"{what}: expected a call of forward before it, there was none")
        return array

    def _dh(self, dh: ArrayLike) -> np.ndarray:
        """Return dh as an array, or say what is wrong with it."""
        states = self._of_last_forward("backward", self._states)
        dh = np.asarray(dh)
        self._expect("dh", dh, states[1:].shape)
        return dh

    def _transposed(self, name: str, W: np.ndarray) -> np.ndarray:
        """Return a contiguous transpose: BLAS is up to twice as fast there with small matrices."""
        transposed = self._buffer(name, *W.shape[::-1])
        np.copyto(transposed, W.T)
        return transposed

    def _sums(self, da: np.ndarray) -> dict[str, np.ndarray]:
        """Return dx, dW_xh and db_h, sums over all steps of what the loop left in da (T, N, GH)."""
        T, N, columns = da.shape
        D = len(self.W_xh)
        rows = da.reshape(T * N, columns)
        dx = self._buffer("dx", T, N, D)
        np.matmul(rows, self.W_xh.T, out=dx.reshape(T * N, D))
        return {
            "dx": dx,
            "dW_xh": np.matmul(self._x.T, rows, out=self._buffer("dW_xh", D, columns)),
            "db_h": np.sum(rows, axis=0, out=self._buffer("db_h", columns)),
        }

    def _dW_hh(self, da: np.ndarray) -> np.ndarray:
        """Return the product of all states h_{t−1} with da, one row a step and sequence."""
        T, N, columns = da.shape
        H = len(self.W_hh)
        h_before = self._states[:-1].reshape(T * N, H)
        out = self._buffer("dW_hh", H, columns)
        return np.matmul(h_before.T, da.reshape(T * N, columns), out=out)
