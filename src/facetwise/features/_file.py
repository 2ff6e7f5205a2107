"""Features in a file of the user's own: one row per row of the table."""

import hashlib
import io
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from facetwise.errors import UserError
from facetwise.features._budget import fits_memory, measure_machine
from facetwise.features._stored import StoredPart, StoredRows, npy_part, safetensors_part

__all__ = ["features_from_file", "features_to_bytes", "file_digest"]


def file_digest(path: Path) -> str:
    """SHA-256 of a file that may be larger than memory.

    Raises:
        UserError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Fix: check the path") from error


def features_to_bytes(array: np.ndarray, suffix: str) -> bytes:
    """The bytes of a features file: `.npy`, or `.safetensors` with one tensor `features`.

    Raises:
        UserError: Another suffix.
    """
    whole = np.ascontiguousarray(array, dtype=np.float32)
    if suffix == ".npy":
        sink = io.BytesIO()
        np.save(sink, whole, allow_pickle=False)
        return sink.getvalue()
    if suffix == ".safetensors":
        return save({"features": whole})
    raise UserError(f"features are written as .npy or .safetensors. Found {suffix!r}. Fix: choose one of the two")


def features_from_file(
    path: Path, *, rows: int, where: Literal["auto", "memory", "disk"] = "memory"
) -> np.ndarray | StoredRows:
    """(row, width) float32; a row with a NaN stands for a picture that could not be read.

    Args:
        path: The file.
        rows: Rows of the table.
        where: Read now, or left on disk; `auto` decides by `fits_memory`.

    Raises:
        UserError: Not such a file, or not one row per row of the table; columns first, where it is left on disk.
    """
    by_columns = False
    try:
        if path.suffix == ".npy":
            shape, kind, by_columns, offset = npy_part(path)
        elif path.suffix == ".safetensors":
            shape, kind, offset = safetensors_part(path)
        else:
            raise UserError(f"features come from .npy or .safetensors. Found {path.name!r}. Fix: convert the file")
        if len(shape) != 2 or shape[0] != rows:
            raise UserError(
                f"{path} has one row of features per row of the table ({rows:,}). Found shape {shape}. "
                "Fix: extract from this table, in its order"
            )
        if kind.kind not in "fiu":
            raise UserError(f"{path} holds real numbers. Found {kind}. Fix: store them as float32")
        if where == "memory" or (where == "auto" and fits_memory(rows, shape[1], machine=measure_machine(path))):
            array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _only(load_file(path))
            return array.astype(np.float32, copy=False)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read as features: {error}. Fix: check the file") from error
    if by_columns:
        raise UserError(
            f"features that are read from disk lie row by row. Found {path} stored by columns. "
            "Fix: numpy.ascontiguousarray(array) before it is saved, or features_in: memory"
        )
    if path.stat().st_size < offset + rows * shape[1] * kind.itemsize:
        raise UserError(f"{path} cannot be read as features: it is shorter than its head says. Fix: write it again")
    return StoredRows(parts=(StoredPart(path, offset, rows),), kind=kind, stored=shape[1])


def _only(tensors: dict[str, np.ndarray]) -> np.ndarray:
    return next(iter(tensors.values()))
