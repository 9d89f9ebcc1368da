"""Temporal order against its length for three ways to descend; chapter 13 plots the result.

    python lessons/studies/13_lengths.py          (about four minutes on one core)
    python lessons/studies/13_lengths.py --gpu    (longer sequences, fifty times the updates)

It is the grid of Pascanu, Mikolov and Bengio (2013, section 4.1). Networks and training are the
chapter's own cells, those tagged `study`, with the names that the other study of the chapter gives
them. What is kept in unrolled/data/recorded is, for each method and length, the share of wrong
answers of ten runs at the end, null where one overflowed, together with a hash of those cells.

With --gpu the ten runs of a method and length train side by side in PyTorch, from the same starts
on the same batches, and the result goes to a file of its own with the device's name.
"""

import sys
from importlib import import_module
from itertools import product

import numpy as np
import torch
from recording import record
from torch import Tensor
from tqdm import trange

comparison = import_module("13_comparison")
names = comparison.names
LENGTHS, GPU_LENGTHS, SEEDS = (10, 20, 40, 60), (50, 100, 150, 200), range(10)
GPU_UPDATES = 75_000


def run(job: tuple[int, str]) -> dict:
    """Return the errors of one method at one length, a number a seed."""
    T, method = job
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [names["order_run"](method, T, seed) for seed in SEEDS]
    return {"method": method, "T": T, "errors": comparison.rounded(errors)}


def run_on_gpu(job: tuple[int, str]) -> dict:
    """Do as `run`, all seeds at once on the GPU."""
    T, method = job
    errors = errors_side_by_side(method, T, SEEDS, GPU_UPDATES, torch.device("cuda"))
    return {"method": method, "T": T, "errors": comparison.rounded(errors)}


def errors_side_by_side(
    method: str, T: int, seeds: range, updates: int, device: torch.device
) -> list[float | None]:
    """Return what `order_run` returns for each seed, of S networks that train as one batch."""
    clip, omega = names["METHODS"][method]
    rngs = [np.random.default_rng((seed, T)) for seed in seeds]
    networks = [names["network"]("tanh", "long", 6, 50, 4, rng) for rng in rngs]
    # W_xh, W_hh, b_h, W_ho, b_o, each with the networks as its first axis and b as a row.
    each = ([*n.parameters.values(), *r.parameters.values()] for n, r in networks)
    arrays = zip(*each, strict=True)
    stacked = [torch.tensor(np.stack(a), device=device) for a in arrays]
    weights = [(w if w.ndim == 3 else w[:, None]).requires_grad_() for w in stacked]
    alive = torch.ones(len(networks), dtype=torch.bool, device=device)

    for _ in trange(updates, desc=f"{method}, T = {T}", leave=False):
        x, y = sequences(T, 20, rngs, device)
        added, states, logits = forward(weights, x)
        # A sum over networks, so that each has the gradient of its own mean.
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum")
        *gradients, da = torch.autograd.grad(loss / 20, [*weights, added])
        if omega:
            gradients[1] = gradients[1] + omega * omega_gradient(weights[1], states, da)
        norm = torch.stack([g.flatten(1).square().sum(dim=1) for g in gradients]).sum(dim=0).sqrt()
        if clip:  # as clip_by_global_norm, a gradient that is not finite ends the run
            alive &= norm.isfinite()
            factor = (alive / norm.clamp(min=1)).nan_to_num()
        with torch.no_grad():
            for w, g in zip(weights, gradients, strict=True):
                if clip:
                    g = torch.where(alive[:, None, None], g * factor[:, None, None], 0)
                w -= 0.1 * g
    x, y = sequences(T, 1000, rngs, device)
    with torch.no_grad():
        wrong = (forward(weights, x)[2].argmax(dim=-1) != y).double().mean(dim=1)
    return [e if ok else None for e, ok in zip(wrong.tolist(), alive.tolist(), strict=True)]


def sequences(
    T: int, N: int, rngs: list[np.random.Generator], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return x (T, S, N, 6) and y (S, N), from a source of its own for each network."""
    x, y = zip(*(names["temporal_order"](T, N, rng) for rng in rngs), strict=True)
    return (
        torch.tensor(np.stack(x, axis=1), device=device),
        torch.tensor(np.stack(y), device=device),
    )


def forward(weights: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the inputs add to the pre-activations and h, (T, S, N, H), and the logits."""
    W_xh, W_hh, b_h, W_ho, b_o = weights
    # The gradient by what is added at a step is the gradient by that step's pre-activation.
    added = x @ W_xh + b_h
    h, states = torch.zeros_like(added[0]), []
    for a in added.unbind(0):
        h = torch.tanh(a + h @ W_hh)
        states.append(h)
    return added, torch.stack(states).detach(), h @ W_ho + b_o


def omega_gradient(W_hh: Tensor, states: Tensor, da: Tensor) -> Tensor:
    """Return Ω's immediate derivative by W_hh (S, H, H), as `jacobian_regulariser` defines it."""
    slopes = 1 - states[:-1].square()
    # In two steps, for the squares of tiny numbers would be zero.
    later = da[1:] / da[1:].abs().amax(dim=-1, keepdim=True)
    later = torch.nn.functional.normalize(later.nan_to_num(), dim=-1)
    counted = later.any(dim=-1)
    u = (later @ W_hh.mT) * slopes
    terms = (torch.linalg.vector_norm(u, dim=-1) - 1).square() * counted
    omega = (terms.sum(dim=(0, 2)) / counted.sum(dim=(0, 2)).clamp(min=1)).sum()
    return torch.autograd.grad(omega, W_hh)[0]


if __name__ == "__main__":
    on_gpu = "--gpu" in sys.argv[1:]
    if on_gpu and not torch.cuda.is_available():
        sys.exit("--gpu: expected a CUDA device, PyTorch finds none; nothing was run")
    methods = list(names["METHODS"])
    record(
        "13_lengths_gpu" if on_gpu else "13_lengths",
        comparison.LESSON,
        run_on_gpu if on_gpu else run,
        list(product(GPU_LENGTHS if on_gpu else LENGTHS, methods)),
        order=lambda r: (methods.index(r["method"]), r["T"]),
        seeds=list(SEEDS),
        **({"device": torch.cuda.get_device_name(), "updates": GPU_UPDATES} if on_gpu else {}),
    )
