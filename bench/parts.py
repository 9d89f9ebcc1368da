"""What is measured, by name."""

from importlib import import_module
from types import ModuleType
from typing import NamedTuple


class NothingToMeasureError(Exception):
    """This machine lacks what a part measures."""


class Part(NamedTuple):
    """A module whose `rows(quick)` gives the figures, and the threads that a process may use.

    The module is named, not imported: NumPy must find the number of threads when it is loaded.
    """

    title: str
    module: str
    threads: int = 1

    def load(self) -> ModuleType:
        """Import the module."""
        return import_module(self.module)


PARTS = {
    "nets": Part("Layers in NumPy beside torch.nn, one thread", "bench.nets"),
    "nets-2": Part("Layers in NumPy beside torch.nn, two threads", "bench.nets", threads=2),
    "memory": Part("Memory of a layer", "bench.memory"),
    "book": Part("Building the book", "bench.book"),
    "gpu": Part("Layers on a GPU", "bench.gpu"),
    "grading": Part("Grading beside nbgrader", "bench.grading"),
    "ten-thousand": Part("Grading ten thousand", "bench.ten_thousand"),
}
