"""What minGRU and minLSTM have in common: gates of the input alone, and a state that is a mean.

    h_t = a_t h_{t−1} + (1 − a_t) n_t,    a_t in (0, 1)

Both a_t and the candidate n_t are functions of x_t only (Feng et al., 2024), so they are there for
all steps before any state is, and what is left is a linear recurrence (see `unrolled.nets.scan`).
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from unrolled.nets.layer import Layer
from unrolled.nets.scan import linear_scan, linear_scan_backward


class MinimalGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    dx: np.ndarray
    dh0: np.ndarray
    dW_xh: np.ndarray  # noqa: N815
    db_h: np.ndarray


class MinimalLayer(Layer):
    """A layer without recurrent weights; a kind of it says how gates give the weight of the old.

    The network holds the very arrays it is given: an update in place (`W_xh -= 0.1 * dW_xh`)
    updates the network. It computes in their dtype, and asks the same dtype of its inputs.

    Args:
        W_xh: input weights (D, GH), one block of H columns a gate, the candidate's last.
        b_h: biases (GH,), in the same order.
        scan: "parallel" composes steps in pairs, "loop" goes from step to step; the numbers are
            the same but for rounding.

    Raises:
        ValueError: a shape, a dtype or `scan` is wrong.
    """

    gate_count: int

    def __init__(self, W_xh: ArrayLike, b_h: ArrayLike, scan: str = "parallel"):
        if scan not in ("parallel", "loop"):
            raise ValueError(f"scan: expected 'parallel' or 'loop', got {scan!r}")
        self.W_xh, self.b_h, self.scan = np.asarray(W_xh), np.asarray(b_h), scan
        G = self.gate_count
        self._expect_first(self.W_xh, f"(D, {G}H)", multiple=G)
        self._expect("b_h", self.b_h, self.W_xh.shape[1:])
        self._h: np.ndarray | None = None  # of the last forward, with all that backward needs

    @classmethod
    def initialise(
        cls,
        D: int,
        H: int,
        rng: np.random.Generator,
        scan: str = "parallel",
        dtype: DTypeLike = np.float64,
    ) -> Self:
        """Return a network whose entries are drawn from U(−1/√H, 1/√H), as the other layers' are.

        Raises:
            ValueError: D or H is less than 1, or `scan` is unknown.
        """
        G = cls.gate_count
        return cls(*cls._draw(rng, [(D, G * H), (G * H,)], dtype, D=D, H=H), scan=scan)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """W_xh and b_h by name: the network's own, not copies."""
        return {"W_xh": self.W_xh, "b_h": self.b_h}

    @property
    def mean(self) -> tuple[np.ndarray, np.ndarray]:
        """The old state's weight a and the candidate n (T, N, H) of the last `forward`: read-only.

        Raises:
            RuntimeError: there was no `forward` before.
        """
        self._after_forward("mean")
        return self._a, self._n

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
        x = self._expect_inputs(x)
        T, N, D = x.shape
        H = len(self.b_h) // self.gate_count
        h0 = np.zeros((N, H), self.dtype) if h0 is None else np.array(h0)
        self._expect("h0", h0, (N, H))

        rows = x.reshape(T * N, D)
        blocks = (rows @ self.W_xh + self.b_h).reshape(T, N, self.gate_count, H)
        # Each block in one piece: the scan goes over them again and again.
        *gates, n = (np.ascontiguousarray(blocks[:, :, g]) for g in range(self.gate_count))
        a = self._weight_of_old(*gates)
        h = linear_scan(a, (1 - a) * n, h0, self.scan)
        self._rows, self._h0, self._a, self._n, self._h = rows, h0, a, n, h
        for array in (a, n, h):
            array.flags.writeable = False
        return h

    def backward(self, dh: ArrayLike) -> MinimalGradients:
        """Backpropagate through time, through the sequence of the last `forward`.

        With δ_t the whole gradient of h_t, from a scan that runs backwards,

            da_t = δ_t (h_{t−1} − n_t),    dn_t = δ_t (1 − a_t).

        Args:
            dh: ∂Loss/∂h_t (T, N, H) from what reads h_t out at each step; it is left unchanged.
                What reaches h_t from later steps is added here.

        Returns:
            dx, dh0, dW_xh, db_h, summed over steps and batch where the weights are shared.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: the shape or the dtype of `dh` is wrong.
        """
        self._after_forward("backward")
        a, n, dh = self._a, self._n, np.asarray(dh)
        self._expect("dh", dh, a.shape)
        da, delta, dh0 = linear_scan_backward(a, self._h, dh, self._h0, self.scan)
        da -= delta * n
        blocks = [*self._back_to_gates(da), delta * (1 - a)]
        rows = np.concatenate(blocks, axis=-1).reshape(len(self._rows), -1)
        dx = (rows @ self.W_xh.T).reshape(*dh.shape[:2], -1)
        return MinimalGradients(dx, dh0, self._rows.T @ rows, rows.sum(axis=0))

    def _weight_of_old(self, *gates: np.ndarray) -> np.ndarray:
        """Return a (T, N, H) of the gates' pre-activations, each (T, N, H)."""
        raise NotImplementedError

    def _back_to_gates(self, da: np.ndarray) -> list[np.ndarray]:
        """Return the gradients of the gates' pre-activations, each (T, N, H)."""
        raise NotImplementedError

    def _after_forward(self, what: str) -> None:
        if self._h is None:
            raise RuntimeError(f"{what}: expected a call of forward before it, there was none")
