"""Frames arrive as they were sent, in whatever pieces the line takes and gives."""

import os
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.sandbox import channel


@given(st.lists(st.binary(max_size=20)), st.integers(0, 200))
def test_rest_is_what_follows_the_bytes_that_were_written(pieces, written):
    whole = b"".join(pieces)
    views = [memoryview(piece) for piece in pieces if piece]
    left = channel.rest(views, min(written, len(whole)))
    assert b"".join(left) == whole[written:]


@pytest.mark.parametrize("size", [0, 1, 70_000, channel.CHUNK + 1, 3 * channel.CHUNK + 5])
def test_a_frame_comes_whole_in_several_pieces(size):
    ours, theirs = socket.socketpair()
    content = os.urandom(size)
    third = size // 3
    with ours, theirs:
        pieces = content[:third], content[third:], b""
        sender = threading.Thread(target=channel.send_frame, args=(ours.fileno(), *pieces))
        sender.start()
        assert channel.receive_frame(theirs.fileno()) == content
        sender.join()


def test_memory_grows_only_with_what_arrives():
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(channel.HEADER.pack(1 << 50) + b"x")
        with pytest.raises(EOFError, match="hung up"):
            channel.receive_frame(theirs.fileno())
