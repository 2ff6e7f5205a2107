"""A checkpoint of several processes of which each has written its rows: read whole, or by rows for another number.

Beside `model` and `state`, which hold what every process has, there are `model.0`, `state.0`, `model.1`, ...: the rows
of rank 0, 1, ... of everything that is sharded. `metrics.json` says under `pieces` of each such tensor its whole shape
and the first row of every rank; the file's digests and its one renaming at the end cover the parts of all ranks.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from facetwise.errors import RunError
from facetwise.training._checkpoints import Checkpoint, Files, Pieces, check_files, damaged, read_facts
from facetwise.training.together import World, is_sharded, rows_of_ranks

__all__ = ["divided", "pieces_of", "read_own"]

Arrays = Mapping[str, np.ndarray]
Parts = dict[str, dict[str, np.ndarray]]


def pieces_of(parts: Mapping[str, Mapping[str, Tensor]], *, size: int) -> Pieces:
    """Of every sharded tensor its whole shape, and the first row of each of so many ranks."""
    return {
        part: {
            name: {"shape": list(tensor.shape), "starts": [start for start, _ in rows_of_ranks(len(tensor), size)]}
            for name, tensor in tensors.items()
            if is_sharded(tensor)
        }
        for part, tensors in parts.items()
    }


def divided(parts: Mapping[str, Arrays], pieces: Pieces, *, rank: int) -> tuple[Parts, Parts]:
    """What every rank has, by part; and what is this rank's alone, under the part with its number."""
    whole = {part: {n: a for n, a in arrays.items() if n not in pieces[part]} for part, arrays in parts.items()}
    own = {f"{part}.{rank}": {n: a for n, a in arrays.items() if n in pieces[part]} for part, arrays in parts.items()}
    return whole, own


def read_own(folder: Path, wanted: Mapping[str, Mapping[str, Tensor]], world: World) -> Checkpoint:
    """A checkpoint, of sharded tensors this rank's rows only, however many ranks have written it.

    Every rank checks some of the files, and all hear of any damage.

    Args:
        folder: The checkpoint.
        wanted: `model` and `state` by name, for which of them are sharded, and how.
        world: The ranks; all call this.

    Raises:
        RunError: It is damaged: on all ranks, and with the same words.
    """
    stored, said = None, ""
    try:
        stored = _Stored(folder, *read_facts(folder))
        check_files(folder, stored.files, first=world.rank, every=world.size)
    except RunError as error:
        said = str(error)
    if told := [each.decode() for each in world.of_each(said.encode()) if each]:
        raise RunError(told[0])
    assert stored is not None, "it could be read"
    with stored:
        tensors, state = ({n: stored.rows(part, n, wanted[part].get(n), world) for n in stored.names(part)}
                          for part in ("model", "state"))  # fmt: skip
    return Checkpoint(tensors=tensors, facts=stored.facts, state=state)


@dataclass
class _Stored(ExitStack):
    """The open files of a checkpoint."""

    folder: Path
    facts: dict[str, Any]
    files: Files
    pieces: Pieces
    _open: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def names(self, part: str) -> list[str]:
        """Of all tensors of a part."""
        return [*(self._file(part).keys() if part in self.files else ()), *self.pieces.get(part, {})]

    def rows(self, part: str, name: str, wanted: Tensor | None, world: World) -> np.ndarray:
        """All rows, or those that this rank holds of what is sharded."""
        piece = self.pieces.get(part, {}).get(name)
        if wanted is None or not is_sharded(wanted):
            if piece is None:
                return self._file(part).get_tensor(name)
            start, stop = 0, piece["shape"][0]
        else:
            start, stop = rows_of_ranks(len(wanted), world.size)[world.rank]
        if piece is None:
            rows = self._file(part).get_slice(name)
            return rows[start:stop] if start < stop else rows[0:1][:0]  # a slice of nothing is an error there
        edges = [*piece["starts"], piece["shape"][0]]
        found = [np.zeros((0, *piece["shape"][1:]), np.float32)]
        for rank, (first, after) in enumerate(pairwise(edges)):
            low, high = max(first, start), min(after, stop)
            if low < high:
                found.append(self._file(f"{part}.{rank}").get_slice(name)[low - first : high - first])
        return np.concatenate(found[1:] or found)

    def _file(self, part: str) -> Any:
        if part not in self._open:
            path = self.folder / self.files[part]["name"]
            try:
                self._open[part] = self.enter_context(safe_open(path, framework="numpy"))
            except (OSError, SafetensorError) as error:
                raise damaged(path, str(error)) from error
        return self._open[part]
