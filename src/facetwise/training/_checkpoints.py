"""Checkpoints: parameters, optimiser and progress on disk, whole or not at all."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from facetwise.errors import RunError
from facetwise.inference import write_json, write_tensors

__all__ = ["Checkpoint", "copy_checkpoint", "model_tensors", "read_checkpoint", "write_checkpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Parameters of the model by name, and what was measured when they were saved."""

    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]


def model_tensors(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Parameters and persistent buffers as arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write tensors first and facts last: a folder with facts is complete."""
    write_tensors(folder / "model.safetensors", checkpoint.tensors)
    write_json(folder / "metrics.json", checkpoint.facts)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RunError: There is none.
    """
    if not (folder / "metrics.json").is_file():
        saved = sorted(path.name for path in folder.parent.glob("*") if (path / "metrics.json").is_file())
        raise RunError(f"no checkpoint {folder.name!r} in {folder.parent}; saved: {', '.join(saved) or 'none'}")
    facts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return Checkpoint(tensors=load_file(folder / "model.safetensors"), facts=facts)


def copy_checkpoint(source: Path, target: Path) -> None:
    """The same checkpoint under another name; files are never changed in place, so a hard link is a copy."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("model.safetensors", "metrics.json"):
        beside = target / f".{name}.{os.getpid()}.part"
        beside.unlink(missing_ok=True)
        try:
            os.link(source / name, beside)
        except OSError:  # a file system without hard links
            shutil.copyfile(source / name, beside)
        beside.replace(target / name)
