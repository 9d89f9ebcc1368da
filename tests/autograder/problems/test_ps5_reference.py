"""The references of problem set 5 agree: by hand, torch and finite differences, in float64.

Decoding has no gradient; there a second way to write it down, with the sets of the statement, is
compared, and the hidden inputs are checked to hang on no rounding.
"""

import ast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.problems.ps5 import handles, hidden, reference
from autograder.student import ps5 as checks
from autograder.student.checking import central_differences
from tests.autograder.problems.sets import ProblemSet

NAMES = reference.MODEL.names()
DIFFERENTIATED = ("x", "h0", "c0", *handles.WEIGHTS)


def assert_near(ours: np.ndarray, theirs: np.ndarray, tolerance: float, what: str):
    scale = max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, err_msg=what)


@st.composite
def calls(draw) -> dict:
    L, N = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    return hidden.decoder(
        draw(st.integers(0, 10**6)),
        L,
        N,
        C=draw(st.integers(2, 6)),
        H=draw(st.integers(1, 4)),
        temperature=draw(st.sampled_from([0, 0.3, 1, 2])),
        top_p=draw(st.sampled_from([0.05, 0.5, 0.9, 1])),
        min_length=draw(st.integers(0, 3)),
        towards_end=draw(st.sampled_from([0, 2])),
    )


def written(n: int, a: dict) -> tuple[list[int], float]:
    """One sample as the statement has it: sets of symbols, and probabilities as a dict."""
    y, h, text, logp = a["start"], a["h0"][n], [], 0.0
    while len(text) < len(a["uniforms"]) and a["end"] not in text:
        h = np.tanh(a["W_xh"][y] + h @ a["W_hh"] + a["b_h"])
        o = torch.tensor(h @ a["W_ho"] + a["b_o"])
        allowed = [j for j in range(len(o)) if j != a["end"] or len(text) >= a["min_length"]]
        if a["temperature"] == 0:
            y = min(allowed, key=lambda j: (-o[j], j))
        else:
            p = (o[allowed] / a["temperature"]).softmax(0)
            p = {j: float(v) for j, v in zip(allowed, p, strict=True)}
            order = sorted(allowed, key=lambda j: (-p[j], j))
            sums = [sum(p[j] for j in order[: k + 1]) for k in range(len(order))]
            size = next((k + 1 for k, v in enumerate(sums) if v >= a["top_p"]), len(order))
            kept = sorted(order[:size])
            u = a["uniforms"][len(text), n] * sum(p[j] for j in kept)
            y = next(j for j in kept if sum(p[i] for i in kept if i <= j) > u)
        text.append(y)
        logp += float(o.log_softmax(0)[y])
    return text, logp


@settings(max_examples=60, deadline=None)
@given(calls())
def test_decode_is_what_the_statement_says(arguments):
    found = reference.decode(**arguments)
    L = len(arguments["uniforms"])
    for n in range(len(arguments["h0"])):
        text, logp = written(n, arguments)
        assert found["symbols"][:, n].tolist() == text + [arguments["end"]] * (L - len(text))
        assert found["lengths"][n] == len(text)
        assert abs(found["logp"][n] - logp) < 1e-10


def test_hidden_inputs_of_decode_hang_on_no_rounding():
    for case in hidden.decode_cases():
        for dial, by in (("uniforms", 1e-5), ("top_p", 1e-5)):
            for sign in (-1, 1):
                nudged = case.arguments[dial] + sign * by
                if dial == "top_p" and case.arguments[dial] == 1:
                    continue
                found = reference.decode(**{**case.arguments, dial: nudged})
                assert np.array_equal(found["symbols"], case.expected["symbols"]), case.description


@st.composite
def module_cases(draw) -> hidden.Case:
    D, H = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    return hidden.module_case(
        "any",
        draw(st.integers(0, 10**6)),
        T=draw(st.integers(1, 4)),
        N=draw(st.integers(1, 3)),
        D=D,
        H=H,
        P=draw(st.integers(1, H - 1)),
        resets=draw(st.sampled_from([0.0, 0.4])),
    )


def torchs_own(case: hidden.Case) -> dict[str, np.ndarray]:
    """What `torch.nn.LSTM` and autograd give; resets by starting it anew."""
    a = {k: torch.tensor(v) for k, v in case.arguments.items()}
    for name in DIFFERENTIATED:
        a[name].requires_grad_()
    (_, D), (P, H) = a["weight_ih_l0"].shape, a["weight_hr_l0"].shape
    layer = torch.nn.LSTM(D, H, proj_size=P).double()
    weights = {name: a[name] for name in handles.WEIGHTS}
    state, states = (a["h0"], a["c0"]), []
    for x_t, reset in zip(a["x"], a["resets"], strict=True):
        state = tuple(torch.where(reset[:, None], 0.0, part) for part in state)
        h, state = torch.func.functional_call(layer, weights, (x_t[None], state))
        states.append(h)
    out = {"h": torch.cat(states), "h_T": state[0], "c_T": state[1]}
    sum((a[f"d{name}"] * value).sum() for name, value in out.items()).backward()
    found = out | {f"d{name}": a[name].grad for name in DIFFERENTIATED}
    return {name: value.detach().numpy() for name, value in found.items()}


@settings(max_examples=25, deadline=None)
@given(module_cases())
def test_module_by_hand_is_torch_autograd_and_finite_differences(case):
    a = case.arguments
    theirs = torchs_own(case)
    model = handles.module_as_function(NAMES["ProjectedLSTM"])(*a.values())
    for name, array in theirs.items():
        assert_near(case.expected[name], array, 1e-11, f"{name}, torch.nn.LSTM")
        assert_near(model[name], array, 1e-11, f"{name}, the model solution")

    def loss() -> float:
        weights = {name: a[name] for name in handles.WEIGHTS}
        rest = (weights, a["dh"], a["dh_T"][0], a["dc_T"][0])
        out = reference.projected_lstm(a["x"], a["h0"][0], a["c0"][0], a["resets"], *rest)
        pairs = ((a["dh"], out["h"]), (a["dh_T"][0], out["h_T"]), (a["dc_T"][0], out["c_T"]))
        return float(sum((d * o).sum() for d, o in pairs))

    for name in DIFFERENTIATED:
        numerical = central_differences(loss, a[name])
        assert_near(case.expected[f"d{name}"], numerical, 1e-6, f"d{name}, finite differences")


def adam_by_hand(gradients: list[np.ndarray], lr: float) -> np.ndarray:
    """The sum of Adam's steps (Kingma and Ba, 2015) along these gradients."""
    m = v = step = np.zeros(gradients[0].shape)
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = step - lr * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return step


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 1e6]))
def test_one_update_is_adam_along_finite_differences(seed, max_norm):
    case = hidden.train_case("any", seed, [[2, 1]], lr=0.05, max_norm=max_norm)
    a = case.arguments
    weights = handles.reader_weights(a["weights"], a["x"].shape[-1], a["H"], a["C"])
    parts = [
        (a["x"][0, k, :, :n], a["y"][0, k, :, :n], a["mask"][0, k, :, :n])
        for k, n in enumerate(a["sizes"][0])
    ]

    def loss() -> float:
        total, counted = 0.0, 0
        with torch.no_grad():
            for x, y, mask in parts:
                log_p = NAMES["new_reader"](weights)(torch.tensor(x)).log_softmax(-1).numpy()
                total -= np.take_along_axis(log_p, y[..., None], -1)[..., 0][mask].sum()
                counted += mask.sum()
        return float(total / counted)

    assert_near(case.expected["losses"], np.array([loss()]), 1e-12, "loss")
    g = handles.flat({name: central_differences(loss, array) for name, array in weights.items()})
    g = g * min(1.0, max_norm / np.linalg.norm(g))
    large = np.abs(g) > 1e-4  # below, Adam's step hangs on the last digits of the differences
    step = adam_by_hand([g], 0.05)
    assert_near(case.expected[handles.CHANGE][large], step[large], 1e-4, "change")


def test_left_out_updates_leave_no_trace():
    broken = hidden.train_case("any", 5, [[2], [1, 2], [3]], broken=(1,))
    a = {**broken.arguments}
    for name in ("x", "y", "mask", "sizes"):
        a[name] = np.delete(a[name], 1, axis=0)
    without = handles.train_as_function(NAMES["train"])(*a.values())
    assert_near(broken.expected[handles.CHANGE], without[handles.CHANGE], 1e-12, "change")
    assert len(broken.expected["losses"]) == len(without["losses"]) == 2


def test_clipping_and_its_threshold_matter_in_the_hidden_inputs():
    clipped = [c for c in hidden.train_cases() if c.arguments["max_norm"] < 1]
    assert len(clipped) == 3
    for case in clipped:
        free = handles.train_as_function(NAMES["train"])(
            *{**case.arguments, "max_norm": 1e9}.values()
        )
        change = case.expected[handles.CHANGE]
        assert np.abs(free[handles.CHANGE] - change).max() > 1e-3 * np.abs(change).max()


@pytest.mark.slow
def test_five_starts_of_the_model_solution_clear_the_target_by_far():
    shares = []
    for seed in range(500, 1000, 100):
        a = hidden.fit_case("any", seed).arguments
        weights = handles.reader_weights(
            a["weights"], checks.FEATURES, checks.HIDDEN, checks.VALUES
        )
        model = NAMES["fit"](weights, checks.stream(a["seed"]), checks.BUDGET)
        with torch.no_grad():
            logits = model(torch.tensor(a["x"])).numpy()
        shares.append(checks.share_right(logits, a["y"], a["mask"]))
    assert min(shares) > 0.99 and checks.TARGET == 0.95


def test_the_present_input_alone_is_far_from_the_target():
    x, y, mask = checks.batch(np.random.default_rng(0), 20_000)
    share = checks.share_right(x[..., : checks.VALUES], y, mask)
    assert 0.46 < share < 0.475, "the statement says 47 %"


def test_the_large_network_has_the_size_that_the_statement_promises():
    (case,) = hidden.module_large_cases()
    assert sum(case.arguments[name].size for name in handles.WEIGHTS) > 100_000


def test_the_setup_of_the_reference_is_the_notebooks():
    notebook = ProblemSet("ps5").notebook
    shown = next(cell.source for cell in notebook.cells if cell.id == "setup")
    ours = [ast.unparse(node) for node in ast.parse(reference.SETUP).body]
    theirs = [ast.unparse(node) for node in ast.parse(shown).body]
    extra = [text for text in theirs if text not in ours]
    assert [text for text in theirs if text in ours] == ours
    assert [text.partition(" ")[0] for text in extra] == ["from", "device"]
