"""How often an LSTM, a GRU and a tanh network solve two tasks; chapter 10 plots the result.

    python lessons/studies/10_lstm.py        (about ten minutes on two cores)

Networks and training are the chapter's own cells, those tagged `study`. What is kept in
unrolled/data/recorded is, for each run, the updates it took, or null where it did not solve the
task, and the error at the end, together with a hash of those cells, so that a test can tell when
the chapter has moved on.
"""

import hashlib
import json
import os
from itertools import product
from multiprocessing import get_context
from pathlib import Path

# One thread a process, also for the products of matrices; read when NumPy is imported.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from torch import nn

from unrolled.data.recorded import FOLDER
from unrolled.tasks import adding, agreement, temporal_order

RESULT = FOLDER / f"{Path(__file__).stem}.json"
LESSON = Path(__file__).parents[1] / "10-lstm.md"
LENGTHS = {"temporal order": 40, "adding": 60}
SEEDS, MOST = range(10), 800
RATES = {  # a second rate for the network that likes smaller steps
    "tanh": (1e-3, 3e-3),
    "GRU": (1e-2,),
    "LSTM, bias 0": (1e-2,),
    "LSTM, bias 1": (1e-2,),
    "LSTM, bias 3": (1e-2,),
}


def study_cells() -> str:
    """Return the source of the lesson's cells tagged `study`."""
    cells = read_myst_markdown_notebook(LESSON.read_text(encoding="utf-8")).cells
    return "\n\n".join(c.source for c in cells if "study" in c.metadata.get("tags", ()))


# What the cells read, and where they put what they define.
names = {
    "np": np,
    "torch": torch,
    "nn": nn,
    "adding": adding,
    "agreement": agreement,
    "temporal_order": temporal_order,
}
exec(compile(study_cells(), LESSON.name, "exec"), names)


def run(job: tuple[str, str, float, int]) -> dict:
    """Return one run's settings and outcome."""
    torch.set_num_threads(1)
    task, cell, rate, seed = job
    T = LENGTHS[task]
    updates, error = names["updates_to_solve"](task, cell, T, seed, MOST, rate)
    settings = {"task": task, "T": T, "cell": cell, "rate": rate, "seed": seed}
    return settings | {"updates": updates, "error": round(error, 4)}


def main() -> None:
    """Make all runs and write the file."""
    jobs = [
        (task, cell, rate, seed)
        for seed, task, (cell, rates) in product(SEEDS, LENGTHS, RATES.items())
        for rate in rates
    ]
    runs = []
    with get_context("spawn").Pool() as pool:
        for result in pool.imap(run, jobs):
            print(result, flush=True)
            runs.append(result)
    tasks, cells = list(LENGTHS), list(RATES)
    runs.sort(key=lambda r: (tasks.index(r["task"]), cells.index(r["cell"]), r["rate"], r["seed"]))
    rows = ",\n  ".join(json.dumps(r) for r in runs)
    about = {
        "command": "python lessons/studies/10_lstm.py",
        "cells": hashlib.sha256(study_cells().encode()).hexdigest(),
        "most": MOST,
        "versions": {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]},
    }
    head = json.dumps(about, indent=1)[1:-2]
    RESULT.write_text(f'{{{head},\n "runs": [\n  {rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
