"""The student's side: runs cells and serves the judge's requests about what they define.

It runs in the student's own process, after isolation, and is trusted by nobody: the student's
code can change it at will. All that the judge relies on is what it checks itself.
"""

import inspect
import io
import itertools
import sys
import types
import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograder.sandbox import cells
from autograder.sandbox.wire import (
    Handle,
    Memo,
    Record,
    Symbol,
    Tensor,
    WireError,
    changes,
    decode,
    encode,
)

NONCE = 16
MAX_PRINTED = 200_000
MAX_WARNINGS = 50
_SIMPLE = (bool, int, float, complex, str, bytes)
_BASES: tuple[type, ...] = (int, float, complex, str, bytes, list, dict, set, frozenset, bytearray)
_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    np.ufunc,
)
_MISSING = object()


def serve(receive: Callable[[], bytearray], send: Callable[..., None]) -> None:
    """Answer the judge's requests until it hangs up."""
    Agent(receive, send).serve()


class Printed(io.TextIOBase):
    """What stands for `sys.stdout` and `sys.stderr`: keeps text, bounded, for the next answer."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, pieces: list[tuple[str, str]], kind: str) -> None:
        self.pieces, self.kind, self.room = pieces, kind, MAX_PRINTED

    def writable(self) -> bool:
        """Text can be written."""
        return True

    def write(self, text: str) -> int:
        """Keep the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self.pieces:
            self.room = MAX_PRINTED
        if self.room > 0 and text:
            self.pieces.append((self.kind, str(text[: self.room])))
            self.room -= len(text)
            if self.room <= 0:
                self.pieces.append((self.kind, "\n… (what follows was cut)\n"))
        return len(text)


class JudgeFunction:
    """A function of the judge, given to the student's code as an argument."""

    def __init__(self, agent: "Agent", number: int, name: str) -> None:
        self._agent, self._number = agent, number
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Ask the judge to call it."""
        return self._agent.call_judge(self._number, arguments, keywords)


class JudgeRaised(Exception):  # noqa: N818 (raised into the student's code, never caught here)
    """A function of the judge raised an error; the judge knows which."""


class Agent:
    """One submission's process."""

    def __init__(self, receive: Callable[[], bytearray], send: Callable[..., None]) -> None:
        self.receive, self.send = receive, send
        self.nonce = b""
        self.generators: list[tuple[Any, dict]] = []
        self.module = types.ModuleType("__main__")
        self.names = self.module.__dict__
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        self.files: set[str] = set()
        self.flags = 0
        self.printed: list[tuple[str, str]] = []
        self.warned: list[tuple[str, str]] = []
        self.packages: tuple[str, ...] | None = None
        self.operations = {
            name[3:]: getattr(self, name) for name in dir(self) if name.startswith("op_")
        }

    def serve(self) -> None:
        """Answer until the judge hangs up."""
        sys.modules["__main__"] = self.module
        self.names["__builtins__"] = __builtins__
        self.names["get_ipython"] = cells.Shell
        self.names["display"] = self.display
        sys.stdout = Printed(self.printed, "out")
        sys.stderr = Printed(self.printed, "err")
        sys.stdin = io.StringIO()
        warnings.showwarning = self.note_warning
        while True:
            try:
                frame = self.receive()
            except EOFError:
                return
            self.handle(frame)

    def display(self, *values: Any, **_: Any) -> None:
        """What `display` is in a notebook, as text."""
        for value in values:
            print(cells.shown(value))

    def note_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        """Keep a warning, for the judge to give it to the test."""
        if file is not None:
            file.write(warnings.formatwarning(message, category, filename, lineno, line))
        elif len(self.warned) < MAX_WARNINGS:
            self.warned.append((category.__name__, str(message)[:1000]))

    # Requests and answers

    def handle(self, frame: bytearray) -> None:
        """Carry out one request and send the answer."""
        self.nonce, body = bytes(frame[:NONCE]), memoryview(frame)[NONCE:]
        memo = Memo()
        try:
            operation, *arguments = decode(body, memo=memo, grow=True, convert=self.from_wire)
            answer = ("value", self.operations[operation](*arguments))
        except WireError as error:
            answer = ("refused", f"an argument could not be sent: {error}")
        except BaseException as error:  # whatever the student's code raises
            answer = ("raised", self.describe(error))
        self.send(self.nonce, self.packed(answer, memo, body))

    def packed(self, answer: tuple[str, Any], memo: Memo, body: memoryview) -> bytes:
        """An answer as bytes, with the arguments that changed and all that was printed."""
        status, value = answer
        try:
            if self.generators:
                self.note_generators()
            changed = changes(memo, body) if memo.objects else []
            rest = (changed, self.take_printed(), self.take_warned())
            return encode((status, value, *rest), memo, convert=self.to_wire)
        except WireError as error:
            refusal = f"it can't be sent to the judge: {error}"
        except BaseException as error:
            refusal = f"it can't be sent to the judge ({type(error).__name__})"
        return encode(("refused", refusal, [], self.take_printed(), []))

    def take_printed(self) -> list[tuple[str, str]]:
        """What has been printed since the last answer."""
        taken = [
            (kind, "".join(text for _, text in group))
            for kind, group in itertools.groupby(self.printed, lambda piece: piece[0])
        ]
        self.printed.clear()
        return taken

    def take_warned(self) -> list[tuple[str, str]]:
        """The warnings since the last answer."""
        taken = list(self.warned)
        self.warned.clear()
        return taken

    def call_judge(self, number: int, arguments: tuple, keywords: dict) -> Any:
        """Call a function of the judge from within a request, and serve what it asks meanwhile."""
        rest = ([], self.take_printed(), self.take_warned())
        request = ("callback", (number, arguments, keywords), *rest)
        self.send(self.nonce, encode(request, convert=self.to_wire))
        while True:
            frame = self.receive()
            nonce, body = bytes(frame[:NONCE]), memoryview(frame)[NONCE:]
            operation, *content = decode(body, convert=self.from_wire)
            if operation == "returned":
                self.nonce = nonce
                return content[0]
            if operation == "failed":
                self.nonce = nonce
                raise JudgeRaised(content[0])
            self.handle(frame)

    # Values

    def to_wire(self, value: Any) -> Any:
        """What is no plain data, as plain data or a handle."""
        kind = type(value)
        if isinstance(value, np.ndarray):
            return self.plain_array(value)
        torch = sys.modules.get("torch")
        if torch is not None:
            if isinstance(value, torch.Tensor):
                return plain_tensor(value)
            if isinstance(value, torch.Size):
                return tuple(value)
        own = kind.__module__ == "__main__"
        if isinstance(value, tuple):
            fields = getattr(kind, "_fields", None)
            if isinstance(fields, tuple):
                return Record(kind.__name__, fields, tuple(value))
            return self.handle_on(value) if own else tuple(value)
        for base in _BASES:
            if isinstance(value, base):
                if own and base in (list, dict, set, frozenset, bytearray):
                    return self.handle_on(value)
                return base.__new__(base, value) if base in _SIMPLE[1:] else base(value)
        if isinstance(value, type({}.keys()) | type({}.values()) | type({}.items())):
            return list(value)
        if isinstance(value, types.MappingProxyType):
            return dict(value)
        return self.handle_on(value)

    def plain_array(self, value: np.ndarray) -> Any:
        """A base-class array of an array of a subclass or of Python objects."""
        value = np.asarray(value)
        if value.dtype != object:
            if type(value) is np.ndarray and value.dtype.kind == "V":
                raise WireError(f"it holds an array of dtype {value.dtype}")
            return value
        nested = value.tolist()
        try:
            again = np.asarray(nested)
        except ValueError:
            return nested
        return again if again.dtype != object and again.shape == value.shape else nested

    def handle_on(self, value: Any) -> Handle:
        """A handle on an object, the same each time."""
        number = self.numbers.get(id(value))
        if number is None:
            number = len(self.objects)
            self.objects[number] = value
            self.numbers[id(value)] = number
        of = value if isinstance(value, type) else type(value)
        name = value.__name__ if isinstance(value, type) else of.__name__
        return Handle(number, kind_of(value), str(name)[:200], traits_of(value, of))

    def from_wire(self, value: Any) -> Any:
        """The object that a handle, symbol or tensor of the judge stands for."""
        if isinstance(value, Handle):
            if value.kind == "callback":
                return JudgeFunction(self, value.number, value.type_name)
            return self.objects[value.number]
        if isinstance(value, Tensor):
            import torch

            tensor = torch.from_numpy(value.array)
            return tensor.requires_grad_() if value.requires_grad else tensor
        if isinstance(value, Symbol):
            __import__(value.module)
            found: Any = sys.modules[value.module]
            for part in value.name.split("."):
                found = getattr(found, part)
            return found
        return self.built(value)

    def built(self, value: Record) -> Any:
        """What a record of the judge's stands for: an iterator, a random generator, a tuple."""
        if value.type_name == "iterator":
            return iter(value.values[0])
        if value.type_name in ("Generator", "RandomState"):
            kind, state = value.values
            bits = getattr(np.random, kind)()
            bits.state = state
            self.generators.append((bits, state))
            return getattr(np.random, value.type_name)(bits)
        if value.type_name == "StringIO":
            return io.StringIO(value.values[0])
        return namedtuple(value.type_name, value.fields)(*value.values)

    def note_generators(self) -> None:
        """Put the states of random generators that came as arguments into their records."""
        for bits, state in self.generators:
            state.clear()
            state.update(bits.state)
        self.generators.clear()

    def describe(self, error: BaseException) -> dict[str, Any]:
        """An error for the judge: its type, its arguments, and the line of the student's code."""
        known = [
            f"{base.__module__}.{base.__qualname__}"
            for base in type(error).__mro__
            if base.__module__ != "__main__" and base is not object
        ]
        message = cells.message_of(error)
        if isinstance(error, ModuleNotFoundError):
            message += self.policy(error.name)
        lines = cells.error_lines(error, self.files.__contains__)
        described: dict[str, Any] = {
            "name": type(error).__name__[:200],
            "own": type(error).__module__ == "__main__",
            "type": self.handle_on(type(error)).number,
            "bases": known[:20],
            "message": message,
            "traceback": "\n".join(lines)[: cells.MAX_SHOWN],
            "line": None,
            "source": "",
        }
        found = error.__traceback__
        while found is not None:
            if found.tb_frame.f_code.co_filename in self.files:
                described["line"] = found.tb_lineno
                described["source"] = cells.linecache.getline(
                    found.tb_frame.f_code.co_filename, found.tb_lineno
                ).strip()[:300]
            found = found.tb_next
        arguments = error.args
        if isinstance(error, OSError) and error.filename is not None:
            arguments = (error.errno, error.strerror, error.filename)
        if message == cells.message_of(error) and all(type(a) in _SIMPLE for a in arguments):
            described["arguments"] = tuple(arguments)
        if isinstance(error, JudgeRaised):
            described["from_judge"] = True
        return described

    def policy(self, name: str | None) -> str:
        """What to add to the error of an import that fails: which packages there are."""
        top = (name or "").partition(".")[0]
        if self.packages is None or not top or top in sys.stdlib_module_names:
            return ""
        allowed = ", ".join(self.packages) or "the standard library only"
        return f". {top} is not available in this assignment; it allows: {allowed}"

    # Operations

    def op_start(self, packages: tuple[str, ...] | None) -> None:
        """What the error of a forbidden import names."""
        self.packages = packages

    def op_run(self, source: str, filename: str, show: bool) -> dict[str, Any]:
        """Run a cell; its error, the value it displays, its figures."""
        self.files.add(filename)
        done: dict[str, Any] = {}
        try:
            body, ending = cells.compile_cell(source, filename, self.flags)
            for code in (body, ending):
                if code is not None:
                    self.flags |= code.co_flags & FUTURE
            value = cells.run_cell(body, ending, self.names)
            if value is not None and not cells.ends_quietly(source):
                if show:
                    done["shown"] = cells.shown(value)
                if type(value) in (int, float, bool) or isinstance(value, np.number | np.bool_):
                    done["number"] = value
            done["shows"] = value is not None and not cells.ends_quietly(source)
        except BaseException as error:
            done["error"] = self.describe(error)
        if show:
            done["figures"] = cells.take_figures()
        return done

    def op_names(self, wanted: tuple[str, ...]) -> dict[str, Any]:
        """What each bound name stands for: a handle, or "data" for plain values."""
        found: dict[str, Any] = {}
        for name in wanted:
            value = self.names.get(name, _MISSING)
            if value is not _MISSING:
                found[name] = self.handle_on(value) if is_opaque(value) else "data"
        return found

    def op_get(self, name: str) -> Any:
        """The value of a name."""
        return self.names[name]

    def op_bind(self, name: str, value: Any) -> None:
        """Give a name another value, as a test cell that assigns to it would."""
        self.names[name] = value

    def op_unbind(self, name: str) -> None:
        """Take a name away, as a test cell's `del` would."""
        self.names.pop(name, None)

    def op_call(self, function: Any, arguments: tuple, keywords: dict, errstate: Any) -> Any:
        """Call a function."""
        if errstate is None:
            return function(*arguments, **keywords)
        with np.errstate(**errstate):
            return function(*arguments, **keywords)

    def op_attribute(self, value: Any, name: str) -> Any:
        """An attribute."""
        return getattr(value, name)

    def op_set_attribute(self, value: Any, name: str, new: Any) -> None:
        """Set an attribute."""
        setattr(value, name, new)

    def op_delete_attribute(self, value: Any, name: str) -> None:
        """Delete an attribute."""
        delattr(value, name)

    def op_item(self, value: Any, key: Any) -> Any:
        """An item."""
        return value[key]

    def op_set_item(self, value: Any, key: Any, new: Any) -> None:
        """Set an item."""
        value[key] = new

    def op_delete_item(self, value: Any, key: Any) -> None:
        """Delete an item."""
        del value[key]

    def op_length(self, value: Any) -> int:
        """Its length."""
        return len(value)

    def op_truth(self, value: Any) -> bool:
        """Its truth."""
        return bool(value)

    def op_text(self, value: Any, how: str, spec: str) -> str:
        """Its text: str, repr or format."""
        text = str(value) if how == "str" else repr(value) if how == "repr" else format(value, spec)
        return str(text)[: cells.MAX_SHOWN]

    def op_iterate(self, value: Any) -> Any:
        """An iterator over it, as a handle."""
        return self.handle_on(iter(value))

    def op_next(self, value: Any, sent: tuple) -> tuple:
        """The next value in a tuple, or an empty tuple at the end."""
        try:
            return (value.send(*sent) if sent else next(value),)
        except StopIteration as end:
            return () if end.value is None else ((), end.value)

    def op_operate(self, name: str, left: Any, right: Any) -> Any:
        """An operator of the module `operator`, on objects of the student's only."""
        import operator

        return getattr(operator, name)(left, right)

    def op_is_instance(self, value: Any, of: Any) -> bool:
        """Whether it is an instance of a class of the student's."""
        return isinstance(value, of)

    def op_is_subclass(self, value: Any, of: Any) -> bool:
        """Whether it is derived from a class of the student's."""
        return isinstance(value, type) and issubclass(value, of)

    def op_directory(self, value: Any) -> list[str]:
        """The names of its attributes."""
        return [str(name) for name in dir(value)]

    def op_signature(self, value: Any) -> list[tuple[str, int, bool]] | None:
        """Names, kinds and presence of defaults of a function's parameters."""
        try:
            found = inspect.signature(value)
        except (TypeError, ValueError):
            return None
        return [(p.name, int(p.kind), p.default is not p.empty) for p in found.parameters.values()]

    def op_source(self, value: Any) -> str:
        """The text of a function or class."""
        return inspect.getsource(value)

    def op_state(self, module: Any) -> dict[str, Any]:
        """A module's state_dict, as plain arrays."""
        return {str(k): v for k, v in module.state_dict().items()}

    def op_parameters(self, module: Any, gradients: bool) -> list[tuple[str, Any]]:
        """A module's parameters by name, or their gradients."""
        return [
            (str(name), parameter.grad if gradients else parameter)
            for name, parameter in module.named_parameters()
        ]

    def op_load_state(self, module: Any, state: dict[str, Any]) -> None:
        """Give a module's parameters and buffers other values."""
        import torch

        as_tensor = {
            k: v if isinstance(v, torch.Tensor) else torch.as_tensor(v) for k, v in state.items()
        }
        module.load_state_dict(as_tensor)

    def op_forward_and_grads(
        self, module: Any, inputs: Any, dout: Any, keywords: dict
    ) -> dict[str, Any]:
        """A module's output and, for the loss sum(out * dout), every gradient."""
        import torch

        def leaf(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(value.copy())
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                return value.detach().clone().requires_grad_()
            return value

        given = inputs if isinstance(inputs, tuple | list) else (inputs,)
        leaves = [nested(leaf, value) for value in given]
        module.zero_grad(set_to_none=True)
        with torch.enable_grad():
            out = module(*leaves, **{k: nested(leaf, v) for k, v in keywords.items()})
            several = isinstance(out, tuple | list)
            outs = flat(out)
            douts = flat(dout) if isinstance(dout, tuple | list) else [dout]
            pairs = [
                (o, torch.as_tensor(d).to(o.dtype))
                for o, d in zip(outs, douts, strict=several and len(douts) > 1)
                if d is not None
            ]
            torch.autograd.backward([o for o, _ in pairs], [d for _, d in pairs])
        return {
            "out": out,
            "inputs": [
                nested(lambda v: v.grad if isinstance(v, torch.Tensor) else None, v) for v in leaves
            ],
            "parameters": {str(n): p.grad for n, p in module.named_parameters()},
        }

    def op_random(self, numpy_state: Any, python_state: Any, torch_state: Any) -> None:
        """Set the global random generators as the test has them."""
        if numpy_state is not None:
            np.random.set_state(numpy_state)
        if python_state is not None:
            import random

            random.setstate(python_state)
        if torch_state is not None and "torch" in sys.modules:
            import torch

            torch.set_rng_state(torch.from_numpy(torch_state))


FUTURE = 0
for _feature in __import__("__future__").all_feature_names:
    FUTURE |= getattr(__import__("__future__"), _feature).compiler_flag


def nested(change: Callable[[Any], Any], value: Any) -> Any:
    """Apply a change to what tuples and lists hold."""
    if isinstance(value, tuple | list):
        return type(value)(nested(change, item) for item in value)
    return change(value)


def flat(value: Any) -> list[Any]:
    """What nested tuples and lists hold, in order."""
    if isinstance(value, tuple | list):
        return [item for part in value for item in flat(part)]
    return [value]


def plain_tensor(value: Any) -> np.ndarray:
    """A tensor's numbers as an array, without its gradient."""
    value = value.detach()
    if (
        value.dtype.is_floating_point
        and value.dtype.itemsize < 4
        and str(value.dtype) != ("torch.float16")
    ):
        value = value.float()  # NumPy has no bfloat16
    return np.asarray(value.cpu().resolve_conj().resolve_neg().numpy())


def is_opaque(value: Any) -> bool:
    """Whether an object goes to the judge as a handle rather than as plain data."""
    if value is None or isinstance(value, (*_SIMPLE, np.ndarray, np.generic, list, tuple, dict)):
        own = type(value).__module__ == "__main__"
        return own and isinstance(value, list | dict)
    if isinstance(value, set | frozenset | bytearray | range | slice | np.dtype):
        return False
    torch = sys.modules.get("torch")
    return torch is None or not isinstance(value, torch.Tensor)


def kind_of(value: Any) -> str:
    """The kind of handle that an object gets."""
    if isinstance(value, type):
        return "exception" if issubclass(value, BaseException) else "class"
    if isinstance(value, _FUNCTIONS) or type(value).__name__ in ("partial", "_lru_cache_wrapper"):
        return "function"
    if isinstance(value, Iterator):
        return "iterator"
    if isinstance(value, types.ModuleType):
        return "module"
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "nn") and isinstance(value, torch.nn.Module):
        return "network"
    return "instance"


def traits_of(value: Any, of: type) -> tuple[str, ...]:
    """Words about an object's type: its bases by full name, and operators of its own."""
    if kind_of(value) == "function":
        return (str(getattr(value, "__name__", "function"))[:200],)
    traits = [f"{base.__module__}.{base.__qualname__}"[:300] for base in of.__mro__[:-1]][:20]
    if of.__eq__ is not object.__eq__:
        traits.append("==")
    if callable(value):
        traits.append("()")
    return tuple(traits)
