"""The file that `unrolled measure` writes: what stands in it, and what is wrong with one."""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch

from unrolled.measure import timing

FORMAT, VERSION = "unrolled measure", 1
STATES = ("done", "cut", "failed")
# Fields of a part's rows. A `why` says, where a number is null, what stood in its way.
NUMBER, COUNT, TEXT = (int, float), (int,), (str,)
ROWS: dict[str, dict[str, tuple[type, ...]]] = {
    "machine": {"quantity": TEXT, "value": NUMBER, "unit": TEXT},
    "steps": {"path": TEXT, "launches": NUMBER, "flops": NUMBER, "bytes": NUMBER},
    "ladder": {"path": TEXT, "ms": NUMBER, "ratio": NUMBER, "difference": NUMBER},
    "sizes": {"axis": TEXT, "path": TEXT, "ms": NUMBER, "ratio": NUMBER},
    "precision": {"precision": TEXT, "ms": NUMBER, "error_h": NUMBER, "error_dW": NUMBER},
    "memory": {"path": TEXT, "window": COUNT, "kept": NUMBER, "peak": NUMBER},
    "scan": {"path": TEXT, "ms": NUMBER, "ratio": NUMBER},
}
SIZES = {"T": COUNT, "N": COUNT, "D": COUNT, "H": COUNT, "dtype": TEXT}
for _part, _fields in ROWS.items():
    if _part != "machine":
        _fields.update(SIZES)
    _fields["why"] = TEXT
NEVER_NULL = {"quantity", "unit", "path", "axis", "precision", *SIZES}


class Part(TypedDict):
    """What came of one part."""

    status: str
    why: str | None
    seconds: float
    rows: list[dict[str, Any]]


class Record(TypedDict):
    """A whole file."""

    format: str
    version: int
    command: str
    date: str
    commit: str | None
    quick: bool
    device: dict[str, Any]
    versions: dict[str, str | None]
    parts: dict[str, Part]


class RecordError(Exception):
    """A file that is no record, or one that must not be written over."""


def begin(device: str, command: str, quick: bool) -> Record:
    """Return a record of this machine with no part in it yet."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "quick": quick,
        "device": _device(device),
        "versions": _versions(),
        "parts": {},
    }


def problems(record: Any) -> list[str]:
    """Return what is wrong with a record, a line each; nothing if it is as it should be."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return [f"format: expected {FORMAT!r}"]
    if record.get("version") != VERSION:
        return [f"version: expected {VERSION}, got {record.get('version')!r}"]
    found = [f"{key}: missing" for key in Record.__annotations__ if key not in record]
    if found:
        return found
    kinds = {"command": str, "date": str, "quick": bool, "versions": dict, "parts": dict}
    found = [
        f"{key}: expected {kind.__name__}, got {record[key]!r}"
        for key, kind in kinds.items()
        if not isinstance(record[key], kind)
    ]
    device = record["device"]
    if not isinstance(device, dict) or device.get("kind") not in ("cpu", "cuda"):
        found.append("device: expected its kind, cpu or cuda")
    elif not isinstance(device.get("name"), str) or not device["name"]:
        found.append("device: expected its name")
    if not found:
        for name, part in record["parts"].items():
            found += _problems_of_part(name, part)
    return found


def _problems_of_part(name: str, part: Any) -> list[str]:
    at = f"parts.{name}"
    if name not in ROWS:
        return [f"{at}: expected one of {', '.join(ROWS)}"]
    if not isinstance(part, dict) or set(part) != set(Part.__annotations__):
        return [f"{at}: expected {', '.join(Part.__annotations__)}"]
    found = []
    if part["status"] not in STATES:
        found.append(f"{at}.status: expected one of {', '.join(STATES)}, got {part['status']!r}")
    if (part["status"] == "done") != (part["why"] is None):
        found.append(f"{at}.why: expected a reason where a part is not done, and only there")
    for i, row in enumerate(part["rows"]):
        where, fields = f"{at}.rows[{i}]", ROWS[name]
        if set(row) != set(fields):
            wrong = ", ".join(sorted(set(row) ^ set(fields)))
            found.append(f"{where}: these fields are missing or too many: {wrong}")
            continue
        for field, kinds in fields.items():
            value = row[field]
            if value is None and field not in NEVER_NULL:
                continue
            if not isinstance(value, kinds) or isinstance(value, bool) or value != value:
                found.append(f"{where}.{field}: got {value!r}")
    return found


def load(path: Path) -> Record:
    """Read a record.

    Raises:
        RecordError: the file is missing, or is no record of this version; it says why.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: not a file of unrolled measure ({error})") from None
    if wrong := problems(record):
        raise RecordError(f"{path}: not a file of unrolled measure: {wrong[0]}")
    return record


def write(path: Path, record: Record) -> None:
    """Write a record so that there is always a whole file, the old one or the new one."""
    parts = {
        name: json.dumps({**part, "rows": None})[: -len("null}")]
        + "[\n   "
        + ",\n   ".join(json.dumps(row) for row in part["rows"])
        + "\n  ]}"
        for name, part in record["parts"].items()
    }
    head = json.dumps({k: v for k, v in record.items() if k != "parts"}, indent=1)[:-2]
    body = ",\n  ".join(f"{json.dumps(name)}: {part}" for name, part in parts.items())
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(f'{head},\n "parts": {{\n  {body}\n }}\n}}\n')
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _device(kind: str) -> dict[str, Any]:
    if kind == "cuda":
        it = torch.cuda.get_device_properties(0)
        capability = f"{it.major}.{it.minor}"
        return {"kind": kind, "name": it.name, "memory": it.total_memory, "capability": capability}
    clock = "processor" if timing.clock(kind) is time.process_time else "time"
    threads = torch.get_num_threads()
    return {"kind": kind, "name": _processor(), "threads": threads, "clock": clock}


def _processor() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions() -> dict[str, str | None]:
    try:
        import triton
    except ImportError:
        triton = None
    cudnn = torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": None if cudnn is None else str(cudnn),
        "triton": None if triton is None else triton.__version__,
    }


def _commit() -> str | None:
    """Return the library's commit, marked where files differ from it; None outside a checkout."""
    command = "git --no-optional-locks describe --always --dirty --abbrev=12 --exclude=*".split()
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
