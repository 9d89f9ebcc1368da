"""The capstone's program, as a reader would copy it: its size, and its gradients by autograd."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jupyter_cache.readers import get_reader

LESSON = Path(__file__).parents[2] / "lessons" / "capstone.md"
NOTEBOOK = get_reader({"name": "myst_nb_md", "type": "plugin"})(str(LESSON))
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", ()))


@pytest.fixture(scope="module")
def program() -> dict:
    """What the cells define that a reader can run without PyTorch and our library."""
    names = {"np": np}
    for cell in CODE:
        if "runnable" in tags(cell) and "aside" not in tags(cell):
            exec(cell.source, names)
    return names


def test_the_program_has_about_120_lines_and_uses_numpy_alone():
    sources = [cell.source for cell in CODE if {"runnable"} == tags(cell)]
    lines = [line for source in sources for line in source.splitlines()]
    assert 100 <= sum(bool(line.strip()) for line in lines) <= 140
    assert not re.search(r"\b(torch|unrolled|plt)\b", "\n".join(lines))


def test_cells_are_short():
    for cell in CODE:
        if not tags(cell) & {"hide-cell", "hide-input"}:
            assert len(cell.source.splitlines()) <= 15, cell.source


@settings(deadline=None, max_examples=15)
@given(sizes=st.tuples(*[st.integers(1, 5)] * 3, st.integers(2, 6)), seed=st.integers(0, 99))
def test_gradients_are_those_of_autograd(program, sizes, seed):
    (T, N, H, C), rng = sizes, np.random.default_rng(seed)
    p = program["initialise"](C, H, rng, np.float64)
    x, y = rng.integers(C, size=(2, T, N))
    h, c = rng.normal(size=(2, N, H))
    logits, kept = program["forward"](p, x, h, c)
    loss, ds = program["cross_entropy"](logits, y)
    ours = program["gradients"](p, x, kept, ds)

    q = {name: torch.tensor(W, requires_grad=True) for name, W in p.items()}
    h, c, read = torch.tensor(h), torch.tensor(c), []
    for x_t in torch.tensor(x):
        i, f, g, o = (q["W_xh"][x_t] + h @ q["W_hh"] + q["b_h"]).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        read.append(h @ q["W_hs"] + q["b_s"])
    theirs = torch.nn.functional.cross_entropy(torch.cat(read), torch.tensor(y).flatten())
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), abs=1e-12)
    for name, W in q.items():
        np.testing.assert_allclose(ours[name], W.grad.numpy(), rtol=0, atol=1e-10, err_msg=name)


def test_clipping_and_adam_are_torchs(program):
    rng = np.random.default_rng(0)
    p = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=4)}
    q = {name: torch.tensor(W, requires_grad=True) for name, W in p.items()}
    means, squares = ({name: np.zeros_like(W) for name, W in p.items()} for _ in range(2))
    optimiser = torch.optim.Adam(q.values(), 0.01)
    for t, size in enumerate((0.1, 5.0, 2.0), 1):  # the first is shorter than the threshold
        d = {name: size * rng.normal(size=W.shape) for name, W in p.items()}
        for name, W in q.items():
            W.grad = torch.tensor(d[name])
        torch.nn.utils.clip_grad_norm_(q.values(), 1.0)
        optimiser.step()
        program["adam"](p, program["clip"](d, 1.0), means, squares, t, 0.01)
    for name, W in q.items():
        np.testing.assert_allclose(p[name], W.detach().numpy(), rtol=0, atol=1e-7)


def test_windows_follow_one_another_in_every_stream(program):
    codes = np.arange(103)
    read = list(program["windows"](codes, N=3, T=5))
    assert len(read) == 6
    for x, y in read:
        assert x.shape == y.shape == (5, 3) and np.array_equal(y, x + 1)
    for (_, y), (x, _) in itertools.pairwise(read):
        assert np.array_equal(y[-1], x[0])


def test_float32_stays_float32(program):
    rng = np.random.default_rng(0)
    p = program["initialise"](6, 4, rng)
    codes = rng.integers(6, size=60)
    program["learn"](p, codes, N=2, T=4, epochs=1)
    zeros = np.zeros((2, 4), np.float32)
    logits, kept = program["forward"](p, codes[:6].reshape(3, 2), zeros, zeros)
    ds = program["cross_entropy"](logits, codes[6:12].reshape(3, 2))[1]
    found = program["gradients"](p, codes[:6].reshape(3, 2), kept, ds)
    assert {array.dtype for array in (*p.values(), logits, ds, *found.values())} == {
        np.dtype(np.float32)
    }


def test_writing_draws_with_the_models_probabilities(program):
    rng = np.random.default_rng(0)
    p = program["initialise"](3, 4, rng, np.float64)
    p["b_s"][:] = 0, 1, 2
    zeros = np.zeros((1, 4))
    for tau in (0.5, 2.0):
        s = program["forward"](p, np.array([[0], [2]]), zeros, zeros)[0][-1, 0] / tau
        wanted = np.exp(s) / np.exp(s).sum()
        drawn = [program["write"](p, ["a", "b", "c"], "ac", 1, tau, rng)[-1] for _ in range(2000)]
        found = np.array([drawn.count(symbol) for symbol in "abc"]) / 2000
        assert abs(found - wanted).max() < 0.05
    written = program["write"](p, ["a", "b", "c"], "ac", 7, 1.0, rng)
    assert len(written) == 9 and written.startswith("ac")
