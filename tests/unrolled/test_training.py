"""The training loop: what it computes, that nothing is lost, and what it refuses."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from unrolled.modules import LSTM
from unrolled.tasks import adding
from unrolled.training import (
    CheckpointError,
    Processes,
    deterministic,
    precision_of,
    processes,
    train,
)

no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class Reader(nn.Module):
    """An LSTM read out at its last step, with dropout, so that the generator counts."""

    def __init__(self, H=6, dropout=0.2):
        super().__init__()
        self.lstm, self.read_out = LSTM(2, H), nn.Linear(H, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.read_out(self.dropout(self.lstm(x)[0][-1]))


def batch_of(update, N=8, T=6):
    rng = np.random.default_rng((7, update))
    return tuple(torch.from_numpy(a) for a in adding(T, N, rng))


def loss_of(model, x, y):
    return nn.functional.mse_loss(model(x), y)


def start(seed=0, device="cpu", rate=1e-2, **options):
    torch.manual_seed(seed)
    model = Reader(**options).to(device)
    return model, torch.optim.Adam(model.parameters(), lr=rate)


def run(model, optimiser, updates, batches=batch_of, **options):
    return train(model, loss_of, batches, optimiser, updates, show=False, **options)


def weights(model):
    return torch.cat([p.detach().flatten().cpu() for p in model.parameters()])


def stops_at(last, signal_number=signal.SIGINT):
    """Batches, and a signal to this process while one of them is drawn."""

    def batches(update):
        if update == last:
            os.kill(os.getpid(), signal_number)
        return batch_of(update)

    return batches


@pytest.mark.parametrize("clip", [None, 0.01])
def test_it_is_the_loop_that_one_would_write(clip):
    ours, optimiser = start()
    told = run(ours, optimiser, 5, clip=clip)
    theirs, optimiser = start()
    for update in range(5):
        loss = loss_of(theirs, *batch_of(update))
        optimiser.zero_grad()
        loss.backward()
        if clip is not None:
            norm = nn.utils.clip_grad_norm_(theirs.parameters(), clip)
            assert norm > clip  # else this would show nothing
        optimiser.step()
        assert told.losses[update] == pytest.approx(loss.item(), abs=1e-7)
    assert torch.equal(weights(ours), weights(theirs))


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_called_again_it_gives_the_same_numbers(tmp_path, signal_number):
    path = tmp_path / "run.pt"
    whole, optimiser = start()
    told = run(whole, optimiser, 12)

    stopped, optimiser = start()
    before = signal.getsignal(signal_number)
    with pytest.raises(
        KeyboardInterrupt, match=r"stopped after update 6 of 12: .*run\.pt holds it"
    ):
        run(stopped, optimiser, 12, stops_at(5, signal_number), checkpoint=path, save_every=4)
    assert signal.getsignal(signal_number) is before

    again, optimiser = start(seed=1)  # whatever it starts from is overwritten
    torch.manual_seed(99)
    told_again = run(again, optimiser, 12, checkpoint=path)
    assert torch.equal(weights(again), weights(whole))
    assert told_again == told and len(told.losses) == 12
    assert os.listdir(tmp_path) == ["run.pt"]


def test_killed_at_the_worst_moment_the_checkpoint_before_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    model, optimiser = start()
    run(model, optimiser, 3, checkpoint=path)
    before = path.read_bytes()

    def broken(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="No space"):
            run(model, optimiser, 5, checkpoint=path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["run.pt"]
    whole, optimiser = start()
    run(whole, optimiser, 5)
    again, optimiser = start()
    run(again, optimiser, 5, checkpoint=path)
    assert torch.equal(weights(again), weights(whole))


def saved(tmp_path, **changes):
    path = tmp_path / "run.pt"
    model, optimiser = start()
    run(model, optimiser, 2, checkpoint=path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, **changes}, path)
    return path


@pytest.mark.parametrize(
    "changes, options, message",
    [
        ({"format": "a picture"}, {}, "not a checkpoint of unrolled.training"),
        ({"version": 2}, {}, "of version 2, and this is version 1"),
        (
            {},
            {"H": 7},
            "belongs to another model: lstm.weight_ih_l0 is (24, 2) float32 there "
            "and (28, 2) float32 here",
        ),
        ({}, {"clip": 5.0}, "belongs to another run: clip is 1.0 there and 5.0 here"),
        (
            {"optimiser": "SGD"},
            {},
            "belongs to another optimiser: class is SGD there and Adam here",
        ),
    ],
)
def test_a_checkpoint_of_something_else_says_so_and_changes_nothing(
    tmp_path, changes, options, message
):
    path = saved(tmp_path, **changes)
    model, optimiser = start(seed=3, H=options.pop("H", 6))
    before, bytes_before = weights(model), path.read_bytes()
    with pytest.raises(CheckpointError, match=re.escape(message)):
        run(model, optimiser, 4, checkpoint=path, **options)
    assert torch.equal(weights(model), before) and path.read_bytes() == bytes_before


@pytest.mark.parametrize("keep", [0, 100, -300])
def test_a_damaged_checkpoint_says_so(tmp_path, keep):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"run\.pt: damaged, or not a checkpoint at all"):
        run(*start(), 4, checkpoint=path)


def test_a_checkpoint_that_would_run_something_is_not_read(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    path = tmp_path / "run.pt"
    torch.save({"format": Harm()}, path)
    with pytest.raises(CheckpointError, match="damaged"):
        run(*start(), 4, checkpoint=path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_an_update_with_a_gradient_that_is_not_finite_is_left_out(wrong):
    def batches(update):
        x, y = batch_of(update)
        return (x, y * wrong) if update == 1 else (x, y)

    model, optimiser = start()
    told = run(model, optimiser, 4, batches)
    assert told.skipped == [1] and weights(model).isfinite().all()
    assert not np.isfinite(told.losses[1]) and np.isfinite(told.losses[2:]).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"updates": 0}, "updates: expected at least 1, got 0"),
        ({"updates": 2, "save_every": 0}, "save_every: expected at least 1, got 0"),
        ({"updates": 2, "clip": 0.0}, "clip: expected a positive finite number or None, got 0.0"),
        ({"updates": 2, "precision": "half"}, "precision: expected one of 'float32', 'tf32'"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        run(*start(), **options)


def test_a_model_on_two_devices_is_refused():
    model, optimiser = start()
    model.read_out.to("meta")
    with pytest.raises(ValueError, match="model: expected parameters on one device, got 2"):
        run(model, optimiser, 1)


def test_precision_is_chosen_inside_and_put_back():
    places = torch.backends.cuda.matmul, torch.backends.cudnn.rnn
    before = [place.fp32_precision for place in places]
    for name, inside in (("float32", "ieee"), ("tf32", "tf32"), ("bfloat16", "ieee")):
        with precision_of(name, "cpu"):
            assert [place.fp32_precision for place in places] == [inside] * 2
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if name == "bfloat16" else torch.float32)
        assert [place.fp32_precision for place in places] == before
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_mixed_precision_trains_parameters_in_float32():
    model, optimiser = start(dropout=0.0)
    kinds = set()
    model.lstm.register_forward_hook(lambda _, x, out: kinds.add(out[1][1].dtype))
    told = run(model, optimiser, 3, precision="bfloat16")
    exact, optimiser = start(dropout=0.0)
    expected = run(exact, optimiser, 3)
    assert {p.dtype for p in model.parameters()} == kinds == {torch.float32}  # the cell's too
    assert told.losses != expected.losses
    np.testing.assert_allclose(told.losses, expected.losses, rtol=0.05)


def test_deterministic_runs_are_the_same_and_settings_are_put_back():
    results = []
    for _ in range(2):
        with deterministic(5):
            assert torch.are_deterministic_algorithms_enabled()
            model = Reader()
            run(model, torch.optim.Adam(model.parameters()), 3)
            results.append((weights(model), np.random.rand()))
    assert torch.equal(results[0][0], results[1][0]) and results[0][1] == results[1][1]
    assert not torch.are_deterministic_algorithms_enabled()


def test_deterministic_says_when_it_comes_too_late(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with pytest.raises(RuntimeError, match="set CUBLAS_WORKSPACE_CONFIG=:16:8 before the program"):
        with deterministic(0):
            pass


def test_rows_of_a_batch_are_shared_out_without_rest():
    parts = [Processes(rank, 3, torch.device("cpu")).rows(12) for rank in range(3)]
    assert [n for part in parts for n in range(12)[part]] == list(range(12))
    with pytest.raises(ValueError, match="N: expected a multiple of the 3 processes, got 10"):
        Processes(0, 3, torch.device("cpu")).rows(10)


def test_alone_there_is_one_process():
    with processes() as here:
        assert (here.rank, here.count, here.rows(5)) == (0, 1, slice(0, 5))


# Run by two processes, as on two GPUs; the test compares what the first one saves.
TOGETHER = """
import os, signal, sys
sys.path[:0] = {path!r}
import torch
from test_training import batch_of, loss_of, run, start
from unrolled.training import processes

torch.set_num_threads(1)
with processes() as here:
    rows = here.rows(8)

    def batches(update):
        if update == 3 and here.rank == 1 and not os.path.exists({out!r} + ".stopped"):
            open({out!r} + ".stopped", "w").close()
            os.kill(os.getpid(), signal.SIGTERM)
        x, y = batch_of(update)
        return x[:, rows], y[rows]

    model, optimiser = start(seed=here.rank, dropout=0.0)
    for attempt in range(2):
        try:
            told = run(model, optimiser, 6, batches, checkpoint={out!r} + ".run")
            break
        except KeyboardInterrupt as stop:
            print(here.rank, stop)
            torch.distributed.barrier()
    if here.rank == 0:
        torch.save((model.state_dict(), told.losses), {out!r})
"""


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_joint_batch(tmp_path):
    out, script = tmp_path / "together.pt", tmp_path / "together.py"
    script.write_text(TOGETHER.format(path=[str(Path(__file__).parent), *sys.path], out=str(out)))
    torchrun = "torch.distributed.run --standalone --nproc-per-node 2"
    done = subprocess.run(
        [sys.executable, "-m", *torchrun.split(), script],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # A signal to the second stopped both after the same update; both went on to the end.
    assert sorted(re.findall(r"(\d) stopped after update (\d) of 6", done.stdout)) == [
        ("0", "4"),
        ("1", "4"),
    ]
    state, losses = torch.load(out, weights_only=True)
    alone, optimiser = start(dropout=0.0)
    told = run(alone, optimiser, 6)
    np.testing.assert_allclose(losses, told.losses, rtol=0, atol=1e-6)
    for name, parameter in alone.state_dict().items():
        torch.testing.assert_close(state[name], parameter, rtol=0, atol=1e-6)


@pytest.mark.gpu
@no_cuda
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_training_on_cuda_reaches_the_same_target(precision):
    reached = {}
    for device in ("cpu", "cuda"):
        model, optimiser = start(device=device, H=32, dropout=0.0)
        draw = lambda update: batch_of(update, N=64, T=20)  # noqa: E731
        told = run(
            model, optimiser, 600, draw, precision=precision if device == "cuda" else "float32"
        )
        reached[device] = np.mean(told.losses[-20:])
    assert max(reached.values()) < 0.02


@pytest.mark.gpu
@no_cuda
@pytest.mark.parametrize("there, here", [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_checkpoint_moves_between_devices(tmp_path, there, here):
    path = tmp_path / "run.pt"
    first, optimiser = start(device=there, dropout=0.0)
    run(first, optimiser, 3, checkpoint=path)
    second, optimiser = start(seed=1, device=here, dropout=0.0)
    run(second, optimiser, 6, checkpoint=path)
    whole, optimiser = start(device="cpu", dropout=0.0)
    run(whole, optimiser, 6)
    assert {p.device.type for p in second.parameters()} == {here}
    torch.testing.assert_close(weights(second), weights(whole), rtol=0, atol=1e-4)
