"""An encoder and a decoder as one PyTorch module."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]  # h (N, layers, H), and c of the same shape in an LSTM


class EncoderDecoder(nn.Module):
    """An encoder whose last state is the first one of a decoder, with a read-out of the decoder.

    The same as `unrolled.nets.EncoderDecoder`. Its parts may be this library's or PyTorch's own,
    also of several layers: names of parameters are the same, so a `state_dict` goes both ways.
    Symbols come as one-hot vectors, as there.

    Args:
        encoder: a recurrent module, (x, start) → (h, last state), time-major.
        decoder: another one of the same kind and size.
        readout: from the decoder's states to logits, such as `torch.nn.Linear(H, C)`.

    Raises:
        ValueError: the parts don't fit together.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, readout: nn.Module):
        super().__init__()
        if type(encoder) is not type(decoder):
            kinds = type(encoder).__name__, type(decoder).__name__
            raise ValueError(f"decoder: expected {kinds[0]} as the encoder is, got {kinds[1]}")
        if encoder is decoder:
            raise ValueError("decoder: expected a module of its own, got the encoder")
        H = encoder.hidden_size
        if decoder.hidden_size != H:
            raise ValueError(
                f"decoder: expected {H} units as the encoder has, got {decoder.hidden_size}"
            )
        self.encoder, self.decoder, self.readout = encoder, decoder, readout

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Read sources (S, N, D) and return logits (T, N, C) for the decoder's inputs (T, N, D_y).

        Raises:
            ValueError: a shape, dtype or device is wrong.
        """
        _, state = self.encoder(x)
        h, _ = self.decoder(y, state)
        return self.readout(h)

    @torch.no_grad()
    def encode(self, x: Tensor) -> State:
        """Read sources (S, N, D) and return the last state for `step`.

        It is (h,) or (h, c), each (N, layers, H): sequences first, so that `beam_search` can pick.
        """
        return _sequences_first(self.encoder(x)[1])

    @torch.no_grad()
    def step(self, symbols: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Make one step of the decoder, for `unrolled.sampling.generate` and `beam_search`.

        Args:
            symbols: what the decoder reads (N,), integers from 0 to D_y − 1.
            state: from `encode`, or from the step before.

        Returns:
            Logits (N, C) as a NumPy array, and the new state.

        Raises:
            RuntimeError: a symbol is not from 0 to D_y − 1.
        """
        h = state[0]
        y = functional.one_hot(torch.as_tensor(symbols, device=h.device), self.decoder.input_size)
        layers_first = tuple(s.transpose(0, 1).contiguous() for s in state)
        start = layers_first if len(state) == 2 else layers_first[0]
        h, last = self.decoder(y[None].to(h.dtype), start)
        return self.readout(h[0]).cpu().numpy(), _sequences_first(last)


def _sequences_first(state: Tensor | tuple[Tensor, Tensor]) -> State:
    parts = state if isinstance(state, tuple) else (state,)
    return tuple(part.transpose(0, 1) for part in parts)
