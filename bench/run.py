"""All parts, one after the other, each in a process of its own.

What one part does to its process does not touch the others, and the number of threads that NumPy
uses must be known before it is loaded. Rows are kept as they come, also of a part that then fails.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench import record
from bench.parts import PARTS

ROOT = Path(__file__).resolve().parents[1]


def run(folder: Path, names: Iterable[str], quick: bool = False) -> dict[str, Any]:
    """Measure these parts; write bench.json and bench.md after each one, and return the result.

    Raises:
        OSError: the folder can't be written.
        KeyboardInterrupt: it was stopped; what was measured is in the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    result = record.begin(folder / "bench.json", quick)
    with tqdm(names, unit="part", dynamic_ncols=True) as bar:
        for name in bar:
            bar.set_description(name)
            part = result["parts"][name] = {"status": "stopped", "why": "stopped by hand"}
            part |= {"seconds": None, "rows": []}
            try:
                part |= measured(name, quick, part["rows"])
            finally:
                record.write(folder / "bench.json", json.dumps(result, indent=1) + "\n")
                record.write(folder / "bench.md", record.markdown(result))
            if part["why"]:
                tqdm.write(f"{name}: {part['status']}: {part['why']}", file=sys.stderr)
    return result


def measured(name: str, quick: bool, rows: list[dict]) -> dict[str, Any]:
    """Run one part; append its rows as they come, and return how it ended."""
    threads = str(PARTS[name].threads)
    command = [sys.executable, "-m", "bench.part", name, *["--quick"] * quick]
    begin, end = time.monotonic(), {"done": None}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
    )
    try:
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # it died within a row
            row = json.loads(line)
            if row.keys() <= {"none", "failed"}:
                end = row
            else:
                rows.append(row)
        exit_status = process.wait()
    finally:
        process.terminate()
        process.wait()
    if exit_status and "failed" not in end:
        end = {"failed": f"its process ended with {exit_status}"}
    ((status, why),) = end.items()
    return {"status": status, "why": why, "seconds": round(time.monotonic() - begin, 1)}
