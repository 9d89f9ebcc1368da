"""Two recurrent layers, one that reads and one that writes (Sutskever, Vinyals and Le, 2014).

The encoder reads the source and hands its last state to the decoder, which starts from it:

    s_0 = h_S,    s_t = decoder(y_t, s_{t−1}),    o_t = s_t W_ho + b_o

and in an LSTM the last cell goes with the state. Nothing else passes from one to the other, neither
forward nor backward.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from unrolled.nets.bidirectional import of_parameters
from unrolled.nets.gru import GRU, GRUGradients
from unrolled.nets.lstm import LSTM, LSTMGradients
from unrolled.nets.readout import Readout, ReadoutGradients
from unrolled.nets.rnn import RNN, RNNGradients

State = tuple[np.ndarray, ...]  # h (N, H), and c (N, H) in an LSTM


class EncoderDecoderGradients(NamedTuple):
    """The gradients of the three parts; those of the inputs are `encoder.dx` and `decoder.dx`."""

    encoder: RNNGradients | GRUGradients | LSTMGradients
    decoder: RNNGradients | GRUGradients | LSTMGradients
    readout: ReadoutGradients

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """The parameters' gradients by name, such as "dencoder.W_xh", as optimisers want them."""
        return {
            f"d{part}.{name[1:]}": array
            for part, gradients in self._asdict().items()
            for name, array in of_parameters(gradients).items()
        }


class EncoderDecoder:
    """An encoder whose last state is the first one of a decoder, with a read-out of the decoder.

    Inputs are vectors, as those of every layer. Symbols come as one-hot vectors: then x W_xh is a
    row of W_xh, so that the input weights are the table of embeddings already, and no further
    parameter is needed. All sources of a batch have the same length.

    Args:
        encoder: an RNN, a GRU or an LSTM.
        decoder: another layer of the same kind, with as many units.
        readout: of the decoder's states.

    Raises:
        ValueError: the layers don't fit together.
    """

    def __init__(self, encoder: RNN | GRU | LSTM, decoder: RNN | GRU | LSTM, readout: Readout):
        if type(encoder) is not type(decoder):
            kinds = type(encoder).__name__, type(decoder).__name__
            raise ValueError(f"decoder: expected {kinds[0]} as the encoder is, got {kinds[1]}")
        if encoder is decoder:
            raise ValueError("decoder: expected a layer of its own, got the encoder")
        H = len(encoder.W_hh)
        for name, got in (("decoder", decoder.W_hh), ("readout", readout.W_ho)):
            if len(got) != H:
                raise ValueError(f"{name}: expected {H} units as the encoder has, got {len(got)}")
            if got.dtype != encoder.dtype:
                raise ValueError(
                    f"{name}: expected {encoder.dtype} as the encoder has, got {got.dtype}"
                )
        self.encoder, self.decoder, self.readout = encoder, decoder, readout
        self._S: int | None = None  # steps of the source that backward is for

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parts' arrays, as "encoder.W_xh": their own, not copies."""
        parts = {"encoder": self.encoder, "decoder": self.decoder, "readout": self.readout}
        return {
            f"{part}.{name}": array
            for part, layer in parts.items()
            for name, array in layer.parameters.items()
        }

    def forward(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Read sources, and score what comes next after each input of the decoder.

        With teacher forcing (Williams and Zipser, 1989) those are a first symbol and the *correct*
        outputs but the last (`unrolled.decoding.forced`).

        Args:
            x: sources (S, N, D).
            y: inputs of the decoder (T, N, D_y).

        Returns:
            Logits (T, N, C).

        Raises:
            ValueError: a shape or a dtype is wrong.
        """
        state = self.encode(x)
        o = self.readout.forward(self.decoder.forward(y, *state))
        self._S = len(x)
        return o

    def backward(self, do: ArrayLike) -> EncoderDecoderGradients:
        """Backpropagate through the decoder, the hand-over and the encoder of the last `forward`.

        The encoder gets dh_S = ds_0 at its last step and zeros before: there is no other way in.

        Args:
            do: ∂Loss/∂o_t (T, N, C).

        Raises:
            RuntimeError: there was no `forward` before, or another call since.
            ValueError: the shape or the dtype of `do` is wrong.
        """
        if self._S is None:
            raise RuntimeError("backward: expected a call of forward just before it")
        of_readout = self.readout.backward(do)
        of_decoder = self.decoder.backward(of_readout.dh)
        dh = np.zeros((self._S, *of_decoder.dh0.shape), self.encoder.dtype)
        dh[-1] = of_decoder.dh0
        of_cell = (of_decoder.dc0,) if isinstance(self.decoder, LSTM) else ()
        return EncoderDecoderGradients(self.encoder.backward(dh, *of_cell), of_decoder, of_readout)

    def encode(self, x: ArrayLike) -> State:
        """Read sources (S, N, D) and return the last state, (h,) or (h, c), each (N, H).

        Raises:
            ValueError: the shape or the dtype of x is wrong.
        """
        self._S = None
        h = self.encoder.forward(x)
        cell = (self.encoder.c_T.copy(),) if isinstance(self.encoder, LSTM) else ()
        return h[-1].copy(), *cell

    def step(self, symbols: ArrayLike, state: State) -> tuple[np.ndarray, State]:
        """Make one step of the decoder, for `unrolled.sampling.generate` and `beam_search`.

        Args:
            symbols: what the decoder reads (N,), integers from 0 to D_y − 1.
            state: from `encode`, or from the step before.

        Returns:
            Logits (N, C) and the new state.

        Raises:
            ValueError: a symbol, a shape or a dtype is wrong.
        """
        symbols, D = np.asarray(symbols), len(self.decoder.W_xh)
        if symbols.ndim != 1 or symbols.dtype.kind not in "iu":
            got = f"shape {symbols.shape} of {symbols.dtype}"
            raise ValueError(f"symbols: expected integers of shape (N,), got {got}")
        wrong = (symbols < 0) | (symbols >= D)
        if wrong.any():
            raise ValueError(f"symbols: expected 0 to {D - 1}, got {symbols[wrong][0]}")
        self._S = None
        h = self.decoder.forward(np.eye(D, dtype=self.decoder.dtype)[symbols][None], *state)
        cell = (self.decoder.c_T.copy(),) if isinstance(self.decoder, LSTM) else ()
        return self.readout.forward(h[0]), (h[0].copy(), *cell)
