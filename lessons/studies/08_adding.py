"""The adding problem against its length, for three networks; chapter 8 plots the result.

    python lessons/studies/08_adding.py        (about ten minutes on two cores)

The NumPy networks and their training are the chapter's own cells, those tagged `study`. What is
kept in unrolled/data/recorded is, for each run, the updates it took, "overflow" or "not solved",
together with a hash of those cells, so that a test can tell when the chapter has moved on.
"""

from itertools import product

import numpy as np
import torch
from recording import record, study_cells
from torch import nn

from unrolled.clipping import clip_by_global_norm
from unrolled.initialisers import gaussian, identity
from unrolled.losses import squared_error
from unrolled.nets import RNN
from unrolled.nets.readout import Readout
from unrolled.optimisers import Adam
from unrolled.tasks import adding

LESSON = "08-initialisation-and-identity"
LENGTHS, SEEDS, H = (50, 100, 200, 400), (0, 1, 2), 64
RATES = {"tanh": (1e-3,), "IRNN": (5e-4, 1e-3), "LSTM": (1e-2,)}

# What the cells read, and where they put what they define.
names = {
    "np": np,
    "Adam": Adam,
    "RNN": RNN,
    "Readout": Readout,
    "adding": adding,
    "clip_by_global_norm": clip_by_global_norm,
    "gaussian": gaussian,
    "squared_error": squared_error,
}
exec(compile(study_cells(LESSON), LESSON, "exec"), names)


def lstm_updates(T: int, rate: float, seed: int, most: int = 2000) -> int | str:
    """Do as the lesson's `adding_updates` with `torch.nn.LSTM` as it starts by default."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x_test, y_test = map(torch.tensor, adding(T, 500, rng))
    net, read_out = nn.LSTM(2, H), nn.Linear(H, 1)
    weights = [*net.parameters(), *read_out.parameters()]
    descent = torch.optim.Adam(weights, rate)
    for done in range(1, most + 1):
        x, y = map(torch.tensor, adding(T, 32, rng))
        descent.zero_grad()
        (nn.functional.mse_loss(read_out(net(x)[0][-1]), y) / 2).backward()
        nn.utils.clip_grad_norm_(weights, 1, error_if_nonfinite=True)
        descent.step()
        if done % 100 == 0:
            with torch.no_grad():
                if nn.functional.mse_loss(read_out(net(x_test)[0][-1]), y_test) < 0.01:
                    return done
    return "not solved"


def run(job: tuple[str, int, float, int]) -> dict:
    """Return one run's settings and outcome."""
    name, T, rate, seed = job
    rng = np.random.default_rng(seed)
    if name == "LSTM":
        outcome = lstm_updates(T, rate, seed)
    else:
        start = {
            "tanh": lambda: names["default_network"](2, H, 1, rng),
            "IRNN": lambda: names["network"](identity(H), 2, 1, rng, "relu"),
        }
        outcome = names["adding_updates"](*start[name](), T, rate, rng)
    return {"net": name, "T": T, "rate": rate, "seed": seed, "outcome": outcome}


if __name__ == "__main__":
    jobs = [
        (name, T, rate, seed)
        for name, rates in RATES.items()
        for T, rate, seed in product(LENGTHS, rates, SEEDS)
    ]
    jobs.sort(key=lambda job: job[1])
    nets = list(RATES)
    record(
        "08_adding",
        LESSON,
        run,
        jobs,
        order=lambda r: (nets.index(r["net"]), r["T"], r["rate"], r["seed"]),
    )
