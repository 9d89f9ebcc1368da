"""What the order of reading does to copying and to dates; chapter 12 plots the result.

    python lessons/studies/12_reversal.py        (about five minutes on two cores)

Networks, training and measurement are the chapter's own cells, those tagged `study`. What is kept
in unrolled/data/recorded is, for each run, the share of symbols written right with teacher forcing
and without, and the share of sequences without an error, together with a hash of those cells, so
that a test can tell when the chapter has moved on.
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

from unrolled.batching import mask_of
from unrolled.data.recorded import FOLDER
from unrolled.decoding import forced
from unrolled.modules import EncoderDecoder
from unrolled.sampling import generate, greedy
from unrolled.tasks import copying, dates
from unrolled.tasks.dates import SIGNS, WORDS

RESULT = FOLDER / f"{Path(__file__).stem}.json"
LESSON = Path(__file__).parents[1] / "12-sequence-to-sequence.md"
TASKS = (4, 8, 12, 16, 20, "year first", "day first")  # a number: copying so many symbols
SEEDS = range(10)


def study_cells() -> str:
    """Return the source of the lesson's cells tagged `study`."""
    cells = read_myst_markdown_notebook(LESSON.read_text(encoding="utf-8")).cells
    return "\n\n".join(c.source for c in cells if "study" in c.metadata.get("tags", ()))


# What the cells read, and where they put what they define.
names = {
    "np": np,
    "torch": torch,
    "nn": nn,
    "EncoderDecoder": EncoderDecoder,
    "SIGNS": SIGNS,
    "WORDS": WORDS,
    "copying": copying,
    "dates": dates,
    "forced": forced,
    "generate": generate,
    "greedy": greedy,
    "mask_of": mask_of,
}
exec(compile(study_cells(), LESSON.name, "exec"), names)


def run(job: tuple[int | str, bool, int]) -> dict:
    """Return one run's settings and outcome."""
    torch.set_num_threads(1)
    task, backwards, seed = job
    net = names["trained"](task, backwards, seed)
    outcome = names["accuracies"](*names["written"](net, task, backwards, seed))
    kept = dict(
        zip(("forced", "free", "whole"), (round(float(a), 4) for a in outcome), strict=True)
    )
    return {"task": task, "backwards": backwards, "seed": seed} | kept


def main() -> None:
    """Make all runs and write the file."""
    jobs = list(product(TASKS, (False, True), SEEDS))
    with get_context("spawn").Pool() as pool:
        runs = []
        for result in pool.imap(run, jobs):
            print(result, flush=True)
            runs.append(result)
    about = {
        "command": "python lessons/studies/12_reversal.py",
        "cells": hashlib.sha256(study_cells().encode()).hexdigest(),
        "versions": {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]},
    }
    head = json.dumps(about, indent=1)[1:-2]
    rows = ",\n  ".join(json.dumps(r) for r in runs)
    RESULT.write_text(f'{{{head},\n "runs": [\n  {rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
