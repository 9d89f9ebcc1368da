"""Recurrent layers on top of one another, with dropout between them, as a PyTorch module."""

import re
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from unrolled.modules.bidirectional import Bidirectional, rename
from unrolled.modules.layer import Layer
from unrolled.modules.padded import State, expect_rows, joined, lengths_of, rows, run_padded


class Stacked(nn.Module):
    """Layers on top of one another, each an RNN, GRU, LSTM or `Bidirectional`.

    Outputs, gradients, dropout and the names in its `state_dict` are those of PyTorch's own layer
    of this kind with `num_layers` and `dropout`, on a packed sequence if there are lengths (where
    PyTorch draws dropout in the packed order).

    Args:
        layers: the lowest first. Each reads as many features as the one below gives, and all have
            the same class.
        dropout: the share of a layer's outputs that the next layer does not get to see in training,
            from 0 to below 1. What is left is divided by 1 − dropout.

    Raises:
        ValueError: there is no layer, a layer occurs twice, one does not fit on that below it, or
            the dropout is out of its range.
    """

    def __init__(self, layers: Sequence[Layer | Bidirectional], dropout: float = 0.0):
        super().__init__()
        if not layers:
            raise ValueError("layers: expected at least one, got none")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: expected a number from 0 to below 1, got {dropout}")
        plain = [part for layer in layers for part in _directions(layer)]
        if len(set(map(id, plain))) < len(plain):
            raise ValueError("layers: expected different layers, got one of them twice")
        for k in range(1, len(layers)):
            below, above = _directions(layers[k - 1]), _directions(layers[k])
            expected = f"{type(below[0]).__name__}({sum(part.hidden_size for part in below)}, …)"
            got = f"{type(above[0]).__name__}({above[0].input_size}, …)"
            if expected != got:
                raise ValueError(f"layers[{k}]: expected {expected}, got {got}")
        self.layers, self.dropout = nn.ModuleList(layers), dropout
        self.register_state_dict_post_hook(_to_torch)
        self.register_load_state_dict_pre_hook(_from_torch)

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, start: State | None = None
    ) -> tuple[Tensor, State]:
        """Run all layers over padded sequences.

        Args:
            x: inputs (T, N, D), with T at least 1.
            lengths: how many steps each sequence has (N,), integers from 1 to T; T if None.
            start: initial states of all layers and directions, the lowest layer first (K, N, H),
                for LSTMs a pair of these, h0 and c0; zeros if None.

        Returns:
            h (T, N, H) of the last layer, or (T, N, 2H) if it has two directions, zero in the
            padding; and what all layers and directions end with, in the form of `start`.

        Raises:
            ValueError: a shape, dtype, device or length is wrong.
        """
        _directions(self.layers[0])[0]._expect_inputs(x)
        expect_rows(start, sum(len(_directions(layer)) for layer in self.layers))
        lengths, h, last, row = lengths_of(x, lengths), x, [], 0
        for k, layer in enumerate(self.layers):
            if k > 0:
                h = functional.dropout(h, self.dropout, self.training)
            begin, row = row, row + len(_directions(layer))
            if isinstance(layer, Bidirectional):
                h, end = layer(h, lengths, rows(start, begin, row))
            else:
                h, end = run_padded(layer, h, lengths, rows(start, begin, row))
            last.append(end)
        return h, joined(last)

    def extra_repr(self) -> str:
        """Return what `print(module)` shows before the layers."""
        return f"dropout={self.dropout}"


def _directions(layer: Layer | Bidirectional) -> tuple[Layer, ...]:
    if isinstance(layer, Bidirectional):
        return layer.forward_layer, layer.backward_layer
    return (layer,)


def _to_torch(module: nn.Module, state_dict: dict, prefix: str, *_) -> None:
    rename(state_dict, prefix, lambda name: re.sub(r"^layers\.(\d+)\.(\w+)_l0", r"\2_l\1", name))


def _from_torch(module: nn.Module, state_dict: dict, prefix: str, *_) -> None:
    rename(state_dict, prefix, lambda name: re.sub(r"^(\w+)_l(\d+)", r"layers.\2.\1_l0", name))
