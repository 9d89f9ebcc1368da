"""Calling a student's function and saying in words how an answer is wrong."""

import logging
import sys
import warnings

import numpy as np
import pytest

from autograder.problems.answers import Case, Output, UnusableError, call
from autograder.problems.feedback import difference, grade, quiet

WANT = np.arange(1.0, 13.0).reshape(3, 4) / 7


@pytest.mark.parametrize(
    "value",
    [
        WANT,
        WANT.tolist(),
        [row for row in WANT],
        WANT.astype(np.float32),
        np.asfortranarray(WANT)[:, :],
        np.array([*map(list, WANT)], dtype=object),
        WANT * (1 + 5e-7),
    ],
)
def test_right_values_are_right_whatever_holds_them(value):
    assert difference(value, WANT) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "it is of type NoneType, not an array of numbers"),
        ("1.0", "it is of type str, not an array of numbers"),
        ([["1"] * 4] * 3, "it is of type list, not an array of numbers"),
        ([[1.0], [1.0, 2.0]], "it holds pieces of different shapes, not one array"),
        (WANT + 0j, "it holds complex numbers, not real ones"),
        (WANT.T, "its shape is (4, 3) instead of (3, 4), as if transposed"),
        (WANT[0], "its shape is (4,) instead of (3, 4)"),
        (0 * WANT, "it is zero everywhere"),
        (-WANT, "it has the wrong sign everywhere"),
        (3 * WANT, "it is too large by a factor of 3 everywhere"),
        (-WANT / 4, "it is too small by a factor of 4 everywhere, with the wrong sign"),
        (WANT.astype(np.float16), "it is off by about 2e-04 of its largest entry"),
        (WANT + 1, "it is off by up to 60 % of its largest entry"),
        (WANT + 100, "it is off by more than nine times its largest entry"),
        (np.where(WANT > 1, np.nan, WANT), "it holds NaN or infinite values"),
    ],
)
def test_what_is_wrong_is_said_in_words(value, words):
    assert difference(value, WANT) == words


def test_transpose_of_a_square_matrix_is_recognised():
    square = WANT[:, :3]
    assert difference(square.T, square) == "it is the transpose of what it should be"


def test_a_single_number_gets_no_factor():
    assert "factor" not in difference(np.array([3.0]), np.array([1.0]))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ((slice(2, None), slice(None)), "from step 2 on (steps count from 0), at every sample"),
        ((slice(0, 2), 1), "at steps 0 to 1 and not after (steps count from 0), in sample 1"),
        (([0, 2], [0, 2]), "in steps 0, 2 (counted from 0), in samples 0, 2 (counted from 0)"),
    ],
)
def test_steps_and_samples_are_named(bad, words):
    want = np.random.default_rng(0).normal(size=(4, 3, 2))
    got = want.copy()
    got[bad] += 1
    assert words in difference(got, want, ("step", "sample"))


def test_quiet_silences_a_call_and_restores_everything(capsys):
    def noisy(a):
        print("out")
        print("err", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        logging.getLogger("student").error("log")
        np.exp(a * 1000)
        return a

    settings = np.geterr(), logging.root.manager.disable, sys.stderr, list(warnings.filters)
    handler = logging.StreamHandler(sys.stderr)
    logging.root.addHandler(handler)
    try:
        with quiet():
            reply = call(noisy, {"a": np.ones(2)})
    finally:
        logging.root.removeHandler(handler)
    assert reply.error is None
    assert capsys.readouterr() == ("", "")
    after = np.geterr(), logging.root.manager.disable, sys.stderr, list(warnings.filters)
    assert after == settings


def test_call_passes_copies_and_names_what_was_changed():
    def careless(a, b):
        a += 1
        return b

    given = {"a": np.zeros(2), "b": np.zeros(2)}
    assert call(careless, given).changed == ("a",)
    assert not given["a"].any()


def test_errors_name_type_message_and_the_students_line():
    names = {"__name__": "__main__"}
    exec(compile("def f(a):\n    b = a\n    return int('x')\n", "<cell>", "exec"), names)
    error = call(names["f"], {"a": 1}).error
    assert error.startswith("it raised ValueError: invalid literal for int()")
    assert error.endswith("in line 3 of your cell")


@pytest.mark.parametrize("raised", [SystemExit(0), RecursionError("deep"), MemoryError()])
def test_a_student_cannot_end_the_grading_by_raising(raised):
    def f():
        raise raised

    assert type(raised).__name__ in call(f, {}).error


def test_an_interrupt_passes_through():
    def f():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(f, {})


def test_each_output_keeps_its_own_marks(capsys):
    """One output raises an overflow on comparison, one is missing, one is right in one group."""
    one, two = np.ones(3), np.arange(3.0)
    cases = [
        Case(group, {"a": a}, {"x": a, "y": a, "z": a}, f"n={len(a)}")
        for group, a in (("ones", one), ("numbers", two))
    ]
    outputs = [Output(name, {"ones": 1.5, "numbers": 2.25}) for name in "xyz"]

    earned = grade(lambda a: {"x": one, "z": np.array([1.7e308] * 3)}, cases, outputs, dict)
    printed = capsys.readouterr()
    assert earned == 1.5
    assert type(earned) is float
    assert printed.err == ""
    assert printed.out.splitlines() == [
        "x: 1.5 of 3.75 points. Right: ones. Wrong: numbers (n=3): "
        "it is off by up to 50 % of its largest entry.",
        "y: 0 of 3.75 points. Wrong: ones (n=3): it is missing from what you returned. "
        "Also wrong: numbers.",
        "z: 0 of 3.75 points. Wrong: ones (n=3): it is off by more than nine times its largest "
        "entry. Also wrong: numbers.",
    ]


def test_a_value_in_which_nothing_can_be_found_says_why(capsys):
    def unpack(value):
        raise UnusableError("it should be a dict")

    case = Case("only", {}, {"x": np.ones(2)}, "n=2")
    assert grade(lambda: 1, [case], [Output("x", {"only": 2})], unpack) == 0.0
    expected = "x: 0 of 2 points. Wrong: only (n=2): it should be a dict.\n"
    assert capsys.readouterr().out == expected
