"""Recurrent networks in NumPy, forward and backward, written for speed."""

from unrolled.nets.rnn import RNN, RNNGradients

__all__ = ["RNN", "RNNGradients"]
