"""Four cells of equal size on six tasks, each tuned on its own; chapter 13 plots the result.

    python lessons/studies/13_comparison.py        (about fifteen minutes on one core)

Networks, data, training and tuning are the chapter's own cells, those tagged `study`. For each task
and cell unrolled/data/recorded keeps the last validation score of every trial of the search, the
trial chosen by them, and the test scores of ten other seeds after each 100 updates, null from an
overflow on, together with a hash of those cells, so that a test can tell when the chapter has moved
on.
"""

from itertools import product

import numpy as np
from recording import record, study_cells

from unrolled.batching import windows
from unrolled.clipping import clip_by_global_norm
from unrolled.data.digits import digits
from unrolled.data.python_source import python_source
from unrolled.data.series import sunspots
from unrolled.initialisers import identity, orthogonal
from unrolled.jacobian_regulariser import jacobian_regulariser
from unrolled.losses import bits_per_character, softmax_cross_entropy, squared_error
from unrolled.nets import GRU, LSTM, RNN, Readout
from unrolled.optimisers import SGD, Adam
from unrolled.parameter_counts import nearest_hidden_size
from unrolled.tasks import adding, recall, temporal_order

LESSON = "13-a-fair-comparison"
SEEDS = range(10)

# What the cells read, and where they put what they define.
names = {
    "np": np,
    "product": product,
    "Adam": Adam,
    "GRU": GRU,
    "LSTM": LSTM,
    "RNN": RNN,
    "Readout": Readout,
    "SGD": SGD,
    "adding": adding,
    "bits_per_character": bits_per_character,
    "clip_by_global_norm": clip_by_global_norm,
    "digits": digits,
    "identity": identity,
    "jacobian_regulariser": jacobian_regulariser,
    "nearest_hidden_size": nearest_hidden_size,
    "orthogonal": orthogonal,
    "python_source": python_source,
    "recall": recall,
    "softmax_cross_entropy": softmax_cross_entropy,
    "squared_error": squared_error,
    "sunspots": sunspots,
    "temporal_order": temporal_order,
    "windows": windows,
}
exec(compile(study_cells(LESSON), LESSON, "exec"), names)


def rounded(scores: list[float | None]) -> list[float | None]:
    """Return the scores with four digits."""
    return [None if s is None else float(f"{s:.4g}") for s in scores]


def run(job: tuple[str, str]) -> dict:
    """Return a cell's search and its ten runs on a task."""
    task, cell = job
    with np.errstate(over="ignore", invalid="ignore"):
        trials, (start, rate) = names["tuned"](task, cell)
        curves = [names["run"](task, cell, start, rate, seed, "test") for seed in SEEDS]
    return {
        "task": task,
        "cell": cell,
        "trials": [[*trial, *rounded(scores)] for trial, scores in trials.items()],
        "start": start,
        "rate": rate,
        "curves": [rounded(curve) for curve in curves],
    }


if __name__ == "__main__":
    tasks, cells = list(names["TASKS"]), list(names["CELLS"])
    record(
        "13_comparison",
        LESSON,
        run,
        list(product(tasks, cells)),
        order=lambda r: (tasks.index(r["task"]), cells.index(r["cell"])),
        seeds=list(SEEDS),
    )
