"""Attacks on the conversation with the judge: forged messages, and the agent taken over."""

from hostile.attack import Attack, Off

KEPT = ("count", "late")
# It uses up its time before the right answers are tested, or spoils them itself.
SPOILT = {"lost": KEPT}
SLOW = {"hangs": True, "lost": KEPT}

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


def forged(name: str, double: str, off: Off = Off.RECOVERY, **more) -> Attack:
    """An attack that writes to, or reads from, the channel to the judge."""
    cells = {"double": FIND_CHANNEL + double}
    return Attack(name, "forged protocol messages", off, cells, right=KEPT, **more)


CALL = "\ndef double(x):\n    {}\n    return 0 * x\n"

FORGED = [
    forged("garbage", CALL.format("send(os.urandom(4096))")),
    forged("garbage while the cell runs", "send(b'\\xff' * 65536)" + CALL.format("pass")),
    forged("a huge length", CALL.format("send(b'\\xff' * 8 + b'x')"), Off.LIMITS, hangs=True),
    forged(
        "a huge length in the other order",
        CALL.format("send(b'\\x7f' + b'\\x00' * 7)"),
        Off.LIMITS,
        hangs=True,
    ),
    forged(
        "half a frame, and then silence",
        CALL.format("send(struct.pack('>Q', 100) + b'x'); import time; time.sleep(60)"),
        Off.LIMITS,
        **SLOW,
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
        "the next requests read away",
        CALL.format("[os.set_blocking(n, False) or os.read(n, 65536) for n in channels()]"),
        **SPOILT,
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
        Off.RECOVERY,
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
    ),
    forged(
        "the agent's functions found by frames",
        """
import sys

def double(x):
    frame = sys._getframe()
    while frame:
        for name in ("send", "receive", "answer", "respond", "reply"):
            if name in frame.f_locals:
                try:
                    frame.f_locals[name](bytes(16))
                except Exception:
                    pass
        frame = frame.f_back
    return 0 * x
""",
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

def yes(*_):
    return True
"""


def own(name: str, off: Off, right: tuple[str, ...] = KEPT, more=(), **cells: str) -> Attack:
    """An attack that knows how this engine's own agent works."""
    cells = {"double": AGENT + cells.pop("double", "def double(x):\n    return 0 * x\n"), **cells}
    return Attack(name, "the agent taken over", off, cells, right=right, **dict(more))


OWN = [
    own(
        "words printed past every limit",
        Off.LIMITS,
        double=CALL.format("agent().printed.extend([('out', 'p' * 1_000_000)] * 12)"),
    ),
    own(
        "warnings past every limit",
        Off.LIMITS,
        double=CALL.format(
            "agent().warned.extend([('UserWarning', 'w%d' % n) for n in range(30_000)])"
        ),
    ),
    own(
        "an error described past every limit",
        Off.LIMITS,
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
        "an error described as the end of the test's own loop",
        Off.CHECKS,
        each="""
def each(x):
    def describe(error):
        return {"bases": ["builtins.StopIteration"], "type": 1 << 61, "name": "", "own": 3,
                "message": "", "arguments": ({"a": []},), "line": 2.5, "from_judge": True}
    agent().describe = describe
    raise ValueError
""",
    ),
    own(
        "an error described with the wrong types",
        Off.RECOVERY,
        double="""
def double(x):
    agent().describe = lambda error: {"bases": 1, "type": [], "name": None, "message": 2.0}
    raise ValueError
""",
    ),
    own(
        "a call back into the judge that nobody offered",
        Off.RECOVERY,
        double=CALL.format("agent().call_judge(0, ('id',), {})"),
    ),
    own(
        "calls back into the judge by numbers that are none",
        Off.RECOVERY,
        double=CALL.format("[agent().call_judge(n, (), {}) for n in (-1, 1 << 61, True, 2.0)]"),
    ),
    own(
        "a symbol that names an object of the judge's which equals everything",
        Off.CHECKS,
        oracle="def oracle():\n    return wire().Symbol('unittest.mock', 'ANY')\n",
    ),
    own(
        "a named tuple that compares itself",
        Off.CHECKS,
        oracle="def oracle():\n    return wire().Record('Answer', ('__eq__',), (yes,))\n",
    ),
    own(
        "a named tuple that says it is a dict",
        Off.CHECKS,
        right=("late",),
        count="""
def count(text):
    return wire().Record("dict", ("__class__", "__eq__"), (dict, yes))
""",
    ),
    own(
        "an object that says it is a dict, and equal to it",
        Off.CHECKS,
        right=("late",),
        count="""
class Any:
    __eq__ = yes

def count(text):
    sys.modules["autograder.sandbox.agent"].traits_of = lambda *_: ("builtins.dict", "()")
    return Any()
""",
    ),
    own(
        "names that nobody had asked for",
        Off.CHECKS,
        right=("count",),
        double="""
found = agent()
asked = found.operations["names"]
found.operations["names"] = lambda wanted: {**asked(wanted), "close": found.handle_on(yes)}

def double(x):
    return 0 * x
""",
    ),
    own(
        "two hundred thousand keys of one hash",
        Off.LIMITS,
        more=SLOW,
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
        Off.LIMITS,
        more=SLOW,
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
        Off.RECOVERY,
        double="""
def double(x):
    sys.modules["autograder.sandbox.agent"].changes = lambda *a: [(n, []) for n in range(5, 9)]
    return 0 * x
""",
    ),
    own(
        "a sequence without end, a megabyte each",
        Off.LIMITS,
        more=SPOILT,
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
        Off.LIMITS,
        stream="def stream(n):\n    while True:\n        yield bytes(1 << 20)\n",
    ),
    own(
        "answers recorded and played back",
        Off.RECOVERY,
        more=SPOILT,
        double="""
found, sent = agent(), []
real = found.send

def send(*answer):
    sent.append(answer)
    real(*sent[0])

found.send = send

def double(x):
    return 0 * x
""",
    ),
]

ATTACKS = [*FORGED, *OWN]
