"""The conversation with a student's process: requests, answers, and what becomes of values."""

import builtins
import collections
import contextlib
import ctypes
import functools
import io
import keyword
import os
import random
import secrets
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograder.judge.errors import (
    MAX_MESSAGE,
    MAX_NAME,
    ProxyError,
    StudentException,
    StudentGone,
    mark,
)
from autograder.judge.proxies import Proxy, handle_of, make_proxy, session_of
from autograder.sandbox import StudentError
from autograder.sandbox.agent import NONCE
from autograder.sandbox.wire import (
    Handle,
    Memo,
    Record,
    Symbol,
    Tensor,
    WireError,
    WireLimits,
    decode,
    encode,
)

# Functions and classes of these packages are the same on both sides and cross by name.
_SHARED = frozenset({"builtins", "math", "cmath", "operator", "numpy", "torch", "scipy", "random"})
_OUT_OF_REACH = "its time is up"
MAX_RESTARTS = 8
MAX_PRINTED = 200_000  # characters, of one answer
CELL_ANSWERS = 2  # all answers to one cell, in multiples of the largest answer
_MISSING = object()
_MT19937_SIZE = 625 * 4  # bytes: 624 words and the place among them
_DEFAULT_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


class Session:
    """A student's process that is started again where it dies.

    Attributes:
        generation: counts the processes; handles belong to one of them.
        gone: why no request can be served until `revive`, or None.
        flags: what happened, in plain words.
    """

    def __init__(
        self,
        open_process: Callable[[], Any],
        limits: Any,
        packages: tuple[str, ...] | None,
    ) -> None:
        self.open_process, self.limits, self.packages = open_process, limits, packages
        self.wire_limits = WireLimits(size=limits.answer, memory=3 * limits.answer)
        self.history: list[tuple[str, str]] = []
        self.skipped: set[str] = set()
        self.flags: list[str] = []
        self.generation = 0
        self.running = ""
        self.process: Any = None
        self.gone: str | None = None
        self.proxies: dict[int, Any] = {}
        self.exceptions: dict[int, type] = {}
        self.callbacks: list[Callable] = []
        self.callback_numbers: dict[int, int] = {}
        self.callback_error: BaseException | None = None
        self.cpu_s, self.peak_memory = 0.0, 0
        self.ends = time.monotonic() + limits.wall_s
        self.before_call: Callable[[], None] | None = None
        self.after_call: Callable[[], None] | None = None
        self.received: list[Any] = []
        self.bytes_received = 0
        self.warned_of: dict[Any, Any] = {}
        self.known_random: Any = None
        self.start()

    # The process

    def start(self) -> None:
        """Start a process, with nothing run in it."""
        self.generation += 1
        self.process = self.open_process()
        self.gone = None
        self.proxies, self.exceptions = {}, {}
        self.request("start", self.packages)

    def close(self) -> None:
        """End the process and note what it used."""
        if self.process is not None:
            usage = self.process.close()
            self.process = None
            self.cpu_s += usage.cpu_s
            self.peak_memory = max(self.peak_memory, usage.peak_memory)

    def lose(self, why: str) -> StudentGone:
        """End the process because of what it did; the error to raise."""
        self.close()
        self.gone = why
        return StudentGone(why)

    def revive(self) -> None:
        """After the process was lost: start another and run the cells before again, quietly.

        Cells that ended or hung the process are left out.
        """
        while self.gone is not None and self.generation <= MAX_RESTARTS:
            if time.monotonic() > self.ends:
                return
            try:
                self.start()
                for source, filename in self.history:
                    if filename not in self.skipped:
                        self.running = filename
                        # What it prints, and warns of, was shown when it ran first.
                        nowhere = io.StringIO()
                        with (
                            contextlib.redirect_stdout(nowhere),
                            contextlib.redirect_stderr(nowhere),
                            warnings.catch_warnings(),
                            contextlib.suppress(Exception),
                        ):
                            warnings.simplefilter("ignore")
                            self.request("run", source, filename, False)
                self.output()
                self.flags.append("The process that runs the student's code was restarted.")
            except StudentGone:
                self.skipped.add(self.running)

    def run(self, source: str, filename: str, show: bool = True) -> dict[str, Any]:
        """Run a cell in the student's process. It joins what a restart runs again.

        Raises:
            StudentGone: it ended or hung the process; a restart leaves the cell out.
        """
        self.revive()
        self.history.append((source, filename))
        try:
            done = self.request("run", source, filename, show)
        except StudentGone:
            self.skipped.add(filename)
            raise
        if type(done) is not dict:
            raise self.lose("it sent an answer that belongs to no cell")
        return done

    def output(self) -> str:
        """What the process printed past Python's own streams, since the last time."""
        return self.process.output() if self.process is not None else ""

    # Requests

    def request(self, operation: str, *arguments: Any) -> Any:
        """Ask the student's process for something.

        Raises:
            StudentGone: no answer came.
            ProxyError: an argument or the answer can't cross.
            Exception: what the student's code raised.
        """
        if self.gone is not None:
            raise StudentGone(self.gone)
        memo = Memo()
        stand_ins: dict[int, tuple[Any, Any]] = {}
        try:
            body = encode(
                (operation, *arguments),
                memo,
                grow=True,
                convert=lambda value: self.to_wire(value, stand_ins),
                limits=self.wire_limits,
            )
        except WireError as error:
            raise ProxyError(
                f"This argument can't be sent to the student's code: {error}."
            ) from None
        while True:
            status, value, changed, printed, warned = self.exchange(body, memo)
            self.deliver(printed, warned)
            if status != "callback":
                break
            body = self.answer_callback(value)
        if changed:
            self.write_back(changed, memo, stand_ins)
        if status == "value":
            return value
        if status == "refused":
            raise ProxyError(f"The answer of the student's code can't be used: {value}.")
        error = self.error_of(value)
        if isinstance(error, StopIteration | StopAsyncIteration | GeneratorExit):
            # It would end a loop of the test's own, and with it the comparisons still to come.
            stopped = RuntimeError(f"the student's code raised {type(error).__name__}")
            error = mark(stopped, value)
        raise error

    def call(self, function: Any, arguments: tuple, keywords: dict[str, Any]) -> Any:
        """Call something of the student's, under the test's floating-point and random settings."""
        if self.before_call is not None:
            self.before_call()
        self.send_random()
        errors = np.geterr()
        value = _MISSING
        try:
            value = self.request(
                "call", function, arguments, keywords, None if errors == _DEFAULT_ERRORS else errors
            )
        finally:
            if self.after_call is not None:
                self.after_call()
        if type(value) in (float, str) or isinstance(value, np.generic):
            self.received.append(value)
        return value

    def send_random(self) -> None:
        """Give the student's process the global random states where a test has set them."""
        state = random_state()
        if self.known_random is None or state == self.known_random:
            return
        self.known_random = state
        _, py_state, torch_state = state
        self.request(
            "random",
            np.random.get_state(),
            py_state,
            None if torch_state is None else np.frombuffer(torch_state, np.uint8).copy(),
        )

    def exchange(self, body: bytes, memo: Memo) -> tuple:
        """Send one frame and read the answer that belongs to it.

        Raises:
            StudentGone: none came, or one that can't be used.
        """
        nonce = secrets.token_bytes(NONCE)
        left = self.ends - time.monotonic()
        if left <= 0:
            raise self.lose("the time for the whole submission is used up")
        try:
            frame = self.process.ask(nonce, body, timeout=min(self.limits.call_s, left))
        except StudentError as error:
            raise self.lose(str(error)) from None
        except BaseException:  # the cell's timer: the line is in the middle of a frame
            self.lose(_OUT_OF_REACH)
            raise
        self.bytes_received += len(frame)
        if self.bytes_received > CELL_ANSWERS * self.limits.answer:
            raise self.lose("its answers to this cell are too large, taken together")
        if frame[:NONCE] != nonce:
            raise self.lose("it sent an answer that nobody had asked for")
        try:
            answer = decode(
                memoryview(frame)[NONCE:], self.wire_limits, memo, convert=self.from_wire
            )
            return check_answer(answer)
        except WireError as error:
            raise self.lose(f"it sent an answer that can't be read: {error}") from None

    def answer_callback(self, request: Any) -> bytes:
        """Call the function of the judge that the student's code was given."""
        if not (type(request) is tuple and len(request) == 3):
            raise self.lose("it sent a request that can't be read")
        number, arguments, keywords = request
        if (
            type(number) is not int
            or not 0 <= number < len(self.callbacks)
            or type(arguments) is not tuple
            or type(keywords) is not dict
            or any(type(key) is not str for key in keywords)
        ):
            raise self.lose("it sent a request that can't be read")
        try:
            result = self.callbacks[number](*arguments, **keywords)
            return encode(("returned", result), convert=self.to_wire, limits=self.wire_limits)
        except StudentGone:
            raise
        except WireError as error:
            failure: BaseException = ProxyError(
                f"The result of a function given to the student's code can't be sent: {error}."
            )
        except Exception as error:
            failure = error
        self.callback_error = failure
        return encode(("failed", type(failure).__name__))

    def deliver(self, printed: list, warned: list) -> None:
        """Print what the student's code printed, and warn of what it warned of."""
        for kind, text in printed:
            text = text[:MAX_PRINTED]
            (sys.stderr if kind == "err" else sys.stdout).write(text)
        for name, text in warned:
            category = getattr(builtins, name, None)
            if not (isinstance(category, type) and issubclass(category, Warning)):
                category = UserWarning
            warnings.warn_explicit(
                text, category, "<the student's code>", 1, "__main__", self.warned_of
            )

    def write_back(self, changed: list, memo: Memo, stand_ins: Mapping[int, tuple]) -> None:
        """Change the judge's own arguments as the student's code changed its copies."""
        for number, content in changed:
            if not 0 <= number < len(memo.objects):
                raise self.lose("it changed an argument that it was not given")
            value = memo.objects[number]
            value = stand_ins.get(id(value), (None, value))[1]
            if not write_into(value, content):
                raise ProxyError(
                    "The student's code changed the shape or type of an argument in place, "
                    "which can't be followed."
                )

    # Values

    def to_wire(self, value: Any, stand_ins: dict[int, tuple[Any, Any]] | None = None) -> Any:
        """What is no plain data, in a form that can be sent."""
        if isinstance(value, Proxy):
            if session_of(value) is not self:
                raise WireError("it belongs to another submission")
            return handle_of(value)
        if isinstance(value, type) and value in self.exceptions.values():
            number = next(n for n, known in self.exceptions.items() if known is value)
            return Handle(number, "exception", value.__name__)
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "OV":
                return np.asarray(value)
            if value.dtype.kind == "O":
                return value.tolist()
            raise WireError(f"it holds an array of dtype {value.dtype}")
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return Tensor(value.detach().cpu().numpy(), bool(value.requires_grad))
        if isinstance(value, np.random.Generator | np.random.RandomState):
            bits = (
                value.bit_generator
                if isinstance(value, np.random.Generator)
                else value._bit_generator
            )
            state = bits.state
            if stand_ins is not None:
                stand_ins[id(state)] = (state, bits)
            return Record(type(value).__name__, ("bits", "state"), (type(bits).__name__, state))
        if isinstance(value, types.ModuleType | type | types.FunctionType) or callable(value):
            return self.function_to_wire(value)
        if isinstance(value, tuple):
            fields = getattr(type(value), "_fields", None)
            if fields:
                return Record(type(value).__name__, tuple(fields), tuple(value))
            return tuple(value)
        for base in (int, float, complex, str, bytes):
            if isinstance(value, base):
                return base.__new__(base, value)
        for base in (list, dict, set, frozenset, bytearray):
            if isinstance(value, base):
                plain = base(value)
                if stand_ins is not None:
                    stand_ins[id(plain)] = (plain, value)
                return plain
        if isinstance(value, collections.deque | type({}.keys()) | type({}.values())):
            return list(value)
        if isinstance(value, type({}.items())):
            return list(value)
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, Iterator):
            return Record("iterator", ("values",), (list(value),))
        if hasattr(value, "getvalue") and isinstance(value.getvalue(), str):
            return Record("StringIO", ("text",), (value.getvalue(),))
        raise WireError(f"it holds a {type(value).__name__} of the test's own")

    def function_to_wire(self, value: Any) -> Any:
        """A function by its name where both sides have it, else as a callback."""
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if isinstance(value, np.ufunc):
            module, name = "numpy", value.__name__
        if module and name and module.partition(".")[0] in _SHARED:
            found: Any = sys.modules.get(module)
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is value:
                return Symbol(module, name)
        if isinstance(value, types.ModuleType | type):
            raise WireError(f"it holds {value.__name__}, which the student's code doesn't have")
        number = self.callback_numbers.get(id(value))
        if number is None:
            number = len(self.callbacks)
            self.callbacks.append(value)
            self.callback_numbers[id(value)] = number
        return Handle(number, "callback", str(getattr(value, "__name__", "function"))[:200])

    def from_wire(self, value: Any) -> Any:
        """What stands in the judge for a handle, a tensor or a named tuple of the student's."""
        if isinstance(value, Handle):
            return self.proxy_on(value)
        if isinstance(value, Tensor):
            return value.array
        if isinstance(value, Record):
            return named_tuple(value)
        raise WireError("the message names a function, which only the judge may do")

    def proxy_on(self, handle: Handle) -> Any:
        """The proxy of a handle, the same each time; for an exception class, a real class."""
        if handle.kind == "exception":
            return self.exception_class(handle.number, handle.type_name, list(handle.traits))
        proxy = self.proxies.get(handle.number)
        if proxy is None or handle_of(proxy) != handle:
            proxy = self.proxies[handle.number] = make_proxy(self, handle, self.generation)
        return proxy

    def exception_class(self, number: int, name: str, bases: list[str]) -> type:
        """A class of the judge's that stands for an exception class of the student's."""
        known = library_exception(bases[0]) if bases else None
        if known is not None:
            return known
        found = self.exceptions.get(number)
        if found is None:
            base = next(filter(None, map(library_exception, bases)), Exception)
            parents = (base,) if issubclass(StudentException, base) else (StudentException, base)
            if base is Exception:
                parents = (StudentException,)
            try:
                found = type(name, parents, {"__module__": "__main__"})
            except (TypeError, ValueError):
                found = type("StudentError", (StudentException,), {"__module__": "__main__"})
            self.exceptions[number] = found
        return found

    def error_of(self, described: Any) -> BaseException:
        """The error that the student's code raised, as the test is to see it."""
        if type(described) is not dict:
            raise self.lose("it sent an error that can't be read")
        if described.get("from_judge") is True and self.callback_error is not None:
            return self.callback_error
        bases, number, name, message = (
            described.get(k) for k in ("bases", "type", "name", "message")
        )
        if type(name) is str and type(message) is str:
            name, message = name[:MAX_NAME], message[:MAX_MESSAGE]
        if (
            type(bases) is not list
            or any(type(base) is not str for base in bases)
            or type(number) is not int
            or type(name) is not str
            or type(message) is not str
        ):
            raise self.lose("it sent an error that can't be read")
        if described.get("own") is True:
            bases = ["", *bases]
        kind = self.exception_class(number, name, bases)
        arguments = described.get("arguments")
        if type(arguments) is tuple and any(
            type(a) in (str, bytes) and len(a) > MAX_MESSAGE for a in arguments
        ):
            arguments = None
        error: BaseException
        try:
            error = kind(*arguments) if type(arguments) is tuple else kind(message)
        except Exception:
            error = StudentException(f"{name}: {message}")
        return mark(error, described)


def random_state() -> tuple[Any, Any, Any]:
    """The states of the global random generators, in a form that can be compared."""
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state().numpy().tobytes()
    return np_random_state(), random.getstate(), torch_state


def np_random_state() -> Any:
    """The state of NumPy's global generator. `get_state` is slow, and asked at every call."""
    bits = np.random.get_bit_generator()
    if type(bits) is np.random.MT19937:
        return ctypes.string_at(bits.ctypes.state_address, _MT19937_SIZE)
    return repr(bits.state)


@functools.lru_cache(maxsize=512)
def library_exception(name: str) -> type[BaseException] | None:
    """The exception class of Python's or NumPy's own with this full name, or None."""
    module, _, last = name.rpartition(".")
    if module not in ("builtins", "numpy.linalg", "numpy.exceptions", "json.decoder"):
        return None
    found = getattr(sys.modules.get(module), last, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


@functools.lru_cache(maxsize=256)
def _tuple_class(name: str, fields: tuple[str, ...]) -> type:
    return collections.namedtuple(name, fields)


def named_tuple(record: Record) -> tuple:
    """A named tuple of the judge's own making; a plain tuple where the names are unusual."""
    names = (record.type_name, *record.fields)
    if all(n.isidentifier() and not n.startswith("_") and not keyword.iskeyword(n) for n in names):
        return _tuple_class(record.type_name, record.fields)(*record.values)
    return record.values


def check_answer(answer: Any) -> tuple:
    """Check the outer form of an answer.

    Raises:
        WireError: it has another.
    """
    if type(answer) is tuple and len(answer) == 5:
        status, _, changed, printed, warned = answer
        if status in ("value", "raised", "refused", "callback") and type(status) is str:
            if all(
                type(rows) is list and all(type(row) is tuple and len(row) == 2 for row in rows)
                for rows in (changed, printed, warned)
            ):
                texts = [part for row in (*printed, *warned) for part in row]
                if all(type(t) is str for t in texts) and all(type(n) is int for n, _ in changed):
                    return answer
    raise WireError("the message is no answer")


def write_into(value: Any, content: Any) -> bool:
    """Make a mutable object hold something else; False where it can't."""
    if isinstance(value, np.ndarray):
        if (
            type(content) is not np.ndarray
            or content.dtype != value.dtype
            or content.shape != value.shape
            or not value.flags.writeable
        ):
            return False
        value[...] = content
    elif isinstance(value, np.random.BitGenerator):
        try:
            value.state = content
        except (TypeError, ValueError, KeyError, OverflowError):
            return False
    elif isinstance(value, list) and type(content) is list:
        value[:] = content
    elif isinstance(value, dict) and type(content) is dict:
        value.clear()
        value.update(content)
    elif isinstance(value, set) and type(content) is set:
        value.clear()
        value.update(content)
    elif isinstance(value, bytearray) and type(content) is bytes:
        value[:] = content
    else:
        return False
    return True
