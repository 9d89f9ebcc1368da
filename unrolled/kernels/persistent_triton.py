"""The two kernels of `unrolled.kernels.persistent`. Importing this needs Triton.

Tiles are ROWS × TILE, rows of the batch times units; TILE is H rounded up to a power of two. Units
beyond H are loaded as zeros: their gates are ½ and their candidate 0, so that their cell stays 0,
and nothing of them is stored.
"""

import triton
import triton.language as tl


@triton.jit
def _sigmoid(a):
    return 1 / (1 + tl.exp(-a))


@triton.jit
def _tanh(a):
    return 2 / (1 + tl.exp(-2 * a)) - 1


@triton.jit(do_not_specialize=["T", "N"])
def forward_kernel(
    gates,  # (T, N, 4H): x_t W_ih + b, overwritten by the gates i, f, g, o
    W_hh,  # (4H, H)
    h0,  # (N, H)
    c0,  # (N, H)
    h,  # (T, N, H), written
    c,  # (T, N, H), written
    T,
    N,
    H: tl.constexpr,
    TILE: tl.constexpr,
    ROWS: tl.constexpr,
    DOUBLE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Run all steps of one tile of rows: h_{t−1} and c_{t−1} stay in registers."""
    sums = tl.float64 if DOUBLE else tl.float32
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.arange(0, TILE)
    here = (n[:, None] < N) & (j[None, :] < H)
    at = n[:, None].to(tl.int64) * H + j[None, :]
    at_gates = n[:, None].to(tl.int64) * 4 * H + j[None, :]

    # Transposed: entry (k, j) weighs h_k in the gate of unit j.
    W_at = W_hh + j[None, :] * H + j[:, None]
    square = (j[:, None] < H) & (j[None, :] < H)
    W_i = tl.load(W_at, mask=square, other=0.0)
    W_f = tl.load(W_at + H * H, mask=square, other=0.0)
    W_g = tl.load(W_at + 2 * H * H, mask=square, other=0.0)
    W_o = tl.load(W_at + 3 * H * H, mask=square, other=0.0)

    h_t = tl.load(h0 + at, mask=here, other=0.0)
    c_t = tl.load(c0 + at, mask=here, other=0.0)
    step, step_gates = tl.cast(N, tl.int64) * H, tl.cast(N, tl.int64) * 4 * H
    for t in range(T):
        a = gates + t * step_gates + at_gates
        a_i = tl.load(a, mask=here, other=0.0).to(sums)
        a_f = tl.load(a + H, mask=here, other=0.0).to(sums)
        a_g = tl.load(a + 2 * H, mask=here, other=0.0).to(sums)
        a_o = tl.load(a + 3 * H, mask=here, other=0.0).to(sums)
        i = _sigmoid(a_i + tl.dot(h_t, W_i, input_precision=PRECISION, out_dtype=sums))
        f = _sigmoid(a_f + tl.dot(h_t, W_f, input_precision=PRECISION, out_dtype=sums))
        g = _tanh(a_g + tl.dot(h_t, W_g, input_precision=PRECISION, out_dtype=sums))
        o = _sigmoid(a_o + tl.dot(h_t, W_o, input_precision=PRECISION, out_dtype=sums))
        c_t = f * c_t + i * g
        h_t = (o * _tanh(c_t)).to(h.dtype.element_ty)
        tl.store(a, i.to(gates.dtype.element_ty), mask=here)
        tl.store(a + H, f.to(gates.dtype.element_ty), mask=here)
        tl.store(a + 2 * H, g.to(gates.dtype.element_ty), mask=here)
        tl.store(a + 3 * H, o.to(gates.dtype.element_ty), mask=here)
        tl.store(c + t * step + at, c_t, mask=here)
        tl.store(h + t * step + at, h_t, mask=here)


@triton.jit(do_not_specialize=["T", "N"])
def backward_kernel(
    gates,  # (T, N, 4H): i, f, g, o
    W_hh,  # (4H, H)
    c0,  # (N, H)
    c,  # (T, N, H)
    dh,  # (T, N, H): from what reads the states
    dc_T,  # (N, H): from what reads the last cell
    da,  # (T, N, 4H), written: the gradient of the pre-activations
    dh0,  # (N, H), written
    dc0,  # (N, H), written
    T,
    N,
    H: tl.constexpr,
    TILE: tl.constexpr,
    ROWS: tl.constexpr,
    DOUBLE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Run all steps backwards, chapter 10's equation (lstm-backward), for one tile of rows."""
    sums = tl.float64 if DOUBLE else tl.float32
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.arange(0, TILE)
    here = (n[:, None] < N) & (j[None, :] < H)
    at = n[:, None].to(tl.int64) * H + j[None, :]
    at_gates = n[:, None].to(tl.int64) * 4 * H + j[None, :]
    step, step_gates = tl.cast(N, tl.int64) * H, tl.cast(N, tl.int64) * 4 * H

    # As they stand: entry (j, k) weighs the gate of unit j in the gradient of h_k.
    W_at = W_hh + j[:, None] * H + j[None, :]
    square = (j[:, None] < H) & (j[None, :] < H)
    W_i = tl.load(W_at, mask=square, other=0.0)
    W_f = tl.load(W_at + H * H, mask=square, other=0.0)
    W_g = tl.load(W_at + 2 * H * H, mask=square, other=0.0)
    W_o = tl.load(W_at + 3 * H * H, mask=square, other=0.0)

    from_later = tl.zeros((ROWS, TILE), sums)
    dc_t = tl.load(dc_T + at, mask=here, other=0.0).to(sums)
    c_t = tl.load(c + (T - 1) * step + at, mask=here, other=0.0)
    for back in range(T):
        t = T - 1 - back
        a = gates + t * step_gates + at_gates
        i = tl.load(a, mask=here, other=0.0).to(sums)
        f = tl.load(a + H, mask=here, other=0.0).to(sums)
        g = tl.load(a + 2 * H, mask=here, other=0.0).to(sums)
        o = tl.load(a + 3 * H, mask=here, other=0.0).to(sums)
        if t > 0:
            c_before = tl.load(c + (t - 1) * step + at, mask=here, other=0.0)
        else:
            c_before = tl.load(c0 + at, mask=here, other=0.0)

        dh_t = tl.load(dh + t * step + at, mask=here, other=0.0).to(sums) + from_later
        s = _tanh(c_t)
        dc_t = dc_t + dh_t * o * (1 - s * s)
        da_i = (dc_t * g * i * (1 - i)).to(da.dtype.element_ty)
        da_f = (dc_t * c_before * f * (1 - f)).to(da.dtype.element_ty)
        da_g = (dc_t * i * (1 - g * g)).to(da.dtype.element_ty)
        da_o = (dh_t * s * o * (1 - o)).to(da.dtype.element_ty)
        out = da + t * step_gates + at_gates
        tl.store(out, da_i, mask=here)
        tl.store(out + H, da_f, mask=here)
        tl.store(out + 2 * H, da_g, mask=here)
        tl.store(out + 3 * H, da_o, mask=here)

        from_later = tl.dot(da_i, W_i, input_precision=PRECISION, out_dtype=sums)
        from_later += tl.dot(da_f, W_f, input_precision=PRECISION, out_dtype=sums)
        from_later += tl.dot(da_g, W_g, input_precision=PRECISION, out_dtype=sums)
        from_later += tl.dot(da_o, W_o, input_precision=PRECISION, out_dtype=sums)
        dc_t = dc_t * f
        c_t = c_before
    tl.store(dh0 + at, from_later.to(dh0.dtype.element_ty), mask=here)
    tl.store(dc0 + at, dc_t.to(dc0.dtype.element_ty), mask=here)
