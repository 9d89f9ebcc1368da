"""The recurrent network of Elman (1990) with backpropagation through time, fast, in NumPy.

    a_t = x_t W_xh + h_{t−1} W_hh + b_h,    h_t = φ(a_t)

The lessons write this as plainly as it stands. Here the same numbers come faster: one product for
the inputs of all steps, one product a step for the state, and one product over all T·N rows for
each weight's gradient once the loop is over.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from unrolled.activations import ACTIVATIONS
from unrolled.nets.layer import Layer


class RNNGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    dx: np.ndarray
    dh0: np.ndarray
    dW_xh: np.ndarray  # noqa: N815
    dW_hh: np.ndarray  # noqa: N815
    db_h: np.ndarray


class RNN(Layer):
    """A recurrent layer whose activation is tanh, ReLU or the sigmoid.

    The network holds the very arrays it is given: an update in place (`W_hh -= 0.1 * dW_hh`)
    updates the network. It computes in their dtype, and asks the same dtype of its inputs.

    Args:
        W_xh: input weights (D, H).
        W_hh: recurrent weights (H, H).
        b_h: bias (H,). `torch.nn.RNN` keeps two; this is their sum.
        activation: "tanh", "relu" or "sigmoid".
        keep_workspace: allocate all arrays once and use them again in the next call with the same
            T and N. Nothing large is allocated then, but **what `forward` and `backward` return is
            overwritten by the next call**: copy what must last. Without it every call returns new
            arrays.

    Raises:
        ValueError: a shape, a dtype or the activation is wrong.
    """

    def __init__(
        self,
        W_xh: ArrayLike,
        W_hh: ArrayLike,
        b_h: ArrayLike,
        activation: str = "tanh",
        keep_workspace: bool = False,
    ):
        if activation not in ACTIVATIONS:
            known = ", ".join(map(repr, ACTIVATIONS))
            raise ValueError(f"activation: expected one of {known}, got {activation!r}")
        self.W_xh, self.W_hh, self.b_h = np.asarray(W_xh), np.asarray(W_hh), np.asarray(b_h)
        if self.W_xh.ndim != 2 or 0 in self.W_xh.shape:
            raise ValueError(f"W_xh: expected shape (D, H), got {self.W_xh.shape}")
        if self.W_xh.dtype.kind != "f":
            raise ValueError(f"W_xh: expected floating-point numbers, got {self.W_xh.dtype}")
        self.dtype = self.W_xh.dtype
        _, H = self.W_xh.shape
        self._expect("W_hh", self.W_hh, (H, H))
        self._expect("b_h", self.b_h, (H,))
        self.activation = activation
        self.keep_workspace = keep_workspace
        self._buffers: dict[str, np.ndarray] = {}
        self._x: np.ndarray | None = None  # what backward needs of the last forward
        self._states: np.ndarray | None = None

    @classmethod
    def initialise(
        cls,
        D: int,
        H: int,
        rng: np.random.Generator,
        activation: str = "tanh",
        dtype: DTypeLike = np.float64,
        keep_workspace: bool = False,
    ) -> "RNN":
        """Return a network whose entries are drawn from U(−1/√H, 1/√H), as `torch.nn.RNN` does.

        Raises:
            ValueError: D or H is less than 1, or the activation is unknown.
        """
        for name, size in (("D", D), ("H", H)):
            if size < 1:
                raise ValueError(f"{name}: expected at least 1, got {size}")
        bound = 1 / np.sqrt(H)
        draws = (rng.uniform(-bound, bound, shape) for shape in ((D, H), (H, H), (H,)))
        return cls(*(draw.astype(dtype) for draw in draws), activation, keep_workspace)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays W_xh, W_hh and b_h by name: the network's own, not copies."""
        return {"W_xh": self.W_xh, "W_hh": self.W_hh, "b_h": self.b_h}

    def forward(self, x: ArrayLike, h0: ArrayLike | None = None) -> np.ndarray:
        """Run the network over a sequence.

        `backward` reads `x` and the states again, so leave `x` as it is until then. The states are
        returned read-only for the same reason; write into `h.copy()`.

        Args:
            x: inputs (T, N, D), with T and N at least 1.
            h0: initial state (N, H); zeros if None. To carry the state on, pass the last `h[-1]`.

        Returns:
            h (T, N, H), the states h_1 … h_T.

        Raises:
            ValueError: a shape or a dtype is wrong.
        """
        x = np.asarray(x)
        D, H = self.W_xh.shape
        self._expect_inputs(x, D)
        T, N, _ = x.shape
        if h0 is not None:
            h0 = np.asarray(h0)
            self._expect("h0", h0, (N, H))

        # h_0 … h_T in one block: h_{t−1} for all t is then a view, as dW_hh needs it.
        states = self._buffer("states", T + 1, N, H)
        states[0] = 0 if h0 is None else h0
        h = states[1:]
        self._x, self._states = x.reshape(T * N, D), states
        np.matmul(self._x, self.W_xh, out=h.reshape(T * N, H))
        h += self.b_h

        apply = ACTIVATIONS[self.activation].apply
        # BLAS multiplies small matrices up to twice as fast when both are contiguous, and np.dot
        # is called faster than np.matmul: both matter at every step.
        W_hh = np.ascontiguousarray(self.W_hh)
        step = self._buffer("step", N, H)
        h_before = states[0]
        for h_t in h:
            np.dot(h_before, W_hh, out=step)
            h_t += step
            apply(h_t, out=h_t)
            h_before = h_t

        h.flags.writeable = False
        return h

    def backward(self, dh: ArrayLike) -> RNNGradients:
        """Backpropagate through time, through the sequence of the last `forward`.

            da_t = (dh_t + da_{t+1} W_hhᵀ) φ'(a_t)        (Werbos, 1990)

        Args:
            dh: ∂Loss/∂h_t (T, N, H) from what reads h_t out at each step; it is left unchanged.
                What reaches h_t from later steps is added here.

        Returns:
            dx, dh0, dW_xh, dW_hh, db_h, summed over steps and batch where the weights are shared.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: the shape or the dtype of `dh` is wrong.
        """
        x, states = self._x, self._states
        if x is None or states is None:
            raise RuntimeError("backward: expected a call of forward before it, there was none")
        dh = np.asarray(dh)
        T, N, H = states[1:].shape
        self._expect("dh", dh, (T, N, H))

        # da holds φ'(a) for all steps first; the loop multiplies in what arrives at each step.
        da = self._buffer("da", T, N, H)
        ACTIVATIONS[self.activation].slope(states[1:], out=da)
        W_hh_T = self._buffer("W_hh_T", H, H)
        np.copyto(W_hh_T, self.W_hh.T)  # contiguous, as in forward
        step = self._buffer("step", N, H)
        dh0 = self._buffer("dh0", N, H)
        from_later = dh0  # what step t sends back to t − 1; after the first step that is dh0
        from_later.fill(0)
        for t in range(T - 1, -1, -1):
            np.add(dh[t], from_later, out=step)
            np.multiply(da[t], step, out=da[t])
            np.dot(da[t], W_hh_T, out=from_later)

        D = x.shape[1]
        dx = self._buffer("dx", T, N, D)
        da = da.reshape(T * N, H)
        h_before = states[:-1].reshape(T * N, H)
        np.matmul(da, self.W_xh.T, out=dx.reshape(T * N, D))
        return RNNGradients(
            dx=dx,
            dh0=dh0,
            dW_xh=np.matmul(x.T, da, out=self._buffer("dW_xh", D, H)),
            dW_hh=np.matmul(h_before.T, da, out=self._buffer("dW_hh", H, H)),
            db_h=np.sum(da, axis=0, out=self._buffer("db_h", H)),
        )
