"""Frames: a length in eight bytes, then that many bytes. Both ends of the line to a student."""

from __future__ import annotations

import os
import struct

HEADER = struct.Struct(">Q")
CHUNK = 1 << 20


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:CHUNK]) :]


def send_frame(descriptor: int, payload: bytes) -> None:
    """Write one frame to a blocking descriptor."""
    if len(payload) < CHUNK:
        write_all(descriptor, HEADER.pack(len(payload)) + payload)
    else:
        write_all(descriptor, HEADER.pack(len(payload)))
        write_all(descriptor, payload)


def read_exactly(descriptor: int, size: int) -> bytearray:
    """Read `size` bytes from a blocking descriptor; memory grows only with what arrives.

    Raises:
        EOFError: the other side hung up.
    """
    data = bytearray()
    while len(data) < size:
        piece = os.read(descriptor, min(size - len(data), CHUNK))
        if not piece:
            raise EOFError("the other side hung up")
        data += piece
    return data


def receive_frame(descriptor: int) -> bytes:
    """Read one frame from a blocking descriptor.

    Raises:
        EOFError: the other side hung up.
    """
    (size,) = HEADER.unpack(read_exactly(descriptor, HEADER.size))
    return bytes(read_exactly(descriptor, size))
