"""Chapter 15's statements, each shown once more by another way than the lesson's."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from scipy.optimize import linprog
from scipy.special import eval_chebyt, expit

from unrolled.data.recorded import recorded
from unrolled.nets import MinGRU, MinLSTM, linear_scan, linear_scan_backward
from unrolled.tasks import temporal_order

LESSONS = Path(__file__).parents[2] / "lessons"
LESSON = LESSONS / "15-parallel-recurrences.md"
CELLS = read_myst_markdown_notebook(LESSON.read_text(encoding="utf-8")).cells


@pytest.mark.parametrize("T", [1, 2, 5, 16, 33])
def test_a_linear_recurrence_is_a_triangular_system_and_its_gradient_the_transposed_one(T):
    rng = np.random.default_rng(T)
    a, b, dh = rng.normal(size=(3, T))
    h0 = np.array(rng.normal())
    system = np.eye(T) - np.diag(a[1:], -1)
    b_and_start = b + np.r_[a[0] * h0, np.zeros(T - 1)]
    h = linear_scan(a, b, h0)
    np.testing.assert_allclose(h, np.linalg.solve(system, b_and_start), rtol=1e-9)
    delta = np.linalg.solve(system.T, dh)
    gradients = linear_scan_backward(a, h, dh, h0)
    np.testing.assert_allclose(gradients.db, delta, rtol=1e-9)
    np.testing.assert_allclose(gradients.da, delta * np.r_[h0, h[:-1]], rtol=1e-9)


def test_the_four_steps_by_hand():
    a, b = np.array([0.5, 0.5, 2, -1]), np.array([1.0, 2, 0, 3])
    h = linear_scan(a, b, np.array(4.0))
    assert h.tolist() == [3, 3.5, 7, -4]
    back = linear_scan_backward(a, h, np.array([1.0, 0, 0, 1]), np.array(4.0))
    assert (back.db.tolist(), back.da.tolist(), back.dh0) == ([0, -2, -1, 1], [0, -6, -3.5, 7], 0)


class Traced:
    """A number that isn't one: it knows how many additions lie behind it, one after the other."""

    additions = 0

    def __init__(self, depth=0):
        self.depth = depth

    def __mul__(self, other):
        return Traced(max(self.depth, other.depth))

    def __add__(self, other):
        Traced.additions += 1
        return Traced(max(self.depth, other.depth) + 1)


@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_work_and_depth(k):
    T = 2**k
    for how, work, depth in (("loop", T, T), ("parallel", 2 * T - 1, max(2, 2 * k - 1))):
        a, b, h0 = (np.array([Traced() for _ in range(n)], object) for n in (T, T, 1))
        Traced.additions = 0
        h = linear_scan(a[:, None], b[:, None], h0, how)
        # More work than in the lesson's table, by the step from h_0, which every level takes.
        assert Traced.additions == work
        assert max(state.depth for state in h[:, 0]) == depth


def test_parity_needs_weights_as_large_as_a_chebyshev_polynomial():
    grid = (1 + np.cos(np.linspace(0, np.pi, 2401))) / 2  # has all points where they reach ±1
    for T in (1, 2, 3, 4):
        rows = -((-1.0) ** np.arange(T + 1))[:, None] * grid ** np.arange(T + 1)[:, None]
        least = linprog(np.ones(2 * grid.size), np.hstack([rows, -rows]), -np.ones(T + 1))
        assert least.fun == pytest.approx(eval_chebyt(T, 3), rel=1e-6)
        assert eval_chebyt(T, 3) == pytest.approx(np.cosh(T * np.arccosh(3)))


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_on_a_run_of_ones_no_read_out_of_a_layer_changes_sign_more_often_than_it_has_units(kind):
    rng = np.random.default_rng(0)
    for _ in range(200):
        H = int(rng.integers(1, 5))
        net = kind.initialise(1, H, rng)
        for parameter in net.parameters.values():
            parameter *= 10
        h = net.forward(np.ones((40, 1, 1)), rng.normal(size=(1, H)))[:, 0]
        assert (np.diff(h, axis=0) * np.diff(h, axis=0)[:1] >= -1e-12).all()  # each goes one way
        read = h @ rng.normal(size=(H, 20)) + rng.normal(size=20)
        assert (np.diff(np.sign(read), axis=0) != 0).sum(axis=0).max() <= H


def test_a_sign_tracks_parity_at_any_length():
    bits = np.random.default_rng(0).integers(2, size=10_000)
    h = linear_scan(1.0 - 2 * bits, np.zeros(10_000), np.array(1.0))
    np.testing.assert_array_equal(h < 0, bits.cumsum() % 2 == 1)


def test_two_units_by_hand_solve_temporal_order():
    W_xh = np.zeros((6, 4))  # columns: both gates, both candidates
    W_xh[:2, :2] = [[-1e3, -1e2]] * 2  # A and B let the new in …
    b_h = np.array([1e2, 1e2, 0, 0])  # … and nothing else does
    W_xh[0, 2:], W_xh[1, 2:] = 1, -1
    x, y = temporal_order(100, 1000, np.random.default_rng(0), np.float64)
    newest, mean = MinGRU(W_xh, b_h).forward(x)[-1].T
    first = 4 * mean - 2 * newest
    np.testing.assert_array_equal(2 * (first < 0) + (newest < 0), y)


@pytest.mark.parametrize("T", [2, 20, 500])
def test_two_layers_by_hand_remember_the_first_and_one_weighs_the_last_most(T):
    symbols = np.random.default_rng(0).integers(4, size=(T, 50))
    x = np.eye(4)[symbols]
    # First layer: a clock ½, ¾, ⅞ …, and the input handed on.
    W_1, b_1 = np.zeros((4, 10)), np.r_[0, np.full(4, -1e3), 1, np.zeros(4)]
    W_1[:, 6:] = np.eye(4)
    W_2, b_2 = np.zeros((5, 8)), np.r_[np.full(4, -62.5), np.zeros(4)]
    W_2[0, :4], W_2[1:, 4:] = 100, np.eye(4)
    h = MinGRU(W_2, b_2).forward(MinGRU(W_1, b_1).forward(x))
    np.testing.assert_array_equal(h[-1].argmax(axis=1), symbols[0])

    # One unit: with the same input at all steps, the weight of a step in the end never falls.
    for gate in (-2.0, 0.0, 3.0):
        z = expit(gate)
        weights = linear_scan_backward(np.full(T, z), np.zeros(T), np.eye(T)[-1]).db * (1 - z)
        assert (np.diff(weights) >= 0).all()


def test_the_weight_in_a_minlstm_is_the_quotient_of_its_gates():
    rng = np.random.default_rng(0)
    net, x = MinLSTM.initialise(3, 4, rng), rng.normal(size=(5, 2, 3))
    net.forward(x)
    i, f, _ = np.split(expit(x @ net.W_xh + net.b_h), 3, axis=-1)
    np.testing.assert_allclose(net.mean[0], f / (f + i), rtol=1e-12)


def test_the_gradient_of_one_index_is_as_large_as_the_whole_array():
    a = torch.rand(50, 8, requires_grad=True)
    assert a[3].grad_fn(torch.ones(8)).shape == (50, 8)
    one = a.unbind(0)[3].grad_fn
    assert one is a.unbind(0)[3].grad_fn or one.name().startswith("UnbindBackward")
    assert one(*torch.ones(50, 8)).shape == (50, 8)  # once, for all fifty


@pytest.mark.parametrize("bits, T", [(32, 150), (64, 1100)])
def test_products_of_one_half_leave_the_range_of_floats(bits, T):
    halves = np.full(T, 0.5, f"f{bits // 8}")
    assert np.cumprod(halves)[-1] == 0
    assert linear_scan(halves, np.ones_like(halves))[-1] == 2


def test_the_recorded_tasks_are_complete_and_of_the_cells_that_the_lesson_shows():
    shown = "\n\n".join(c.source for c in CELLS if "study" in c.metadata.get("tags", ()))
    study = recorded("15_state")
    assert study["cells"] == hashlib.sha256(shown.encode()).hexdigest(), (
        "the cells tagged study have changed: run lessons/studies/15_state.py again"
    )
    made = [(r["task"], r["cell"], r["rate"], r["seed"]) for r in study["runs"]]
    assert len(made) == len(set(made)) == (5 * 4 + 1) * 2 * 6
    for run in study["runs"]:
        solved = run["updates"] is not None
        assert run["error"] <= 0.01 if solved else run["error"] >= 0.01  # it is rounded
        assert run["updates"] is None or run["updates"] <= study["most"] == 800


def test_the_recorded_times_are_complete():
    runs = recorded("15_scan")["runs"]
    made = {(r["N"], r["H"], r["T"], r["way"]) for r in runs}
    sizes = {(N, H, T) for N, H, T, _ in made}
    assert len(made) == len(runs) and all(r["ms"] > 0 for r in runs)
    assert {(N, T) for N, _, T in sizes} == {
        (N, T) for N in (1, 16, 64) for T in (16, 64, 256, 1024, 4096, 16384) if N < 64 or T <= 1024
    }
    for size in sizes:
        ways = {way for *s, way in made if tuple(s) == size}
        assert {"loop", "scan", "torch.nn.GRU", "NumPy, loop", "NumPy, scan"} <= ways
        assert ("loop, indexed" in ways) == (size[2] <= 1024)
