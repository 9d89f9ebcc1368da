"""Problem set 5: the model solution, and the reference that answers are compared with.

The cells that use PyTorch are kept as text, so that this module needs none of it. What the module
of problem 5.2 is compared with is derived by hand, in NumPy.
"""

from collections.abc import Mapping

import numpy as np

from autograder.problems.solution import ModelSolution

# What the notebook's setup cell gives students, but for the checks.
SETUP = '''
import numpy as np
import torch
from torch import nn


class Reader(nn.Module):
    """A GRU layer and a read-out: inputs x (T, N, D) to logits (T, N, C)."""

    def __init__(self, D, H, C):
        super().__init__()
        self.layer = nn.GRU(D, H)
        self.readout = nn.Linear(H, C)

    def forward(self, x):
        return self.readout(self.layer(x)[0])


def new_reader(weights):
    """A Reader with these weights, a dict of arrays by name, in their dtype."""
    state = {name: torch.as_tensor(array) for name, array in weights.items()}
    (_, D), (C, H) = state["layer.weight_ih_l0"].shape, state["readout.weight"].shape
    reader = Reader(D, H, C).to(state["readout.weight"].dtype)
    reader.load_state_dict(state)
    return reader
'''


def decode(
    h0: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
    W_ho: np.ndarray,
    b_o: np.ndarray,
    start: int,
    end: int,
    uniforms: np.ndarray,
    temperature: float,
    top_p: float,
    min_length: int,
) -> dict[str, np.ndarray]:
    """What the network writes, how long it is, and how probable: problem 5.1."""
    L, N = uniforms.shape
    rows = np.arange(N)
    symbols = np.full((L, N), end)
    lengths = np.zeros(N, dtype=int)
    logp = np.zeros(N)
    running = np.ones(N, dtype=bool)
    read = np.full(N, start)
    state = h0
    for t in range(L):
        state = np.tanh(W_xh[read] + state @ W_hh + b_h)
        logits = state @ W_ho + b_o
        allowed = logits.copy()
        if t < min_length:
            allowed[:, end] = -np.inf
        if temperature == 0:
            read = allowed.argmax(axis=1)
        else:
            p = np.exp((allowed - allowed.max(axis=1, keepdims=True)) / temperature)
            p = p / p.sum(axis=1, keepdims=True)
            order = np.argsort(-p, axis=1, kind="stable")
            falling = np.take_along_axis(p, order, axis=1)
            before = falling.cumsum(axis=1) - falling
            in_nucleus = np.empty(p.shape, dtype=bool)
            np.put_along_axis(in_nucleus, order, before < top_p, axis=1)
            p = np.where(in_nucleus, p, 0.0)
            p = p / p.sum(axis=1, keepdims=True)
            read = (p.cumsum(axis=1) > uniforms[t][:, None]).argmax(axis=1)
        shifted = logits - logits.max(axis=1, keepdims=True)
        surprise = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, read]
        symbols[t] = np.where(running, read, end)
        lengths += running
        logp -= np.where(running, surprise, 0.0)
        running = running & (read != end)
    return {"symbols": symbols, "lengths": lengths, "logp": logp}


MODULE = '''
class ProjectedLSTM(nn.Module):
    """One layer equal to torch.nn.LSTM(D, H, proj_size=P), with resets besides."""

    def __init__(self, input_size, hidden_size, proj_size, device=None, dtype=None):
        super().__init__()
        shapes = {
            "weight_ih_l0": (4 * hidden_size, input_size),
            "weight_hh_l0": (4 * hidden_size, proj_size),
            "bias_ih_l0": (4 * hidden_size,),
            "bias_hh_l0": (4 * hidden_size,),
            "weight_hr_l0": (proj_size, hidden_size),
        }
        bound = hidden_size**-0.5
        for name, shape in shapes.items():
            values = torch.empty(shape, device=device, dtype=dtype).uniform_(-bound, bound)
            self.register_parameter(name, nn.Parameter(values))

    def forward(self, x, start=None, resets=None):
        """The projected states h (T, N, P), and the last ones: (h_T (1, N, P), c_T (1, N, H))."""
        N = x.shape[1]
        P, H = self.weight_hr_l0.shape
        if start is None:
            h, c = x.new_zeros(N, P), x.new_zeros(N, H)
        else:
            h, c = start[0][0], start[1][0]
        outputs = []
        for t in range(len(x)):
            if resets is not None:
                again = resets[t][:, None]
                h, c = h.masked_fill(again, 0.0), c.masked_fill(again, 0.0)
            a = x[t] @ self.weight_ih_l0.T + self.bias_ih_l0
            a = a + h @ self.weight_hh_l0.T + self.bias_hh_l0
            i, f, g, o = a.split(H, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = (o.sigmoid() * c.tanh()) @ self.weight_hr_l0.T
            outputs.append(h)
        return torch.stack(outputs), (h[None], c[None])
'''.lstrip()


TRAINING = '''
def train(weights, draw, updates, lr, max_norm, device="cpu"):
    """Train a Reader from these weights; return it and the losses of the updates made."""
    model = new_reader(weights).to(device)
    dtype = model.readout.weight.dtype
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(updates):
        parts = draw()
        counted = sum(int(mask.sum()) for _, _, mask in parts)
        optimiser.zero_grad()
        total = 0.0
        for x, y, mask in parts:
            x = torch.as_tensor(x, dtype=dtype, device=device)
            y, mask = torch.as_tensor(y, device=device), torch.as_tensor(mask, device=device)
            logits = model(x)
            loss = nn.functional.cross_entropy(logits[mask], y[mask], reduction="sum") / counted
            loss.backward()
            total += loss.item()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        if torch.isfinite(norm):
            optimiser.step()
            losses.append(total)
    return model, losses


def fit(weights, draw, updates, device="cpu"):
    """Reach the target: return a trained module that maps x (T, N, D) to logits (T, N, C)."""
    model, _ = train(weights, draw, updates, lr=0.03, max_norm=1.0, device=device)
    return model
'''.lstrip()


MODEL = ModelSolution({"decode": [decode], "module": MODULE, "training": TRAINING}, SETUP)


def sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−a)), without overflow."""
    return 0.5 * (1 + np.tanh(a / 2))


def projected_lstm(
    x: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    resets: np.ndarray,
    weights: Mapping[str, np.ndarray],
    dh: np.ndarray,
    dh_T: np.ndarray,
    dc_T: np.ndarray,
) -> dict[str, np.ndarray]:
    """Outputs and gradients of problem 5.2, by hand.

    The loss is the sum of dh · h, dh_T · h_T and dc_T · c_T.

    Args:
        x: inputs (T, N, D).
        h0: the first state (N, P).
        c0: the first cell (N, H).
        resets: where a sample starts anew, truth values (T, N).
        weights: the five parameters, by torch.nn.LSTM's names.
        dh: gradient of the states (T, N, P).
        dh_T: gradient of the last state (N, P), which comes to that of dh[-1].
        dc_T: gradient of the last cell (N, H).
    """
    W_ih, W_hh = weights["weight_ih_l0"], weights["weight_hh_l0"]
    W_hr = weights["weight_hr_l0"]
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    T = len(x)
    h, c, trace, outputs = h0, c0, [], []
    for t in range(T):
        keep = 1.0 - resets[t][:, None]
        h, c = keep * h, keep * c
        before = h, c
        a_i, a_f, a_g, a_o = np.split(x[t] @ W_ih.T + h @ W_hh.T + bias, 4, axis=1)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        c = f * c + i * g
        m = o * np.tanh(c)
        h = m @ W_hr.T
        outputs.append(h)
        trace.append((keep, before, (i, f, g, o), c, m))

    grads = {f"d{name}": np.zeros(array.shape) for name, array in weights.items()}
    dx = np.zeros(x.shape)
    to_h, to_c = dh_T, dc_T
    for t in reversed(range(T)):
        keep, (h_before, c_before), (i, f, g, o), c_t, m = trace[t]
        to_h = to_h + dh[t]
        grads["dweight_hr_l0"] += to_h.T @ m
        dm = to_h @ W_hr
        to_c = to_c + dm * o * (1 - np.tanh(c_t) ** 2)
        slopes = (
            to_c * g * i * (1 - i),
            to_c * c_before * f * (1 - f),
            to_c * i * (1 - g**2),
            dm * np.tanh(c_t) * o * (1 - o),
        )
        da = np.concatenate(slopes, axis=1)
        dx[t] = da @ W_ih
        grads["dweight_ih_l0"] += da.T @ x[t]
        grads["dweight_hh_l0"] += da.T @ h_before
        grads["dbias_ih_l0"] += da.sum(axis=0)
        grads["dbias_hh_l0"] += da.sum(axis=0)
        to_h, to_c = keep * (da @ W_hh), keep * to_c * f
    states = {"h": np.stack(outputs), "h_T": h, "c_T": c}
    return states | {"dx": dx, "dh0": to_h, "dc0": to_c} | grads
