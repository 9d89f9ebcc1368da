"""The minimal GRU of Feng et al. (2024): a GRU whose gate and candidate don't see the state.

    z_t = σ(x_t W_xz + b_z)               update gate: the weight of the old, as in our GRU
    n_t = x_t W_xn + b_n                  candidate
    h_t = (1 − z_t) n_t + z_t h_{t−1}

Against the GRU, the reset gate, the recurrent weights and the candidate's tanh are gone. (The paper
writes z for what is 1 − z here.)
"""

import numpy as np

from unrolled.activations import sigmoid
from unrolled.nets.minimal import MinimalLayer


class MinGRU(MinimalLayer):
    """A layer of minimal gated recurrent units; W_xh (D, 2H) and b_h (2H,) are stacked z, n."""

    gate_count = 2

    def _weight_of_old(self, z: np.ndarray) -> np.ndarray:
        return sigmoid(z)

    def _back_to_gates(self, da: np.ndarray) -> list[np.ndarray]:
        return [da * self._a * (1 - self._a)]
