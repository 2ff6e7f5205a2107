"""Files that are there whole or not at all."""

import os
import shutil
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from facetwise.errors import WriteError
from facetwise.inference._json_lines import laid_out

__all__ = [
    "sweep_parts",
    "tensors_as_bytes",
    "write_bytes",
    "write_json",
    "write_pieces",
    "write_tensors",
    "write_text",
    "writing",
]


@contextmanager
def writing(path: Path, *, needed: int = 0) -> Generator[None]:
    """Whatever the system says against a write, in one line: the path, the bytes needed, the reason, the way out.

    Raises:
        WriteError: In place of any OSError: no room, a quota, a read-only disk, no permission, a name too long.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteError(f"{path} cannot be written{_sizes(path, needed)}: {reason}. {_fix(error)}") from error


def _sizes(path: Path, needed: int) -> str:
    """The bytes that were to be written, and those that are left."""
    if not needed:
        return ""
    there = next((folder for folder in path.parents if folder.is_dir()), None)
    try:
        left = f", {shutil.disk_usage(there).free:,} are free" if there is not None else ""
    except OSError:
        left = ""
    return f" ({needed:,} bytes needed{left})"


def _fix(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "Fix: allow writing there, or choose another folder"
    return "Fix: make room, or choose another folder; then the same command continues"


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside the target, flush to the disk, rename into place.

    Raises:
        WriteError: It cannot be written; what was there before is as it was.
    """
    write_pieces(path, (data,), needed=len(data))


def write_pieces(path: Path, pieces: Iterable[bytes], *, needed: int = 0) -> None:
    """`write_bytes` of what comes one piece after the other; `needed` is told where there is no room."""
    with writing(path, needed=needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            with suppress(OSError):  # a full or read-only disk has said so already
                beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    """JSON without NaN: what has no value is null."""
    write_text(path, laid_out(data) + "\n")


def tensors_as_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """Arrays as a safetensors file."""
    whole = {name: np.asarray(array, order="C") for name, array in tensors.items()}  # keeps numbers without a shape
    return save(whole, metadata=dict(metadata or {}))


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Arrays as safetensors."""
    write_bytes(path, tensors_as_bytes(tensors, metadata))


def sweep_parts(*folders: Path) -> None:
    """Remove what a dead process left half-written in folders that are the caller's alone (it holds their lock)."""
    for folder in folders:
        for part in (*folder.glob(".*.part"), *folder.glob("*.part")):
            part.unlink(missing_ok=True)
