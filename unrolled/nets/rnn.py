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
from unrolled.nets.layer import RecurrentLayer


class RNNGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    dx: np.ndarray
    dh0: np.ndarray
    dW_xh: np.ndarray  # noqa: N815
    dW_hh: np.ndarray  # noqa: N815
    db_h: np.ndarray


class RNN(RecurrentLayer):
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
        super().__init__(W_xh, W_hh, b_h, keep_workspace)
        self.activation = activation

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
        weights = cls._draw(rng, cls._shapes(D, H), dtype, D=D, H=H)
        return cls(*weights, activation, keep_workspace)

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
        (states,) = self._begin(x, h0=h0)
        h = states[1:]
        _, N, H = h.shape
        np.matmul(self._x, self.W_xh, out=h.reshape(-1, H))
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
        dh = self._dh(dh)
        T, N, H = dh.shape

        # da holds φ'(a) for all steps first; the loop multiplies in what arrives at each step.
        da = self._buffer("da", T, N, H)
        ACTIVATIONS[self.activation].slope(self._states[1:], out=da)
        W_hh_T = self._transposed("W_hh_T", self.W_hh)
        step = self._buffer("step", N, H)
        dh0 = self._buffer("dh0", N, H)
        from_later = dh0  # what step t sends back to t − 1; after the first step that is dh0
        from_later.fill(0)
        for t in range(T - 1, -1, -1):
            np.add(dh[t], from_later, out=step)
            np.multiply(da[t], step, out=da[t])
            np.dot(da[t], W_hh_T, out=from_later)

        return RNNGradients(dh0=dh0, dW_hh=self._dW_hh(da), **self._sums(da))
