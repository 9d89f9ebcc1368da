"""Frames: a length in eight bytes, then that many bytes. Both ends of the line to a student."""

from __future__ import annotations

import os
import struct

HEADER = struct.Struct(">Q")
CHUNK = 1 << 22


def send_frame(descriptor: int, *pieces: bytes | memoryview) -> None:
    """Write one frame, its content in one or more pieces, to a blocking descriptor."""
    unsent = unsent_frame(*pieces)
    while unsent:
        unsent = rest(unsent, os.writev(descriptor, unsent))


def unsent_frame(*pieces: bytes | memoryview) -> list[memoryview]:
    """Return a frame as what is to be written; large contents are not copied."""
    size = sum(map(len, pieces))
    return [memoryview(HEADER.pack(size)), *(memoryview(piece) for piece in pieces if piece)]


def rest(unsent: list[memoryview], written: int) -> list[memoryview]:
    """Return what is left of pieces of bytes of which so many were written."""
    for number, piece in enumerate(unsent):
        if written < len(piece):
            return [piece[written:], *unsent[number + 1 :]]
        written -= len(piece)
    return []


def read_exactly(descriptor: int, size: int) -> bytearray:
    """Read `size` bytes from a blocking descriptor; memory grows only with what arrives.

    Raises:
        EOFError: the other side hung up.
    """
    data = bytearray(min(size, CHUNK))
    filled = 0
    while filled < size:
        if filled == len(data):
            data += bytes(min(size - filled, filled))
        count = os.readv(descriptor, [memoryview(data)[filled:]])
        if not count:
            raise EOFError("the other side hung up")
        filled += count
    return data


def receive_frame(descriptor: int) -> bytearray:
    """Read one frame from a blocking descriptor.

    Raises:
        EOFError: the other side hung up.
    """
    (size,) = HEADER.unpack(read_exactly(descriptor, HEADER.size))
    return read_exactly(descriptor, size)
