"""The command `unrolled`: measure what recurrent networks cost on this machine."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    given = parser().parse_args(arguments)
    return given.run(given)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    whole = argparse.ArgumentParser(prog="unrolled", description=__doc__)
    commands = whole.add_subparsers(required=True, metavar="command")
    measure = commands.add_parser(
        "measure",
        help="time every way to run an LSTM on this machine",
        description="Time every way to run an LSTM on this machine, at most 8 minutes on a CUDA "
        "device and 5 on a CPU, and write the result to a file. Chapter 14 shows such files.",
    )
    measure.add_argument("--out", required=True, type=Path, metavar="FILE", help="a JSON file")
    measure.add_argument(
        "--device", choices=("cuda", "cpu"), help="default: cuda where there is one"
    )
    measure.add_argument("--threads", type=int, default=1, help="of a CPU (default 1)")
    measure.add_argument(
        "--quick", action="store_true", help="tiny sizes: a try, whose figures mean nothing"
    )
    measure.set_defaults(run=run_measure)
    return whole


def run_measure(given: argparse.Namespace) -> int:
    """Measure this machine."""
    # Read by the processes of the parts, and by this one before it loads anything.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(given.threads))
    try:
        from unrolled.measure import RecordError, measure
        from unrolled.modules import default_device
    except ImportError as error:
        return _failed(f"{error}: see requirements.txt")

    there = default_device().type
    if given.device == "cuda" and there != "cuda":
        return _failed("no CUDA device here, or a PyTorch without CUDA; try --device cpu")
    device = given.device or there
    if given.device is None and device == "cpu":
        print("No CUDA device here: measuring the CPU instead.")
    command = f"unrolled measure --out {given.out.name} --device {device}"
    command += f" --threads {given.threads}" * (given.threads != 1) + " --quick" * given.quick
    try:
        record = measure(given.out, device, command, given.quick)
    except RecordError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        print(f"\nStopped. {given.out} holds the parts that were done; the same command goes on.")
        return 130
    print(f"{given.out}: {record['device']['name']}, {record['date']}")
    for name, part in record["parts"].items():
        print(f"  {name:10} {part['status']}, {len(part['rows'])} rows, {part['seconds']} s")
    return int(any(part["status"] == "failed" for part in record["parts"].values()))


def _failed(message: str) -> int:
    print(f"unrolled measure: {message}", file=sys.stderr)
    return 2
