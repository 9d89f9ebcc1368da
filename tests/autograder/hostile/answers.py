"""Attacks through what comes back: answers too large or malformed, and a forged protocol."""

from hostile.attack import Attack, Off


def answers(name: str, code: str, off: Off | None = None, why: str = "") -> Attack:
    """A first answer that the judge can't serve; the right answers after it keep their marks."""
    return Attack(
        name,
        "oversized and malformed answers",
        off,
        {"double": code},
        right=("count", "late"),
        why=why or "in one process no answer is read from another",
    )


def gives(expression: str) -> str:
    """A first answer that returns the expression."""
    return f"import numpy as np\n\ndef double(x):\n    return {expression}\n"


MALFORMED = [
    answers("two gigabytes of zeros", gives("np.zeros(1 << 28)")),
    answers(
        "a large array inside the limit on memory",
        gives("np.zeros(120 << 17)"),
        Off.LIMITS,
    ),
    answers("two gigabytes that take no memory", gives("np.broadcast_to(0.0, (1 << 14, 1 << 14))")),
    answers(
        "an array of more entries than there are numbers",
        gives("np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 30, 1 << 30), (0, 0))"),
    ),
    answers("object dtype", gives("np.array([{}, [], None, print], dtype=object)")),
    answers("structured dtype", gives("np.zeros(4, dtype=[('a', 'f8'), ('b', 'O')])")),
    answers(
        "strings, dates and void",
        gives("[np.array(['a' * 100]), np.array(['2020-01-01'], 'M8[D]'), np.zeros(2, 'V9')]"),
    ),
    answers("NaN everywhere", gives("np.full(np.shape(x), np.nan)")),
    answers(
        "the wrong shape with the right numbers", gives("(2 * np.asarray(x))[..., None, None]")
    ),
    answers("sixty-four dimensions", gives("np.zeros((1,) * 64)")),
    answers(
        "a list a million deep",
        """
        def double(x):
            answer = []
            for _ in range(10**6):
                answer = [answer]
            return answer
        """,
    ),
    answers(
        "a list that holds itself",
        """
        def double(x):
            answer = [1.0]
            answer.append(answer)
            return answer
        """,
    ),
    answers(
        "a dict that holds itself",
        """
        def double(x):
            answer = {}
            answer["again"] = [answer, {"deeper": answer}]
            return answer
        """,
    ),
    answers(
        "a billion references to the same list",
        """
        def double(x):
            answer = [0.0] * 10
            for _ in range(9):
                answer = [answer] * 10
            return answer
        """,
    ),
    answers("half a gigabyte of text", gives("'x' * (1 << 29)")),
    answers("ten million numbers in a list", gives("[0.5] * 10**7")),
    answers("an integer of ten million digits", gives("1 << 33_000_000")),
    answers("text that no encoding takes", gives("'\\ud800' * 4")),
    answers(
        "a length that lies",
        """
        class Long(list):
            def __len__(self):
                return 1 << 62

        def double(x):
            return Long([0.0, 2.0])
        """,
    ),
    answers(
        "a negative length, and iteration without end",
        """
        class Endless(list):
            def __len__(self):
                return -1
            def __iter__(self):
                while True:
                    yield 0.0

        def double(x):
            return Endless()
        """,
    ),
    answers(
        "keys that are lists, arrays and themselves",
        """
        import numpy as np

        class Key(tuple):
            __hash__ = lambda self: 1
            __eq__ = lambda self, other: False

        def double(x):
            return {Key((n,)): np.zeros(2) for n in range(1000)}
        """,
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
    ),
    answers(
        "an exception with fifty megabytes of words",
        """
        def double(x):
            raise ValueError("x" * (50 << 20))
        """,
    ),
    answers(
        "an exception whose type is called AssertionError and has no base",
        """
        Skip = type("SkipTest", (BaseException,), {"__module__": "unittest.case"})

        def double(x):
            raise Skip("skipped")
        """,
    ),
    answers(
        "a test skipped from inside",
        """
        import unittest

        def double(x):
            raise unittest.SkipTest("not today")
        """,
    ),
    answers(
        "an endless generator",
        """
        def double(x):
            while True:
                yield 0.0
        """,
    ),
    answers(
        "a value whose type has the name of another",
        """
        import numpy as np

        ndarray = type("ndarray", (list,), {"__module__": "numpy", "shape": (4,), "dtype": "f8"})

        def double(x):
            return ndarray([0.0])
        """,
    ),
]


FIND_CHANNEL = """
import os, socket, stat, struct

def channels():
    for number in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode) or stat.S_ISFIFO(os.fstat(number).st_mode):
                yield number
        except OSError:
            pass

def send(data):
    for number in channels():
        try:
            os.set_blocking(number, False)
            os.write(number, data)
        except OSError:
            pass
        finally:
            try:
                os.set_blocking(number, True)
            except OSError:
                pass
"""


def forged(name: str, double: str, off: Off | None = None, **more) -> Attack:
    """An attack that writes to, or reads from, the channel to the judge."""
    return Attack(
        name,
        "forged protocol messages",
        off,
        {"double": FIND_CHANNEL + double},
        right=("count", "late"),
        lost=("count", "late"),
        why="in one process there is no protocol",
        **more,
    )


CALL = "\ndef double(x):\n    {}\n    return 0 * x\n"

FORGED = [
    forged("garbage", CALL.format("send(os.urandom(4096))")),
    forged("garbage while the cell runs", "send(b'\\xff' * 65536)" + CALL.format("pass")),
    forged("a huge length", CALL.format("send(b'\\xff' * 8 + b'x')")),
    forged("a huge length in the other order", CALL.format("send(b'\\x7f' + b'\\x00' * 7)")),
    forged(
        "half a frame, and then silence",
        CALL.format("send(struct.pack('>Q', 100) + b'x'); import time; time.sleep(60)"),
    ),
    forged("empty frames without end", CALL.format("[send(b'\\0' * 65536) for _ in range(200)]")),
    forged(
        "too many answers",
        CALL.format(
            "[send(struct.pack(order + size, 5) + b'hello')"
            " for order in '<>' for size in 'IQ' for _ in range(50)]"
        ),
    ),
    forged("the channel closed", CALL.format("[os.close(n) for n in channels()]")),
    forged(
        "the channel shut down",
        CALL.format("[socket.socket(fileno=os.dup(n)).shutdown(2) for n in channels()]"),
    ),
    forged(
        "the next requests read away",
        CALL.format("[os.set_blocking(n, False) or os.read(n, 65536) for n in channels()]"),
    ),
    forged(
        "every descriptor replaced by /dev/zero",
        CALL.format("[os.dup2(os.open('/dev/zero', os.O_RDWR), n) for n in channels()]"),
    ),
    forged(
        "a million small frames while the cell runs",
        "for _ in range(1000):\n    send(struct.pack('>I', 1) * 1000)\n" + CALL.format("pass"),
    ),
    Attack(
        "the encoder patched to answer with other numbers",
        "forged protocol messages",
        None,
        {
            "double": """
            import sys

            for name, module in list(sys.modules.items()):
                if name.endswith(("wire", "agent")):
                    for key, thing in list(vars(module).items()):
                        if "encode" in key and callable(thing):
                            def wrong(value, *a, _real=thing, **k):
                                return _real({"points": 2.0, "score": 99.0}, *a, **k)
                            setattr(module, key, wrong)

            def double(x):
                return 0 * x
            """
        },
        why="it answers in its own name only: no answer is a mark",
    ),
    Attack(
        "answers recorded and played back",
        "forged protocol messages",
        None,
        {
            "double": FIND_CHANNEL
            + """
real_write, real_send = os.write, socket.socket.send
sent = []

class Recorder(socket.socket):
    def sendall(self, data, *a):
        sent.append(bytes(data))
        return super().sendall(sent[0], *a)
    def send(self, data, *a):
        sent.append(bytes(data))
        return super().send(sent[0], *a)

import gc
for thing in gc.get_objects():
    if type(thing) is socket.socket:
        try:
            thing.__class__ = Recorder
        except TypeError:
            pass

def double(x):
    return 0 * x
"""
        },
        why="it answers in its own name only: no answer is a mark",
    ),
    Attack(
        "the agent's functions found by frames and replaced",
        "forged protocol messages",
        None,
        {
            "double": """
            import sys

            def double(x):
                frame = sys._getframe()
                while frame:
                    for name in ("send", "receive", "answer", "respond", "reply"):
                        if name in frame.f_locals:
                            real = frame.f_locals[name]
                            try:
                                real(b"\\x00" * 16)
                            except Exception:
                                pass
                    frame = frame.f_back
                return 0 * x
            """
        },
        right=("count", "late"),
        lost=("count", "late"),
        why="in one process there is no protocol",
    ),
]


AGENT = """
import sys

def agent():
    frame = sys._getframe()
    while frame:
        found = frame.f_locals.get("self")
        if hasattr(found, "operations"):
            return found
        frame = frame.f_back

def wire():
    return sys.modules["autograder.sandbox.wire"]
"""


def own(name: str, why: str, lost: tuple[str, ...] = ("count", "late"), **cells: str) -> Attack:
    """An attack that knows how this engine's own agent works."""
    cells = {"double": AGENT + cells.pop("double", "def double(x):\n    return 0 * x\n"), **cells}
    return Attack(
        name, "the agent taken over", None, cells, right=("count", "late"), lost=lost, why=why
    )


OWN = [
    own(
        "words printed past every limit",
        "it fills its own report only, and that is bounded",
        double=CALL.format("agent().printed.extend([('out', 'p' * 1_000_000)] * 12)"),
    ),
    own(
        "warnings past every limit",
        "it fills its own report only, and that is bounded",
        double=CALL.format(
            "agent().warned.extend([('UserWarning', 'w%d' % n) for n in range(10**5)])"
        ),
    ),
    own(
        "an error described past every limit",
        "it fills its own report only, and that is bounded",
        double="""
def double(x):
    real = agent().describe
    def describe(error):
        told = real(error)
        told.update(traceback="t\\n" * 2_000_000, message="m" * 4_000_000, name="n" * 10**6)
        return told
    agent().describe = describe
    raise ValueError
""",
    ),
    own(
        "an error described with the wrong types",
        "no word of it is taken for a mark",
        double="""
def double(x):
    def describe(error):
        return {"bases": ["builtins.StopIteration"], "type": 1 << 61, "name": "", "own": 3,
                "message": "", "arguments": ({"a": []},), "line": 2.5, "from_judge": True}
    agent().describe = describe
    raise ValueError
""",
    ),
    own(
        "a call back into the judge that nobody offered",
        "an answer with an unknown number ends its process",
        double=CALL.format("agent().call_judge(0, ('id',), {})"),
    ),
    own(
        "calls back into the judge without end",
        "an answer with an unknown number ends its process",
        double=CALL.format("[agent().call_judge(n, (), {}) for n in (-1, 1 << 61, True, 2.0)]"),
    ),
    own(
        "handles on objects of the judge's own",
        "a handle is a number that only its own process understands",
        double="""
def double(x):
    w = wire()
    kinds = ("callback", "exception", "network", "class", "module", "", "__class__")
    return [w.Handle(n, kind, "type", ("builtins.object",)) for n, kind in enumerate(kinds)]
""",
    ),
    own(
        "a symbol that names a function of the judge's",
        "only the judge may name functions",
        double="def double(x):\n    return wire().Symbol('os', 'getpid')\n",
    ),
    own(
        "named tuples with the names of methods",
        "a named tuple is made from plain words only",
        double="""
def double(x):
    return wire().Record("Points", ("count", "index", "__eq__", "_asdict"), (1, 2, 3, 4))
""",
    ),
    own(
        "a named tuple whose fields hide its methods",
        "a named tuple is made from plain words only",
        double="""
def double(x):
    return wire().Record("tuple", ("count", "index", "class", "1", ""), (1, 2, 3, 4, 5))
""",
    ),
    own(
        "types claimed that the answer hasn't",
        "a claimed type serves isinstance only, and brings no behaviour",
        double="""
import numpy as np

def double(x):
    return wire().Handle(0, "instance", "ndarray", ("numpy.ndarray", "torch.Tensor", "=="))
""",
    ),
    own(
        "two hundred thousand keys of one hash",
        "the time for a test cell holds in the judge too",
        double="""
def double(x):
    def put(writer, value, depth):
        count = 200_000
        writer.parts.append(wire()._COUNT.pack(b"m", count))
        for n in range(count):
            writer.integer(n * ((1 << 61) - 1), depth)
            writer.none(None, depth)
    wire()._WRITERS[dict] = put
    return {}
""",
    ),
    own(
        "a set of numbers of one hash",
        "the time for a test cell holds in the judge too",
        double="""
def double(x):
    def put(writer, value, depth):
        count = 200_000
        writer.parts.append(wire()._COUNT.pack(b"e", count))
        for n in range(count):
            writer.integer(n * ((1 << 61) - 1), depth)
    wire()._WRITERS[set] = put
    return set()
""",
    ),
    own(
        "arguments changed that it was not given",
        "a change of an unknown argument ends its process",
        double="""
def double(x):
    w = wire()
    sys.modules["autograder.sandbox.agent"].changes = lambda *a: [(n, []) for n in range(9)]
    return 0 * x
""",
    ),
    own(
        "arguments grown in place without end",
        "an argument keeps its shape",
        double="""
def double(x):
    import numpy as np
    sys.modules["autograder.sandbox.agent"].changes = lambda *a: [(0, np.zeros(1 << 20))]
    return 0 * x
""",
    ),
    own(
        "names that it says it has",
        "a name is looked up again when a test reads it",
        double="""
def double(x):
    found = agent()
    found.operations["names"] = lambda wanted: {name: "value" for name in wanted}
    found.operations["get"] = lambda name: 0
    return 0 * x
""",
    ),
    own(
        "a sequence without end, a megabyte each",
        "the time for a test cell holds in the judge too",
        lost=("count", "late"),
        double="""
class Endless:
    def __len__(self):
        return 1 << 40
    def __getitem__(self, place):
        return b"e" * (1 << 20)
    def __iter__(self):
        while True:
            yield b"e" * (1 << 20)

def double(x):
    return Endless()
""",
    ),
    own(
        "a stream without end, a megabyte each",
        "the time for a test cell holds in the judge too",
        stream="def stream(n):\n    while True:\n        yield bytes(1 << 20)\n",
    ),
    own(
        "a stream that ends the test's loop early",
        "a test that compares the whole list sees it",
        lost=(),
        stream="def stream(n):\n    raise StopIteration\n    yield\n",
    ),
    own(
        "an answer to the stream that is no item",
        "an item is a tuple of one",
        stream="""
def stream(n):
    agent().operations["next"] = lambda *a: ((0, 1, 2), [], {})
    yield 0
""",
    ),
]

ATTACKS = [*MALFORMED, *FORGED, *OWN]
