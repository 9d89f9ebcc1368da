"""Truncated backpropagation through time over a stream: the state is carried, the gradient is cut.

A stream is read a few steps at a time. After each reading the gradient is taken over the last k2
steps and no further, so that memory and time for one update do not grow with the stream.
"""

import numpy as np
from numpy.typing import ArrayLike

from unrolled.nets import RNN, RNNGradients


class TruncatedBPTT:
    """Reads a stream with a network, and backpropagates at most k2 steps from where it stands.

    Call `forward` with the next k1 steps, then `backward` with the gradient of their losses, then
    update the parameters; repeat. This is BPTT(h; h') of Williams and Peng (1990) with h = k2 and
    h' = k1, the letters being those of Sutskever (2013, section 2.8.6). Every loss is counted once.
    A loss reaches back over k2 − k1 + 1 steps at least and k2 at most.

    Where k2 > k1, steps that were read before are run again, with the parameters as they are now.
    Williams and Peng keep the states of the old parameters instead; while the parameters do not
    change, both are the same.

    Args:
        net: the network. What it returns may be overwritten by the next call (`keep_workspace`).
        k2: how many steps a gradient reaches back, counting the one it starts from; None ends it
            where the reading began.

    Raises:
        ValueError: k2 is less than 1.
    """

    def __init__(self, net: RNN, k2: int | None = None):
        if k2 is not None and k2 < 1:
            raise ValueError(f"k2: expected at least 1 step, got {k2}")
        self.net, self.k2 = net, k2
        self.reset()

    @property
    def state(self) -> np.ndarray | None:
        """The carried state (N, H), after the last step read; None where it starts from zeros."""
        return None if self._states is None else self._states[-1].copy()

    def reset(self) -> None:
        """Forget the stream: the next reading starts from a state of zeros."""
        self._past: np.ndarray | None = None  # inputs of past steps that a gradient may still reach
        self._states: np.ndarray | None = None  # the state before each of them, and the last one
        self._again, self._new = 0, 0  # steps of the last forward: run again, and read

    def forward(self, x: ArrayLike) -> np.ndarray:
        """Read the next steps of the stream.

        Args:
            x: inputs (k1, N, D); at most k2 steps. Row n goes on where row n ended last time.

        Returns:
            h (k1, N, H), read-only as those of the network.

        Raises:
            ValueError: a shape or a dtype is wrong.
            FloatingPointError: the last state is not finite, so it can't be carried on.
        """
        x = np.asarray(x)
        if self.k2 is not None and len(x) > self.k2:
            raise ValueError(f"x: expected at most k2 = {self.k2} steps, got {len(x)}")
        if self._states is None:
            start, again, span = None, 0, x
        else:
            N = self._states.shape[1]
            if x.ndim != 3 or x.shape[1] != N:
                raise ValueError(
                    f"x: expected shape (k1, {N}, D), to go on with the {N} sequences read so far, "
                    f"got {x.shape}; call reset to begin others"
                )
            again = min(len(self._past), (self.k2 or len(x)) - len(x))
            start = self._states[len(self._past) - again]
            span = np.concatenate([self._past[len(self._past) - again :], x]) if again else x

        self._new = 0  # nothing to walk back over until this has gone well
        h = self.net.forward(span, start)
        if not np.isfinite(h[-1]).all():
            raise FloatingPointError(
                "h: expected a finite state to carry on, got nan or inf: the input holds one, "
                "or the training has diverged"
            )
        self._again, self._new = again, len(x)
        keep = min(len(span), (self.k2 or 1) - 1)
        start = np.zeros_like(h[0]) if start is None else start
        self._past = span[len(span) - keep :].copy()
        self._states = np.concatenate([start[None], h])[len(span) - keep :]
        return h[again:]

    def backward(self, dh: ArrayLike) -> RNNGradients:
        """Return the gradients of the losses of the steps just read, over the last k2 steps.

        Args:
            dh: ∂Loss/∂h_t (k1, N, H) from what reads the new states out.

        Returns:
            dx, dh0, dW_xh, dW_hh, db_h over the steps that the gradient crossed. `dh0` is what
            would flow on into the steps before them: the message that truncation drops.

        Raises:
            RuntimeError: there was no `forward` before, or a `reset` since.
            ValueError: the shape or the dtype of `dh` is wrong.
        """
        if self._new == 0:
            raise RuntimeError("backward: expected a call of forward before it, there was none")
        dh = np.asarray(dh)
        _, N, H = self._states.shape
        if dh.shape != (self._new, N, H):
            raise ValueError(f"dh: expected shape {(self._new, N, H)}, got {dh.shape}")
        earlier = np.zeros((self._again, N, H), dh.dtype)
        return self.net.backward(np.concatenate([earlier, dh]) if self._again else dh)


def lanes(stream: ArrayLike, N: int) -> np.ndarray:
    """Cut one long stream into N equal lanes, to be read side by side.

    Lane n goes on from one step to the next just as the stream does, so a state may be carried
    along it. What is left over at the end of the stream, fewer than N entries, is not used.

    Args:
        stream: what stands at each step (S, …).
        N: lanes, from 1 to S.

    Returns:
        The lanes (S // N, N, …), time-major; no copy.

    Raises:
        ValueError: N is not from 1 to S.
    """
    stream = np.asarray(stream)
    if stream.ndim == 0 or not 1 <= N <= len(stream):
        steps = 0 if stream.ndim == 0 else len(stream)
        raise ValueError(f"N: expected from 1 to {steps} lanes for {steps} steps, got {N}")
    T = len(stream) // N
    return np.swapaxes(stream[: T * N].reshape(N, T, *stream.shape[1:]), 0, 1)
