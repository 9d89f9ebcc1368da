"""The LSTM as a PyTorch module, equal to `torch.nn.LSTM`, with peepholes as an option."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.modules.layer import Layer, new_parameter


class LSTM(Layer):
    """One layer of LSTM units, its gates stacked in the order i, f, g, o.

    Outputs, gradients, names of parameters and initial values are those of `torch.nn.LSTM` with one
    layer, so a `state_dict` goes both ways. The weights are the transposes of those that
    `unrolled.nets.LSTM` holds, and its one bias is the sum of the two here.

    With peepholes (Gers, Schraudolph and Schmidhuber, 2002), which `torch.nn.LSTM` lacks, there are
    three more parameters, `weight_pi_l0`, `weight_pf_l0` and `weight_po_l0`, each (H,). The input
    and the forget gate see the cell of the step before, the output gate that of its own step.

    Args:
        input_size: D.
        hidden_size: H.
        peepholes: whether the gates see the cell.
        device: where the parameters live, as in every PyTorch module.
        dtype: their type, as in every PyTorch module.

    Raises:
        ValueError: a size is less than 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        peepholes: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(input_size, hidden_size)
        self.peepholes = peepholes

        parameter = partial(new_parameter, device=device, dtype=dtype)
        self.weight_ih_l0 = parameter(4 * hidden_size, input_size)
        self.weight_hh_l0 = parameter(4 * hidden_size, hidden_size)
        self.bias_ih_l0 = parameter(4 * hidden_size)
        self.bias_hh_l0 = parameter(4 * hidden_size)
        if peepholes:
            self.weight_pi_l0 = parameter(hidden_size)
            self.weight_pf_l0 = parameter(hidden_size)
            self.weight_po_l0 = parameter(hidden_size)
        self.reset_parameters()

    def forward(
        self, x: Tensor, start: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the layer over a sequence.

        Args:
            x: inputs (T, N, D), with T at least 1.
            start: the initial state and cell, h0 and c0, each (1, N, H); zeros if None.

        Returns:
            h (T, N, H), the states of all steps, and the last state and cell, each (1, N, H).

        Raises:
            ValueError: a shape, dtype or device is wrong.
        """
        self._expect_inputs(x)
        h0, c0 = (None, None) if start is None else start
        h_t, c_t = self._first(x, "h0", h0), self._first(x, "c0", c0)
        W_hh_T = self.weight_hh_l0.t()
        a = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        h = []
        # unbind's backward is one stack. Indexing a[t] would make a zero (T, N, 4H) at every step.
        for a_t in a.unbind(0):
            i, f, g, o = torch.addmm(a_t, h_t, W_hh_T).chunk(4, dim=1)
            if self.peepholes:
                i, f = i + self.weight_pi_l0 * c_t, f + self.weight_pf_l0 * c_t
            c_t = torch.sigmoid(f) * c_t + torch.sigmoid(i) * torch.tanh(g)
            if self.peepholes:
                o = o + self.weight_po_l0 * c_t
            h_t = torch.sigmoid(o) * torch.tanh(c_t)
            h.append(h_t)
        return torch.stack(h), (h_t.unsqueeze(0), c_t.unsqueeze(0))

    def extra_repr(self) -> str:
        """Return what `print(module)` shows in brackets."""
        return f"{self.input_size}, {self.hidden_size}, peepholes={self.peepholes}"
