"""Features in a file of the user's own: one row per row of the table."""

import io
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from facetwise.errors import UserError

__all__ = ["features_from_file", "features_to_bytes"]


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


def features_from_file(path: Path, *, rows: int) -> np.ndarray:
    """(row, width) float32; a row with a NaN stands for a picture that could not be read.

    Raises:
        UserError: Not such a file, or not one row per row of the table.
    """
    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
        elif path.suffix == ".safetensors":
            tensors = load_file(path)
            if len(tensors) != 1:
                raise UserError(f"{path} holds one tensor. Found {sorted(tensors)}. Fix: keep the features only")
            array = next(iter(tensors.values()))
        else:
            raise UserError(f"features come from .npy or .safetensors. Found {path.name!r}. Fix: convert the file")
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read as features: {error}. Fix: check the file") from error
    if array.ndim != 2 or len(array) != rows:
        raise UserError(
            f"{path} has one row of features per row of the table ({rows:,}). Found shape {array.shape}. "
            "Fix: extract from this table, in its order"
        )
    return array.astype(np.float32, copy=False)
