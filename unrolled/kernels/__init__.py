"""GPU kernels of our own in Triton, which comes with PyTorch's CUDA builds. They need PyTorch."""

from unrolled.kernels.persistent import LARGEST, PersistentLSTM, lstm, why_not

__all__ = ["LARGEST", "PersistentLSTM", "lstm", "why_not"]
