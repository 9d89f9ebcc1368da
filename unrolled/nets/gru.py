"""The gated recurrent unit of Cho et al. (2014) with backpropagation through time, fast, in NumPy.

    r_t = σ(x_t W_xr + h_{t−1} W_hr + b_r)                   reset gate
    z_t = σ(x_t W_xz + h_{t−1} W_hz + b_z)                   update gate
    n_t = tanh(x_t W_xn + b_n + r_t (h_{t−1} W_hn + b_hn))   candidate, reset after the product
    n_t = tanh(x_t W_xn + b_n + (r_t h_{t−1}) W_hn)          candidate, reset before the product
    h_t = (1 − z_t) n_t + z_t h_{t−1}

Before is the paper's form, after is PyTorch's and cuDNN's. Weights are stacked r, z, n. The inputs
of all steps and all gates take one product, and so does each weight's gradient over all T·N rows.
A step takes one product for the three gates; reset before the product needs a second one, for what
the candidate multiplies is known only once the gate is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from unrolled.nets.layer import RecurrentLayer


class GRUGradients(NamedTuple):
    """Gradients of the loss, each with the shape of what it is the gradient of."""

    dx: np.ndarray
    dh0: np.ndarray
    dW_xh: np.ndarray  # noqa: N815
    dW_hh: np.ndarray  # noqa: N815
    db_h: np.ndarray
    db_hn: np.ndarray | None


class GRU(RecurrentLayer):
    """A layer of gated recurrent units.

    The network holds the very arrays it is given: an update in place (`W_hh -= 0.1 * dW_hh`)
    updates the network. It computes in their dtype, and asks the same dtype of its inputs.

    Args:
        W_xh: input weights (D, 3H), stacked r, z, n.
        W_hh: recurrent weights (H, 3H), stacked r, z, n.
        b_h: biases (3H,), stacked r, z, n.
        b_hn: the candidate's bias that the reset gate multiplies (H,), or None for none. Only with
            reset after the product: before it, it would add to b_h.
        reset: "after" or "before" the product with W_hn.
        keep_workspace: allocate all arrays once and use them again in the next call with the same
            T and N. Nothing large is allocated then, but **what `forward` and `backward` return is
            overwritten by the next call**: copy what must last. Without it every call returns new
            arrays.

    Raises:
        ValueError: a shape, a dtype or `reset` is wrong, or there is a b_hn with reset before.
    """

    gate_count = 3

    def __init__(
        self,
        W_xh: ArrayLike,
        W_hh: ArrayLike,
        b_h: ArrayLike,
        b_hn: ArrayLike | None = None,
        reset: str = "after",
        keep_workspace: bool = False,
    ):
        if reset not in ("after", "before"):
            raise ValueError(f"reset: expected 'after' or 'before', got {reset!r}")
        if b_hn is not None and reset == "before":
            raise ValueError("b_hn: expected None with reset before the product, got an array")
        super().__init__(W_xh, W_hh, b_h, keep_workspace)
        self.b_hn = None if b_hn is None else np.asarray(b_hn)
        if self.b_hn is not None:
            self._expect("b_hn", self.b_hn, self.W_hh.shape[:1])
        self.reset = reset
        self._gates: np.ndarray | None = None
        self._inner: np.ndarray | None = None

    @classmethod
    def initialise(
        cls,
        D: int,
        H: int,
        rng: np.random.Generator,
        reset: str = "after",
        dtype: DTypeLike = np.float64,
        keep_workspace: bool = False,
    ) -> "GRU":
        """Return a network whose entries are drawn from U(−1/√H, 1/√H), as `torch.nn.GRU` does.

        Raises:
            ValueError: D or H is less than 1, or `reset` is unknown.
        """
        shapes = cls._shapes(D, H) + [(H,)] * (reset == "after")
        weights = cls._draw(rng, shapes, dtype, D=D, H=H)
        return cls(*weights, reset=reset, keep_workspace=keep_workspace)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """W_xh, W_hh, b_h and, if there is one, b_hn by name: the network's own, not copies."""
        return super().parameters | ({} if self.b_hn is None else {"b_hn": self.b_hn})

    @property
    def gates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """r, z and n (T, N, H) of the last `forward`: read-only views, as its states are.

        Raises:
            RuntimeError: there was no `forward` before.
        """
        gates = self._of_last_forward("gates", self._gates).view()
        gates.flags.writeable = False
        r, z, n = np.split(gates, 3, axis=-1)
        return r, z, n

    def forward(self, x: ArrayLike, h0: ArrayLike | None = None) -> np.ndarray:
        """Run the network over a sequence.

        `backward` reads `x` and the states again, so leave `x` as it is until then. The states are
        returned read-only for the same reason; write into `h.copy()`.

        Args:
            x: inputs (T, N, D), with T and N at least 1.
            h0: initial state (N, H); zeros if None. To carry the state on, pass the last `h[-1]`.

        Returns:
            h (T, N, H), the states h_1 … h_T.

        Raises:
            ValueError: a shape or a dtype is wrong.
        """
        (states,) = self._begin(x, h0=h0)
        h = states[1:]
        T, N, H = h.shape
        # σ(a) = ½ + ½ tanh(a/2), and tanh is the faster one; the inner half goes into the weights.
        # What it costs is the last digits of a gate that is almost shut.
        scale = np.repeat(np.array((0.5, 0.5, 1), self.dtype), H)
        W_xh = np.multiply(self.W_xh, scale, out=self._buffer("scaled W_xh", *self.W_xh.shape))
        W_hh = np.multiply(self.W_hh, scale, out=self._buffer("scaled W_hh", *self.W_hh.shape))
        self._gates = gates = self._buffer("gates", T, N, 3 * H)
        np.matmul(self._x, W_xh, out=gates.reshape(T * N, 3 * H))
        gates += self.b_h * scale
        # After the product: h_{t−1} W_hn + b_hn. Before it: r_t h_{t−1}.
        self._inner = self._buffer("inner", T, N, H)
        if self.reset == "after":
            self._forward_after(W_hh)
        else:
            self._forward_before(W_hh)
        h.flags.writeable = False
        return h

    def _forward_after(self, W_hh: np.ndarray) -> None:
        states, inner = self._states, self._inner
        T, N, H = inner.shape
        gates_t, gates_apart = self._one_step("gates_t", self._gates)
        step = self._buffer("step", N, 3 * H)
        step_apart = step.reshape(N, 3, H).swapaxes(0, 1)
        b_hn = np.zeros(H, self.dtype) if self.b_hn is None else self.b_hn
        r, z, n = gates_t
        for t in range(T):
            np.dot(states[t], W_hh, out=step)
            np.add(gates_apart[t, :2], step_apart[:2], out=gates_t[:2])
            _half_tanh(gates_t[:2])
            np.add(step_apart[2], b_hn, out=inner[t])
            np.multiply(r, inner[t], out=n)
            n += gates_apart[t, 2]
            self._new_state(states[t], z, n, states[t + 1])
            gates_apart[t] = gates_t

    def _forward_before(self, W_hh: np.ndarray) -> None:
        states, inner = self._states, self._inner
        T, N, H = inner.shape
        gates_t, gates_apart = self._one_step("gates_t", self._gates)
        W_hg, W_hn = (np.ascontiguousarray(W) for W in np.split(W_hh, [2 * H], axis=1))
        step = self._buffer("step", N, 2 * H)
        step_apart = step.reshape(N, 2, H).swapaxes(0, 1)
        r, z, n = gates_t
        for t in range(T):
            np.dot(states[t], W_hg, out=step)
            np.add(gates_apart[t, :2], step_apart, out=gates_t[:2])
            _half_tanh(gates_t[:2])
            np.multiply(r, states[t], out=inner[t])
            np.dot(inner[t], W_hn, out=n)
            n += gates_apart[t, 2]
            self._new_state(states[t], z, n, states[t + 1])
            gates_apart[t] = gates_t

    def _one_step(self, name: str, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (3, N, H) to compute one step in, and blocks (T, N, 3H) as (T, 3, N, H).

        NumPy is faster where each gate lies in one piece.
        """
        T, N, _ = blocks.shape
        H = len(self.W_hh)
        return self._buffer(name, 3, N, H), blocks.reshape(T, N, 3, H).swapaxes(1, 2)

    def _new_state(
        self, h_before: np.ndarray, z: np.ndarray, n: np.ndarray, h_t: np.ndarray
    ) -> None:
        """Make n of its pre-activation, and write h_t = n + z (h_before − n)."""
        np.tanh(n, out=n)
        np.subtract(h_before, n, out=h_t)
        h_t *= z
        h_t += n

    def backward(self, dh: ArrayLike) -> GRUGradients:
        """Backpropagate through time, through the sequence of the last `forward`.

        With dh_t the whole gradient of h_t, and a_r, a_z, a_n what the activations are applied to:

            da_z = dh_t (h_{t−1} − n) z (1 − z)
            da_n = dh_t (1 − z) (1 − n²)
            da_r = da_n (h_{t−1} W_hn + b_hn) r (1 − r)                      after the product
            da_r = (da_n W_hnᵀ) h_{t−1} r (1 − r)                            before it
            dh_{t−1} gets dh_t z + da_r W_hrᵀ + da_z W_hzᵀ and
                     (da_n r) W_hnᵀ after the product, (da_n W_hnᵀ) r before it

        Args:
            dh: ∂Loss/∂h_t (T, N, H) from what reads h_t out at each step; it is left unchanged.
                What reaches h_t from later steps is added here.

        Returns:
            dx, dh0, dW_xh, dW_hh, db_h, db_hn, summed over steps and batch where the weights are
            shared; db_hn is None if there is no b_hn.

        Raises:
            RuntimeError: there was no `forward` before.
            ValueError: the shape or the dtype of `dh` is wrong.
        """
        dh = self._dh(dh)
        T, N, H = dh.shape
        da = self._buffer("da", T, N, 3 * H)
        dh0 = self._buffer("dh0", N, H)
        db_hn = None
        if self.reset == "after":
            # In da's block for n there stands first what h W_hn receives, r da_n, and then da_n.
            da_n = self._buffer("da_n", T, N, H)
            self._backward_after(dh, da, da_n, dh0)
            dW_hh = self._dW_hh(da)
            if self.b_hn is not None:
                db_hn = np.sum(da[..., 2 * H :], axis=(0, 1), out=self._buffer("db_hn", H))
            da[..., 2 * H :] = da_n
        else:
            self._backward_before(dh, da, dh0)
            dW_hh = self._buffer("dW_hh", H, 3 * H)
            rows, h_before = da.reshape(T * N, 3 * H), self._states[:-1].reshape(T * N, H)
            np.matmul(h_before.T, rows[:, : 2 * H], out=dW_hh[:, : 2 * H])
            np.matmul(self._inner.reshape(T * N, H).T, rows[:, 2 * H :], out=dW_hh[:, 2 * H :])
        return GRUGradients(dh0=dh0, dW_hh=dW_hh, db_hn=db_hn, **self._sums(da))

    def _backward_after(
        self, dh: np.ndarray, da: np.ndarray, da_n: np.ndarray, from_later: np.ndarray
    ) -> None:
        """Fill da with the gradients of a_r, a_z and h W_hn, da_n with that of a_n."""
        states, inner = self._states, self._inner
        T, N, H = inner.shape
        W_hh_T = self._transposed("W_hh_T", self.W_hh)
        gates_t, gates_apart = self._one_step("gates_t", self._gates)
        da_t, da_apart = self._one_step("da_t", da)
        (r, z, n), (da_r, da_z, d_inner) = gates_t, da_t
        dh_t, step = self._buffer("dh_t", N, H), self._buffer("step_back", N, H)
        from_later.fill(0)  # what step t sends back to t − 1; after the first step that is dh0
        for t in range(T - 1, -1, -1):
            np.copyto(gates_t, gates_apart[t])
            np.add(dh[t], from_later, out=dh_t)
            self._through_new_state(states[t], z, n, dh_t, da_z, da_n[t], step)
            np.multiply(da_n[t], r, out=d_inner)
            np.subtract(1, r, out=da_r)
            da_r *= inner[t]
            da_r *= d_inner
            da_apart[t] = da_t
            np.dot(da[t], W_hh_T, out=from_later)
            dh_t *= z
            from_later += dh_t

    def _backward_before(self, dh: np.ndarray, da: np.ndarray, from_later: np.ndarray) -> None:
        """Fill da with the gradients of a_r, a_z and a_n."""
        states = self._states
        T, N, H = dh.shape
        W_hg_T = self._transposed("W_hg_T", self.W_hh[:, : 2 * H])
        W_hn_T = self._transposed("W_hn_T", self.W_hh[:, 2 * H :])
        gates_t, gates_apart = self._one_step("gates_t", self._gates)
        da_t, da_apart = self._one_step("da_t", da)
        (r, z, n), (da_r, da_z, da_n) = gates_t, da_t
        dh_t, step = self._buffer("dh_t", N, H), self._buffer("step_back", N, H)
        from_later.fill(0)
        for t in range(T - 1, -1, -1):
            np.copyto(gates_t, gates_apart[t])
            np.add(dh[t], from_later, out=dh_t)
            self._through_new_state(states[t], z, n, dh_t, da_z, da_n, step)
            dh_t *= z  # of dh_{t−1}, the direct part …
            np.dot(da_n, W_hn_T, out=step)  # the gradient of r h_{t−1}
            step *= r
            dh_t += step  # … and the part through the candidate
            np.subtract(1, r, out=da_r)
            da_r *= step
            da_r *= states[t]
            da_apart[t] = da_t
            np.dot(da[t, :, : 2 * H], W_hg_T, out=from_later)
            from_later += dh_t

    def _through_new_state(
        self,
        h_before: np.ndarray,
        z: np.ndarray,
        n: np.ndarray,
        dh_t: np.ndarray,
        da_z: np.ndarray,
        da_n: np.ndarray,
        step: np.ndarray,
    ) -> None:
        """Write da_z and da_n for the whole gradient of one state; `step` is to write into."""
        np.subtract(1, z, out=step)
        step *= dh_t  # dh (1 − z), which both have in common
        np.subtract(h_before, n, out=da_z)
        da_z *= z
        da_z *= step
        np.multiply(n, n, out=da_n)
        np.subtract(1, da_n, out=da_n)
        da_n *= step


def _half_tanh(a: np.ndarray) -> None:
    """Turn pre-activations, already halved, into gates ½ + ½ tanh, in place."""
    np.tanh(a, out=a)
    a *= 0.5
    a += 0.5
