"""The course's networks as PyTorch modules, equal to those of `torch.nn`."""

from unrolled.modules.rnn import RNN, default_device

__all__ = ["RNN", "default_device"]
