"""What it takes to take one protection out of the judge.

Each function changes the judge of the process that calls it, for good. What it replaces must be
there, so that a protection that moves elsewhere in the code is missed here.
"""

import contextlib
import functools
import importlib
from typing import Any

from autograder.judge import errors, notebook, proxies, scoring, session
from autograder.judge.namespace import Namespace
from autograder.judge.session import Session
from autograder.sandbox import cells, wire

ENDLESS = 1 << 62


def put(place: Any, **replacements: Any) -> None:
    """Replace attributes of a module or class that has them."""
    for name, replacement in replacements.items():
        assert hasattr(place, name), f"{place.__name__} has no {name} any more"
        setattr(place, name, replacement)


def without_limits() -> None:
    """Texts, messages and values of any size, and all the time in the world.

    The limits of the sandbox itself are the caller's to lift.
    """
    put(session, MAX_PRINTED=ENDLESS, MAX_MESSAGE=ENDLESS, MAX_NAME=ENDLESS, CELL_ANSWERS=ENDLESS)
    put(notebook, MAX_PRINTED=ENDLESS, MAX_MESSAGE=ENDLESS, MAX_NAME=ENDLESS)
    put(notebook, time_limit=lambda seconds: contextlib.nullcontext())
    put(errors, MAX_MESSAGE=ENDLESS, MAX_TRACEBACK=ENDLESS)
    put(scoring, clean=lambda text: text)
    put(cells, MAX_SHOWN=ENDLESS)
    put(wire, _MAX_INT_BYTES=ENDLESS)
    unbounded = functools.partial(wire.WireLimits, items=ENDLESS, depth=ENDLESS, memory=ENDLESS)
    put(session, WireLimits=unbounded)


def without_checks() -> None:
    """What an answer says of itself is so."""
    from_wire, open_cell, error_of = Session.from_wire, Namespace.open_cell, Session.error_of

    def any_symbol(self: Session, value: Any) -> Any:
        if isinstance(value, wire.Symbol):
            return getattr(importlib.import_module(value.module), value.name)
        return from_wire(self, value)

    def any_fields(record: wire.Record) -> Any:
        fields = zip(record.fields, record.values, strict=True)
        kind = type(record.type_name, (tuple,), dict(fields))
        return kind(record.values)

    def any_names(self: Namespace, used: frozenset[str], in_test: bool) -> None:
        open_cell(self, used, in_test)
        for name, value in self.session.request("names", tuple(self.of_student)).items():
            if type(value) is not str:
                dict.__setitem__(self, name, value)

    def any_class(name: str) -> type | None:
        module, _, last = name.rpartition(".")
        return getattr(importlib.import_module(module), last, None)

    def any_error(self: Session, described: Any) -> BaseException:
        raise error_of(self, described)

    def any_equality(self: proxies.Proxy, other: object) -> bool:
        return proxies.session_of(self).request("operate", "eq", self, other)

    put(Session, from_wire=any_symbol, error_of=any_error)
    put(session, named_tuple=any_fields)
    put(Namespace, open_cell=any_names)
    put(proxies, library_class=any_class)
    put(proxies.Proxy, __eq__=any_equality)
    put(scoring, clean=lambda text: text)


class GradingEndedError(BaseException):
    """Nothing was left that could go on."""


def without_recovery() -> None:
    """Nobody starts a lost process again, or catches an exception that ends programs."""
    error_of = scoring.error_of

    def lost(self: Session, why: str) -> BaseException:
        raise GradingEndedError(why)

    def only_ordinary(raised: BaseException, filename: str) -> Any:
        if not isinstance(raised, Exception):
            raise raised
        return error_of(raised, filename)

    put(Session, lose=lost)
    put(scoring, error_of=only_ordinary)
