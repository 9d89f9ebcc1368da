"""The names that a test sees: the instructor's own, and proxies for the student's."""

from collections.abc import Iterator
from typing import Any

from autograder.judge.errors import ProxyError
from autograder.judge.session import Session
from autograder.sandbox.wire import WireError, encode

_PUSHED = 1 << 20  # bytes; larger variables of the student's are not compared before each call


class Namespace(dict):
    """Globals of the instructor's cells.

    Names in `of_student` are looked up in the student's process, when a cell reads them and again
    after each call into it. Assigning to one, or deleting it, does so there as well.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.of_student: set[str] = set()
        self.bound: set[str] = set()
        self.fetched: dict[str, tuple[Any, bytes | None]] = {}
        self.in_test = False
        session.before_call, session.after_call = self.push_changes, self.forget_data

    def open_cell(self, used: frozenset[str], in_test: bool) -> None:
        """Look up anew what the student's names are bound to; `used` are those a cell may need."""
        self.in_test = in_test
        for name in self.of_student:
            super().pop(name, None)
        self.fetched.clear()
        self.bound.clear()
        wanted = tuple(name for name in self.of_student if name in used)
        if not wanted:
            return
        found = self.session.request("names", wanted)
        for name in wanted:
            value = found.get(name) if type(found) is dict else None
            if value is None:
                continue
            self.bound.add(name)
            if type(value) is not str:
                super().__setitem__(name, value)

    def __missing__(self, name: str) -> Any:
        if name not in self.of_student or name not in self.bound:
            raise KeyError(name)
        value = self.session.request("get", name)
        super().__setitem__(name, value)
        try:
            data = encode(value)
        except WireError:
            data = None
        self.fetched[name] = (value, data if data is not None and len(data) <= _PUSHED else None)
        return value

    def forget_data(self) -> None:
        """After a call, which may have changed them: variables are fetched again when read."""
        for name in self.fetched:
            super().pop(name, None)
        self.fetched.clear()

    def push_changes(self) -> None:
        """Before a call: variables that the test changed in place are changed over there."""
        for name, (value, data) in self.fetched.items():
            if data is None:
                continue
            try:
                now = encode(value)
            except WireError:
                continue
            if now != data:
                self.session.request("bind", name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.fetched.pop(name, None)
        if name not in self.of_student:
            return
        if not self.in_test:
            self.of_student.discard(name)
            return
        self.bound.add(name)
        try:
            self.session.request("bind", name, value)
        except ProxyError:
            pass  # the test's own object: the student's code keeps what it had

    def __delitem__(self, name: str) -> None:
        if name in self.of_student and name in self.bound:
            super().pop(name, None)
            self.fetched.pop(name, None)
            self.bound.discard(name)
            self.session.request("unbind", name)
            return
        super().__delitem__(name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.bound

    def get(self, name: Any, default: Any = None) -> Any:
        """The value of a name, or a default."""
        try:
            return self[name]
        except KeyError:
            return default

    def keys(self) -> Any:
        """All names."""
        return {**dict.fromkeys(super().keys()), **dict.fromkeys(self.bound)}.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())
