"""Recurrent networks in NumPy, forward and backward, written for speed."""

from unrolled.nets.readout import Readout, ReadoutGradients
from unrolled.nets.rnn import RNN, RNNGradients

__all__ = ["RNN", "RNNGradients", "Readout", "ReadoutGradients"]
