"""The LSTM of Hochreiter and Schmidhuber (1997) with a forget gate, fast, in NumPy.

    i_t, f_t, o_t = σ(x_t W_x· + h_{t−1} W_h· + b_·),    g_t = tanh(x_t W_xg + h_{t−1} W_hg + b_g)
    c_t = f_t c_{t−1} + i_t g_t,    h_t = o_t tanh(c_t)

The forget gate is that of Gers, Schmidhuber and Cummins (2000); with peepholes (Gers, Schraudolph
and Schmidhuber, 2002) the gates also see the cell: i_t and f_t see p c_{t−1}, and o_t sees p c_t.

The lessons write this as plainly as it stands. Here the same numbers come faster: one product for
the inputs of many steps and all gates, one product a step for the state, tanh for all gates, and
one product over all T·N rows for each weight's gradient once the loop is over.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from unrolled.nets.layer import RecurrentLayer

ROWS_AHEAD = 1024  # of inputs that are multiplied at once


class LSTMGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    dx: np.ndarray
    dh0: np.ndarray
    dc0: np.ndarray
    dW_xh: np.ndarray  # noqa: N815
    dW_hh: np.ndarray  # noqa: N815
    db_h: np.ndarray
    dp_i: np.ndarray | None  # the peepholes' are None in a network without them
    dp_f: np.ndarray | None
    dp_o: np.ndarray | None


class LSTM(RecurrentLayer):
    """A layer of LSTM units, its gates stacked in the order i, f, g, o.

    The network holds the very arrays it is given: an update in place (`W_hh -= 0.1 * dW_hh`)
    updates the network. It computes in their dtype, and asks the same dtype of its inputs.

    Args:
        W_xh: input weights (D, 4H).
        W_hh: recurrent weights (H, 4H).
        b_h: bias (4H,). `torch.nn.LSTM` keeps two; this is their sum.
        peepholes: p_i, p_f and p_o, each (H,), or None for a network without.
        keep_workspace: allocate all arrays once and use them again in the next call with the same
            T and N. Nothing large is allocated then, but **what `forward` and `backward` return is
            overwritten by the next call**: copy what must last. Without it every call returns new
            arrays.

    Raises:
        ValueError: a shape, a dtype or the number of peepholes is wrong.
    """

    gate_count = 4

    def __init__(
        self,
        W_xh: ArrayLike,
        W_hh: ArrayLike,
        b_h: ArrayLike,
        peepholes: Sequence[ArrayLike] | None = None,
        keep_workspace: bool = False,
    ):
        super().__init__(W_xh, W_hh, b_h, keep_workspace)
        self._peepholes: dict[str, np.ndarray] = {}
        if peepholes is not None:
            if len(peepholes) != 3:
                raise ValueError(f"peepholes: expected p_i, p_f and p_o, got {len(peepholes)}")
            for name, p in zip(("p_i", "p_f", "p_o"), map(np.asarray, peepholes), strict=True):
                self._expect(name, p, self.W_hh.shape[:1])
                self._peepholes[name] = p
        self._cells: np.ndarray | None = None
        self._gates: np.ndarray | None = None

    @classmethod
    def initialise(
        cls,
        D: int,
        H: int,
        rng: np.random.Generator,
        peepholes: bool = False,
        dtype: DTypeLike = np.float64,
        keep_workspace: bool = False,
    ) -> "LSTM":
        """Return a network whose entries are drawn from U(−1/√H, 1/√H), as `torch.nn.LSTM` does.

        Raises:
            ValueError: D or H is less than 1.
        """
        shapes = cls._shapes(D, H) + [(H,)] * (3 if peepholes else 0)
        weights = cls._draw(rng, shapes, dtype, D=D, H=H)
        return cls(*weights[:3], weights[3:] or None, keep_workspace)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """W_xh, W_hh, b_h and any p_i, p_f, p_o by name: the network's own arrays, not copies."""
        return super().parameters | self._peepholes

    @property
    def c(self) -> np.ndarray:
        """The cells c_1 … c_T (T, N, H) of the last `forward`, read-only.

        Raises:
            RuntimeError: there was no `forward` before.
        """
        return self._of_last_forward("c", self._cells)[1:]

    @property
    def c_T(self) -> np.ndarray:
        """The last cell (N, H), read-only. To carry on, pass it as `c0` beside `h[-1]` as `h0`.

        Raises:
            RuntimeError: there was no `forward` before.
        """
        return self._of_last_forward("c_T", self._cells)[-1]

    @property
    def gates(self) -> np.ndarray:
        """i, f, g and o (T, N, 4H) of the last `forward`, after their activations, read-only.

        Raises:
            RuntimeError: there was no `forward` before.
        """
        gates = self._of_last_forward("gates", self._gates)
        T, _, N, H = gates.shape
        gates = gates.swapaxes(1, 2).reshape(T, N, 4 * H)
        gates.flags.writeable = False
        return gates

    def forward(
        self, x: ArrayLike, h0: ArrayLike | None = None, c0: ArrayLike | None = None
    ) -> np.ndarray:
        """Run the network over a sequence.

        `backward` reads `x` and the states again, so leave `x` as it is until then. The states are
        returned read-only for the same reason; write into `h.copy()`. The last cell is `c_T`.

        Args:
            x: inputs (T, N, D), with T and N at least 1.
            h0: initial state (N, H); zeros if None.
            c0: initial cell (N, H); zeros if None.

        Returns:
            h (T, N, H), the states h_1 … h_T.

        Raises:
            ValueError: a shape or a dtype is wrong.
        """
        states, cells = self._begin(x, h0=h0, c0=c0)
        self._cells = cells
        T, N, H = states[1:].shape

        # σ(a) = ½ + ½ tanh(a/2), so that tanh serves all gates; the inner half goes into the
        # weights. What it costs is the last digits of a gate that is almost shut.
        half = np.repeat(np.array((0.5, 0.5, 1, 0.5), self.dtype), H)
        W_xh = np.multiply(self.W_xh, half, out=self._buffer("halved W_xh", *self.W_xh.shape))
        W_hh = np.multiply(self.W_hh, half, out=self._buffer("halved W_hh", *self.W_hh.shape))
        b_h = self.b_h * half
        p_i, p_f, p_o = [0.5 * p for p in self._peepholes.values()] or [None] * 3

        # Each gate of a step in one piece: NumPy is faster there. A product puts them side by side.
        gates = self._buffer("gates", T, 4, N, H)
        a, part = self._buffer("a", N, 4 * H), self._buffer("part", N, H)
        a_apart = a.reshape(N, 4, H).swapaxes(0, 1)
        a_ifg, (a_i, a_f, _, a_o) = a_apart[:3], a_apart
        # The inputs' products for as many steps at a time as stay in the cache.
        ahead = min(T, max(1, ROWS_AHEAD // N))
        of_inputs = self._buffer("of inputs", ahead, N, 4 * H)
        for t in range(T):
            if t % ahead == 0:
                rows = self._x[t * N : (t + ahead) * N]
                product = of_inputs.reshape(-1, 4 * H)[: len(rows)]
                np.matmul(rows, W_xh, out=product)
                product += b_h
            c_before, c = cells[t], cells[t + 1]
            i_f, ifg, (i, f, g, o) = gates[t, :2], gates[t, :3], gates[t]
            np.dot(states[t], W_hh, out=a)
            a += of_inputs[t % ahead]
            if p_i is not None:
                a_i += np.multiply(p_i, c_before, out=part)
                a_f += np.multiply(p_f, c_before, out=part)
            np.tanh(a_ifg, out=ifg)
            i_f *= 0.5
            i_f += 0.5
            np.multiply(f, c_before, out=c)
            c += np.multiply(i, g, out=part)
            if p_o is not None:
                a_o += np.multiply(p_o, c, out=part)
            np.tanh(a_o, out=o)
            o *= 0.5
            o += 0.5
            np.multiply(o, np.tanh(c, out=part), out=states[t + 1])

        self._gates = gates
        for kept in (states, cells, gates):
            kept.flags.writeable = False
        return states[1:]

    def backward(self, dh: ArrayLike, dc_T: ArrayLike | None = None) -> LSTMGradients:
        """Backpropagate through time, through the sequence of the last `forward`.

        With dh_t and dc_t complete, what later steps sent included:

            da_o = dh_t tanh(c_t) o_t (1 − o_t)
            dc_t += dh_t o_t (1 − tanh² c_t) + p_o da_o
            da_i, da_f = dc_t g_t i_t (1 − i_t), dc_t c_{t−1} f_t (1 − f_t)
            da_g = dc_t i_t (1 − g_t²)

        and to step t − 1 go dc_t f_t + p_i da_i + p_f da_f, and da W_hhᵀ.

        Args:
            dh: ∂Loss/∂h_t (T, N, H) from what reads h_t out at each step; it is left unchanged.
                What reaches h_t from later steps is added here.
            dc_T: ∂Loss/∂c_T (N, H) from what reads the last cell; zeros if None.

        Returns:
            dx, dh0, dc0, dW_xh, dW_hh, db_h and, with peepholes, dp_i, dp_f, dp_o, summed over
            steps and batch where the weights are shared.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: a shape or a dtype is wrong.
        """
        dh = self._dh(dh)
        T, N, H = dh.shape
        states, cells, gates = self._states, self._cells, self._gates
        if dc_T is not None:
            dc_T = np.asarray(dc_T)
            self._expect("dc_T", dc_T, (N, H))

        da = self._buffer("da", T, N, 4 * H)
        W_hh_T = self._transposed("W_hh_T", self.W_hh)
        da_apart = da.reshape(T, N, 4, H).swapaxes(1, 2)
        da_t = self._buffer("da_t", 4, N, H)  # each gate's in one piece, as in forward
        da_i, da_f, da_g, da_o = da_t
        p_i, p_f, p_o = self._peepholes.values() or [None] * 3
        dh_t, part = self._buffer("dh_t", N, H), self._buffer("part", N, H)
        # What step t sends back to t − 1; after the first step that is dh0 and dc0.
        from_later, dc = self._buffer("dh0", N, H), self._buffer("dc0", N, H)
        from_later.fill(0)
        np.copyto(dc, 0 if dc_T is None else dc_T)
        for t in range(T - 1, -1, -1):
            (i, f, g, o), h = gates[t], states[t + 1]
            np.subtract(1, gates[t], out=da_t)  # 1 − i, 1 − f, –, 1 − o
            np.add(dh[t], from_later, out=dh_t)
            da_o *= h  # with o tanh(c) = h
            da_o *= dh_t

            np.tanh(cells[t + 1], out=part)
            part *= h
            np.subtract(o, part, out=part)  # o (1 − tanh² c)
            part *= dh_t
            dc += part
            if p_o is not None:
                dc += np.multiply(p_o, da_o, out=part)

            np.multiply(i, g, out=part)
            da_i *= part
            da_i *= dc
            part *= g
            np.subtract(i, part, out=da_g)  # i (1 − g²)
            da_g *= dc
            dc *= f
            da_f *= cells[t]
            da_f *= dc
            if p_i is not None:
                dc += np.multiply(p_i, da_i, out=part)
                dc += np.multiply(p_f, da_f, out=part)
            da_apart[t] = da_t
            np.dot(da[t], W_hh_T, out=from_later)

        dp_i = dp_f = dp_o = None
        if self._peepholes:
            seen = cells[:-1], cells[:-1], cells[1:]
            da_seen = da[..., :H], da[..., H : 2 * H], da[..., 3 * H :]
            dp_i, dp_f, dp_o = (
                np.einsum("tnh,tnh->h", c, da_k) for c, da_k in zip(seen, da_seen, strict=True)
            )
        return LSTMGradients(
            dh0=from_later,
            dc0=dc,
            dW_hh=self._dW_hh(da),
            dp_i=dp_i,
            dp_f=dp_f,
            dp_o=dp_o,
            **self._sums(da),
        )
