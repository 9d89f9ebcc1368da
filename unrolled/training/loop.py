"""The training loop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from unrolled.training import checkpoint as files
from unrolled.training.precision import precision_of


@dataclass
class Progress:
    """How a run went.

    Attributes:
        losses: one an update.
        skipped: the updates, counted from 0, that were left out since their gradient was infinite
            or not a number.
    """

    losses: list[float] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)


def train(
    model: nn.Module,
    loss_of: Callable[..., Tensor],
    batch_of: Callable[[int], tuple[Tensor, ...]],
    optimiser: torch.optim.Optimizer,
    updates: int,
    clip: float | None = 1.0,
    precision: str = "float32",
    checkpoint: Path | str | None = None,
    save_every: int = 100,
    show: bool = True,
) -> Progress:
    """Train a model, on whatever device its parameters are.

    Stopped by Ctrl-C or SIGTERM it finishes the update, writes the checkpoint and raises. Called
    again with the same arguments it goes on there, to the same numbers as without a stop: weights,
    the optimiser's state and PyTorch's generators are in the checkpoint, and batches depend on the
    number of the update alone. If it is killed outright, the last checkpoint is whole, and no more
    than `save_every` updates are done again.

    Among several processes (`unrolled.training.processes`) gradients are averaged, the first one
    shows progress and writes, and a signal to one stops all.

    Args:
        model: what to train.
        loss_of: (model, *batch) → the loss, a scalar, as a mean over the batch's sequences.
        batch_of: number of an update, from 0 → its batch, tensors on any device. For random
            batches draw from `numpy.random.default_rng((seed, update))`.
        optimiser: of the model's parameters.
        updates: how many in all, those of an earlier part of the run included.
        clip: largest norm of the gradient, over all parameters together; None for no limit.
        precision: as for `precision_of`.
        checkpoint: a file; None for none.
        save_every: updates between two checkpoints.
        show: whether to show a progress bar.

    Returns:
        The losses of all updates, and which of them were left out.

    Raises:
        CheckpointError: the file belongs to another model, optimiser, run or version, or is
            damaged. Nothing is changed then.
        ValueError: `updates` or `save_every` is less than 1, `clip` is not positive, the precision
            is unknown, or a parameter is on another device than the rest.
        KeyboardInterrupt: it was stopped.
    """
    _check(updates, save_every, clip)
    devices = {parameter.device for parameter in model.parameters()}
    if len(devices) != 1:
        raise ValueError(f"model: expected parameters on one device, got {len(devices)}")
    device = devices.pop()
    path = None if checkpoint is None else Path(checkpoint)
    settings = {"clip": clip, "precision": precision}
    progress = Progress()
    if path is not None and path.exists():
        progress = Progress(**files.restore(path, model, optimiser, settings))
    together = torch.distributed.is_initialized()
    first = not together or torch.distributed.get_rank() == 0
    running = DistributedDataParallel(model) if together else model

    def save() -> None:
        if path is not None and first:
            files.save(path, model, optimiser, settings, vars(progress))

    begin = len(progress.losses)
    numbers = tqdm(
        range(begin, updates), initial=begin, total=updates, unit="update", dynamic_ncols=True,
        disable=not (show and first),
    )  # fmt: skip
    with _signals() as asked, numbers:
        for update in numbers:
            batch = [tensor.to(device, non_blocking=True) for tensor in batch_of(update)]
            # Anew for each update, for autocast keeps copies of the weights until it ends.
            with precision_of(precision, device):
                loss, norm = _gradient(running, loss_of, batch, optimiser, clip)
            if norm.isfinite():
                optimiser.step()
            else:
                progress.skipped.append(update)
            loss, stop = _agreed(loss, asked.stop, together)
            progress.losses.append(loss)
            numbers.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            if stop:
                break
            if (update + 1) % save_every == 0:
                save()
        save()
    done = len(progress.losses)
    if done < updates:
        kept = f"{path} holds it, and the same call goes on" if path else "there is no checkpoint"
        raise KeyboardInterrupt(f"stopped after update {done} of {updates}: {kept}")
    return progress


def _gradient(
    model: nn.Module,
    loss_of: Callable[..., Tensor],
    batch: list[Tensor],
    optimiser: torch.optim.Optimizer,
    clip: float | None,
) -> tuple[Tensor, Tensor]:
    """Leave the clipped gradient in the parameters; return the loss and the norm before."""
    optimiser.zero_grad(set_to_none=True)
    loss = loss_of(model, *batch)
    with torch.autocast(loss.device.type, enabled=False):
        loss.backward()
    limit = float("inf") if clip is None else clip
    norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
    return loss.detach(), norm


def _agreed(loss: Tensor, stop: bool, together: bool) -> tuple[float, bool]:
    """Return the mean loss of all processes, and whether any of them was asked to stop."""
    both = torch.stack([loss.float(), torch.tensor(float(stop), device=loss.device)])
    if together:
        torch.distributed.all_reduce(both)
        both[0] /= torch.distributed.get_world_size()
    value, stops = both.tolist()
    return value, stops > 0


@contextmanager
def _signals() -> Iterator[SimpleNamespace]:
    """Turn Ctrl-C and SIGTERM into a wish that the loop looks at between two updates.

    Only a program's main thread may do so; elsewhere signals go where they went before.
    """
    asked = SimpleNamespace(stop=False)

    def ask(*_) -> None:
        if asked.stop:  # asked twice: at once
            raise KeyboardInterrupt
        asked.stop = True

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(updates: int, save_every: int, clip: float | None) -> None:
    for name, value in (("updates", updates), ("save_every", save_every)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    if clip is not None and not 0 < clip < float("inf"):
        raise ValueError(f"clip: expected a positive finite number or None, got {clip}")
