"""Values cross unchanged; bytes that are no message raise WireError and nothing else."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.sandbox.wire import (
    Handle,
    Memo,
    WireError,
    WireLimits,
    changes,
    decode,
    encode,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
)
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
ARRAYS = hnp.arrays(
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?")
    | hnp.complex_number_dtypes()
    | hnp.unicode_string_dtypes()
    | hnp.datetime64_dtypes(),
    hnp.array_shapes(min_dims=0, min_side=0, max_dims=4),
)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
    ),
    max_leaves=20,
)


def same(a, b) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (a != a and b != b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_values_cross_unchanged(value):
    assert same(decode(encode(value)), value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_wire_error_or_nothing(data):
    try:
        decode(data)
    except WireError:
        pass


@settings(max_examples=400, deadline=None)
@given(VALUES, st.data())
def test_mutated_messages_raise_wire_error_or_nothing(value, data):
    message = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(message) - 1))
        message[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(message)))
    for mutated in (bytes(message), bytes(message[:cut])):
        try:
            decode(mutated)
        except WireError:
            pass


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.int8(-3),
        np.bool_(True),
        np.datetime64("2020-01-01"),
        np.array(3.5),
        np.zeros((0, 3)),
        np.arange(6)[::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6.0).reshape(2, 3).T,
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.arange(3, dtype=">f4"),
        np.array([1, 2], dtype=np.longdouble),
        np.broadcast_to(np.float64(2), (3, 2)),
    ],
)
def test_arrays_of_any_layout_cross(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize("value", [range(3, 9, 2), slice(1, None), float, np.float32, None, ...])
def test_other_plain_values_cross(value):
    assert decode(encode(value)) == value


def test_dtypes_cross():
    assert decode(encode(np.dtype("float32"))) == np.dtype("float32")


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: 1,
        np.array([None]),
        np.zeros(2, dtype=[("a", int)]),
        np.ma.masked_array([1, 2]),
        type("Sub", (dict,), {})(),
    ],
)
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(WireError):
        encode(value)


def test_a_list_that_holds_itself_is_refused_without_a_memo():
    loop: list = []
    loop.append(loop)
    with pytest.raises(WireError, match="nested too deeply"):
        encode(loop)


def test_shared_objects_stay_shared_with_a_memo():
    a = np.zeros(2)
    data = encode([a, a, {"a": a}], Memo(), grow=True)
    x, y, z = decode(data, memo=Memo(), grow=True)
    assert x is y is z["a"]


@pytest.mark.parametrize("kind", [np.matrix, np.recarray])
def test_subclasses_of_arrays_never_cross(kind):
    with pytest.raises(WireError):
        encode(np.zeros((2, 2)).view(kind))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"l\xff\xff\xff\xff", "announces more values"),
        (b"s\xff\xff\xff\xff", "ends too early"),
        (b"I\xff\xff\xff\xff", "million bits"),
        (b"a\x00\x03<f8\x01" + b"\xff" * 8, "impossible shape"),
        (b"a\x00\x03<f8\x02" + b"\x00\x00\x00\x00\x01\x00\x00\x00" * 2, "impossible shape"),
        (b"a\x00\x03<f8\x01" + b"\x00\x00\x00\x40\x00\x00\x00\x00", "ends too early"),
        (b"a\x00\x03<f8\xff", "more than 32 axes"),
        (b"a\x00\x02|O\x00", "not allowed"),
        (b"a\x00\x03|V8\x00" + b"\x00" * 8, "not allowed"),
        (b"a\x00\x03|b1\x00\x02", "neither true nor false"),
        (b"a\x00\x03<U1\x00\xff\xff\xff\x7f", "character that is none"),
        (b"r\x00\x00\x00\x00", "not there"),
        (b"p\x04\x00\x00\x00eval", "not allowed"),
        (b"u\x01\x00\x00\x00" * 100 + b"n", "nested too deeply"),
        (b"e\x01\x00\x00\x00l\x00\x00\x00\x00", "set of what can't be"),
        (b"m\x01\x00\x00\x00l\x00\x00\x00\x00n", "can't be one"),
        (b"nn", "follows"),
        (b"", "ends too early"),
        (b"X", "unknown tag"),
    ],
)
def test_bad_messages_are_refused_by_name(message, words):
    with pytest.raises(WireError, match=words):
        decode(message)


def test_memory_is_bounded_whatever_a_message_announces():
    limits = WireLimits(size=8 << 20, items=10_000_000, memory=32 << 20)
    for data in (
        b"l" + (1_000_000).to_bytes(4, "little") + b"m\x00\x00\x00\x00" * 1_000_000,
        b"l" + (1_000_000).to_bytes(4, "little") + b"e\x00\x00\x00\x00" * 1_000_000,
        b"l" + (8_000_000).to_bytes(4, "little") + b"n" * 8_000_000,
    ):
        tracemalloc.start()
        with pytest.raises(WireError):
            decode(data, limits)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 64 << 20


def test_too_many_values_are_refused():
    with pytest.raises(WireError, match="too many values"):
        encode([0] * 100, limits=WireLimits(items=50))
    with pytest.raises(WireError, match="more values"):
        decode(encode([0] * 100), WireLimits(items=50))


def test_a_handle_is_what_convert_makes_of_it():
    data = encode([Handle(3, "instance", "Net", ("a.B",))])
    assert decode(data, convert=lambda handle: handle.number) == [3]


def test_changes_are_found_in_nested_arguments():
    given = {"a": [np.zeros(3), {1: "x"}], "b": {2}, "same": [np.ones(2)]}
    memo = Memo()
    data = encode(given, Memo(), grow=True)
    copy = decode(data, memo=memo, grow=True)
    assert changes(memo, data) == []
    copy["a"][0][1] = np.nan
    copy["a"][1][5] = copy["a"][0]
    copy["b"].add(3)
    found = {type(memo.objects[n]).__name__ for n, _ in changes(memo, data)}
    assert found == {"ndarray", "dict", "set"}


def test_huge_integers_are_refused():
    with pytest.raises(WireError, match="million bits"):
        encode(1 << 5_000_000)
