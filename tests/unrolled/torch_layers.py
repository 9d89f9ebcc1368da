"""Weights, outputs and gradients of torch.nn's layers, in the form of the NumPy networks."""

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.nets import GRU, LSTM, RNN

CELLS = {RNN: torch.nn.RNN, GRU: torch.nn.GRU, LSTM: torch.nn.LSTM}


def layer_from(module, suffix):
    """Return the NumPy layer with the weights of one direction of a layer of torch's."""
    W_ih, W_hh, b_ih, b_hh = (
        getattr(module, f"{name}_{suffix}").detach().numpy().copy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if isinstance(module, torch.nn.GRU):
        H = len(b_hh) // 3
        b_h = b_ih + np.concatenate([b_hh[: 2 * H], np.zeros(H)])
        return GRU(W_ih.T, W_hh.T, b_h, b_hh[2 * H :])
    kind = next(ours for ours, theirs in CELLS.items() if type(module) is theirs)
    return kind(W_ih.T, W_hh.T, b_ih + b_hh)


def expected_gradients(module, suffix):
    """Return dW_xh, dW_hh, db_h and, of a GRU, db_hn from torch's gradients."""
    dW_ih, dW_hh, db_ih, db_hh = (
        getattr(module, f"{name}_{suffix}").grad.numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    gradients = {"dW_xh": dW_ih.T, "dW_hh": dW_hh.T, "db_h": db_ih}
    if isinstance(module, torch.nn.GRU):
        gradients["db_hn"] = db_hh[-len(db_hh) // 3 :]
    return gradients


def packed(module, x, lengths):
    """Return torch's output for sequences of these lengths, padded to all T steps."""
    out, _ = module(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False))
    return pad_packed_sequence(out, total_length=len(x))[0]
