"""How often an LSTM, a GRU and a tanh network solve two tasks; chapter 10 plots the result.

    python lessons/studies/10_lstm.py        (about ten minutes on two cores)

Networks and training are the chapter's own cells, those tagged `study`. What is kept in
unrolled/data/recorded is, for each run, the updates it took, or null where it did not solve the
task, and the error at the end, together with a hash of those cells, so that a test can tell when
the chapter has moved on.
"""

from itertools import product

import numpy as np
import torch
from recording import record, study_cells
from torch import nn

from unrolled.tasks import adding, agreement, temporal_order

LESSON = "10-lstm"
LENGTHS = {"temporal order": 40, "adding": 60}
SEEDS, MOST = range(10), 800
RATES = {  # a second rate for the network that likes smaller steps
    "tanh": (1e-3, 3e-3),
    "GRU": (1e-2,),
    "LSTM, bias 0": (1e-2,),
    "LSTM, bias 1": (1e-2,),
    "LSTM, bias 3": (1e-2,),
}


# What the cells read, and where they put what they define.
names = {
    "np": np,
    "torch": torch,
    "nn": nn,
    "adding": adding,
    "agreement": agreement,
    "temporal_order": temporal_order,
}
exec(compile(study_cells(LESSON), LESSON, "exec"), names)


def run(job: tuple[str, str, float, int]) -> dict:
    """Return one run's settings and outcome."""
    torch.set_num_threads(1)
    task, cell, rate, seed = job
    T = LENGTHS[task]
    updates, error = names["updates_to_solve"](task, cell, T, seed, MOST, rate)
    settings = {"task": task, "T": T, "cell": cell, "rate": rate, "seed": seed}
    return settings | {"updates": updates, "error": round(error, 4)}


if __name__ == "__main__":
    jobs = [
        (task, cell, rate, seed)
        for seed, task, (cell, rates) in product(SEEDS, LENGTHS, RATES.items())
        for rate in rates
    ]
    tasks, cells = list(LENGTHS), list(RATES)
    record(
        "10_lstm",
        LESSON,
        run,
        jobs,
        order=lambda r: (tasks.index(r["task"]), cells.index(r["cell"]), r["rate"], r["seed"]),
        most=MOST,
    )
