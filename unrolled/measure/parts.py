"""What is measured, part by part. A part is a generator of rows, so that those made are kept.

All figures are of forward and backward together, gradients of inputs and weights included.
"""

from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.measure.counting import count, kept_bytes
from unrolled.measure.paths import (
    MODULES,
    CannotRunError,
    build,
    difference,
    tolerance,
)
from unrolled.measure.record import NEVER_NULL, ROWS
from unrolled.measure.timing import interleaved, ratio, seconds, wait
from unrolled.training import precision_of

Row = dict[str, Any]
Sizes = tuple[int, int, int, int]
REFERENCE = "torch.nn.LSTM"  # whose time is 1
RUNGS = (
    ("loop", "fused gates", REFERENCE),
    ("compiled",),
    ("CUDA graph", "compiled, CUDA graph"),
    ("our kernel",),
)

# Seconds that a part may take on a CPU and on CUDA: 5 and 8 minutes in all.
LIMITS = {
    "machine": (30, 30),
    "steps": (30, 40),
    "ladder": (100, 160),
    "sizes": (55, 90),
    "precision": (25, 40),
    "memory": (25, 40),
    "scan": (35, 80),
}


def machine(device: str, quick: bool) -> Iterator[Row]:
    """Measure what bounds everything else: products, memory, and the cost of an operator."""
    n = 256 if quick else (768 if device == "cpu" else 8192)
    for name in ("float32", "tf32", "bfloat16"):
        if name == "tf32" and device == "cpu":
            continue
        dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
        a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
        with precision_of(name, device):
            value = 2 * n**3 / _fastest(lambda a=a, b=b: a @ b, device)
        yield _row("machine", quantity=f"matrix product, {name}", value=value, unit="FLOP/s")
    a = torch.zeros(2**16 if quick else (2**24 if device == "cpu" else 2**28), device=device)
    b = torch.empty_like(a)
    value = 2 * a.numel() * a.element_size() / _fastest(lambda: b.copy_(a), device)
    yield _row("machine", quantity="copy", value=value, unit="byte/s")
    one = torch.zeros(1, device=device)

    def hundred() -> None:
        for _ in range(100):
            one.add_(1)

    value = _fastest(hundred, device) / 100
    yield _row("machine", quantity="operator on one number", value=value, unit="s")


def steps(device: str, quick: bool) -> Iterator[Row]:
    """Count operators, FLOPs and bytes a step, forward and backward together."""
    sizes = (8, 2, 3, 4) if quick else (64, 16, 64, 64)
    for path in ("loop", "fused gates", REFERENCE):
        T = sizes[0]
        counts = count(build(path, sizes, device))
        yield _row(
            "steps",
            sizes,
            path=path,
            launches=counts.launches / T,
            flops=counts.flops / T,
            bytes=counts.bytes / T,
        )


def ladder(device: str, quick: bool) -> Iterator[Row]:
    """Time every path on the same problem, each once it is shown to be right."""
    if quick:
        shapes = [((16, 2, 3, 4), torch.float32)]
    elif device == "cpu":
        shapes = [((128, 16, 64, 64), torch.float32), ((64, 64, 64, 128), torch.float32)]
    else:
        shapes = [
            ((1024, 16, 64, 64), torch.float32),
            ((1024, 64, 128, 128), torch.bfloat16),
            ((256, 64, 256, 512), torch.float32),
        ]
    for sizes, dtype in shapes:
        # What is compiled comes later, in rounds of its own: should it fail, the rest stands.
        for paths in RUNGS:
            limit = 3.0 if device == "cpu" else 8.0
            yield from _compared("ladder", paths, sizes, device, dtype, limit, checked=True)


def sizes(device: str, quick: bool) -> Iterator[Row]:
    """Change one size at a time."""
    cpu = device == "cpu"
    base = (16, 2, 3, 4) if quick else (128 if cpu else 256, 16, 64, 64)
    values = {
        "T": (16, 64, 256) if cpu else (16, 64, 256, 1024, 4096),
        "N": (1, 4, 16, 64) if cpu else (1, 4, 16, 64, 256, 1024),
        "H": (16, 32, 64, 128) if cpu else (16, 32, 64, 128, 136, 256, 512, 1024),
    }
    paths = ("fused gates",) if cpu else ("fused gates", "CUDA graph", "our kernel")
    for axis, several in values.items():
        for value in several[:1] if quick else several:
            changed = tuple(value if a == axis else b for a, b in zip("TNDH", base, strict=True))
            for row in _compared(
                "sizes", paths, changed, device, torch.float32, 0.7 if cpu else 1.5
            ):
                yield {**row, "axis": axis}
    if not cpu and not quick:  # cuDNN's persistent kernel wants 16 bits and a multiple of 128
        for H in (128, 136):
            changed = (256, 16, 64, H)
            for row in _compared("sizes", ("our kernel",), changed, device, torch.float16, 1.5):
                yield {**row, "axis": "H in 16 bits"}


def precision(device: str, quick: bool) -> Iterator[Row]:
    """Set the time of shorter numbers against their error."""
    shape = (128, 16, 64, 64) if device == "cpu" else (512, 64, 128, 256)
    shape = (8, 2, 3, 4) if quick else shape
    exact = _layer(shape, "cpu", torch.float64, "float64")()
    names = ("float64", "float32", "tf32", "bfloat16", "bfloat16 by autocast")
    runs, rows = {}, {}
    for name in names:
        if name == "tf32" and device == "cpu":
            continue
        dtype = {"float64": torch.float64, "bfloat16": torch.bfloat16}.get(name, torch.float32)
        try:
            runs[name] = _layer(shape, device, dtype, name)
            h, dW = runs[name]()
        except RuntimeError as error:
            yield _row("precision", shape, dtype, precision=name, why=_first_line(error))
            runs.pop(name, None)
            continue
        errors = {"error_h": _error(h, exact[0]), "error_dW": _error(dW, exact[1])}
        rows[name] = _row("precision", shape, dtype, precision=name, **errors)
    for name, times in interleaved(runs, device, 3.0).items():
        yield {**rows[name], "ms": 1000 * median(times)}


def memory(device: str, quick: bool) -> Iterator[Row]:
    """Measure what waits for the backward pass, whole or in windows of truncated length."""
    N, D, H = (2, 3, 4) if quick else (16, 64, 64)
    cases = [(T, T) for T in ((16, 32) if quick else (64, 256, 1024))]
    cases += [(cases[-1][0], cases[0][0])]
    for path in ("fused gates", REFERENCE):
        for T, window in cases:
            layer = MODULES[path](D, H, device=device)
            x = torch.randn(T, N, D, device=device)
            besides = [x, *layer.parameters()]
            kept = kept_bytes(lambda x=x, w=window, run=layer: run(x[:w]), besides)
            peak = None
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
                before, start = torch.cuda.memory_allocated(), None
                for part in x.split(window):
                    h, start = layer(part, start)
                    h.sum().backward()
                    start = tuple(s.detach() for s in start)
                wait(device)
                peak = torch.cuda.max_memory_allocated() - before
            yield _row("memory", (T, N, D, H), path=path, window=window, kept=kept, peak=peak)


def scan(device: str, quick: bool) -> Iterator[Row]:
    """Set the scan of chapter 15 against its loop and against `torch.nn.GRU`."""
    from unrolled.modules import MinGRU

    N, D, H = (2, 3, 4) if quick else (8, 64, 64)
    lengths = (64, 256, 1024) if device == "cpu" else (64, 256, 1024, 4096, 16384)
    for T in lengths[:1] if quick else lengths:
        x, dh = (torch.randn(T, N, size, device=device) for size in (D, H))
        layers = {
            "minGRU, scan": MinGRU(D, H, scan="parallel", device=device),
            "minGRU, loop": MinGRU(D, H, scan="loop", device=device),
            "torch.nn.GRU": nn.GRU(D, H, device=device),
        }
        runs = {name: _training_pass(layer, x, dh) for name, layer in layers.items()}
        times = interleaved(runs, device, 1.0 if device == "cpu" else 4.0)
        for name in runs:
            over = ratio(times[name], times["torch.nn.GRU"])
            yield _row("scan", (T, N, D, H), path=name, ms=1000 * median(times[name]), ratio=over)


PARTS: dict[str, Callable[[str, bool], Iterator[Row]]] = {
    "machine": machine,
    "steps": steps,
    "ladder": ladder,
    "sizes": sizes,
    "precision": precision,
    "memory": memory,
    "scan": scan,
}


def _row(
    part: str, sizes: Sizes | None = None, dtype: torch.dtype = torch.float32, **fields: Any
) -> Row:
    """Return a row with all of its part's fields, None where nothing is given."""
    row = {field: None for field in ROWS[part] if field not in NEVER_NULL} | fields
    if sizes is None:
        return row
    return row | dict(zip("TNDH", sizes, strict=True)) | {"dtype": str(dtype).split(".")[1]}


def _compared(
    part: str,
    paths: Iterable[str],
    sizes: Sizes,
    device: str,
    dtype: torch.dtype,
    limit: float,
    checked: bool = False,
) -> Iterator[Row]:
    """Time paths beside the reference; those that can't run, or are wrong, give their reason."""
    runs, differences = {REFERENCE: build(REFERENCE, sizes, device, dtype)}, {}
    for path in paths:
        try:
            if checked:
                differences[path] = _checked(path, device, dtype)
            if path != REFERENCE:
                runs[path] = build(path, sizes, device, dtype)
                runs[path]()
        except (CannotRunError, RuntimeError, MemoryError) as error:
            yield _row(part, sizes, dtype, path=path, why=_first_line(error))
            runs.pop(path, None)
    times = interleaved(runs, device, limit)
    for path, several in times.items():
        if path == REFERENCE and checked and REFERENCE not in paths:
            continue
        row = _row(part, sizes, dtype, path=path, ms=1000 * median(several))
        row["ratio"] = ratio(several, times[REFERENCE])
        yield row | ({"difference": differences[path]} if path in differences else {})


def _checked(path: str, device: str, dtype: torch.dtype) -> float:
    """Return a path's difference from the reference, in float64 wherever the path knows it.

    Raises:
        CannotRunError: it can't run here, or it is wrong.
    """
    exact = torch.float64 if path != "our kernel" else dtype
    found = difference(path, device, exact)
    if not found <= tolerance(exact):
        raise CannotRunError(f"wrong: differs from float64 by {found:.1e}")
    return found


def _layer(
    sizes: Sizes, device: str, dtype: torch.dtype, name: str
) -> Callable[[], tuple[Tensor, Tensor]]:
    """Return a call of `torch.nn.LSTM` in some precision; it gives h and dW_hh."""
    if "autocast" not in name and name != "tf32":
        run = build(REFERENCE, sizes, device, dtype)
        return lambda: tuple(run()[i] for i in (0, 3))
    inner = build(REFERENCE, sizes, device, torch.float32)

    def run_so() -> tuple[Tensor, Tensor]:
        with precision_of("tf32" if name == "tf32" else "bfloat16", device):
            results = inner()
        return results[0], results[3]

    return run_so


def _training_pass(layer: nn.Module, x: Tensor, dh: Tensor) -> Callable[[], object]:
    leaves = [x.requires_grad_(), *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x)[0], leaves, dh)


def _error(ours: Tensor, exact: Tensor) -> float:
    """Return the root of the mean square of the difference, relative to that of the exact."""
    wrong = ours.detach().cpu().double() - exact.detach()
    return float(wrong.norm() / exact.detach().norm())


def _fastest(run: Callable[[], object], device: str) -> float:
    run()
    return min(seconds(run, device) for _ in range(7))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removeprefix("CannotRunError: ").splitlines()[0]
