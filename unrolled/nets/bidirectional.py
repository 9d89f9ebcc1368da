"""Two recurrent layers over one sequence, one from each end (Schuster and Paliwal, 1997), in NumPy.

    h_t = [h→_t, h←_t],    h→_t = cell(x_t, h→_{t−1}),    h←_t = cell(x_t, h←_{t+1})

The second layer is an ordinary one that reads each sequence reversed within its own length. That
reversal is its own inverse, so it also puts states, and gradients on their way back, in order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from unrolled.batching import mask_of
from unrolled.nets.gru import GRU, GRUGradients
from unrolled.nets.lstm import LSTM, LSTMGradients
from unrolled.nets.rnn import RNN, RNNGradients


class BidirectionalGradients(NamedTuple):
    """The gradient of the inputs, and all gradients of each layer, which each read them."""

    dx: np.ndarray
    forward_layer: RNNGradients | GRUGradients | LSTMGradients
    backward_layer: RNNGradients | GRUGradients | LSTMGradients

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """The parameters' gradients by name, such as "dforward_layer.W_xh"."""
        parts = {"forward_layer": self.forward_layer, "backward_layer": self.backward_layer}
        return {
            f"d{part}.{name[1:]}": gradient
            for part, gradients in parts.items()
            for name, gradient in of_parameters(gradients).items()
        }


class Bidirectional:
    """A layer whose states have seen what comes before and what comes after.

    Outputs and gradients are those of `torch.nn` on a packed sequence: padding is never read,
    whatever stands in it, and the output there is zero. Both layers start from zeros.

    Args:
        forward_layer: an RNN, GRU or LSTM, which reads from the first step on.
        backward_layer: another of the same class, sizes and dtype, which reads from the last step
            back.

    Raises:
        ValueError: the two are one and the same, or differ in class, sizes or dtype.
    """

    def __init__(self, forward_layer: RNN | GRU | LSTM, backward_layer: RNN | GRU | LSTM):
        if forward_layer is backward_layer:
            raise ValueError("backward_layer: expected a second layer, got forward_layer again")
        expected, got = (
            f"{type(layer).__name__} with {layer.dtype} W_xh of shape {layer.W_xh.shape}"
            for layer in (forward_layer, backward_layer)
        )
        if expected != got:
            raise ValueError(f"backward_layer: expected {expected}, got {got}")
        self.forward_layer, self.backward_layer = forward_layer, backward_layer
        self._lengths: np.ndarray | None = None  # what backward needs of the last forward
        self._shape: tuple[int, ...] = ()

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Both layers' own arrays by name, such as "forward_layer.W_xh"."""
        parts = {"forward_layer": self.forward_layer, "backward_layer": self.backward_layer}
        return {
            f"{part}.{name}": W
            for part, layer in parts.items()
            for name, W in layer.parameters.items()
        }

    def forward(self, x: ArrayLike, lengths: ArrayLike | None = None) -> np.ndarray:
        """Run both layers over padded sequences.

        Args:
            x: inputs (T, N, D), with T and N at least 1.
            lengths: how many steps each sequence has (N,), integers from 1 to T; T if None.

        Returns:
            h (T, N, 2H): the forward layer's states, then the backward layer's.

        Raises:
            ValueError: a shape, a dtype or a length is wrong.
        """
        x = np.asarray(x)
        lengths = lengths_of(x, lengths)
        x = without_padding(x, lengths)
        ahead = self.forward_layer.forward(x)
        back = self.backward_layer.forward(reversed_within(x, lengths))
        h = np.concatenate([ahead, reversed_within(back, lengths)], axis=-1)
        self._lengths, self._shape = lengths, h.shape
        return without_padding(h, lengths)

    def backward(self, dh: ArrayLike) -> BidirectionalGradients:
        """Backpropagate through time, in both directions, through the last `forward`.

        Args:
            dh: ∂Loss/∂h_t (T, N, 2H), left unchanged. What stands in the padding is not read.

        Returns:
            dx, zero in the padding, and the gradients of both layers. In theirs, dx is the share of
            dx that came through this layer; the second layer's is in its own order of reading.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: the shape or the dtype of `dh` is wrong.
        """
        if self._lengths is None:
            raise RuntimeError("backward: expected a call of forward before it, there was none")
        dh, lengths, H = np.asarray(dh), self._lengths, len(self.forward_layer.W_hh)
        self.forward_layer._expect("dh", dh, self._shape)
        dh = without_padding(dh, lengths)
        ahead = self.forward_layer.backward(dh[..., :H])
        back = self.backward_layer.backward(reversed_within(dh[..., H:], lengths))
        dx = ahead.dx + reversed_within(back.dx, lengths)
        return BidirectionalGradients(dx, ahead, back)


def of_parameters(gradients: NamedTuple) -> dict[str, np.ndarray]:
    """Return those gradients of a layer that belong to its parameters, by name, such as "dW_xh"."""
    if isinstance(gradients, BidirectionalGradients):
        return gradients.by_name
    others = "dx", "dh", "dh0", "dc0"
    named = gradients._asdict().items()
    return {name: g for name, g in named if name not in others and g is not None}


def reversed_within(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return a copy of x (T, N, …), each sequence turned round within its length, padding as is."""
    t = np.arange(len(x))[:, None]
    return x[np.where(t < lengths, lengths - 1 - t, t), np.arange(x.shape[1])]


def without_padding(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return a copy of x (T, N, F) with zeros in the padding."""
    return np.where(mask_of(lengths, len(x))[..., None], x, x.dtype.type(0))


def lengths_of(x: np.ndarray, lengths: ArrayLike | None) -> np.ndarray:
    """Return the lengths of the N sequences in x as an array, T each if None.

    Raises:
        ValueError: x is not (T, N, features) or empty, there are not N lengths, or one is not an
            integer from 1 to T.
    """
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"x: expected shape (T, N, D) with T and N at least 1, got {x.shape}")
    T, N, _ = x.shape
    lengths = np.full(N, T) if lengths is None else np.array(lengths)
    if lengths.shape != (N,):
        raise ValueError(f"lengths: expected shape ({N},), got {lengths.shape}")
    mask_of(lengths, T)
    return lengths
