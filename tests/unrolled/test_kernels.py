"""The persistent LSTM: equal to torch.nn's, interpreted and on a GPU; and what it says."""

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from unrolled.kernels import LARGEST, PersistentLSTM, lstm, why_not

ROOT = Path(__file__).parents[2]
no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
no_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason="the package triton is not installed (pip install triton==3.7.1 on Linux)",
)
SIZES = [(1, 1, 1, 1), (5, 3, 2, 4), (7, 20, 5, 16), (4, 33, 3, 17), (2, 2, 3, 64)]


def both(sizes, device, dtype, **options):
    """Return outputs and gradients of our module, and of torch.nn's in float64 on the CPU."""
    T, N, D, H = sizes
    torch.manual_seed(T + N + D + H)
    exact = torch.nn.LSTM(D, H, dtype=torch.float64)
    ours = PersistentLSTM(D, H, device=device, dtype=dtype, **options)
    ours.load_state_dict(exact.state_dict())
    shapes = [(T, N, D), (1, N, H), (1, N, H), (T, N, H), (1, N, H), (1, N, H)]
    drawn = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    results = []
    for module, place, kind in ((ours, device, dtype), (exact, "cpu", torch.float64)):
        x, h0, c0, *upstream = (a.to(place, kind) for a in drawn)
        leaves = [leaf.requires_grad_() for leaf in (x, h0, c0)]
        h, (h_T, c_T) = module(x, (h0, c0))
        gradients = torch.autograd.grad([h, h_T, c_T], [*leaves, *module.parameters()], upstream)
        results.append([t.detach().cpu().double() for t in (h, h_T, c_T, *gradients)])
    return results


def assert_same(sizes, device, dtype, tolerance, **options):
    for ours, exact in zip(*both(sizes, device, dtype, **options), strict=True):
        assert ours.shape == exact.shape
        difference = (ours - exact).abs().max() / exact.abs().max().clamp(min=1)
        assert difference < tolerance, (sizes, difference)


def in_the_interpreter(*names):
    """Run functions of this file where Triton is interpreted, which is decided on import."""
    code = "; ".join(["from test_kernels import *", *(f"{name}()" for name in names)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def equal_in_float64():
    for sizes in SIZES:
        assert_same(sizes, "cpu", torch.float64, 1e-10)


def close_in_shorter_types():
    for sizes in SIZES:
        assert_same(sizes, "cpu", torch.float32, 1e-5)
        assert_same(sizes, "cpu", torch.float16, 1e-2)


def gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    shapes = [(3, 2, 3), (2, 4), (2, 4), (16, 3), (16, 4), (16,), (16,)]
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(lstm, inputs)


def without_gradients_of_the_ends():
    module = PersistentLSTM(3, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    module(x)[0].sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in module.parameters())


@pytest.mark.full
@no_triton
def test_equal_to_torch_in_tritons_interpreter():
    in_the_interpreter(
        "equal_in_float64",
        "close_in_shorter_types",
        "gradients_are_those_of_finite_differences",
        "without_gradients_of_the_ends",
    )


@pytest.mark.full
@no_triton
@pytest.mark.parametrize("card", [80, 90])
@pytest.mark.parametrize("kernel", ["forward_kernel", "backward_kernel"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_largest_compiles_for_cards_that_are_not_here_and_fits(card, kernel, dtype):
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from unrolled.kernels import persistent_triton

    function = getattr(persistent_triton, kernel)
    H = LARGEST[{"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]]
    values = {"H": H, "TILE": H, "ROWS": 16, "DOUBLE": False, "PRECISION": "ieee"}
    types = {"T": "i32", "N": "i32"} | dict.fromkeys(values, "constexpr")
    types |= dict.fromkeys(("c0", "c", "dc_T", "dc0"), "*fp32")
    signature = {name: types.get(name, f"*{dtype}") for name in function.arg_names}
    places = {(function.arg_names.index(name),): value for name, value in values.items()}
    source = ASTSource(function, signature, constexprs=places)
    made = triton.compile(source, target=GPUTarget("cuda", card, 32), options={"num_warps": 8})
    room = {80: 163, 90: 227}[card] * 1024  # of a program; CUDA C++ Programming Guide, table 24
    assert made.metadata.shared <= room


@pytest.mark.gpu
@no_cuda
@pytest.mark.parametrize("sizes", SIZES)
def test_equal_to_float64_on_cuda(sizes):
    assert_same(sizes, "cuda", torch.float32, 1e-4)
    assert_same(sizes, "cuda", torch.float32, 2e-2, precision="tf32")
    assert_same(sizes, "cuda", torch.bfloat16, 0.1)


@pytest.mark.gpu
@no_cuda
def test_a_long_run_on_cuda_in_16_bits():
    assert_same((500, 40, 20, 128), "cuda", torch.bfloat16, 0.2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_the_loop_runs_and_one_line_says_why():
    module, peer = PersistentLSTM(3, 4), torch.nn.LSTM(3, 4)
    peer.load_state_dict(module.state_dict())
    x = torch.randn(5, 2, 3)
    with pytest.warns(
        UserWarning, match="PersistentLSTM runs the plain loop: the (package|inputs)"
    ):
        h, _ = module(x)
    torch.testing.assert_close(h, peer(x)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module(x)  # it has said so
    with pytest.raises(ValueError, match="x: the kernel can't run: "):
        lstm(x, *torch.zeros(2, 2, 4), *module.parameters())


@pytest.mark.parametrize(
    "x, H, reason",
    [
        (torch.zeros(1, 1, 1), 200, "200 units are more than the 64 whose weights fit on the chip"),
        (torch.zeros(1, 1, 1, dtype=torch.float16), 129, "129 units are more than the 128"),
        (torch.zeros(1, 1, 1, dtype=torch.int32), 4, "torch.int32 is not one of torch.float64"),
        (torch.zeros(1, 1, 1, dtype=torch.bfloat16), 4, "torch.bfloat16 is not one of"),
        (torch.zeros(1, 1, 1), 64, None),
        (torch.zeros(1, 1, 1, dtype=torch.float16), 128, None),
    ],
)
def test_why_not(monkeypatch, x, H, reason):
    monkeypatch.setattr("unrolled.kernels.persistent.triton", object())
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert (why_not(x, H) or "").startswith(reason or "") and (why_not(x, H) is None) == (
        reason is None
    )


@pytest.mark.parametrize("installed, reason", [(False, "the package triton is not installed"),
                                               (True, "the inputs are on cpu")])  # fmt: skip
def test_why_not_on_this_machine(monkeypatch, installed, reason):
    monkeypatch.setattr("unrolled.kernels.persistent.triton", object() if installed else None)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert why_not(torch.zeros(1, 1, 1), 4).startswith(reason)


def test_an_unknown_precision_is_named(monkeypatch):
    monkeypatch.setattr("unrolled.kernels.persistent.triton", object())
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    zeros = torch.zeros(1, 4)
    with pytest.raises(ValueError, match="precision: expected 'ieee' or 'tf32', got 'fp8'"):
        lstm(torch.zeros(1, 1, 1), zeros, zeros, *[torch.zeros(16, 4)] * 4, precision="fp8")
