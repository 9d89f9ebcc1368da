"""The minimal GRU of Feng et al. (2024) as a PyTorch module."""

import torch
from torch import Tensor

from unrolled.modules.minimal import MinimalLayer


class MinGRU(MinimalLayer):
    """One layer of minimal GRUs, h_t = (1 − z_t) n_t + z_t h_{t−1}; gates are stacked z, n.

    z_t = σ(W_z x_t + b_z) and n_t = W_n x_t + b_n. Arguments, errors and the names of the
    parameters are those of every `MinimalLayer`.
    """

    gate_count = 2

    def weight_of_old(self, z: Tensor) -> Tensor:
        """Return z_t (T, N, H), from its pre-activation."""
        return torch.sigmoid(z)
