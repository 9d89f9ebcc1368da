"""The reference of problem set 2 = torch autograd = finite differences, all in float64."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.problems.ps2 import hidden, reference
from autograder.student.checking import central_differences

FORWARD = ("x", "lengths", "h0", "W_xh", "W_hh", "b_h")
DIFFERENTIATED = ("x", "h0", "W_xh", "W_hh", "b_h")


@st.composite
def batches(draw) -> dict:
    T = draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(0, T), min_size=1, max_size=3))
    D, H = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    return hidden.batch(draw(st.integers(0, 10**6)), lengths, D, H, T)


def assert_near(ours: np.ndarray, theirs: np.ndarray, tolerance: float, what: str):
    scale = max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, err_msg=what)


def torch_states(a: dict[str, torch.Tensor], steps: range, state: torch.Tensor) -> torch.Tensor:
    states = []
    for t in steps:
        new = torch.tanh(a["x"][t] @ a["W_xh"] + state @ a["W_hh"] + a["b_h"])
        state = torch.where((t < a["lengths"])[:, None], new, state)
        states.append(state)
    return torch.stack(states)


def as_tensors(batch: dict) -> dict[str, torch.Tensor]:
    tensors = {name: torch.tensor(array) for name, array in batch.items()}
    for name in DIFFERENTIATED:
        tensors[name].requires_grad_()
    return tensors


@settings(max_examples=30, deadline=None)
@given(batches())
def test_forward_and_backward_three_ways(batch):
    h = reference.padded_forward(*(batch[name] for name in FORWARD))
    ours = reference.padded_backward(
        batch["dh"], batch["x"], batch["lengths"], batch["h0"], h, *(batch[n] for n in FORWARD[3:])
    )

    tensors = as_tensors(batch)
    states = torch_states(tensors, range(len(h)), tensors["h0"])
    (tensors["dh"] * states).sum().backward()
    assert_near(h, states.detach().numpy(), 1e-12, "h")

    def loss() -> float:
        return float((batch["dh"] * reference.padded_forward(*(batch[n] for n in FORWARD))).sum())

    for name in DIFFERENTIATED:
        assert_near(ours[f"d{name}"], tensors[name].grad.numpy(), 1e-12, f"d{name}, torch")
        numerical = central_differences(loss, batch[name])
        assert_near(ours[f"d{name}"], numerical, 1e-6, f"d{name}, finite differences")


@settings(max_examples=30, deadline=None)
@given(batches(), st.integers(1, 6))
def test_truncated_three_ways(batch, tau):
    parameters = [batch[name] for name in FORWARD[3:]]
    x, lengths, h0, dh = (batch[name] for name in ("x", "lengths", "h0", "dh"))
    ours, h_T = reference.truncated_bptt(x, lengths, h0, dh, tau, *parameters)
    T = len(x)
    windows = [range(start, min(start + tau, T)) for start in range(0, T, tau)]

    tensors = as_tensors(batch)
    state = tensors["h0"]
    loss = torch.zeros(())
    starts = []
    for steps in windows:
        state = state.detach()
        starts.append(state.numpy().copy())
        states = torch_states(tensors, steps, state)
        loss = loss + (tensors["dh"][steps.start : steps.stop] * states).sum()
        state = states[-1]
    loss.backward()
    assert_near(h_T, state.detach().numpy(), 1e-12, "h_T")

    def windowed_loss() -> float:
        """The loss as truncation sees it: each window starts from a constant."""
        total = 0.0
        for steps, start in zip(windows, starts, strict=True):
            part = slice(steps.start, steps.stop)
            h = reference.padded_forward(x[part], lengths - steps.start, start, *parameters)
            total += float((dh[part] * h).sum())
        return total

    for name in ("W_xh", "W_hh", "b_h"):
        assert_near(ours[f"d{name}"], tensors[name].grad.numpy(), 1e-12, f"d{name}, torch")
        numerical = central_differences(windowed_loss, batch[name])
        assert_near(ours[f"d{name}"], numerical, 1e-6, f"d{name}, finite differences")


def test_hidden_batches_have_the_sizes_that_the_notebook_promises():
    large = hidden.large_batch(0)
    assert sum(large[name].size for name in hidden.PARAMETERS) > 100_000
    padded = hidden.batch(0, [3, 1, 0], D=2, H=3, T=4)
    assert (np.abs(padded["x"][1:, 1]) > 10).all(), "padded steps should hold rubbish"
    assert (np.abs(padded["x"][:3, 0]) < 10).all()
