"""Time of a loop, a scan and a GRU against the number of steps; chapter 15 plots the result.

    python lessons/studies/15_scan.py        (about ten minutes on one core)

Forward and backward pass, gradients of inputs and weights, float32, processor time of one thread.
The ways take turns in each round, so that a disturbance meets all alike, and of the rounds the
median is kept. The file is written anew after every length, so that what was measured outlasts an
interruption.
"""

import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch._higher_order_ops.associative_scan import associative_scan
from tqdm import tqdm

from unrolled import nets
from unrolled.data.recorded import FOLDER
from unrolled.modules import MinGRU

PATH = FOLDER / "15_scan.json"
SIZES = ((1, 32), (16, 64), (64, 128))  # N, and D = H
LENGTHS = (16, 64, 256, 1024, 4096, 16384)
# Beyond, they take minutes or gigabytes.
LONGEST = {"loop, indexed": 1024, "torch's scan": 4096}
LARGEST = {1: 16384, 16: 16384, 64: 1024}
ROUNDS = 3


class Other(MinGRU):
    """A minGRU whose states are computed by `states`, with autograd for the backward pass."""

    states: Callable[[Tensor, Tensor, Tensor], Tensor]

    def forward(self, x: Tensor, h0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the layer over a sequence, as `MinGRU` does."""
        z, n = nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0).chunk(2, dim=2)
        a = torch.sigmoid(z)
        h = type(self).states(a, (1 - a) * n, self._first(x, "h0", h0))
        return h, h[-1:]


def indexed(a: Tensor, b: Tensor, h_t: Tensor) -> Tensor:
    """Return the states by a loop over a[t] and b[t]."""
    h = []
    for t in range(len(a)):
        h_t = torch.addcmul(b[t], a[t], h_t)
        h.append(h_t)
    return torch.stack(h)


def composed(one: tuple[Tensor, Tensor], two: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return two steps as one."""
    return two[0] * one[0], two[0] * one[1] + two[1]


def by_torch(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """Return the states by PyTorch's own scan, in its mode that runs on any device."""
    A, B = associative_scan(composed, (a, b), dim=0, combine_mode="generic")
    return A * h0 + B


WAYS = {
    "loop, indexed": lambda D: type("Indexed", (Other,), {"states": staticmethod(indexed)})(D, D),
    "loop": lambda D: MinGRU(D, D, scan="loop"),
    "torch's scan": lambda D: type("Torchs", (Other,), {"states": staticmethod(by_torch)})(D, D),
    "scan": lambda D: MinGRU(D, D),
    "torch.nn.GRU": lambda D: nn.GRU(D, D),
}


def seconds(run: Callable[[], object]) -> float:
    """Return the processor time that a call takes.

    With one thread it is what a clock would show if nothing else ran beside it.
    """
    began = time.process_time()
    run()
    return time.process_time() - began


def in_numpy(layer: MinGRU, x: Tensor, scan: str) -> Callable[[], object]:
    """Return a forward and backward pass of the layer's NumPy network."""
    net = nets.MinGRU(*(p.detach().numpy().T.copy() for p in layer.parameters()), scan=scan)
    inputs, dh = x.detach().numpy(), np.ones((*x.shape[:2], layer.hidden_size), np.float32)
    return lambda: (net.forward(inputs), net.backward(dh))


def measured(N: int, H: int, T: int) -> list[dict]:
    """Return one entry a way, after checking that those of minGRU agree."""
    ways = {way: make(H) for way, make in WAYS.items() if T <= LONGEST.get(way, T)}
    x = torch.randn(T, N, H, requires_grad=True)
    minimal = [layer for layer in ways.values() if isinstance(layer, MinGRU)]
    for layer in minimal[1:]:
        layer.load_state_dict(minimal[0].state_dict())
        torch.testing.assert_close(layer(x)[0], minimal[0](x)[0], rtol=1e-4, atol=1e-5)
    runs = {way: lambda layer=layer: layer(x)[0].sum().backward() for way, layer in ways.items()}
    for way, scan in {"NumPy, loop": "loop", "NumPy, scan": "parallel"}.items():
        runs[way] = in_numpy(minimal[0], x, scan)
    rounds = [{way: seconds(run) for way, run in runs.items()} for _ in range(ROUNDS + 1)]
    del rounds[0]  # the first warms up
    times = {way: median(r[way] for r in rounds) for way in runs}
    return [
        {"N": N, "H": H, "T": T, "way": way, "ms": float(f"{1e3 * s:.3g}")}
        for way, s in times.items()
    ]


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def main() -> None:
    """Measure all sizes, the short ones first, and write what there is after each."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    runs: list[dict] = []
    for T, (N, H) in tqdm([(T, (N, H)) for T in LENGTHS for N, H in SIZES if T <= LARGEST[N]]):
        runs += measured(N, H, T)
        about = {
            "command": "python lessons/studies/15_scan.py",
            "device": f"one thread of {processor()}",
            "date": datetime.now(UTC).date().isoformat(),
            "versions": {"numpy": np.__version__, "torch": torch.__version__},
        }
        rows = ",\n  ".join(json.dumps(r) for r in runs)
        new = PATH.with_suffix(".new")
        new.write_text(f'{{{json.dumps(about, indent=1)[1:-2]},\n "runs": [\n  {rows}\n ]\n}}\n')
        new.replace(PATH)


if __name__ == "__main__":
    main()
