"""Recurrent networks in NumPy, forward and backward, written for speed."""

from unrolled.nets.gru import GRU, GRUGradients
from unrolled.nets.lstm import LSTM, LSTMGradients
from unrolled.nets.readout import Readout, ReadoutGradients
from unrolled.nets.rnn import RNN, RNNGradients

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUGradients",
    "LSTMGradients",
    "RNNGradients",
    "Readout",
    "ReadoutGradients",
]
