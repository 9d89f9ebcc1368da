"""The course's networks as PyTorch modules, equal to those of `torch.nn`."""

from unrolled.modules.bidirectional import Bidirectional
from unrolled.modules.encoder_decoder import EncoderDecoder
from unrolled.modules.gru import GRU
from unrolled.modules.lstm import LSTM
from unrolled.modules.mingru import MinGRU
from unrolled.modules.minlstm import MinLSTM
from unrolled.modules.rnn import RNN, default_device
from unrolled.modules.stacked import Stacked

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "EncoderDecoder",
    "MinGRU",
    "MinLSTM",
    "Stacked",
    "default_device",
]
