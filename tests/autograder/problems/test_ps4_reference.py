"""The reference of problem set 4 = torch autograd = finite differences, all in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.problems.ps4 import hidden, reference
from autograder.student.checking import central_differences

GIVEN_IN_FULL = ("lengths", "dh", "dc", "dy")


@st.composite
def batches(draw, blocks: int) -> dict:
    T = draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(0, T), min_size=1, max_size=3))
    D, H = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    return hidden.batch(draw(st.integers(0, 10**6)), lengths, D, H, blocks, T)


def as_tensors(batch: dict) -> dict[str, torch.Tensor]:
    tensors = {name: torch.tensor(array) for name, array in batch.items()}
    for name, tensor in tensors.items():
        if name not in GIVEN_IN_FULL:
            tensor.requires_grad_()
    return tensors


def assert_near(ours: np.ndarray, theirs: np.ndarray, tolerance: float, what: str):
    scale = max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, err_msg=what)


def assert_all_near(batch, tensors, loss_of_tensors, loss_of_arrays, gradients, names):
    """Compare gradients with autograd's and with central differences."""
    wanted = torch.autograd.grad(loss_of_tensors, [tensors[n] for n in names], allow_unused=True)
    assert gradients.keys() == {f"d{name}" for name in names}
    for name, theirs in zip(names, wanted, strict=True):
        theirs = torch.zeros_like(tensors[name]) if theirs is None else theirs
        ours = gradients[f"d{name}"]
        assert_near(ours, theirs.numpy(), 1e-12, f"d{name}, torch")
        numerical = central_differences(loss_of_arrays, batch[name])
        assert_near(ours, numerical, 1e-6, f"d{name}, finite differences")


@settings(max_examples=20, deadline=None)
@given(batches(3))
def test_gru_three_ways(batch):
    names = ("x", "h0", "W_x", "W_h", "b")
    tensors = as_tensors(batch)
    x, W, U, b = (tensors[name] for name in ("x", "W_x", "W_h", "b"))
    old, states = tensors["h0"], []
    for t in range(len(x)):
        u, r = (torch.sigmoid(x[t] @ W[k] + old @ U[k] + b[k]) for k in range(2))
        new = torch.lerp(old, torch.tanh(x[t] @ W[2] + (r * old) @ U[2] + b[2]), u)
        old = torch.where((t < tensors["lengths"])[:, None], new, old)
        states.append(old)
    states = torch.stack(states)

    def forward() -> np.ndarray:
        return reference.gru_forward(*(batch[name] for name in hidden.GRU))

    h = forward()
    assert_near(h, states.detach().numpy(), 1e-12, "h")
    case = hidden.gru_backward_case("", batch)
    ours = reference.gru_backward(**case.arguments)
    assert np.array_equal(case.arguments["h"], h)
    assert_all_near(
        batch,
        tensors,
        (tensors["dh"] * states).sum(),
        lambda: float((batch["dh"] * forward()).sum()),
        ours,
        names,
    )


@settings(max_examples=20, deadline=None)
@given(batches(3))
def test_lstm_three_ways(batch):
    names = ("x", "h0", "c0", "W_x", "W_h", "p", "b")
    tensors = as_tensors(batch)
    x, W, U, p, b = (tensors[name] for name in ("x", "W_x", "W_h", "p", "b"))
    s, q, states, cells = tensors["h0"], tensors["c0"], [], []
    for t in range(len(x)):
        a = [x[t] @ W[k] + s @ U[k] + b[k] for k in range(3)]
        new = torch.lerp(torch.tanh(a[1]), q, torch.sigmoid(a[0] + p[0] * q))
        real = (t < tensors["lengths"])[:, None]
        s = torch.where(real, torch.sigmoid(a[2] + p[1] * new) * torch.tanh(new), s)
        q = torch.where(real, new, q)
        states.append(s)
        cells.append(q)
    states, cells = torch.stack(states), torch.stack(cells)

    def forward() -> tuple[np.ndarray, np.ndarray]:
        return reference.lstm_forward(*(batch[name] for name in hidden.LSTM))

    def loss() -> float:
        h, c = forward()
        return float((batch["dh"] * h).sum() + (batch["dc"] * c).sum())

    h, c = forward()
    assert_near(h, states.detach().numpy(), 1e-12, "h")
    assert_near(c, cells.detach().numpy(), 1e-12, "c")
    ours = reference.lstm_backward(**hidden.lstm_backward_case("", batch).arguments)
    upstream = (tensors["dh"] * states).sum() + (tensors["dc"] * cells).sum()
    assert_all_near(batch, tensors, upstream, loss, ours, names)


@settings(max_examples=20, deadline=None)
@given(batches(2))
def test_two_ways_three_ways(batch):
    names = ("x", "s0", "W_x", "W_h", "b", "v")
    tensors = as_tensors(batch)
    x, s0, W, U, b, v = (tensors[name] for name in names)
    T, N, _ = batch["x"].shape
    states = [[[torch.zeros_like(v)] * N for _ in range(T)] for _ in range(2)]
    for n, length in enumerate(batch["lengths"]):
        for k, order in enumerate([range(length), range(length)[::-1]]):
            state = s0[k]
            for t in order:
                state = states[k][t][n] = torch.tanh(x[t, n] @ W[k] + state @ U[k] + b[k])
    s = torch.stack([torch.stack([torch.stack(row) for row in way]) for way in states])
    y = torch.lerp(s[1], s[0], torch.sigmoid(v))

    def forward() -> tuple[np.ndarray, np.ndarray]:
        return reference.two_way_forward(*(batch[name] for name in hidden.TWO_WAY))

    assert_near(forward()[0], y.detach().numpy(), 1e-12, "y")
    assert_near(forward()[1], s.detach().numpy(), 1e-12, "s")
    ours = reference.two_way_backward(**hidden.two_way_backward_case("", batch).arguments)
    assert_all_near(
        batch,
        tensors,
        (tensors["dy"] * y).sum(),
        lambda: float((batch["dy"] * forward()[0]).sum()),
        ours,
        names,
    )


@pytest.mark.parametrize("blocks", [2, 3])
def test_large_batches_have_the_size_that_the_notebook_promises(blocks):
    large = hidden.large_batch(0, blocks)
    assert sum(large[name].size for name in ("W_x", "W_h", "b")) > 100_000
    assert np.isfinite(large["x"]).all()
