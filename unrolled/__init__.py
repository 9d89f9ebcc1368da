"""The library of the course *Unrolled*: what the lessons build once and later chapters import.

- `unrolled.nets`: recurrent networks in NumPy, forward and backward, written for speed.
- `unrolled.losses`, `unrolled.activations`: what stands above and inside them.
- `unrolled.checks`: comparison of arrays, and of gradients with finite differences.
- `unrolled.modules`: the same networks as PyTorch modules. Nothing else here needs PyTorch.
- `unrolled.figures`: one style for all figures.

Importing `unrolled` loads none of them.
"""

__version__ = "0.1.0"
