"""The checks hold when they should and, which matters more, fail when they should."""

import re

import numpy as np
import pytest
import torch

from unrolled.checks import check_close, check_gradient, numerical_gradient


def test_check_close_prints_one_line(capsys):
    check_close("h", np.array([1.0, 2.0]), np.array([1.0, 2.0 + 2**-51]))
    assert capsys.readouterr().out == "h: equal, largest difference 4.4e-16\n"


def test_check_close_takes_tensors_scalars_and_lists(capsys):
    check_close("h", [1.0], torch.ones(1, dtype=torch.float64, requires_grad=True))
    check_close("h", [1.0], torch.ones(1, dtype=torch.bfloat16))
    check_close("loss", 0.5, np.float64(0.5))
    assert capsys.readouterr().out.count("\n") == 3


@pytest.mark.parametrize(
    "ours, theirs, message",
    [
        ([[1.0, 2.0]], [[1.0, 2.5]], "h: differs by 5.0e-01 at [0, 1]: ours 2, theirs 2.5"),
        ([1.0], [1.0 + 2e-10], "h: differs by 2.0e-10 at [0]"),
        ([1.0, 2.0], [[1.0, 2.0]], "h: ours has shape (2,), theirs (1, 2)"),
        ([0.0, np.nan], [0.0, np.nan], "h, ours: expected finite numbers, got nan at [1]"),
        ([0.0, 0.0], [0.0, np.inf], "h, theirs: expected finite numbers, got inf at [1]"),
    ],
)
def test_check_close_fails_and_says_where(ours, theirs, message, capsys):
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_close("h", np.array(ours), np.array(theirs))
    assert capsys.readouterr().out == ""


def test_check_close_of_unsigned_integers_does_not_wrap_around():
    with pytest.raises(AssertionError, match=re.escape("differs by 1.0e+00 at [0]")):
        check_close("n", np.array([1], np.uint8), np.array([2], np.uint8))


def test_check_close_obeys_its_tolerance():
    check_close("h", np.zeros(2), np.full(2, 1e-3), tolerance=1e-2)
    with pytest.raises(AssertionError):
        check_close("h", np.zeros(2), np.full(2, 1e-3), tolerance=1e-4)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_numerical_gradient_of_a_known_function(shape):
    W = np.random.default_rng(0).normal(size=shape)
    dW = numerical_gradient(lambda: np.sum(np.sin(W)), W)
    assert dW.shape == shape
    np.testing.assert_allclose(dW, np.cos(W), rtol=0, atol=1e-9)


def test_numerical_gradient_restores_the_array():
    W = np.random.default_rng(0).normal(size=(3, 4))[:, ::2]
    before = W.copy()
    numerical_gradient(lambda: np.sum(W**3), W)
    np.testing.assert_array_equal(W, before)


def test_array_is_restored_when_the_loss_raises():
    W = np.ones(3)

    def loss_of():
        if W[1] != 1:
            raise RuntimeError("no loss today")
        return W.sum()

    for check in (
        lambda: numerical_gradient(loss_of, W),
        lambda: check_gradient("dW", loss_of, W, np.ones(3)),
    ):
        with pytest.raises(RuntimeError, match="no loss today"):
            check()
        np.testing.assert_array_equal(W, 1)


def cubes(shape=(3, 4)):
    """Return a loss, its weights and their exact gradient."""
    W = np.random.default_rng(0).normal(size=shape)
    return lambda: np.sum(W**3), W, 3 * W**2


def test_right_gradient_passes(capsys):
    loss_of, W, dW = cubes()
    error = check_gradient("dW", loss_of, W, dW)
    assert 0 < error < 1e-8
    assert capsys.readouterr().out == f"dW: relative error {error:.1e} over 12 entries\n"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda dW: -dW,
        lambda dW: 1.001 * dW,
        lambda dW: np.zeros_like(dW),
        lambda dW: dW[::-1],
        lambda dW: dW + 1e-4,
    ],
    ids=["sign", "scale", "zeros", "reversed", "shifted"],
)
def test_wrong_gradient_is_rejected(wrong, capsys):
    loss_of, W, dW = cubes()
    before = W.copy()
    with pytest.raises(AssertionError, match="dW: relative error"):
        check_gradient("dW", loss_of, W, wrong(dW))
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(W, before)


def test_failure_says_where():
    loss_of, W, dW = cubes()
    dW[2, 1] += 1
    with pytest.raises(AssertionError, match=re.escape(f"at [2, 1]: given {dW[2, 1]:.10g}")):
        check_gradient("dW", loss_of, W, dW)


def test_samples_are_reproducible_and_restrict_the_work(capsys):
    _, W, dW = cubes((20, 20))
    calls = []

    def loss_of():
        calls.append(1)
        return np.sum(W**3)

    errors = {check_gradient("dW", loss_of, W, dW, samples=5) for _ in range(2)}
    assert len(errors) == 1
    assert len(calls) == 2 * (1 + 2 * 5)
    assert "over 5 entries" in capsys.readouterr().out
    other = check_gradient("dW", loss_of, W, dW, samples=5, rng=np.random.default_rng(7))
    assert other not in errors
    check_gradient("dW", loss_of, W, dW, samples=1000)
    assert "over 400 entries" in capsys.readouterr().out


def test_samples_are_different_entries():
    W = np.zeros(30)
    nudged = []

    def loss_of():
        nudged.extend(np.flatnonzero(W).tolist())
        return W.sum()

    check_gradient("dW", loss_of, W, np.ones(30), samples=25)
    assert len(nudged) == 2 * 25
    assert len(set(nudged)) == 25


def test_samples_find_an_error_that_is_everywhere():
    loss_of, W, dW = cubes((20, 20))
    with pytest.raises(AssertionError):
        check_gradient("dW", loss_of, W, 2 * dW, samples=3)


def test_gradient_that_is_zero_passes_and_one_that_is_missed_does_not():
    W = np.ones(4)
    # Adding the same number to all logits changes nothing: what is left is rounding.
    loss_of = lambda: float(np.log(np.exp(W + W.sum()).sum()) - (W + W.sum())[0])  # noqa: E731
    given = np.array([-0.75, 0.25, 0.25, 0.25])
    assert check_gradient("dW", loss_of, W, given) < 1e-6
    b = np.zeros(1)
    rounding = lambda: float(np.log(np.exp(W + b).sum()) - (W + b)[0])  # noqa: E731
    assert check_gradient("db", rounding, b, np.array([1e-17])) < 1e-6
    assert check_gradient("db", lambda: 0.0, b, np.zeros(1)) == 0
    with pytest.raises(AssertionError):
        check_gradient("db", lambda: 1 + 1e-5 * b[0], b, np.zeros(1))


def test_gradient_may_be_a_tensor():
    loss_of, W, dW = cubes()
    check_gradient("dW", loss_of, W, torch.tensor(dW))


def test_gradient_of_another_shape_or_not_finite_is_rejected():
    loss_of, W, dW = cubes()
    with pytest.raises(AssertionError, match=re.escape("dW: has shape (4, 3)")):
        check_gradient("dW", loss_of, W, dW.T)
    dW[1, 2] = np.inf
    with pytest.raises(
        AssertionError, match=re.escape("expected finite numbers, got inf at [1, 2]")
    ):
        check_gradient("dW", loss_of, W, dW)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"W": np.ones(3, np.float32)}, "W: expected a float64 array, which differences need"),
        ({"W": [1.0, 2.0, 3.0]}, "got list"),
        ({"W": np.ones((0, 3))}, "W: expected at least one entry, got shape (0, 3)"),
        ({"eps": 0.0}, "eps: expected a positive number, got 0.0"),
        ({"loss_of": lambda: np.nan}, "loss_of: expected a finite loss"),
    ],
)
def test_misuse_is_named(arguments, message):
    arguments = {"loss_of": lambda: 1.0, "W": np.ones(3)} | arguments
    with pytest.raises(ValueError, match=re.escape(message)):
        numerical_gradient(**arguments)
    with pytest.raises(ValueError, match=re.escape(message)):
        check_gradient("dW", dW=np.ones(3), **arguments)


def test_loss_that_overflows_under_a_nudge_names_the_entry():
    W = np.ones(2)
    loss_of = lambda: np.inf if W[1] > 1 else W.sum()  # noqa: E731
    with pytest.raises(ValueError, match=re.escape("a finite loss with W[1] + 1e-06, got inf")):
        numerical_gradient(loss_of, W)
    np.testing.assert_array_equal(W, 1)


def test_samples_below_one_are_refused():
    loss_of, W, dW = cubes()
    with pytest.raises(ValueError, match="samples: expected at least 1, got 0"):
        check_gradient("dW", loss_of, W, dW, samples=0)
