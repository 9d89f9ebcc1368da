"""The ways to run an LSTM, from the plainest to the fastest; all with the parameters of torch.nn's.

Every path is a module that takes x (T, N, D) and gives h first, as `torch.nn.LSTM` does. Whether it
is right is found out before it is timed: see `difference`.
"""

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from unrolled import modules
from unrolled.kernels import PersistentLSTM, why_not

CHUNK = 16  # steps that are compiled together: compiling takes a third of a second for each


class GateByGate(modules.LSTM):
    """The equations as they stand: at every step two products for each of four gates."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Run from zeros over x (T, N, D); return h (T, N, H)."""
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
        gates = list(zip(*(getattr(self, name).chunk(4) for name in names), strict=True))
        states = []
        for x_t in x.unbind(0):
            i, f, g, o = (
                functional.linear(x_t, W_ih, b_ih) + functional.linear(h, W_hh, b_hh)
                for W_ih, W_hh, b_ih, b_hh in gates
            )
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        return (torch.stack(states),)


class Compiled(modules.LSTM):
    """The fused gates with `CHUNK` steps at a time through torch.compile."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Run from zeros over x (T, N, D); return h (T, N, H)."""
        # With a gradient that nobody reads: else the first chunk would be compiled on its own.
        h, c = (x.new_zeros(x.shape[1], self.hidden_size, requires_grad=True) for _ in range(2))
        W_hh_T = self.weight_hh_l0.t()
        a = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        parts = []
        for chunk in a.split(CHUNK):
            states, h, c = _compiled_steps()(chunk, h, c, W_hh_T)
            parts.append(states)
        return (torch.cat(parts),)


def _steps(a: Tensor, h: Tensor, c: Tensor, W_hh_T: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    states = []
    for a_t in a.unbind(0):
        i, f, g, o = torch.addmm(a_t, h, W_hh_T).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states), h, c


@cache
def _compiled_steps() -> Callable:
    return torch.compile(_steps, dynamic=False)


MODULES = {
    "loop": GateByGate,
    "fused gates": modules.LSTM,
    "compiled": Compiled,
    "torch.nn.LSTM": nn.LSTM,
    "our kernel": PersistentLSTM,
}
GRAPHS = {"CUDA graph": "fused gates", "compiled, CUDA graph": "compiled"}


class CannotRunError(Exception):
    """A path that this machine or these sizes rule out; the message is one line that says why."""


def build(
    path: str,
    sizes: tuple[int, int, int, int],
    device: str,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Callable[[], list[Tensor]]:
    """Return a call that runs a path forward and backward and returns h and the gradients.

    The gradients are those of x and of the four parameters. Weights, inputs and the incoming
    gradient depend on the sizes and the seed alone, not on the path.

    Args:
        path: a name in `MODULES` or `GRAPHS`.
        sizes: T, N, D, H.
        device: "cpu" or "cuda".
        dtype: of everything.
        seed: of the random numbers.

    Raises:
        CannotRunError: the path can't run here.
    """
    if path in GRAPHS:
        if device != "cuda":
            raise CannotRunError("CUDA graphs need a CUDA device")
        return _captured(build(GRAPHS[path], sizes, device, dtype, seed))
    T, N, D, H = sizes
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    weights = [draw(*shape) * H**-0.5 for shape in ((4 * H, D), (4 * H, H), (4 * H,), (4 * H,))]
    x, dh = (draw(T, N, size).to(device, dtype) for size in (D, H))
    if path == "our kernel" and (reason := why_not(x, H)) is not None:
        raise CannotRunError(reason)
    module = MODULES[path](D, H, device=device, dtype=dtype)
    with torch.no_grad():
        for parameter, weight in zip(module.parameters(), weights, strict=True):
            parameter.copy_(weight)
    leaves = [x.requires_grad_(), *module.parameters()]

    def run() -> list[Tensor]:
        h = module(x)[0]
        return [h, *torch.autograd.grad(h, leaves, dh)]

    return run


def difference(path: str, device: str, dtype: torch.dtype) -> float:
    """Return how far a path is from float64 on the CPU, forward and backward, on a small problem.

    It is the largest difference of the states and of all gradients, each relative to the largest
    entry of that array. The reference is `torch.nn.LSTM` on the CPU in float64.

    Raises:
        CannotRunError: the path can't run here.
    """
    sizes = (2 * CHUNK, 5, 3, 16)
    ours = build(path, sizes, device, dtype)()
    reference = build("torch.nn.LSTM", sizes, "cpu", torch.float64)()
    return max(
        float((a.detach().cpu().double() - b.detach()).abs().max() / b.detach().abs().max())
        for a, b in zip(ours, reference, strict=True)
    )


def tolerance(dtype: torch.dtype) -> float:
    """Return the `difference` up to which a path counts as right."""
    return {torch.float64: 1e-10, torch.float32: 1e-4}.get(dtype, 0.05)


def _captured(run: Callable[[], list[Tensor]]) -> Callable[[], list[Tensor]]:
    """Record a call's kernels once and return a call that starts all of them together."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the leaves having been made on another stream
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = run()

    def replay() -> list[Tensor]:
        graph.replay()
        return results

    return replay
