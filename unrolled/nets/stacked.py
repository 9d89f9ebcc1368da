"""Recurrent layers on top of one another, with dropout between them, in NumPy.

Layer l reads at step t what layer l − 1 gives at step t. Dropout acts on that way up only, never on
the way from step to step (Zaremba, Sutskever and Vinyals, 2014).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from unrolled.nets.bidirectional import (
    Bidirectional,
    BidirectionalGradients,
    lengths_of,
    of_parameters,
    without_padding,
)
from unrolled.nets.gru import GRU, GRUGradients
from unrolled.nets.lstm import LSTM, LSTMGradients
from unrolled.nets.rnn import RNN, RNNGradients


class StackedGradients(NamedTuple):
    """The gradient of the inputs, and all gradients of each layer, the lowest first."""

    dx: np.ndarray
    layers: tuple[RNNGradients | GRUGradients | LSTMGradients | BidirectionalGradients, ...]

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """The parameters' gradients by name, such as "dlayers.0.W_xh"."""
        return {
            f"dlayers.{k}.{name[1:]}": gradient
            for k, gradients in enumerate(self.layers)
            for name, gradient in of_parameters(gradients).items()
        }


class Stacked:
    """Layers on top of one another, each an RNN, GRU, LSTM or `Bidirectional`.

    Outputs and gradients are those of `torch.nn`'s layers with `num_layers`, on a packed sequence
    if there are lengths. All layers start from zeros.

    Args:
        layers: the lowest first. Each reads as many features as the one below gives.
        dropout: the share of a layer's outputs that the next layer does not get to see, from 0 to
            below 1. What is left is divided by 1 − dropout, so that its mean stays.

    Raises:
        ValueError: there is no layer, a layer occurs twice, one does not fit on that below it, or
            the dropout is out of its range.
    """

    def __init__(self, layers: Sequence[RNN | GRU | LSTM | Bidirectional], dropout: float = 0.0):
        if not layers:
            raise ValueError("layers: expected at least one, got none")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: expected a number from 0 to below 1, got {dropout}")
        self.layers, self.dropout = list(layers), dropout
        plain = [directions for layer in layers for directions in _directions(layer)]
        if len(set(map(id, plain))) < len(plain):
            raise ValueError("layers: expected different layers, got one of them twice")
        for k in range(1, len(layers)):
            below, above = _directions(layers[k - 1]), _directions(layers[k])
            width = sum(len(layer.W_hh) for layer in below)
            expected, got = (width, below[0].dtype), (len(above[0].W_xh), above[0].dtype)
            if expected != got:
                raise ValueError(
                    f"layers[{k}]: expected one that reads {width} features in {expected[1]} as "
                    f"the layer below gives, got one for {got[0]} in {got[1]}"
                )
        self._lengths: np.ndarray | None = None  # what backward needs of the last forward
        self._shape: tuple[int, ...] = ()
        self._kept: list[np.ndarray | None] = []

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """All layers' own arrays by name, such as "layers.0.W_xh"."""
        return {
            f"layers.{k}.{name}": W
            for k, layer in enumerate(self.layers)
            for name, W in layer.parameters.items()
        }

    def forward(
        self,
        x: ArrayLike,
        lengths: ArrayLike | None = None,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Run all layers over padded sequences.

        Args:
            x: inputs (T, N, D), with T and N at least 1.
            lengths: how many steps each sequence has (N,), integers from 1 to T; T if None.
            rng: what draws the dropout, in training. Nothing is dropped if None.

        Returns:
            h (T, N, H), the states of the last layer, or (T, N, 2H) if it has two directions. They
            are zero in the padding.

        Raises:
            ValueError: a shape, a dtype or a length is wrong.
        """
        h = np.asarray(x)
        lengths = lengths_of(h, lengths)
        h = without_padding(h, lengths)
        self._kept = []
        for k, layer in enumerate(self.layers):
            kept = None
            if k > 0 and self.dropout > 0 and rng is not None:
                kept = (rng.random(h.shape) >= self.dropout).astype(h.dtype)
                kept /= 1 - self.dropout
                h = h * kept
            self._kept.append(kept)
            if isinstance(layer, Bidirectional):
                h = layer.forward(h, lengths)
            else:
                h = without_padding(layer.forward(h), lengths)
        self._lengths, self._shape = lengths, h.shape
        return h

    def backward(self, dh: ArrayLike) -> StackedGradients:
        """Backpropagate through all layers, the last one first, through the last `forward`.

        Args:
            dh: ∂Loss/∂h_t of the last layer, with the shape of what `forward` returned; it is left
                unchanged. What stands in the padding is not read.

        Returns:
            dx, zero in the padding, and the gradients of all layers.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: the shape or the dtype of `dh` is wrong.
        """
        if self._lengths is None:
            raise RuntimeError("backward: expected a call of forward before it, there was none")
        dh = np.asarray(dh)
        _directions(self.layers[-1])[0]._expect("dh", dh, self._shape)
        dh = without_padding(dh, self._lengths)
        gradients = []
        for layer, kept in zip(reversed(self.layers), reversed(self._kept), strict=True):
            gradients.append(layer.backward(dh))
            dh = gradients[-1].dx
            if kept is not None:
                dh = dh * kept
        return StackedGradients(dh, tuple(reversed(gradients)))


def _directions(layer: RNN | GRU | LSTM | Bidirectional) -> tuple[RNN | GRU | LSTM, ...]:
    if isinstance(layer, Bidirectional):
        return layer.forward_layer, layer.backward_layer
    return (layer,)
