"""The recurrent network of Elman (1990) as a PyTorch module, equal to `torch.nn.RNN`."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.modules.layer import Layer, new_parameter

_NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}


def default_device() -> torch.device:
    """Return the CUDA device where there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class RNN(Layer):
    """One recurrent layer, h_t = φ(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh).

    Outputs, gradients, names of parameters and initial values are those of `torch.nn.RNN` with one
    layer, so a `state_dict` goes both ways. The weights are the transposes of those that
    `unrolled.nets.RNN` holds, and its one bias is the sum of the two here.

    Args:
        input_size: D.
        hidden_size: H.
        nonlinearity: "tanh", "relu" or, which `torch.nn.RNN` lacks, "sigmoid".
        device: where the parameters live, as in every PyTorch module.
        dtype: their type, as in every PyTorch module.

    Raises:
        ValueError: a size is less than 1, or the nonlinearity is unknown.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(input_size, hidden_size)
        if nonlinearity not in _NONLINEARITIES:
            known = ", ".join(map(repr, _NONLINEARITIES))
            raise ValueError(f"nonlinearity: expected one of {known}, got {nonlinearity!r}")
        self.nonlinearity = nonlinearity

        parameter = partial(new_parameter, device=device, dtype=dtype)
        self.weight_ih_l0 = parameter(hidden_size, input_size)
        self.weight_hh_l0 = parameter(hidden_size, hidden_size)
        self.bias_ih_l0 = parameter(hidden_size)
        self.bias_hh_l0 = parameter(hidden_size)
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
        h_t = self._first(x, "h0", h0)
        phi = _NONLINEARITIES[self.nonlinearity]
        W_hh_T = self.weight_hh_l0.t()
        a = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        h = []
        # unbind's backward is one stack. Indexing a[t] would make a zero (T, N, H) at every step.
        for a_t in a.unbind(0):
            h_t = phi(torch.addmm(a_t, h_t, W_hh_T))
            h.append(h_t)
        return torch.stack(h), h_t.unsqueeze(0)

    def extra_repr(self) -> str:
        """Return what `print(module)` shows in brackets."""
        return f"{self.input_size}, {self.hidden_size}, nonlinearity={self.nonlinearity!r}"
