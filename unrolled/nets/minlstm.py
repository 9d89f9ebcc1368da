"""The minimal LSTM of Feng et al. (2024): gates that don't see the state, and one state only.

    i_t = σ(x_t W_xi + b_i)               input gate
    f_t = σ(x_t W_xf + b_f)               forget gate
    g_t = x_t W_xg + b_g                  candidate
    h_t = (f_t h_{t−1} + i_t g_t) / (f_t + i_t)

Against the LSTM, the output gate, the recurrent weights, both tanhs and the cell beside the state
are gone, and the two gates are divided by their sum, so that the state cannot grow with time.
"""

import numpy as np

from unrolled.activations import sigmoid
from unrolled.nets.minimal import MinimalLayer


class MinLSTM(MinimalLayer):
    """A layer of minimal LSTM units; W_xh (D, 3H) and b_h (3H,) are stacked i, f, g."""

    gate_count = 3

    def _weight_of_old(self, i: np.ndarray, f: np.ndarray) -> np.ndarray:
        # f/(f + i) is a sigmoid of log f − log i, which two gates almost shut don't turn into 0/0.
        self._shut = sigmoid(-i), sigmoid(-f)  # 1 − i and 1 − f
        return sigmoid(np.logaddexp(0, -i) - np.logaddexp(0, -f))

    def _back_to_gates(self, da: np.ndarray) -> list[np.ndarray]:
        d = da * self._a * (1 - self._a)
        i_shut, f_shut = self._shut
        return [-d * i_shut, d * f_shut]
