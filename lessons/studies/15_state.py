"""Which tasks minGRU and minLSTM solve, beside a GRU; chapter 15 shows the result.

    python lessons/studies/15_state.py        (about ten minutes on two cores)

Networks and training are the chapter's own cells, those tagged `study`. What is kept in
unrolled/data/recorded is, for each run, the updates it took, or null where it did not solve the
task, the error at the length trained on and at four times that length, together with a hash of
those cells, so that a test can tell when the chapter has moved on.
"""

from itertools import product

import numpy as np
import torch
from recording import record, study_cells
from torch import nn

from unrolled.modules import MinGRU, MinLSTM
from unrolled.tasks import adding, recall, temporal_order

LESSON = "15-parallel-recurrences"
SEEDS, RATES, MOST = range(6), (3e-3, 1e-2), 800

# What the cells read, and where they put what they define.
names = {
    "np": np,
    "torch": torch,
    "nn": nn,
    "MinGRU": MinGRU,
    "MinLSTM": MinLSTM,
    "adding": adding,
    "recall": recall,
    "temporal_order": temporal_order,
}
exec(compile(study_cells(LESSON), LESSON, "exec"), names)


def run(job: tuple[str, str, float, int]) -> dict:
    """Return one run's settings and outcome."""
    torch.set_num_threads(1)
    task, cell, rate, seed = job
    _, updates, error, far = names["trained"](task, cell, seed, MOST, rate)
    settings = {"task": task, "T": names["TASKS"][task][1], "cell": cell, "rate": rate}
    outcome = {"updates": updates, "error": round(error, 4), "error at 4T": round(far, 4)}
    return settings | {"seed": seed} | outcome


if __name__ == "__main__":
    tasks, cells = list(names["TASKS"]), list(names["CELLS"])
    jobs = [
        (task, cell, rate, seed)
        for seed, task, cell, rate in product(SEEDS, tasks, cells, RATES)
        if cell != "signed minGRU" or task == "parity"
    ]
    record(
        "15_state",
        LESSON,
        run,
        jobs,
        order=lambda r: (tasks.index(r["task"]), cells.index(r["cell"]), r["rate"], r["seed"]),
        most=MOST,
    )
