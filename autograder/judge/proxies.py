"""What stands in a test's namespace for what the student's code defines.

A proxy has no behaviour of the student's: it sends requests and gives back plain data or other
proxies. Two proxies are equal where they stand for one object, whatever the student's `__eq__`
says; comparing or calculating with the test's own values is refused, since it would tell them to
the student's code.
"""

import functools
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograder.judge.errors import ProxyError
from autograder.sandbox.wire import Handle

_REMOTE_DUNDERS = ("__name__", "__qualname__", "__defaults__", "__kwdefaults__", "__annotations__")


class Proxy:
    """Stands for an object of the student's."""

    __slots__ = ("__weakref__", "_autograder")

    def __getattr__(self, name: str) -> Any:
        """An attribute of the object."""
        if name.startswith("__") and name.endswith("__") and name not in _REMOTE_DUNDERS:
            raise AttributeError(f"{name} of a student's object is not available to tests")
        return request(self, "attribute", name)

    def __setattr__(self, name: str, value: Any) -> None:
        request(self, "set_attribute", name, value)

    def __delattr__(self, name: str) -> None:
        request(self, "delete_attribute", name)

    def __dir__(self) -> list[str]:
        names = request(self, "directory")
        return [name for name in names if type(name) is str] if type(names) is list else []

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Proxy) and same(self, other):
            return True
        if "==" in handle_of(self).traits and isinstance(self, InstanceProxy):
            raise ProxyError(
                f"{handle_of(self).type_name} has an == of its own, which a test can't ask: "
                "compare its attributes."
            )
        return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((id(session_of(self)), handle_of(self).number))

    def __str__(self) -> str:
        return text_of(self, "str")

    def __repr__(self) -> str:
        return text_of(self, "repr")

    def __format__(self, spec: str) -> str:
        return text_of(self, "format", spec)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a student's object can't be copied or pickled by a test")

    @property
    def __array_interface__(self) -> Any:
        """Refused: an object that is no plain data is no array."""
        raise AttributeError("a student's object is not an array")

    @property
    def __dict__(self) -> Any:
        """Its attributes."""
        return request(self, "attribute", "__dict__")


class Callable_(Proxy):  # noqa: N801
    """A proxy that can be called."""

    __slots__ = ()

    def __call__(self, /, *arguments: Any, **keywords: Any) -> Any:
        """Call it in the student's process."""
        return call(self, arguments, keywords)

    @property
    def __signature__(self) -> inspect.Signature | None:
        """Its parameters; defaults are told only as being there."""
        found = request(self, "signature")
        try:
            return inspect.Signature(
                [
                    inspect.Parameter(
                        name,
                        inspect._ParameterKind(kind),
                        default=... if has else inspect.Parameter.empty,
                    )
                    for name, kind, has in found
                ]
            )
        except (TypeError, ValueError):
            return None


class FunctionProxy(Callable_):
    """A function of the student's."""

    __slots__ = ()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A method, where a test makes it an attribute of a class."""
        return self if instance is None else types.MethodType(self, instance)


class ClassProxy(Callable_):
    """A class of the student's."""

    __slots__ = ()

    def __instancecheck__(self, value: Any) -> bool:
        """Whether an object of the student's is an instance of it."""
        return isinstance(value, Proxy) and truth(
            session_of(self).request("is_instance", value, self)
        )

    def __subclasscheck__(self, value: Any) -> bool:
        """Whether a class of the student's derives from it."""
        return isinstance(value, Proxy) and truth(
            session_of(self).request("is_subclass", value, self)
        )

    @property
    def __mro_entries__(self) -> Any:
        """Refused: a class of the test's can't derive from one of the student's."""
        raise ProxyError("a test can't derive a class from one of the student's")


class InstanceProxy(Proxy):
    """An object of the student's that is no plain data."""

    __slots__ = ()

    @property
    def __class__(self) -> type:
        """The nearest library class that it derives from, so that `isinstance` can tell."""
        for name in handle_of(self).traits:
            found = library_class(name)
            if found is not None:
                return found
        return type(self)

    def __call__(self, /, *arguments: Any, **keywords: Any) -> Any:
        """Call it in the student's process."""
        return call(self, arguments, keywords)

    def __bool__(self) -> bool:
        return truth(request(self, "truth"))

    def __len__(self) -> int:
        length = request(self, "length")
        if type(length) is not int or length < 0:
            raise ProxyError("the length of a student's object is no number")
        return length

    def __getitem__(self, key: Any) -> Any:
        return request(self, "item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        request(self, "set_item", key, value)

    def __delitem__(self, key: Any) -> None:
        request(self, "delete_item", key)

    def __iter__(self) -> Iterator[Any]:
        return request(self, "iterate")

    def __contains__(self, value: Any) -> bool:
        # Asking the object itself would tell it the value, and believe it.
        return any(item is value or item == value for item in self)

    def __enter__(self) -> Any:
        return session_of(self).request(
            "call", request(self, "attribute", "__enter__"), (), {}, None
        )

    def __exit__(self, *_: Any) -> None:
        leave = request(self, "attribute", "__exit__")
        session_of(self).request("call", leave, (None, None, None), {}, None)

    def _ordered(self, other: Any) -> Any:
        raise ProxyError(
            f"{handle_of(self).type_name} is an object of the student's own; a test can't compare "
            "it. Compare plain values, such as its attributes."
        )

    __lt__ = __le__ = __gt__ = __ge__ = _ordered


class IteratorProxy(InstanceProxy):
    """A generator or iterator of the student's."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._advance()

    def send(self, value: Any) -> Any:
        """Send a value into a generator."""
        return self._advance(value)

    def _advance(self, *sent: Any) -> Any:
        found = request(self, "next", sent)
        if type(found) is not tuple or len(found) > 2:
            raise ProxyError("a student's iterator gave something that is no value")
        if len(found) == 1:
            return found[0]
        raise StopIteration(*found[1:])


class NetworkProxy(InstanceProxy):
    """A torch module of the student's: calls, state and gradients as plain arrays."""

    __slots__ = ()

    def state_dict(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by name, as arrays."""
        return request(self, "state")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set parameters and buffers."""
        request(self, "load_state", dict(state))

    def named_parameters(self) -> list[tuple[str, np.ndarray]]:
        """Names and arrays of the parameters."""
        return request(self, "parameters", False)

    def parameters(self) -> list[np.ndarray]:
        """Arrays of the parameters."""
        return [array for _, array in self.named_parameters()]

    def gradients(self) -> dict[str, np.ndarray | None]:
        """Gradients of the parameters by name, as the last backward pass left them."""
        return dict(request(self, "parameters", True))

    def forward_and_grads(self, inputs: Any, dout: Any, **keywords: Any) -> dict[str, Any]:
        """Run it forward and backward in the student's process.

        Args:
            inputs: one array or a tuple of positional arguments.
            dout: gradient of the loss with respect to the output, or one for each output.
            keywords: further arguments of the call.

        Returns:
            "out", the output; "inputs", the gradient of each positional argument (None where it
            is no floating-point array); "parameters", the gradient of each parameter by name.
        """
        return request(self, "forward_and_grads", inputs, dout, keywords)


def _operator(name: str, reflected: bool) -> Any:
    def operate(self: InstanceProxy, other: Any) -> Any:
        if not isinstance(other, Proxy):
            raise ProxyError(
                f"{handle_of(self).type_name} is an object of the student's own; a test can't "
                "calculate with it and a value of its own. Use its methods or attributes."
            )
        left, right = (other, self) if reflected else (self, other)
        return session_of(self).request("operate", name, left, right)

    return operate


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
):
    _of = f"{_name}_" if _name in ("and", "or") else _name
    setattr(InstanceProxy, f"__{_name}__", _operator(_of, reflected=False))
    setattr(InstanceProxy, f"__r{_name}__", _operator(_of, reflected=True))

_KINDS: dict[str, type[Proxy]] = {
    "function": FunctionProxy,
    "class": ClassProxy,
    "iterator": IteratorProxy,
    "network": NetworkProxy,
}


@functools.lru_cache(maxsize=1024)
def _named_class(base: type[Proxy], name: str) -> type[Proxy]:
    """A class of proxies that bears the name of the student's class."""
    documentation = property(lambda self: request(self, "attribute", "__doc__"))
    return type(
        name, (base,), {"__slots__": (), "__module__": "__main__", "__doc__": documentation}
    )


def make_proxy(session: Any, handle: Handle, generation: int) -> Proxy:
    """A proxy for a handle of the session's process number `generation`."""
    kind = _KINDS.get(handle.kind, InstanceProxy)
    name = handle.type_name
    if kind is ClassProxy or not name.isidentifier():
        name = "type" if kind is ClassProxy else "object"
    proxy = object.__new__(_named_class(kind, name))
    object.__setattr__(proxy, "_autograder", (session, handle, generation))
    return proxy


def state_of(proxy: Proxy) -> tuple[Any, Handle, int]:
    """Session, handle and generation."""
    return Proxy._autograder.__get__(proxy)  # type: ignore[attr-defined]


def handle_of(proxy: Proxy) -> Handle:
    """Its handle."""
    return state_of(proxy)[1]


def session_of(proxy: Proxy) -> Any:
    """The session that it belongs to.

    Raises:
        ProxyError: the process that held its object is no more.
    """
    session, _, generation = state_of(proxy)
    if session.generation != generation:
        raise ProxyError("the student's process was restarted, and this object was lost with it")
    return session


def same(one: Proxy, other: Proxy) -> bool:
    """Whether two proxies stand for one object."""
    (a, x, m), (b, y, n) = state_of(one), state_of(other)
    return a is b and m == n and x.number == y.number


def request(proxy: Proxy, operation: str, *arguments: Any) -> Any:
    """Ask the student's process for something about an object."""
    return session_of(proxy).request(operation, proxy, *arguments)


def call(proxy: Proxy, arguments: tuple, keywords: dict[str, Any]) -> Any:
    """Call the student's object with arguments of the test's."""
    return session_of(proxy).call(proxy, arguments, keywords)


def text_of(proxy: Proxy, how: str, spec: str = "") -> str:
    """Its text, as the student's code gives it."""
    text = request(proxy, "text", how, spec)
    if type(text) is not str:
        raise ProxyError("the text of a student's object is no text")
    return text


def truth(value: Any) -> bool:
    """A truth value that has to be one."""
    if type(value) is not bool:
        raise ProxyError("an answer that should be true or false is neither")
    return value


@functools.lru_cache(maxsize=512)
def library_class(name: str) -> type | None:
    """The class with this full name where it is one of torch's that the judge has loaded."""
    module, _, last = name.rpartition(".")
    if module.partition(".")[0] != "torch":
        return None
    found = getattr(sys.modules.get(module), last, None)
    return found if isinstance(found, type) else None
