"""Checkpoints: parameters, optimiser and progress on disk, whole or not at all.

A checkpoint is a folder. Its tensors lie in files named by their content, `model-<digest>.safetensors`; `metrics.json`
names them with their SHA-256 and is renamed into place last, so the folder changes from one checkpoint to the next in a
single step, and whatever is damaged later is noticed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load

from facetwise.errors import RunError
from facetwise.inference import tensors_as_bytes, write_bytes, write_text, writing

__all__ = [
    "Checkpoint",
    "Files",
    "commit_checkpoint",
    "copy_checkpoint",
    "has_checkpoint",
    "keep_as",
    "model_tensors",
    "read_checkpoint",
    "write_files",
]

FACTS = "metrics.json"

# What a checkpoint is made of: a part (`model`, `state`) to the name and the SHA-256 of its file.
Files = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Parameters of the model by name, and what was measured when they were saved.

    Args:
        tensors: Parameters.
        facts: Epoch, losses, metrics; how far training had come, where it can be continued from here.
        state: Moments of the optimiser and whatever else training goes on with; empty in a checkpoint of the best.
    """

    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]
    state: dict[str, np.ndarray] = field(default_factory=dict)


def model_tensors(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Parameters and persistent buffers as arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def write_files(folder: Path, parts: Mapping[str, Mapping[str, np.ndarray]]) -> Files:
    """Write tensors beside those that are there; nobody reads them before `commit_checkpoint`."""
    files: Files = {}
    for part, tensors in parts.items():
        content = tensors_as_bytes(tensors)
        digest = hashlib.sha256(content).hexdigest()
        files[part] = {"name": f"{part}-{digest[:16]}.safetensors", "sha256": digest}
        write_bytes(folder / files[part]["name"], content)
    return files


def _link(source: Path, target: Path) -> None:
    """The same file under another name; files are never changed in place, so a hard link is a copy."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        try:
            os.link(source, beside)
        except OSError:  # a file system without hard links
            shutil.copyfile(source, beside)
        beside.replace(target)
        beside.unlink(missing_ok=True)  # renaming onto another link of the same file does nothing at all


def _remove_strays(folder: Path, files: Files) -> None:
    named = {entry["name"] for entry in files.values()}
    for path in folder.glob("*.safetensors"):
        if path.name not in named:
            path.unlink(missing_ok=True)


def commit_checkpoint(folder: Path, facts: Mapping[str, Any], files: Files) -> None:
    """From now on the folder is this checkpoint; what it was before is removed."""
    told = {**facts, "files": files}
    # On one line: the encoder that indents takes twenty times as long, at every epoch.
    write_text(folder / FACTS, json.dumps({**told, "sha256": _digest(told)}, ensure_ascii=False, allow_nan=False))
    _remove_strays(folder, files)


def keep_as(names: Sequence[str], source: Path, facts: Mapping[str, Any], files: Files) -> None:
    """Some of the files in a folder as checkpoints of other names beside it."""
    for name in names:
        for entry in files.values():
            _link(source / entry["name"], source.with_name(name) / entry["name"])
        commit_checkpoint(source.with_name(name), facts, files)


def copy_checkpoint(source: Path, target: Path) -> None:
    """The same checkpoint under another name.

    Raises:
        RunError: It is damaged.
    """
    files: Files = _read_facts(source)["files"]
    for name in (*(entry["name"] for entry in files.values()), FACTS):
        _link(source / name, target / name)
    _remove_strays(target, files)


def has_checkpoint(folder: Path) -> bool:
    """Whether there is one, damaged or not."""
    return (folder / FACTS).is_file()


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint and check every byte of it.

    Raises:
        RunError: There is none, or it is damaged.
    """
    if not has_checkpoint(folder):
        saved = sorted(path.name for path in folder.parent.glob("*") if has_checkpoint(path))
        raise RunError(f"no checkpoint {folder.name!r} in {folder.parent}; saved: {', '.join(saved) or 'none'}")
    facts = _read_facts(folder)
    files: Files = facts.pop("files")
    parts = {part: _read_tensors(folder, entry) for part, entry in files.items()}
    return Checkpoint(tensors=parts["model"], facts=facts, state=parts.get("state", {}))


def _digest(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, what: str) -> RunError:
    return RunError(f"the checkpoint {path.parent.name!r} is damaged: {path} {what}")


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / FACTS
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(path, "cannot be read") from error
    if not isinstance(facts, dict) or facts.pop("sha256", None) != _digest(facts) or "model" not in facts["files"]:
        raise _damaged(path, "is not as it was written")
    return facts


def _read_tensors(folder: Path, entry: Mapping[str, str]) -> dict[str, np.ndarray]:
    path = folder / entry["name"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise _damaged(path, f"is not as it was written ({len(content):,} bytes, another SHA-256)")
    try:
        return load(content)
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error
