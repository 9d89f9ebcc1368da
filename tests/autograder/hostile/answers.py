"""Attacks through what comes back: answers that are too large or malformed.

The agent in the student's process refuses to send most of them. It is the student's to change, so
these write what they want where it writes answers.
"""

from hostile.attack import Attack, Off

RAW = """
import struct
import sys

class Raw:
    def __init__(self, *parts):
        self.parts = parts

def many(tag, count):
    return struct.pack("<cI", tag, count)

def sized(tag, data):
    return many(tag, len(data)) + data

def array(code, *shape):
    form = f"<cBB{len(code)}sB{len(shape)}Q"
    return struct.pack(form, b"a", 0, len(code), code, len(shape), *shape)

def put(writer, raw, depth):
    writer.parts.extend(raw.parts)

sys.modules["autograder.sandbox.wire"]._WRITERS[Raw] = put
"""


def answers(name: str, code: str, off: Off, **more) -> Attack:
    """A first answer that the judge can't serve; the right answers after it keep their marks."""
    cells = {"double": code}
    kind = "oversized and malformed answers"
    return Attack(name, kind, off, cells, right=("count", "late"), **more)


def gives(name: str, expression: str, off: Off) -> Attack:
    """A first answer that is the value of the expression."""
    return answers(name, f"import numpy as np\n\ndef double(x):\n    return {expression}\n", off)


def writes(name: str, parts: str, off: Off = Off.RECOVERY) -> Attack:
    """A first answer of these bytes."""
    return answers(name, f"{RAW}\ndef double(x):\n    return Raw({parts})\n", off)


OVERSIZED = [
    gives("sixty megabytes of zeros", "np.zeros(8 << 20)", Off.LIMITS),
    gives(
        "sixty megabytes that take no memory",
        "np.broadcast_to(0.0, (1 << 11, 1 << 12))",
        Off.LIMITS,
    ),
    gives("forty megabytes of text", "'x' * (40 << 20)", Off.LIMITS),
    writes(  # of five bytes each, and thirteen times as much in memory
        "two million empty lists",
        "many(b'l', 2_050_000), many(b'l', 0) * 2_050_000",
        Off.LIMITS,
    ),
    answers(
        "an exception with thirty megabytes of words",
        """
        def double(x):
            raise ValueError("x" * (30 << 20))
        """,
        Off.LIMITS,
    ),
    Attack(
        "an endless generator",
        "oversized and malformed answers",
        Off.LIMITS,
        {"stream": "def stream(n):\n    while True:\n        yield 0.0\n"},
        right=("count", "late"),
        hangs=True,
    ),
]

MALFORMED = [
    gives("sixty-four dimensions", "np.zeros((1,) * 64)", Off.RECOVERY),
    writes("a list a million deep", "many(b'l', 1) * 10**6, b'n'"),
    writes("a list of four billion values that are not there", "many(b'l', (1 << 32) - 1)"),
    writes("an integer of ten million digits", "sized(b'I', bytes(4 << 20) + b'\\1')"),
    writes("an array of more entries than there are numbers", "array(b'<f8', 1 << 62, 1 << 62)"),
    writes("an array of a gigabyte that is not there", "array(b'<f8', 1 << 27), bytes(8)"),
    writes(
        "an array of addresses of Python objects", "array(b'|O', 1), struct.pack('<Q', id(Raw))"
    ),
    writes("an array of a dtype that runs for pages", "array(b'<f8' + b', <f8' * 40, 1), bytes(8)"),
    writes("a boolean that is neither true nor false", "array(b'|b1', 1), b'\\2'"),
    writes("a character beyond the last", "array(b'<U1', 1), b'\\xff' * 4"),
    writes("text that is not UTF-8", "sized(b's', b'\\xff\\xfe')"),
    writes("a dict whose keys are lists", "many(b'm', 1), many(b'l', 0), b'n'"),
    writes("a set of sets", "many(b'e', 1), many(b'e', 0)"),
    writes("a range of words", "b'R', many(b's', 0) * 3"),
    writes("a type by its name, outside the list", "sized(b'p', b'os.system')"),
    writes("an argument that it was not given", "many(b'r', 10**6)"),
    writes("a value of a kind that there is not", "b'\\xff'"),
    writes("an answer that breaks off", "many(b'u', 2), b'n'"),
    writes("an answer, and another after it", "b'n' * 10"),
    answers(
        "text that no encoding takes",
        "def double(x):\n    raise ValueError('\\ud800' * 4)\n",
        Off.CHECKS,
    ),
    answers(
        "an exception whose words can't be read",
        """
        class Bad(Exception):
            def __str__(self):
                raise Bad
            __repr__ = __str__
            args = property(__str__)

        def double(x):
            raise Bad
        """,
        Off.RECOVERY,
    ),
]

ATTACKS = [*OVERSIZED, *MALFORMED]
