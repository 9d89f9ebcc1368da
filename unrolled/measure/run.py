"""All parts of the measurement, one after the other, each in a process of its own.

What one part does to its process, a crash or an endless compilation, does not touch the others; the
rows that it gave before are kept. The file is whole after every part.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from unrolled.measure import record
from unrolled.measure.parts import LIMITS, PARTS
from unrolled.measure.record import Part, Record, RecordError


def measure(
    out: Path, device: str, command: str, quick: bool = False, parts: Iterable[str] = tuple(PARTS)
) -> Record:
    """Measure this machine and write the result to a file, which is whole after every part.

    A file that an interrupted run left is taken up where it stopped.

    Args:
        out: the file.
        device: "cpu" or "cuda".
        command: what to write into the file as the command that made it.
        quick: tiny sizes, to try it out; the figures mean nothing then.
        parts: which of `PARTS`.

    Returns:
        What the file holds.

    Raises:
        RecordError: the file can't be written, or holds something else.
        KeyboardInterrupt: it was stopped; what was measured is in the file.
    """
    result = _begun(Path(out), device, command, quick)
    left = [name for name in parts if name not in result["parts"]]
    with tqdm(left, unit="part", dynamic_ncols=True) as bar:
        for name in bar:
            bar.set_description(name)
            result["parts"][name] = part = one_part(name, device, quick, bar)
            record.write(Path(out), result)
            if part["why"]:
                tqdm.write(f"{name}: {part['status']}: {part['why']}", file=sys.stderr)
    return result


def one_part(name: str, device: str, quick: bool, bar: tqdm | None = None) -> Part:
    """Run one part in a process of its own; return its rows and how it ended."""
    limit = LIMITS[name][device == "cuda"]
    command = [sys.executable, "-m", "unrolled.measure", name, device, *["--quick"] * quick]
    begin, rows, said = time.monotonic(), [], []
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # Compiled in this process: workers of its own would hold the pipes open after its end.
        env=os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"},
    )
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        process.kill()

    listener = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
    clock = threading.Timer(limit, stop)
    try:
        listener.start()
        clock.start()
        for line in process.stdout:
            rows.append(json.loads(line))
            if bar is not None:
                bar.set_postfix_str(f"{len(rows)} rows")
        status = process.wait()
    finally:
        clock.cancel()
        process.kill()
        process.wait()
        listener.join(timeout=5)
    took = round(time.monotonic() - begin, 1)
    if status == 0:
        return {"status": "done", "why": None, "seconds": took, "rows": rows}
    if stopped.is_set():
        why = f"stopped after {limit} s with {len(rows)} rows"
        return {"status": "cut", "why": why, "seconds": took, "rows": rows}
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    why = f"{last} (exit status {status}, after {len(rows)} rows)"
    return {"status": "failed", "why": why, "seconds": took, "rows": rows}


def _begun(out: Path, device: str, command: str, quick: bool) -> Record:
    """Return the record to go on with: an unfinished one of this machine, or a new one."""
    new = record.begin(device, command, quick)
    if not out.exists():
        try:
            record.write(out, new)
        except OSError as error:
            raise RecordError(f"{out}: can't be written ({error.strerror})") from None
        return new
    old = record.load(out)
    same = all(old[key] == new[key] for key in ("commit", "quick", "device", "versions"))
    if same and len(old["parts"]) < len(PARTS):
        return old
    raise RecordError(f"{out}: is there already; name another file, or move it away")
