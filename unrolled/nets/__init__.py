"""Recurrent networks in NumPy, forward and backward, written for speed."""

from unrolled.nets.bidirectional import Bidirectional, BidirectionalGradients
from unrolled.nets.encoder_decoder import EncoderDecoder, EncoderDecoderGradients
from unrolled.nets.gru import GRU, GRUGradients
from unrolled.nets.lstm import LSTM, LSTMGradients
from unrolled.nets.mingru import MinGRU
from unrolled.nets.minimal import MinimalGradients
from unrolled.nets.minlstm import MinLSTM
from unrolled.nets.readout import Readout, ReadoutGradients
from unrolled.nets.rnn import RNN, RNNGradients
from unrolled.nets.scan import ScanGradients, linear_scan, linear_scan_backward
from unrolled.nets.stacked import Stacked, StackedGradients

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "BidirectionalGradients",
    "EncoderDecoder",
    "EncoderDecoderGradients",
    "GRUGradients",
    "LSTMGradients",
    "MinGRU",
    "MinLSTM",
    "MinimalGradients",
    "RNNGradients",
    "Readout",
    "ReadoutGradients",
    "ScanGradients",
    "Stacked",
    "StackedGradients",
    "linear_scan",
    "linear_scan_backward",
]
