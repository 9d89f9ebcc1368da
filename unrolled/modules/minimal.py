"""What minGRU and minLSTM have in common, as PyTorch modules: no recurrent weights, and a scan."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.modules.layer import Layer, new_parameter
from unrolled.modules.scan import linear_scan


class MinimalLayer(Layer):
    """A layer h_t = a_t h_{t−1} + (1 − a_t) n_t, whose a_t and n_t are functions of x_t alone.

    Its parameters are named as in PyTorch's recurrent layers, `weight_ih_l0` (GH, D), one block of
    H rows a gate and the candidate's last, and `bias_ih_l0` (GH,); there are no others. They are
    the transposes of those that the network of the same name in `unrolled.nets` holds.

    Args:
        input_size: D.
        hidden_size: H.
        scan: "parallel" composes steps in pairs, "loop" goes from step to step; the numbers are
            the same but for rounding.
        device: where the parameters live, as in every PyTorch module.
        dtype: their type, as in every PyTorch module.

    Raises:
        ValueError: a size is less than 1, or `scan` is unknown.
    """

    gate_count: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        scan: str = "parallel",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(input_size, hidden_size)
        if scan not in ("parallel", "loop"):
            raise ValueError(f"scan: expected 'parallel' or 'loop', got {scan!r}")
        self.scan = scan
        rows = self.gate_count * hidden_size
        self.weight_ih_l0 = new_parameter(rows, input_size, device=device, dtype=dtype)
        self.bias_ih_l0 = new_parameter(rows, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, x: Tensor, h0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the layer over a sequence.

        Args:
            x: inputs (T, N, D), with T at least 1.
            h0: initial state (1, N, H); zeros if None.

        Returns:
            h (T, N, H), the states of all steps, and h_T (1, N, H), the last one.

        Raises:
            ValueError: a shape, dtype or device is wrong.
        """
        self._expect_inputs(x)
        h0 = self._first(x, "h0", h0)
        blocks = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0)
        # Under autocast the product is half as wide. A weight near 1, to the power T, needs more.
        *gates, n = blocks.to(x.dtype).chunk(self.gate_count, dim=2)
        a = self.weight_of_old(*gates)
        h = linear_scan(a, (1 - a) * n, h0, self.scan)
        return h, h[-1:]

    def weight_of_old(self, *gates: Tensor) -> Tensor:
        """Return a (T, N, H) of the gates' pre-activations, each (T, N, H)."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return what `print(module)` shows in brackets."""
        return f"{self.input_size}, {self.hidden_size}, scan={self.scan!r}"
