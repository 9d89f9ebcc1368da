"""Landlock: which files a process may touch, for machines without user namespaces.

By ctypes, since the package index has only development releases of a binding.
"""

from __future__ import annotations

import ctypes
import os
import stat

from . import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
# What may be done in the private folder: all but starting programs, devices and sockets.
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_OWN = (
    _WRITE_FILE | _READ_FILE | _READ_DIR | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
) | _MAKE_SYM
_FILE_RIGHTS = _WRITE_FILE | _READ_FILE | _TRUNCATE
# Rights that the kernel can restrict, by version of its interface.
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK = 0b11  # bind and connect of TCP, version 4
_SCOPES = 0b11  # abstract Unix sockets and signals, version 6


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The version of the kernel's interface; 0 where it has none or it is switched off."""
    try:
        return kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, 0, 0, _VERSION)
    except OSError:
        return 0


class Rules:
    """What may be read, opened once per server; `restrict` makes it hold for this process."""

    def __init__(self, readable: list[str], listable: list[str], devices: list[str]) -> None:
        self._version = version()
        best = max(v for v in _HANDLED if v <= self._version)
        self._handled = _HANDLED[best]
        self._granted: list[tuple[int, int]] = []
        for path in readable:
            self._grant(path, _READ_FILE | _READ_DIR)
        for path in listable:
            self._grant(path, _READ_DIR)
        for path in devices:
            self._grant(path, _READ_FILE | _WRITE_FILE)

    def _grant(self, path: str, rights: int) -> None:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        self._granted.append((descriptor, rights))

    def restrict(self, folder: str) -> None:
        """Let this process only read what is granted and write only in `folder`, for good.

        Raises:
            OSError: the kernel refused.
        """
        network = _NETWORK if self._version >= 4 else 0
        scopes = _SCOPES if self._version >= 6 else 0
        attributes = (ctypes.c_uint64 * 3)(self._handled, network, scopes)
        # Older kernels know only the first fields.
        size = 24 if scopes else 16 if network else 8
        ruleset = kernel.syscall(
            "landlock_create_ruleset", _CREATE_RULESET, ctypes.byref(attributes), size, 0
        )
        self._grant(folder, _OWN | _TRUNCATE)
        for descriptor, rights in self._granted:
            rule = _PathBeneath(rights & self._handled, descriptor)
            kernel.syscall(
                "landlock_add_rule", _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0
            )
        kernel.syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
