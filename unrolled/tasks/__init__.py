"""Synthetic tasks on which the field tests what a recurrent network remembers."""

from unrolled.tasks.adding import adding
from unrolled.tasks.recall import recall
from unrolled.tasks.temporal_order import temporal_order

__all__ = ["adding", "recall", "temporal_order"]
