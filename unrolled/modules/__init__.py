"""The course's networks as PyTorch modules, equal to those of `torch.nn`."""

from unrolled.modules.gru import GRU
from unrolled.modules.lstm import LSTM
from unrolled.modules.rnn import RNN, default_device

__all__ = ["GRU", "LSTM", "RNN", "default_device"]
