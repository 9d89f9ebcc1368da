"""Hidden characters of Python source: directions, layers and dropout; chapter 11 plots the result.

    python lessons/studies/11_masked_characters.py        (about fifteen minutes on one core)

Networks and training are the chapter's own cells, those tagged `study`. What is kept in
unrolled/data/recorded is, for each run, the bits that a hidden character of unknown text costs
after every 100 updates, together with a hash of those cells, so that a test can tell when the
chapter has moved on.
"""

import hashlib
import json
import os
from pathlib import Path

# One thread, also for the products of matrices; read when NumPy is imported.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import torch
from myst_nb.core.read import read_myst_markdown_notebook
from torch import nn

from unrolled.data.python_source import python_source
from unrolled.data.recorded import FOLDER

RESULT = FOLDER / f"{Path(__file__).stem}.json"
LESSON = Path(__file__).parents[1] / "11-peepholes-directions-depth.md"
SEEDS = range(4)
# Layers, units a direction, both directions, dropout. The first five have about 37,000 weights in
# their layers; the last two read 10,000 characters only, again and again.
SETTINGS = {
    "left to right": (1, 96, False, 0.0),
    "left to right, 2 layers": (2, 58, False, 0.0),
    "both directions": (1, 64, True, 0.0),
    "both, 2 layers": (2, 35, True, 0.0),
    "both, 3 layers": (3, 27, True, 0.0),
    "little text": (2, 48, True, 0.0),
    "little text, dropout 0.5": (2, 48, True, 0.5),
}


def study_cells() -> str:
    """Return the source of the lesson's cells tagged `study`."""
    cells = read_myst_markdown_notebook(LESSON.read_text(encoding="utf-8")).cells
    return "\n\n".join(c.source for c in cells if "study" in c.metadata.get("tags", ()))


def main() -> None:
    """Make all runs and write the file."""
    torch.set_num_threads(1)
    names = {"np": np, "torch": torch, "nn": nn, "python_source": python_source}
    exec(compile(study_cells(), LESSON.name, "exec"), names)
    runs = []
    for name, setting in SETTINGS.items():
        little = name.startswith("little text")
        updates, codes = (1000, names["known"][:10_000]) if little else (600, names["known"])
        for seed in SEEDS:
            bits = names["train"](setting, seed, updates, codes)
            runs.append({"name": name, "setting": setting, "seed": seed})
            runs[-1]["bits"] = [round(b, 3) for b in bits]
            print(runs[-1], flush=True)
    rows = ",\n  ".join(json.dumps(r) for r in runs)
    about = {
        "command": "python lessons/studies/11_masked_characters.py",
        "cells": hashlib.sha256(study_cells().encode()).hexdigest(),
        "versions": {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]},
    }
    head = json.dumps(about, indent=1)[1:-2]
    RESULT.write_text(f'{{{head},\n "runs": [\n  {rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
