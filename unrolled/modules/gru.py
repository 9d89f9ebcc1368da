"""The gated recurrent unit of Cho et al. (2014) as a PyTorch module, equal to `torch.nn.GRU`."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.modules.layer import Layer, new_parameter


class GRU(Layer):
    """One layer of gated recurrent units, h_t = (1 − z_t) n_t + z_t h_{t−1}.

    With reset after the product, outputs, gradients, names of parameters and initial values are
    those of `torch.nn.GRU` with one layer. Reset before the product is the paper's cell, which
    `torch.nn` lacks; its parameters have the same names and shapes, so that a `state_dict` can be
    loaded, but it computes another function of them. The weights are the transposes of those that
    `unrolled.nets.GRU` holds. Of the biases, all but the candidate's are sums of the two here; with
    reset before the product that one is too.

    Args:
        input_size: D.
        hidden_size: H.
        reset: "after" or "before" the product with the candidate's recurrent weights.
        device: where the parameters live, as in every PyTorch module.
        dtype: their type, as in every PyTorch module.

    Raises:
        ValueError: a size is less than 1, or `reset` is unknown.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        reset: str = "after",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(input_size, hidden_size)
        if reset not in ("after", "before"):
            raise ValueError(f"reset: expected 'after' or 'before', got {reset!r}")
        self.reset = reset

        parameter = partial(new_parameter, device=device, dtype=dtype)
        self.weight_ih_l0 = parameter(3 * hidden_size, input_size)
        self.weight_hh_l0 = parameter(3 * hidden_size, hidden_size)
        self.bias_ih_l0 = parameter(3 * hidden_size)
        self.bias_hh_l0 = parameter(3 * hidden_size)
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
        H = self.hidden_size
        after = self.reset == "after"
        W_hh_T = self.weight_hh_l0.t()
        W_hg_T, W_hn_T = W_hh_T.split([2 * H, H], dim=1)
        bias = self.bias_ih_l0 if after else self.bias_ih_l0 + self.bias_hh_l0
        a = functional.linear(x, self.weight_ih_l0, bias)
        h = []
        # unbind's backward is one stack. Indexing a[t] would make a zero (T, N, 3H) at every step.
        for a_t in a.unbind(0):
            a_g, a_n = a_t.split([2 * H, H], dim=1)
            if after:
                inner = torch.addmm(self.bias_hh_l0, h_t, W_hh_T)
                inner_g, inner_n = inner.split([2 * H, H], dim=1)
                r, z = torch.sigmoid(a_g + inner_g).chunk(2, dim=1)
                n = torch.tanh(torch.addcmul(a_n, r, inner_n))
            else:
                r, z = torch.sigmoid(torch.addmm(a_g, h_t, W_hg_T)).chunk(2, dim=1)
                n = torch.tanh(torch.addmm(a_n, r * h_t, W_hn_T))
            h_t = torch.lerp(n, h_t, z)
            h.append(h_t)
        return torch.stack(h), h_t.unsqueeze(0)

    def extra_repr(self) -> str:
        """Return what `print(module)` shows in brackets."""
        return f"{self.input_size}, {self.hidden_size}, reset={self.reset!r}"
