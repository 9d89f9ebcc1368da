"""Two recurrent layers over one sequence, one from each end, as a PyTorch module."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from unrolled.modules.layer import Layer
from unrolled.modules.padded import (
    State,
    expect_rows,
    joined,
    lengths_of,
    reversed_within,
    rows,
    run_padded,
)


class Bidirectional(nn.Module):
    """Two layers whose states stand side by side (Schuster and Paliwal, 1997).

    Outputs, gradients and the names in its `state_dict` are those of PyTorch's own layer of this
    kind with `bidirectional=True`, on a packed sequence if there are lengths.

    Args:
        forward_layer: an RNN, GRU or LSTM of `unrolled.modules`, which reads from the first step
            on.
        backward_layer: another of the same class and sizes, which reads from the last step back.

    Raises:
        ValueError: the two are one and the same, or differ in class or sizes.
    """

    def __init__(self, forward_layer: Layer, backward_layer: Layer):
        super().__init__()
        if forward_layer is backward_layer:
            raise ValueError("backward_layer: expected a second layer, got forward_layer again")
        expected, got = (
            f"{type(layer).__name__}({layer.input_size}, {layer.hidden_size})"
            for layer in (forward_layer, backward_layer)
        )
        if expected != got:
            raise ValueError(f"backward_layer: expected {expected}, got {got}")
        self.forward_layer, self.backward_layer = forward_layer, backward_layer
        self.register_state_dict_post_hook(_to_torch)
        self.register_load_state_dict_pre_hook(_from_torch)

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, start: State | None = None
    ) -> tuple[Tensor, State]:
        """Run both layers over padded sequences.

        Args:
            x: inputs (T, N, D), with T at least 1.
            lengths: how many steps each sequence has (N,), integers from 1 to T; T if None.
            start: initial states of the two directions (2, N, H), for LSTMs a pair of these, h0
                and c0; zeros if None.

        Returns:
            h (T, N, 2H), zero in the padding, and what both directions end with, in the form of
            `start`.

        Raises:
            ValueError: a shape, dtype, device or length is wrong.
        """
        self.forward_layer._expect_inputs(x)
        expect_rows(start, 2)
        lengths = lengths_of(x, lengths)
        ahead, end = run_padded(self.forward_layer, x, lengths, rows(start, 0, 1))
        turned = reversed_within(x, lengths)
        back, begin = run_padded(self.backward_layer, turned, lengths, rows(start, 1, 2))
        return torch.cat([ahead, reversed_within(back, lengths)], dim=-1), joined([end, begin])


def rename(state_dict: dict, prefix: str, new_name: Callable[[str], str]) -> None:
    """Rename what a module has in a `state_dict`, in place and in order."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[prefix + new_name(key[len(prefix) :])] = state_dict.pop(key)


def _to_torch(module: nn.Module, state_dict: dict, prefix: str, *_) -> None:
    def new_name(name: str) -> str:
        direction, name = name.split(".")
        return name if direction == "forward_layer" else f"{name}_reverse"

    rename(state_dict, prefix, new_name)


def _from_torch(module: nn.Module, state_dict: dict, prefix: str, *_) -> None:
    def new_name(name: str) -> str:
        plain = name.removesuffix("_reverse")
        return f"forward_layer.{name}" if plain == name else f"backward_layer.{plain}"

    rename(state_dict, prefix, new_name)
