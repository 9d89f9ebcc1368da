"""The reference of problem set 3 = torch autograd = finite differences, all in float64."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.problems.ps3 import hidden, reference
from autograder.student import ps3 as checks
from autograder.student.checking import central_differences

SEEDS = st.integers(0, 10**6)
SIZES = {"T": st.integers(1, 5), "N": st.integers(1, 3), "H": st.integers(1, 4)}


def assert_near(ours: np.ndarray, theirs: np.ndarray, tolerance: float, what: str):
    scale = max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, err_msg=what)


def torch_state(h: torch.Tensor, driven: torch.Tensor, alpha: torch.Tensor, W_hh: torch.Tensor):
    """The last state of the leaky network, equation (1)."""
    for from_input in driven:
        h = (1 - alpha) * h + alpha * torch.tanh(from_input + h @ W_hh)
    return h


@settings(max_examples=30, deadline=None)
@given(**SIZES, seed=SEEDS)
def test_products_three_ways(T, N, H, seed):
    run = checks.example(T, N, H, seed)
    jacobian = [run[name] for name in ("a", "alpha", "W_hh")]
    back = reference.products_back(run["v"], *jacobian)
    ahead = reference.products_forward(run["u"], *jacobian)
    driven, alpha, W_hh = (torch.tensor(run[name]) for name in ("driven", "alpha", "W_hh"))
    for k in range(T + 1):
        h = torch.tensor(run["h"][k], requires_grad=True)
        last = torch_state(h, driven[k:], alpha, W_hh)
        (theirs,) = torch.autograd.grad(last, h, torch.tensor(run["v"]))
        assert_near(back[k], theirs.numpy(), 1e-12, f"back, step {k}, torch")

        start = run["h"][k].copy()

        def loss(start: np.ndarray = start, k: int = k) -> float:
            arguments = (run["driven"][k:], run["alpha"], run["W_hh"])
            return float((run["v"] * checks.network(start, *arguments)[0][-1]).sum())

        assert_near(back[k], central_differences(loss, start), 1e-6, f"back, step {k}, differences")

        _, theirs = torch.autograd.functional.jvp(
            lambda h, k=k: torch_state(h, driven[:k], alpha, W_hh),
            torch.tensor(run["h"][0]),
            torch.tensor(run["u"]),
        )
        assert_near(ahead[k], theirs.numpy(), 1e-12, f"ahead, step {k}, torch")
    moved = [
        checks.network(run["h"][0] + nudge * run["u"], *(run[name] for name in checks.REST))[0]
        for nudge in (1e-6, -1e-6)
    ]
    assert_near(ahead, (moved[0] - moved[1]) / 2e-6, 1e-6, "ahead, differences")


@settings(max_examples=30, deadline=None)
@given(**SIZES, seed=SEEDS)
def test_norms_are_those_of_jacobians_by_autograd_and_by_differences(T, N, H, seed):
    run = checks.example(T, N, H, seed)
    arguments = [run[name] for name in ("a", "alpha", "W_hh")]
    few = reference.jacobian_norms(*arguments, run["u"], 2)
    many = reference.jacobian_norms(*arguments, run["u"], 3000)
    driven, alpha, W_hh = (torch.tensor(run[name]) for name in ("driven", "alpha", "W_hh"))
    for k in range(T + 1):
        for n in range(N):

            def last(h: torch.Tensor, k: int = k, n: int = n) -> torch.Tensor:
                return torch_state(h, driven[k:, n], alpha, W_hh)

            h = run["h"][k, n]
            P = torch.autograd.functional.jacobian(last, torch.tensor(h)).numpy()
            nudges = torch.tensor(1e-6 * np.eye(H) + h), torch.tensor(-1e-6 * np.eye(H) + h)
            rows = [np.stack([last(row).numpy() for row in nudged]) for nudged in nudges]
            assert_near((rows[0] - rows[1]).T / 2e-6, P, 1e-6, "differences")
            u = run["u"][n]
            for _ in range(2):
                u = P.T @ (P @ u)
                u = u / np.linalg.norm(u)
            assert_near(few[k, n], np.linalg.norm(P @ u), 1e-9, "two rounds")
            assert_near(many[k, n], np.linalg.norm(P, 2), 1e-3, "singular value")


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, eta=st.floats(0.1, 10), count=st.integers(1, 4))
def test_clipping_is_that_of_torch(seed, eta, count):
    rng = np.random.default_rng(seed)
    parts = [hidden.random_gradients(seed + m) for m in range(count)]
    sizes = rng.integers(1, 9, size=count)
    mean = {n: np.average([p[n] for p in parts], axis=0, weights=sizes) for n in hidden.NAMES}
    for kind in ("value", "array", "global"):
        parameters = {name: torch.nn.Parameter(torch.zeros(g.shape)) for name, g in mean.items()}
        for name, p in parameters.items():
            p.data = p.data.double()
            p.grad = torch.tensor(mean[name])
        if kind == "value":
            torch.nn.utils.clip_grad_value_(parameters.values(), eta)
        elif kind == "global":
            torch.nn.utils.clip_grad_norm_(parameters.values(), eta)
        else:
            for p in parameters.values():
                torch.nn.utils.clip_grad_norm_(p, eta)
        groups = [(kind, list(hidden.NAMES))]
        ours, bad = reference.accumulated_update(parts, sizes, groups, np.array([eta]), [])
        assert not bad
        for name, p in parameters.items():  # torch adds 1e-6 to the norm
            assert_near(ours[name], p.grad.numpy(), 1e-5, f"{kind} {name}")


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 6), columns=st.integers(1, 6), blocks=st.integers(1, 3), seed=SEEDS)
def test_blocks_are_orthonormal_and_those_of_gram_schmidt(rows, columns, blocks, seed):
    A = np.random.default_rng(seed).normal(size=(rows, blocks * columns))
    W = reference.orthogonal_blocks(A, blocks, 1.5)
    for made, drawn in zip(np.split(W, blocks, 1), np.split(A, blocks, 1), strict=True):
        if rows < columns:
            made, drawn = made.T, drawn.T
        assert_near(made.T @ made, 1.5**2 * np.eye(made.shape[1]), 1e-12, "orthonormal")
        R = made.T @ drawn
        assert_near(np.tril(R, -1), np.zeros(R.shape), 1e-12, "earlier ones first")
        assert (np.diag(R) > 0).all()


@settings(max_examples=50, deadline=None)
@given(H=st.integers(1, 7), alpha=st.floats(0.05, 1), more=st.floats(0.05, 2), seed=SEEDS)
def test_the_leaky_step_has_the_radius_asked_for(H, alpha, more, seed):
    W = np.random.default_rng(seed).normal(size=(H, H))
    radius = 1 - alpha + more
    made = reference.scaled_to_radius(W, alpha, radius)
    assert made[0, 0] / W[0, 0] > 0
    assert_near(made * W[0, 0], made[0, 0] * W, 1e-12, "one factor")
    eigenvalues = torch.linalg.eigvals(torch.tensor((1 - alpha) * np.eye(H) + alpha * made.T))
    assert_near(eigenvalues.abs().max().numpy(), np.array(radius), 1e-7, "radius")


@settings(max_examples=30, deadline=None)
@given(P=st.integers(1, 4), rest=st.integers(0, 3), seed=SEEDS)
def test_pairs_have_the_eigenvalues_asked_for(P, rest, seed):
    rng = np.random.default_rng(seed)
    angles, moduli = rng.uniform(-3, 3, size=P), rng.uniform(0.2, 1, size=P)
    W = reference.rotating_pairs(angles, moduli, 2 * P + rest)
    z = moduli * np.exp(1j * angles)
    wanted = np.sort_complex(np.concatenate([z, z.conj(), np.ones(rest)]))
    assert_near(np.sort_complex(np.linalg.eigvals(W)), wanted, 1e-9, "eigenvalues")
    h = rng.normal(size=2 * P + rest)
    turned = (h[:P] + 1j * h[P : 2 * P]) * z
    parts = [turned.real, turned.imag, h[2 * P :]]
    assert_near(h @ W, np.concatenate(parts), 1e-12, "turned")


def test_hidden_inputs_hold_what_the_notebook_promises():
    assert hidden.large_run(0)["W_hh"].size > 100_000
    cases = hidden.radius_cases()
    for case in cases:
        W, alpha, radius = case.arguments.values()
        assert 0 < alpha <= 1 and radius > 1 - alpha
        assert np.abs(np.linalg.eigvals(W)).max() > 0.1
    complex_ones = [np.iscomplexobj(np.linalg.eigvals(c.arguments["W"])) for c in cases]
    assert sum(complex_ones) >= 3
    for case in [*hidden.clip_cases(), *hidden.update_cases()]:
        names = [n for _, members in case.arguments["groups"] for n in members]
        assert len(names) == len(set(names)) and set(names) <= set(hidden.NAMES)
        assert (case.arguments["thresholds"] > 0).all()
