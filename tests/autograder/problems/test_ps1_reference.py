"""The reference of problem set 1 = PyTorch = its definition or finite differences, in float64."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.problems.ps1 import hidden, reference
from autograder.student.checking import central_differences
from tests.autograder.problems.test_ps2_reference import assert_near


@st.composite
def cuts(draw) -> dict:
    sizes = [*draw(st.lists(st.integers(0, 14), min_size=1, max_size=4)), 2]
    length = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    documents = [rng.integers(0, 9, size=size) for size in sizes]
    stride = draw(st.integers(1, length))
    return {"documents": documents, "length": length, "stride": stride, "pad": -1}


@settings(max_examples=60, deadline=None)
@given(cuts())
def test_windows_are_those_of_the_definition(cut):
    """Every pair of a window stands where equation (2) puts it; full windows are torch's."""
    found = reference.document_windows(**cut)
    L, s = cut["length"], cut["stride"]
    columns = iter(range(len(found["document"])))
    for d, tokens in enumerate(cut["documents"]):
        P, w = len(tokens) - 1, 0
        while P > 0:
            m = next(columns)
            pairs = [(tokens[k], tokens[k + 1], 1) for k in range(w * s, min(w * s + L, P))]
            wanted = [(-1, -1, 0)] * (L - len(pairs)) + pairs
            block = np.stack([found[k][:, m] for k in ("inputs", "targets", "mask")], axis=1)
            assert block.tolist() == [list(row) for row in wanted]
            assert found["document"][m] == d
            if w * s + L >= P:
                break
            w += 1
        if P >= L:
            full = found["mask"].all(axis=0) & (found["document"] == d)
            theirs = torch.tensor(tokens[:-1]).unfold(0, L, s).numpy().T
            np.testing.assert_array_equal(found["inputs"][:, full], theirs)
    assert next(columns, None) is None, "more windows than there should be"


@st.composite
def batches(draw) -> dict:
    T = draw(st.integers(1, 5))
    starts = draw(st.lists(st.integers(0, T), min_size=1, max_size=3))
    D, H = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    return hidden.padded_batch(draw(st.integers(0, 10**6)), starts, T, D, H)


@settings(max_examples=30, deadline=None)
@given(batches())
def test_leaky_network_is_torchs_cell_run_on_the_real_steps_alone(batch):
    h = reference.leaky_forward(**batch)
    D, H = batch["W_xh"].shape
    cell = torch.nn.RNNCell(D, H, dtype=torch.float64)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor(batch["W_xh"].T))
        cell.weight_hh.copy_(torch.tensor(batch["W_hh"].T))
        cell.bias_ih.copy_(torch.tensor(batch["b_h"]))
        cell.bias_hh.zero_()
        alpha = torch.tensor(batch["alpha"])
        for n, start in enumerate(batch["starts"]):
            state = torch.tensor(batch["h0"][n])
            np.testing.assert_array_equal(h[:start, n], np.tile(batch["h0"][n], (start, 1)))
            for t in range(start, len(h)):
                new = cell(torch.tensor(batch["x"][t, n]), state)
                state = torch.lerp(state, new, alpha)
                assert_near(h[t, n], state.numpy(), 1e-12, f"h, sample {n}, step {t}")


@settings(max_examples=20, deadline=None)
@given(batches())
def test_the_leak_moves_the_state_from_the_old_value_to_the_new(batch):
    """Nudging the leak moves the state by the new value less the old one: equation (3)."""
    arguments = {k: batch[k] for k in hidden.PARAMETERS}
    x_t, h_prev = batch["x"][-1], batch["h0"]

    def total() -> float:
        return float(reference.leaky_step(x_t, h_prev, **arguments).sum())

    numerical = central_differences(total, arguments["alpha"])
    new = np.tanh(x_t @ batch["W_xh"] + h_prev @ batch["W_hh"] + batch["b_h"])
    assert_near((new - h_prev).sum(axis=0), numerical, 1e-6, "dalpha")


@st.composite
def scored(draw) -> dict:
    T, N, C = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(2, 5))
    mask = draw(st.lists(st.integers(0, 1), min_size=T * N, max_size=T * N))
    batch = hidden.scored_batch(draw(st.integers(0, 10**6)), np.reshape(mask, (T, N)), C)
    return {**batch, "eps": draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))}


@settings(max_examples=40, deadline=None)
@given(scored())
def test_loss_and_gradient_three_ways(batch):
    loss, dlogits = reference.loss_and_gradient(**batch)

    C, eps = batch["logits"].shape[-1], batch["eps"]
    logits = torch.tensor(batch["logits"], requires_grad=True)
    means = []
    for n, mask in enumerate(batch["mask"].T):
        real = np.flatnonzero(mask)
        if len(real):
            onehot = torch.eye(C, dtype=torch.float64)[batch["targets"][real, n]]
            q = onehot * (1 - eps) + (1 - onehot) * eps / (C - 1)
            means.append(torch.nn.functional.cross_entropy(logits[real, n], q))
    theirs = sum(means) / len(means) if means else 0 * logits.sum()
    theirs.backward()
    assert_near(loss, theirs.detach().numpy(), 1e-12, "loss")
    assert_near(dlogits, logits.grad.numpy(), 1e-12, "dlogits, torch")

    numerical = central_differences(
        lambda: float(reference.loss_and_gradient(**batch)[0]), batch["logits"]
    )
    assert_near(dlogits, numerical, 1e-6, "dlogits, finite differences")


def test_hidden_inputs_are_what_the_notebook_promises():
    (large,) = hidden.loss_large_cases()
    assert large.arguments["logits"].size > 100_000
    for case in hidden.loss_cases():
        assert np.abs(case.arguments["logits"]).max() < 1e5
        real = case.arguments["mask"] == 1
        targets = case.arguments["targets"]
        C = case.arguments["logits"].shape[-1]
        assert (((targets >= 0) & (targets < C)) == real).all(), "at padding, no classes"
    for case in hidden.windows_cases():
        assert 1 <= case.arguments["stride"] <= case.arguments["length"]
        assert max(map(len, case.arguments["documents"])) >= 2
    padded = hidden.padded_batch(0, [3, 0], T=4, D=2, H=3)
    assert (np.abs(padded["x"][:3, 0]) > 10).all(), "padded steps should hold rubbish"
    assert (np.abs(padded["x"][3:, 0]) < 10).all()
