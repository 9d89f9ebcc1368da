"""How much of everything a submission may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much a submission may use. Sizes are in bytes, times in seconds.

    Attributes:
        memory: what it may allocate beyond the imports that are shared by all.
        cpu_s: CPU time of the whole submission.
        call_s: wall time of one request.
        wall_s: wall time of the whole submission.
        output: how much of what it prints is kept.
        file_size: the largest file it may write.
        answer: the largest answer it may send.
        open_files: how many files it may have open at a time.
    """

    memory: int = 1 << 30
    cpu_s: float = 120
    call_s: float = 30
    wall_s: float = 180
    output: int = 1_000_000
    file_size: int = 64 << 20
    answer: int = 256 << 20
    open_files: int = 64
