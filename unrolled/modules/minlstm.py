"""The minimal LSTM of Feng et al. (2024) as a PyTorch module."""

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.modules.minimal import MinimalLayer


class MinLSTM(MinimalLayer):
    """One layer of minimal LSTMs, h_t = (f_t h_{t−1} + i_t g_t)/(f_t + i_t); stacked i, f, g.

    i_t and f_t are sigmoids of W x_t + b, and g_t is W_g x_t + b_g. Arguments, errors and the names
    of the parameters are those of every `MinimalLayer`.
    """

    gate_count = 3

    def weight_of_old(self, i: Tensor, f: Tensor) -> Tensor:
        """Return f_t/(f_t + i_t) (T, N, H), from pre-activations: the sigmoid of log f − log i."""
        return torch.sigmoid(functional.logsigmoid(f) - functional.logsigmoid(i))
