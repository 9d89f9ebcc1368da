"""Checkpoints: all that a run needs to go on exactly, in one file that is always whole."""

import io
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

FORMAT, VERSION = "unrolled checkpoint", 1


class CheckpointError(Exception):
    """A file that can't be gone on from; the message says whose it is or what is wrong with it."""


def save(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    settings: dict[str, Any],
    progress: dict[str, Any],
) -> None:
    """Write a checkpoint beside its place and move it there: a crash leaves the one before.

    Args:
        path: the file.
        model: whose parameters and buffers are kept.
        optimiser: whose state is kept.
        settings: what must be the same for a run that goes on, of plain values.
        progress: what else to keep, of plain values.

    Raises:
        OSError: it can't be written. The file that was there before is untouched.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "model": _description(model),
        "optimiser": type(optimiser).__name__,
        "settings": settings,
        "weights": model.state_dict(),
        "state": optimiser.state_dict(),
        "progress": progress,
        "generators": _generators(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def restore(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, settings: dict[str, Any]
) -> dict[str, Any]:
    """Put a checkpoint's contents into a model and an optimiser; return the progress.

    It may come from another device: everything moves to where the model's parameters are. Nothing
    is changed if the file doesn't fit.

    Raises:
        CheckpointError: the file is damaged or none of these, of another version, of another model
            or optimiser, or made with other settings; it names the first difference.
    """
    try:
        # weights_only: tensors and plain values, nothing that could run.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: damaged, or not a checkpoint at all ({reason})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of unrolled.training")
    if content["version"] != VERSION:
        raise CheckpointError(
            f"{path}: of version {content['version']}, and this is version {VERSION}"
        )
    _expect("model", path, content["model"], _description(model))
    kinds = {"class": content["optimiser"]}, {"class": type(optimiser).__name__}
    _expect("optimiser", path, *kinds)
    _expect("run", path, content["settings"], settings)
    model.load_state_dict(content["weights"])
    optimiser.load_state_dict(content["state"])
    torch.set_rng_state(content["generators"]["cpu"])
    on_cuda = content["generators"]["cuda"]
    if len(on_cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(on_cuda)
    return content["progress"]


def _description(model: nn.Module) -> dict[str, str]:
    """Return what a model is: its class, and the shape and type of all that it holds."""
    parts = {
        name: f"{tuple(tensor.shape)} {str(tensor.dtype).split('.')[1]}"
        for name, tensor in model.state_dict().items()
    }
    return {"class": type(model).__name__, **parts}


def _expect(what: str, path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    for name in [*ours, *theirs]:
        if theirs.get(name) != ours.get(name):
            there, here = theirs.get(name, "nothing"), ours.get(name, "nothing")
            raise CheckpointError(
                f"{path}: belongs to another {what}: {name} is {there} there and {here} here"
            )


def _generators() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}
