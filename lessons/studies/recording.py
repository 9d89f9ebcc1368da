"""How a study takes a lesson's own cells, runs its jobs side by side and writes down the result."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from tqdm import tqdm

from unrolled.data.recorded import FOLDER

LESSONS = Path(__file__).parents[1]


def study_cells(lesson: str) -> str:
    """Return the source of the lesson's cells tagged `study`."""
    text = (LESSONS / f"{lesson}.md").read_text(encoding="utf-8")
    cells = read_myst_markdown_notebook(text).cells
    return "\n\n".join(c.source for c in cells if "study" in c.metadata.get("tags", ()))


def record(
    study: str,
    lesson: str,
    run: Callable[[Any], dict],
    jobs: Iterable[Any],
    order: Callable[[dict], Any],
    **about: Any,
) -> None:
    """Run all jobs in as many processes as there are cores, and write what they returned.

    Args:
        study: the file's name without its ending, for example "08_adding".
        lesson: the lesson's name, whose cells' hash is written beside the runs.
        run: one job → one run's settings and outcome. It must be importable: a function of the
            study's module.
        jobs: the jobs, the shortest first.
        order: what the runs are sorted by.
        about: more to write at the head.
    """
    # One thread a process, also for the products of matrices: the processes started read this.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    jobs = list(jobs)
    with get_context("spawn").Pool() as pool:
        runs = sorted(tqdm(pool.imap(run, jobs), total=len(jobs), unit="run"), key=order)
    rows = ",\n  ".join(json.dumps(r) for r in runs)
    about = {
        "command": f"python lessons/studies/{study}.py",
        "cells": hashlib.sha256(study_cells(lesson).encode()).hexdigest(),
        **about,
        "versions": {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]},
    }
    head = json.dumps(about, indent=1)[1:-2]
    path = FOLDER / f"{study}.json"
    path.write_text(f'{{{head},\n "runs": [\n  {rows}\n ]\n}}\n', encoding="utf-8")
