"""What recurrent modules have in common: sizes, initial values, checks of what they are given."""

import math

import torch
from torch import Tensor, nn


class Layer(nn.Module):
    """A recurrent layer whose parameters carry the names of PyTorch's own.

    Args:
        input_size: D.
        hidden_size: H.

    Raises:
        ValueError: a size is less than 1.
    """

    weight_ih_l0: nn.Parameter

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name}: expected at least 1, got {size}")
        self.input_size, self.hidden_size = input_size, hidden_size

    def reset_parameters(self) -> None:
        """Draw every parameter from U(−1/√H, 1/√H), in the order in which PyTorch's own does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def _expect_inputs(self, x: Tensor) -> None:
        """Raise a ValueError unless x is (T, N, D) with T at least 1, of the parameters' kind."""
        if x.ndim != 3 or x.shape[2] != self.input_size or x.shape[0] == 0:
            raise ValueError(
                f"x: expected shape (T, N, {self.input_size}) with T at least 1, "
                f"got {tuple(x.shape)}"
            )
        self._expect_alike("x", x)

    def _first(self, x: Tensor, name: str, start: Tensor | None) -> Tensor:
        """Return what step 1 starts from (N, H): start (1, N, H), or zeros if it is None.

        Raises:
            ValueError: the shape, dtype or device of `start` is wrong.
        """
        N, H = x.shape[1], self.hidden_size
        if start is None:
            return x.new_zeros(N, H)
        if start.shape != (1, N, H):
            raise ValueError(f"{name}: expected shape {(1, N, H)}, got {tuple(start.shape)}")
        self._expect_alike(name, start)
        return start[0]

    def _expect_alike(self, name: str, tensor: Tensor) -> None:
        weight = self.weight_ih_l0
        if (tensor.dtype, tensor.device) != (weight.dtype, weight.device):
            raise ValueError(
                f"{name}: expected {weight.dtype} on {weight.device} as the parameters are, "
                f"got {tensor.dtype} on {tensor.device}"
            )


def new_parameter(
    *shape: int, device: torch.device | str | None, dtype: torch.dtype | None
) -> nn.Parameter:
    """Return a parameter of this shape with nothing in it yet."""
    return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))
