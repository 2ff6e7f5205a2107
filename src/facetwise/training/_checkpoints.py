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
from facetwise.training.together import own_part

__all__ = [
    "Checkpoint",
    "Files",
    "Pieces",
    "check_files",
    "commit_checkpoint",
    "copy_checkpoint",
    "damaged",
    "has_checkpoint",
    "keep_as",
    "model_tensors",
    "put_back",
    "read_checkpoint",
    "read_facts",
    "write_files",
]

FACTS = "metrics.json"

# What a checkpoint is made of: a part (`model`, `state`) to the name and the SHA-256 of its file.
Files = dict[str, dict[str, str]]

# Of a checkpoint whose tensors lie in rows in the files of several ranks: part → name → `shape` of the whole, and
# `starts`, the first row of each rank.
Pieces = dict[str, dict[str, dict[str, list[int]]]]


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
    """Parameters and persistent buffers as arrays; of what is sharded this process's rows."""
    return {name: own_part(tensor.detach()).cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def put_back(model: torch.nn.Module, tensors: Mapping[str, np.ndarray]) -> None:
    """What `model_tensors` gave."""
    own = model.state_dict()
    assert own.keys() == tensors.keys(), "a checkpoint is that of the model"
    for name, tensor in own.items():
        own_part(tensor.detach()).copy_(torch.from_numpy(tensors[name]))


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
    _, files, _ = read_facts(source)
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
    facts, files, pieces = read_facts(folder)
    parts = {part: _read_tensors(folder, entry) for part, entry in files.items()}
    for part, apart in pieces.items():
        for name, piece in apart.items():
            parts[part][name] = np.concatenate([parts[f"{part}.{rank}"][name] for rank in range(len(piece["starts"]))])
    return Checkpoint(tensors=parts["model"], facts=facts, state=parts.get("state", {}))


def check_files(folder: Path, files: Files, *, first: int = 0, every: int = 1) -> None:
    """Every so-many-th file against its digest, none of them in memory as a whole.

    Raises:
        RunError: One is damaged.
    """
    for entry in list(files.values())[first::every]:
        path = folder / entry["name"]
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise damaged(path, f"cannot be read ({error.strerror})") from error
        if digest != entry["sha256"]:
            raise damaged(path, f"is not as it was written ({path.stat().st_size:,} bytes, another SHA-256)")


def _digest(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def damaged(path: Path, what: str) -> RunError:
    """What to tell of a file of a checkpoint."""
    return RunError(f"the checkpoint {path.parent.name!r} is damaged: {path} {what}")


def read_facts(folder: Path) -> tuple[dict[str, Any], Files, Pieces]:
    """What `metrics.json` says: of the training, of the files, and of what lies in pieces.

    Raises:
        RunError: It is damaged.
    """
    path = folder / FACTS
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, "cannot be read") from error
    if not isinstance(facts, dict) or facts.pop("sha256", None) != _digest(facts) or "model" not in facts["files"]:
        raise damaged(path, "is not as it was written")
    return facts, facts.pop("files"), facts.pop("pieces", {})


def _read_tensors(folder: Path, entry: Mapping[str, str]) -> dict[str, np.ndarray]:
    path = folder / entry["name"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise damaged(path, f"is not as it was written ({len(content):,} bytes, another SHA-256)")
    try:
        return load(content)
    except SafetensorError as error:
        raise damaged(path, str(error)) from error
