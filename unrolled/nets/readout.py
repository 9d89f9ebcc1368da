"""The linear read-out o = h W_ho + b_o, with its gradients."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from unrolled.nets.layer import Layer


class ReadoutGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    dh: np.ndarray
    dW_ho: np.ndarray  # noqa: N815
    db_o: np.ndarray


class Readout(Layer):
    """Reads every state out in the same way: o = h W_ho + b_o.

    The layer holds the very arrays it is given, as `unrolled.nets.RNN` does.

    Args:
        W_ho: weights (H, C).
        b_o: bias (C,).

    Raises:
        ValueError: a shape or a dtype is wrong.
    """

    first_weight = "W_ho"

    def __init__(self, W_ho: ArrayLike, b_o: ArrayLike):
        self.W_ho, self.b_o = np.asarray(W_ho), np.asarray(b_o)
        self._expect_first(self.W_ho, "(H, C)")
        self._expect("b_o", self.b_o, self.W_ho.shape[1:])
        self._h: np.ndarray | None = None

    @classmethod
    def initialise(
        cls, H: int, C: int, rng: np.random.Generator, dtype: DTypeLike = np.float64
    ) -> "Readout":
        """Return a layer whose entries are drawn from U(−1/√H, 1/√H), as `torch.nn.Linear` does.

        Raises:
            ValueError: H or C is less than 1.
        """
        return cls(*cls._draw(rng, [(H, C), (C,)], dtype, H=H, C=C))

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays W_ho and b_o by name: the layer's own, not copies."""
        return {"W_ho": self.W_ho, "b_o": self.b_o}

    def forward(self, h: ArrayLike) -> np.ndarray:
        """Return o (…, C) for states h (…, H): of all steps, (T, N, H), or of one, (N, H).

        `backward` reads `h` again, so leave it as it is until then.

        Raises:
            ValueError: the shape or the dtype of `h` is wrong.
        """
        h = np.asarray(h)
        H = len(self.W_ho)
        if h.ndim < 2 or h.shape[-1] != H:
            raise ValueError(f"h: expected shape (T, N, {H}) or (N, {H}), got {h.shape}")
        self._expect("h", h, h.shape)
        self._h = h
        o = h @ self.W_ho
        o += self.b_o
        return o

    def backward(self, do: ArrayLike) -> ReadoutGradients:
        """Return the gradients, those of the weights summed over all states.

        Args:
            do: ∂Loss/∂o, with the shape of what the last `forward` returned.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: the shape or the dtype of `do` is wrong.
        """
        if self._h is None:
            raise RuntimeError("backward: expected a call of forward before it, there was none")
        do = np.asarray(do)
        H, C = self.W_ho.shape
        self._expect("do", do, (*self._h.shape[:-1], C))
        rows = do.reshape(-1, C)
        return ReadoutGradients(
            dh=do @ self.W_ho.T, dW_ho=self._h.reshape(-1, H).T @ rows, db_o=rows.sum(axis=0)
        )
