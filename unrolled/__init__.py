"""The library of the course *Unrolled*: what the lessons build once and later chapters import.

- `unrolled.nets`: recurrent networks in NumPy, forward and backward, written for speed.
- `unrolled.losses`, `unrolled.activations`: what stands above and inside them.
- `unrolled.checks`: comparison of arrays, and of gradients with finite differences.
- `unrolled.modules`: the same networks as PyTorch modules.
- `unrolled.training`, `unrolled.kernels`, `unrolled.measure`: the training loop, a GPU kernel, and
  the command `unrolled measure`. Besides these and the modules, nothing here needs PyTorch.
- `unrolled.figures`: one style for all figures.

Importing `unrolled` loads none of them.
"""

__version__ = "0.1.0"
