"""Gradient descent and Adam for networks in NumPy, in place."""

import math
from collections.abc import Mapping

import numpy as np


class _Optimiser:
    def __init__(self, parameters: Mapping[str, np.ndarray], rate: float):
        if not 0 < rate < math.inf:
            raise ValueError(f"rate: expected a positive finite number, got {rate}")
        for name, array in parameters.items():
            if array.dtype.kind != "f":
                raise ValueError(f"{name}: expected floating-point numbers, got {array.dtype}")
        self.parameters, self.rate = dict(parameters), rate

    def _pairs(self, gradients: Mapping[str, np.ndarray]):
        """Yield name, parameter and gradient, once all of them are known to fit."""
        for name, array in self.parameters.items():
            if f"d{name}" not in gradients:
                raise ValueError(
                    f"d{name}: expected the gradient of every parameter, it is missing"
                )
            if gradients[f"d{name}"].shape != array.shape:
                got = gradients[f"d{name}"].shape
                raise ValueError(f"d{name}: expected shape {array.shape}, got {got}")
        for name, array in self.parameters.items():
            yield name, array, gradients[f"d{name}"]


class SGD(_Optimiser):
    """Gradient descent, W ← W − rate · dW.

    Args:
        parameters: arrays by name, changed in place by `update`.
        rate: the learning rate.

    Raises:
        ValueError: the rate is not positive and finite, or an array holds no floating-point
            numbers.
    """

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Make one step.

        Args:
            gradients: dW for each parameter W, by the name "dW"; others are left aside.

        Raises:
            ValueError: a gradient is missing or has another shape; nothing was changed then.
        """
        for _, array, gradient in self._pairs(gradients):
            array -= np.asarray(self.rate * gradient, array.dtype)


class Adam(_Optimiser):
    """Adam (Kingma and Ba, 2015, algorithm 1), with the numbers of `torch.optim.Adam`.

    Args:
        parameters: arrays by name, changed in place by `update`.
        rate: the learning rate.
        betas: the decay of the two running means, of the gradient and of its square, from 0 to
            below 1.
        eps: what keeps the division finite, positive.

    Raises:
        ValueError: the rate, a beta or eps is out of its range, or an array holds no floating-point
            numbers.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(parameters, rate)
        for beta in betas:
            if not 0 <= beta < 1:
                raise ValueError(f"betas: expected numbers from 0 to below 1, got {beta}")
        if not 0 < eps < math.inf:
            raise ValueError(f"eps: expected a positive finite number, got {eps}")
        self.betas, self.eps, self.steps = betas, eps, 0
        self._mean = {name: np.zeros_like(array) for name, array in self.parameters.items()}
        self._square = {name: np.zeros_like(array) for name, array in self.parameters.items()}

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Make one step.

        Args:
            gradients: dW for each parameter W, by the name "dW"; others are left aside.

        Raises:
            ValueError: a gradient is missing or has another shape; nothing was changed then.
        """
        pairs = list(self._pairs(gradients))
        self.steps += 1
        first, second = self.betas
        for name, array, gradient in pairs:
            mean, square = self._mean[name], self._square[name]
            # Not mean += (1 − β)(gradient − mean): after a large gradient it rounds small ones off.
            mean *= first
            mean += (1 - first) * gradient
            square *= second
            square += (1 - second) * gradient * gradient
            scale = np.sqrt(square) / np.sqrt(1 - second**self.steps) + self.eps
            array -= np.asarray(self.rate / (1 - first**self.steps) * mean / scale, array.dtype)
