"""The format in which values cross between the judge and a student's process.

It holds plain data only: reading it can't run anything, and every type, dtype, size, depth and
count is checked before memory is allocated. Arrays are base-class arrays of a fixed list of
dtypes. What is no plain data crosses as a `Handle`, a number that stands for an object on the
other side.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np


class WireError(ValueError):
    """A value that can't be written, or bytes that can't be read; the message says why."""


@dataclass(frozen=True)
class WireLimits:
    """Bounds on one message: bytes on the wire, values in it, nesting, memory when decoded."""

    size: int = 256 << 20
    items: int = 2_000_000
    depth: int = 60
    memory: int = 768 << 20


@dataclass(frozen=True)
class Handle:
    """Stands for an object in the student's process (or, of kind "callback", in the judge).

    `traits` are words about its type, such as the full names of the library classes it derives
    from.
    """

    number: int
    kind: str
    type_name: str
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array that is a torch tensor on the student's side."""

    array: np.ndarray
    requires_grad: bool = False


@dataclass(frozen=True)
class Symbol:
    """A function or class of a library that both sides have, by its full name."""

    module: str
    name: str


@dataclass(frozen=True)
class Record:
    """A named tuple: the name of its type, its fields and their values."""

    type_name: str
    fields: tuple[str, ...]
    values: tuple


@dataclass
class Memo:
    """The mutable objects of a request, by their order: an answer refers to them by number.

    `before` keeps what each one held when it was decoded.
    """

    objects: list[Any] = field(default_factory=list)
    index: dict[int, int] = field(default_factory=dict)
    before: list[Any] = field(default_factory=list)

    def add(self, value: Any, before: Any = None) -> None:
        """Give an object the next number."""
        self.index[id(value)] = len(self.objects)
        self.objects.append(value)
        self.before.append(before)


CONVERT = Callable[[Any], Any]
_INT = struct.Struct("<cq")
_FLOAT = struct.Struct("<cd")
_COMPLEX = struct.Struct("<cdd")
_COUNT = struct.Struct("<cI")
_ONE_INT, _ONE_FLOAT, _TWO_FLOATS = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<dd")
_ONE_COUNT = struct.Struct("<I")
_MAX_INT_BYTES = 1 << 17
_LARGE = 1 << 16  # bytes
_F_ORDER, _READ_ONLY, _TENSOR, _REQUIRES_GRAD = 1, 2, 4, 8
_KINDS = frozenset("biufcSUMm")
_DTYPE = re.compile(
    r"(?:\|b1|[<>|][iu](?:1|2|4|8)|[<>]f(?:2|4|8|12|16)|[<>]c(?:8|16|24|32)|\|S\d{1,6}|[<>]U\d{1,6}"
    r"|[<>][Mm]8(?:\[\d{0,6}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)
_TYPES: dict[str, Any] = {
    t.__name__: t
    for t in (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
}
_TYPES |= {"NoneType": type(None), "ellipsis": Ellipsis, "NotImplemented": NotImplemented}
_TYPES |= {"object": object, "type": type, "range": range, "slice": slice, "ndarray": np.ndarray}
_SCALARS = [np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32]
_SCALARS += [np.uint64, np.float16, np.float32, np.float64, np.complex64, np.complex128]
_TYPES |= {f"np.{t.__name__}": t for t in _SCALARS}
_NAME_OF = {id(t): name for name, t in _TYPES.items()}


@lru_cache(maxsize=256)
def _dtype(code: str) -> np.dtype:
    """The dtype of a code on the list of those allowed."""
    if not _DTYPE.fullmatch(code):
        raise WireError(f"an array of dtype {code!r} is not allowed")
    try:
        dtype = np.dtype(code)
    except (TypeError, ValueError):
        raise WireError(f"an array of dtype {code!r} is not allowed") from None
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise WireError(f"an array of dtype {code!r} is not allowed")
    return dtype


def encode(
    value: Any,
    memo: Memo | None = None,
    *,
    grow: bool = False,
    convert: CONVERT | None = None,
    limits: WireLimits = WireLimits(),
) -> bytes:
    """Write a value.

    With a memo, an object of it is written as a reference to it; with `grow`, mutable objects
    join it on the way. `convert` turns what is no plain data into something that is.

    Raises:
        WireError: the value holds something that can't be written, or too much of it.
    """
    writer = _Writer(memo, grow, convert, limits)
    try:
        writer.put(value, limits.depth)
    except RecursionError:
        raise WireError("it is nested too deeply") from None
    data = b"".join(writer.parts)
    if len(data) > limits.size:
        raise WireError(f"it is larger than {limits.size >> 20} MB")
    return data


class _Writer:
    def __init__(self, memo: Memo | None, grow: bool, convert: CONVERT | None, limits: WireLimits):
        self.parts: list[bytes | memoryview] = []
        self.memo, self.grow, self.convert = memo, grow, convert
        self.left, self.room = limits.items, limits.size

    def put(self, value: Any, depth: int) -> None:
        write = _WRITERS.get(type(value))
        if write is None:
            write = _Writer.other
        elif depth <= 0:
            raise WireError("it is nested too deeply, or holds itself")
        self.left -= 1
        if self.left < 0:
            raise WireError("it holds too many values")
        write(self, value, depth)

    def known(self, value: Any) -> bool:
        """Write a reference to an object of the memo; note a new one. True where it was known."""
        memo = self.memo
        if memo is None:
            return False
        number = memo.index.get(id(value))
        if number is None:
            if self.grow:
                memo.add(value)
            return False
        self.parts.append(_COUNT.pack(b"r", number))
        return True

    def none(self, value: None, depth: int) -> None:
        self.parts.append(b"n")

    def boolean(self, value: bool, depth: int) -> None:
        self.parts.append(b"t" if value else b"f")

    def integer(self, value: int, depth: int) -> None:
        if -(1 << 63) <= value < 1 << 63:
            self.parts.append(_INT.pack(b"i", value))
            return
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > _MAX_INT_BYTES:
            raise WireError("it holds an integer of more than a million bits")
        self.parts += (_COUNT.pack(b"I", len(data)), data)

    def real(self, value: float, depth: int) -> None:
        self.parts.append(_FLOAT.pack(b"d", value))

    def imaginary(self, value: complex, depth: int) -> None:
        self.parts.append(_COMPLEX.pack(b"c", value.real, value.imag))

    def raw(self, tag: bytes, data: bytes) -> None:
        self.room -= len(data)
        if self.room < 0:
            raise WireError("it is too large")
        self.parts += (_COUNT.pack(tag, len(data)), data)

    def text(self, value: str, depth: int) -> None:
        self.raw(b"s", value.encode("utf-8", "surrogatepass"))

    def octets(self, value: bytes, depth: int) -> None:
        self.raw(b"b", value)

    def buffer(self, value: bytearray, depth: int) -> None:
        if not self.known(value):
            self.raw(b"B", bytes(value))

    def items(self, tag: bytes, values: Any, depth: int) -> None:
        self.parts.append(_COUNT.pack(tag, len(values)))
        for item in values:
            self.put(item, depth - 1)

    def list_of(self, value: list, depth: int) -> None:
        if not self.known(value):
            self.items(b"l", value, depth)

    def tuple_of(self, value: tuple, depth: int) -> None:
        self.items(b"u", value, depth)

    def set_of(self, value: set, depth: int) -> None:
        if not self.known(value):
            self.items(b"e", value, depth)

    def frozenset_of(self, value: frozenset, depth: int) -> None:
        self.items(b"z", value, depth)

    def dict_of(self, value: dict, depth: int) -> None:
        if self.known(value):
            return
        self.parts.append(_COUNT.pack(b"m", len(value)))
        for key, item in value.items():
            self.put(key, depth - 1)
            self.put(item, depth - 1)

    def range_of(self, value: range, depth: int) -> None:
        self.parts.append(b"R")
        for part in (value.start, value.stop, value.step):
            self.put(part, depth - 1)

    def slice_of(self, value: slice, depth: int) -> None:
        self.parts.append(b"S")
        for part in (value.start, value.stop, value.step):
            self.put(part, depth - 1)

    def array(self, value: np.ndarray, depth: int, flags: int = 0) -> None:
        dtype = value.dtype
        if dtype.kind not in _KINDS or not _DTYPE.fullmatch(dtype.str):
            return self.other(value, depth)
        if self.known(value):
            return None
        if value.flags.fnc:
            flags |= _F_ORDER
        if not value.flags.writeable:
            flags |= _READ_ONLY
        self.room -= value.nbytes
        if self.room < 0:
            raise WireError("it is too large")
        code = dtype.str.encode()
        shape = value.shape
        head = struct.pack(
            f"<cBB{len(code)}sB{len(shape)}Q", b"a", flags, len(code), code, len(shape), *shape
        )
        self.parts += (head, contents(value))
        return None

    def scalar(self, value: np.generic, depth: int) -> None:
        code = value.dtype.str
        if value.dtype.kind not in _KINDS or not _DTYPE.fullmatch(code):
            return self.other(value, depth)
        self.parts.append(struct.pack("<cB", b"g", len(code)) + code.encode() + value.tobytes())
        return None

    def dtype(self, value: np.dtype, depth: int) -> None:
        if not _DTYPE.fullmatch(value.str):
            return self.other(value, depth)
        self.raw(b"y", value.str.encode())
        return None

    def tensor(self, value: Tensor, depth: int) -> None:
        self.array(value.array, depth, _TENSOR | (_REQUIRES_GRAD if value.requires_grad else 0))

    def handle(self, value: Handle, depth: int) -> None:
        self.parts.append(b"h")
        for part in (value.number, value.kind, value.type_name, value.traits):
            self.put(part, depth - 1)

    def symbol(self, value: Symbol, depth: int) -> None:
        self.parts.append(b"q")
        self.text(value.module, depth)
        self.text(value.name, depth)

    def record(self, value: Record, depth: int) -> None:
        self.parts.append(b"k")
        for part in (value.type_name, value.fields, value.values):
            self.put(part, depth - 1)

    def other(self, value: Any, depth: int) -> None:
        """What is not plain data by its exact type: a known type, a scalar, or what it becomes."""
        name = _NAME_OF.get(id(value))
        if name is not None:
            return self.raw(b"p", name.encode())
        if isinstance(value, np.dtype):
            return self.dtype(value, depth) if _DTYPE.fullmatch(value.str) else self.refuse(value)
        if isinstance(value, np.generic) and type(value).__module__ == "numpy":
            if value.dtype.kind in _KINDS and _DTYPE.fullmatch(value.dtype.str):
                return self.scalar(value, depth)
        if self.convert is None:
            self.refuse(value)
        if depth <= 0:
            raise WireError("it is nested too deeply, or holds itself")
        return self.put(self.convert(value), depth - 1)

    def refuse(self, value: Any) -> None:
        raise WireError(f"it holds a value of type {type(value).__name__}")


def contents(array: np.ndarray) -> bytes | memoryview:
    """The entries of an array as bytes in its own order; those of a large one are not copied."""
    if array.nbytes < _LARGE or array.dtype.kind not in "biufc" or not array.flags.c_contiguous:
        return array.tobytes("A")
    return array.reshape(-1).view(np.uint8).data


_WRITERS: dict[type, Callable[[_Writer, Any, int], None]] = {
    type(None): _Writer.none,
    bool: _Writer.boolean,
    int: _Writer.integer,
    float: _Writer.real,
    complex: _Writer.imaginary,
    str: _Writer.text,
    bytes: _Writer.octets,
    bytearray: _Writer.buffer,
    list: _Writer.list_of,
    tuple: _Writer.tuple_of,
    set: _Writer.set_of,
    frozenset: _Writer.frozenset_of,
    dict: _Writer.dict_of,
    range: _Writer.range_of,
    slice: _Writer.slice_of,
    np.ndarray: _Writer.array,
    np.float64: _Writer.scalar,
    np.float32: _Writer.scalar,
    np.int64: _Writer.scalar,
    np.bool_: _Writer.scalar,
    Tensor: _Writer.tensor,
    Handle: _Writer.handle,
    Symbol: _Writer.symbol,
    Record: _Writer.record,
}


def decode(
    data: bytes | memoryview,
    limits: WireLimits = WireLimits(),
    memo: Memo | None = None,
    *,
    grow: bool = False,
    convert: CONVERT | None = None,
) -> Any:
    """Read a value.

    References are to objects of the memo; with `grow`, the mutable objects of this message join
    it. `convert` gets each Handle, Symbol, Tensor and Record and gives what stands in its place.

    Raises:
        WireError: the bytes are no message, or hold what is not allowed, or too much.
    """
    if len(data) > limits.size:
        raise WireError("the message is too large")
    reader = _Reader(data, limits, memo, grow, convert)
    try:
        value = reader.get(limits.depth)
    except (struct.error, IndexError):
        raise WireError("the message ends too early") from None
    except (RecursionError, MemoryError, OverflowError):
        raise WireError("the message holds too much") from None
    except UnicodeError:
        raise WireError("the message holds text that is not UTF-8") from None
    if reader.at != len(data):
        raise WireError("something follows the message")
    return value


class _Reader:
    def __init__(
        self,
        data: bytes | memoryview,
        limits: WireLimits,
        memo: Memo | None,
        grow: bool,
        convert: CONVERT | None,
    ):
        self.data, self.at = data, 0
        self.memo, self.grow, self.convert = memo, grow, convert
        self.left, self.memory = limits.items, limits.memory

    def get(self, depth: int) -> Any:
        if depth < 0:
            raise WireError("the message is nested too deeply")
        tag = self.data[self.at]
        self.at += 1
        self.left -= 1
        if self.left < 0:
            raise WireError("the message holds too many values")
        read = _READERS.get(tag)
        if read is None:
            raise WireError("the message holds an unknown tag")
        return read(self, depth)

    def charge(self, size: int) -> None:
        """Count memory about to be allocated."""
        self.memory -= size
        if self.memory < 0:
            raise WireError("the message would take too much memory")

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise WireError("the message ends too early")
        self.charge(size + 64)
        taken = bytes(self.data[self.at : end])
        self.at = end
        return taken

    def count(self, item: int) -> int:
        """A number of items, each of at least one byte on the wire and `item` in memory."""
        (count,) = _ONE_COUNT.unpack_from(self.data, self.at)
        self.at += 4
        if count > len(self.data) - self.at or count > self.left:
            raise WireError("the message announces more values than it can hold")
        self.charge(64 + item * count)
        return count

    def integer(self, depth: int) -> int:
        (value,) = _ONE_INT.unpack_from(self.data, self.at)
        self.at += 8
        self.charge(32)
        return value

    def long(self, depth: int) -> int:
        (size,) = _ONE_COUNT.unpack_from(self.data, self.at)
        self.at += 4
        if size > _MAX_INT_BYTES:
            raise WireError("the message holds an integer of more than a million bits")
        return int.from_bytes(self.take(size), "little", signed=True)

    def real(self, depth: int) -> float:
        (value,) = _ONE_FLOAT.unpack_from(self.data, self.at)
        self.at += 8
        self.charge(32)
        return value

    def imaginary(self, depth: int) -> complex:
        value = complex(*_TWO_FLOATS.unpack_from(self.data, self.at))
        self.at += 16
        self.charge(32)
        return value

    def octets(self, depth: int) -> bytes:
        (size,) = _ONE_COUNT.unpack_from(self.data, self.at)
        self.at += 4
        return self.take(size)

    def text(self, depth: int) -> str:
        data = self.octets(depth)
        self.charge(4 * len(data))
        return data.decode("utf-8", "surrogatepass")

    def word(self, depth: int) -> str:
        """A value that has to be text."""
        word = self.get(depth - 1)
        if type(word) is not str or len(word) > 500:
            raise WireError("the message holds something else where a name should be")
        return word

    def words(self, depth: int) -> tuple[str, ...]:
        """A value that has to be a tuple of short texts."""
        words = self.get(depth - 1)
        if type(words) is not tuple or any(type(w) is not str or len(w) > 500 for w in words):
            raise WireError("the message holds something else where names should be")
        return words

    def join(self, value: Any, before: Any = None) -> None:
        if self.grow and self.memo is not None:
            self.memo.add(value, before)

    def buffer(self, depth: int) -> bytearray:
        data = self.octets(depth)
        self.charge(len(data))
        value = bytearray(data)
        self.join(value, data)
        return value

    def list_of(self, depth: int) -> list:
        count = self.count(8)
        value: list = []
        self.join(value)
        place = len(self.memo.before) - 1 if self.grow and self.memo is not None else None
        for _ in range(count):
            value.append(self.get(depth - 1))
        if place is not None:
            self.memo.before[place] = tuple(value)
        return value

    def tuple_of(self, depth: int) -> tuple:
        return tuple([self.get(depth - 1) for _ in range(self.count(8))])

    def set_of(self, depth: int) -> set:
        count = self.count(80)
        value: set = set()
        self.charge(200)
        self.join(value)
        place = len(self.memo.before) - 1 if self.grow and self.memo is not None else None
        try:
            for _ in range(count):
                value.add(self.get(depth - 1))
        except TypeError:
            raise WireError("the message holds a set of what can't be in one") from None
        if place is not None:
            self.memo.before[place] = frozenset(value)
        return value

    def frozenset_of(self, depth: int) -> frozenset:
        count = self.count(80)
        self.charge(200)
        try:
            return frozenset([self.get(depth - 1) for _ in range(count)])
        except TypeError:
            raise WireError("the message holds a set of what can't be in one") from None

    def dict_of(self, depth: int) -> dict:
        count = self.count(120)
        value: dict = {}
        self.charge(200)
        self.join(value)
        place = len(self.memo.before) - 1 if self.grow and self.memo is not None else None
        for _ in range(count):
            key = self.get(depth - 1)
            item = self.get(depth - 1)
            try:
                value[key] = item
            except TypeError:
                raise WireError("the message holds a key that can't be one") from None
        if place is not None:
            self.memo.before[place] = tuple(value.items())
        return value

    def three(self, depth: int) -> tuple[Any, Any, Any]:
        return self.get(depth - 1), self.get(depth - 1), self.get(depth - 1)

    def range_of(self, depth: int) -> range:
        try:
            return range(*self.three(depth))
        except (TypeError, ValueError):
            raise WireError("the message holds a range that is none") from None

    def slice_of(self, depth: int) -> slice:
        return slice(*self.three(depth))

    def code(self, size: int) -> np.dtype:
        code = bytes(self.data[self.at : self.at + size])
        self.at += size
        if not code.isascii():
            raise WireError("the message holds a dtype that is none")
        return _dtype(code.decode("ascii"))

    def array(self, depth: int) -> Any:
        data, at = self.data, self.at
        flags, size = data[at], data[at + 1]
        self.at += 2
        dtype = self.code(size)
        ndim = data[self.at]
        if ndim > 32:
            raise WireError("the message holds an array of more than 32 axes")
        shape = struct.unpack_from(f"<{ndim}Q", data, self.at + 1)
        self.at += 1 + 8 * ndim
        count, extent = 1, max(dtype.itemsize, 1)
        for n in shape:
            count *= n
            extent *= n or 1
        # The extent, with empty axes left out, is what NumPy itself bounds.
        if extent > 1 << 60:
            raise WireError("the message holds an array of an impossible shape")
        size = count * dtype.itemsize
        start, end = self.at, self.at + size
        if end > len(data):
            raise WireError("the message ends too early")
        self.charge(200 + size)
        self.at = end
        order = "F" if flags & _F_ORDER else "C"
        if size:
            entries = np.frombuffer(data, dtype, count, start)
            check_entries(entries)
            value = entries.reshape(shape, order=order).copy(order)
        else:
            value = np.empty(shape, dtype, order)
        if flags & _READ_ONLY and self.grow:
            value.flags.writeable = False
        self.join(value, (start, end))
        if flags & _TENSOR:
            return self.converted(Tensor(value, bool(flags & _REQUIRES_GRAD)))
        return value

    def scalar(self, depth: int) -> np.generic:
        size = self.data[self.at]
        self.at += 1
        dtype = self.code(size)
        data = self.take(dtype.itemsize)
        if dtype.itemsize == 0:
            return np.zeros(1, dtype)[0]
        value = np.frombuffer(data, dtype, 1)
        check_entries(value)
        return value[0]

    def dtype(self, depth: int) -> np.dtype:
        data = self.octets(depth)
        if len(data) > 40 or not data.isascii():
            raise WireError("the message holds a dtype that is none")
        return _dtype(data.decode("ascii"))

    def type_of(self, depth: int) -> Any:
        name = self.octets(depth)
        try:
            return _TYPES[name.decode("ascii")]
        except (KeyError, UnicodeError):
            raise WireError("the message names a type that is not allowed") from None

    def reference(self, depth: int) -> Any:
        (number,) = _ONE_COUNT.unpack_from(self.data, self.at)
        self.at += 4
        if self.memo is None or number >= len(self.memo.objects):
            raise WireError("the message refers to an object that is not there")
        return self.memo.objects[number]

    def handle(self, depth: int) -> Any:
        number = self.get(depth - 1)
        if type(number) is not int or not 0 <= number < 1 << 62:
            raise WireError("the message holds a handle without a number")
        self.charge(200)
        return self.converted(Handle(number, self.word(depth), self.word(depth), self.words(depth)))

    def symbol(self, depth: int) -> Any:
        return self.converted(Symbol(self.word(depth), self.word(depth)))

    def record(self, depth: int) -> Any:
        name, fields, values = self.word(depth), self.words(depth), self.get(depth - 1)
        if type(values) is not tuple or len(values) != len(fields) or len(fields) > 100:
            raise WireError("the message holds a named tuple that is none")
        if len(set(fields)) != len(fields):
            raise WireError("the message holds a named tuple that is none")
        return self.converted(Record(name, fields, values))

    def converted(self, value: Any) -> Any:
        return value if self.convert is None else self.convert(value)


def check_entries(array: np.ndarray) -> None:
    """Refuse entries that NumPy itself would never make.

    Raises:
        WireError: a boolean that is neither 0 nor 1, or a character that is none.
    """
    if not array.size:
        return
    if array.dtype.kind == "b" and array.view(np.uint8).max() > 1:
        raise WireError("the message holds a boolean that is neither true nor false")
    if array.dtype.kind == "U" and array.dtype.itemsize:
        points = array.view(f"{array.dtype.byteorder}u4".replace("|", "="))
        if points.max() > 0x10FFFF:
            raise WireError("the message holds a character that is none")


_READERS: dict[int, Callable[[_Reader, int], Any]] = {
    ord("n"): lambda reader, depth: None,
    ord("t"): lambda reader, depth: True,
    ord("f"): lambda reader, depth: False,
    ord("i"): _Reader.integer,
    ord("I"): _Reader.long,
    ord("d"): _Reader.real,
    ord("c"): _Reader.imaginary,
    ord("s"): _Reader.text,
    ord("b"): _Reader.octets,
    ord("B"): _Reader.buffer,
    ord("l"): _Reader.list_of,
    ord("u"): _Reader.tuple_of,
    ord("e"): _Reader.set_of,
    ord("z"): _Reader.frozenset_of,
    ord("m"): _Reader.dict_of,
    ord("R"): _Reader.range_of,
    ord("S"): _Reader.slice_of,
    ord("a"): _Reader.array,
    ord("g"): _Reader.scalar,
    ord("y"): _Reader.dtype,
    ord("p"): _Reader.type_of,
    ord("r"): _Reader.reference,
    ord("h"): _Reader.handle,
    ord("q"): _Reader.symbol,
    ord("k"): _Reader.record,
}


def changes(memo: Memo, data: bytes | memoryview) -> list[tuple[int, Any]]:
    """The objects of a decoded request that have changed since, each with what it holds now.

    `data` is the message that they were decoded from.
    """
    changed: list[tuple[int, Any]] = []
    for number, (value, before) in enumerate(zip(memo.objects, memo.before, strict=True)):
        if isinstance(value, np.ndarray):
            start, end = before
            if value.flags.writeable and value.tobytes("A") != bytes(data[start:end]):
                changed.append((number, value.view()))
        elif isinstance(value, bytearray):
            if value != before:
                changed.append((number, bytes(value)))
        elif isinstance(value, list):
            if len(value) != len(before) or any(
                a is not b for a, b in zip(value, before, strict=True)
            ):
                changed.append((number, list(value)))
        elif isinstance(value, dict):
            pairs = tuple(value.items())
            if len(pairs) != len(before) or any(
                a is not c or b is not d for (a, b), (c, d) in zip(pairs, before, strict=True)
            ):
                changed.append((number, dict(value)))
        elif isinstance(value, set) and value != before:
            changed.append((number, set(value)))
    return changed
