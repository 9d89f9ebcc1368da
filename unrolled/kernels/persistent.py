"""An LSTM as two persistent kernels in Triton: one launch forward, one backward, whatever T is.

A program takes a tile of the batch's rows and runs the whole loop over time: its rows' state and
cell never leave the registers, and the recurrent weights are loaded once. Rows of a batch have
nothing to do with each other, so programs need not wait for one another. What has no loop in it is
left to PyTorch's matrix products: the inputs of all steps before the loop, and the gradients of the
weights after it, as one product over all steps.

The idea of keeping the recurrence in one kernel is that of Diamos et al., Persistent RNNs (2016).
"""

import os
import warnings

import torch
from torch import Tensor

from unrolled.modules import LSTM

try:
    import triton

    from unrolled.kernels.persistent_triton import backward_kernel, forward_kernel
except ImportError:
    triton = None

# Units. The four gates' weights stay on the chip, and this is what fits there: 64 or 128 KiB.
LARGEST = {torch.float32: 64, torch.bfloat16: 128, torch.float16: 128}
# Triton's interpreter runs on the CPU, in NumPy. It has float64, and multiplies bfloat16 wrongly:
# version 3.7.1 takes the product of the bit patterns.
_INTERPRETED = {torch.float64: 64, torch.float32: 64, torch.float16: 128}
_SMALLEST = 16  # a side of a product of tiles
_ROWS = 16  # of the batch in a program


def why_not(x: Tensor, hidden_size: int) -> str | None:
    """Return why the kernel can't run on these inputs, in one line; None if it can.

    Args:
        x: inputs (T, N, D).
        hidden_size: H.
    """
    if triton is None:
        return "the package triton is not installed (it comes with PyTorch's CUDA builds on Linux)"
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not x.is_cuda and not interpreted:
        return f"the inputs are on {x.device}, and Triton compiles for CUDA"
    largest = _INTERPRETED if interpreted else LARGEST
    if x.dtype not in largest:
        return f"{x.dtype} is not one of {', '.join(map(str, largest))}"
    if hidden_size > largest[x.dtype]:
        fits = f"{largest[x.dtype]} whose weights fit on the chip in {x.dtype}"
        return f"{hidden_size} units are more than the {fits}"
    return None


def lstm(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    precision: str = "ieee",
) -> tuple[Tensor, Tensor]:
    """Run an LSTM over a sequence, with gradients. Gates are stacked i, f, g, o, as in PyTorch.

    Args:
        x: inputs (T, N, D), with T at least 1.
        h0: initial state (N, H).
        c0: initial cell (N, H).
        weight_ih: (4H, D).
        weight_hh: (4H, H).
        bias_ih: (4H,).
        bias_hh: (4H,).
        precision: of products of float32 inside the kernel, "ieee" or "tf32".

    Returns:
        h (T, N, H), the states of all steps, and the last cell c_T (N, H).

    Raises:
        ValueError: the kernel can't run on these inputs (`why_not` says why), or `precision` is
            unknown.
    """
    reason = why_not(x, weight_hh.shape[1])
    if reason is not None:
        raise ValueError(f"x: the kernel can't run: {reason}")
    if precision not in ("ieee", "tf32"):
        raise ValueError(f"precision: expected 'ieee' or 'tf32', got {precision!r}")
    bias = bias_ih + bias_hh
    return _Recurrence.apply(x, h0, c0, weight_ih, weight_hh, bias, precision)


class PersistentLSTM(LSTM):
    """The LSTM of `unrolled.modules`, run by the kernel where it can and by the loop where not.

    Where it can't, the first call warns and says why. Parameters, shapes and results are the same.

    Args:
        input_size: D.
        hidden_size: H.
        device: where the parameters live, as in every PyTorch module.
        dtype: their type, as in every PyTorch module.
        precision: as for `lstm`.

    Raises:
        ValueError: a size is less than 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        precision: str = "ieee",
    ):
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.precision = precision
        self._told = False

    def forward(
        self, x: Tensor, start: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the layer over a sequence; arguments, results and errors are those of `LSTM`."""
        reason = why_not(x, self.hidden_size)
        if reason is not None:
            if not self._told:
                warnings.warn(f"PersistentLSTM runs the plain loop: {reason}", stacklevel=2)
                self._told = True
            return super().forward(x, start)
        self._expect_inputs(x)
        h0, c0 = (None, None) if start is None else start
        h0, c0 = self._first(x, "h0", h0), self._first(x, "c0", c0)
        weights = self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0
        h, c_T = lstm(x, h0, c0, *weights, precision=self.precision)
        return h, (h[-1:], c_T[None])


class _Recurrence(torch.autograd.Function):
    """The kernels, and the products around them, as one function with a gradient."""

    @staticmethod
    def forward(ctx, x, h0, c0, W_ih, W_hh, bias, precision):
        T, N, D = x.shape
        H = W_hh.shape[1]
        sums = _sums_in(x.dtype)
        # The kernel overwrites the pre-activations by the gates: nobody needs them afterwards.
        gates = torch.addmm(bias, x.reshape(T * N, D), W_ih.t()).view(T, N, 4 * H)
        h, c = x.new_empty(T, N, H), x.new_empty(T, N, H, dtype=sums)
        h0, c0, W_hh = h0.contiguous(), c0.to(sums).contiguous(), W_hh.contiguous()
        forward_kernel[_grid(N)](gates, W_hh, h0, c0, h, c, T, N, **_options(H, x, precision))
        ctx.save_for_backward(x, h0, c0, W_ih, W_hh, gates, h, c)
        ctx.precision = precision
        return h, c[-1].to(x.dtype)

    @staticmethod
    def backward(ctx, dh, dc_T):
        x, h0, c0, W_ih, W_hh, gates, h, c = ctx.saved_tensors
        T, N, D = x.shape
        H = W_hh.shape[1]
        da = torch.empty_like(gates)
        dh0, dc0 = torch.empty_like(h0), torch.empty_like(c0)
        dh, dc_T = dh.contiguous(), dc_T.to(c.dtype).contiguous()
        backward_kernel[_grid(N)](
            gates, W_hh, c0, c, dh, dc_T, da, dh0, dc0, T, N, **_options(H, x, ctx.precision)
        )
        flat = da.view(T * N, 4 * H)
        dx = (flat @ W_ih).view(T, N, D)
        dW_ih = flat.t() @ x.reshape(T * N, D)
        dW_hh = da[0].t() @ h0
        if T > 1:
            dW_hh = dW_hh.addmm(flat[N:].t(), h[:-1].view((T - 1) * N, H))
        return dx, dh0, dc0.to(x.dtype), dW_ih, dW_hh, flat.sum(dim=0), None


def _sums_in(dtype: torch.dtype) -> torch.dtype:
    """Return the type of the cell, which is a long sum and would lose digits in a shorter one."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _grid(N: int) -> tuple[int]:
    return (triton.cdiv(N, _ROWS),)


def _options(H: int, x: Tensor, precision: str) -> dict:
    tile = max(_SMALLEST, triton.next_power_of_2(H))
    double = x.dtype == torch.float64
    return {
        "H": H,
        "TILE": tile,
        "ROWS": _ROWS,
        "DOUBLE": double,
        "PRECISION": precision,
        "num_warps": 8 if tile >= 64 else 4,
    }
