"""Rows of numbers that stay on disk and are read when they are asked for: matrices larger than memory."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.errors import UserError

__all__ = ["StoredPart", "StoredRows", "npy_part", "safetensors_part"]

# Read in one piece; also the rows of a pass over all rows. Long enough that even a disk with a head reads at full
# speed (150 MB/s, 8 ms per move), small beside any memory.
PIECE_BYTES = 1 << 23
# Skipping less than this costs more than reading it.
GAP_BYTES = 1 << 16

# Of safetensors; numpy has no bfloat16.
_KINDS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One file with consecutive rows.

    Args:
        path: The file.
        offset: Of its first row, in bytes.
        rows: How many.
    """

    path: Path
    offset: int
    rows: int


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredRows:
    """A matrix in files, (row, width), that reads like an array: rows chosen from it are such a matrix again.

    Nothing is read before `np.asarray`, `pieces` or `raw`; and what is read goes into buffers of the reader's size, not
    into a mapping that grows with the file.

    Args:
        parts: The files; their rows follow each other.
        kind: Of the numbers in the files; they are given as float32.
        stored: Numbers per row in the files.
        first: The first of them that counts.
        places: (row,) int64, of the chosen rows among those of all files; None: all, in order.
        change: What is done to rows that have been read, (n, width) float32 to (n, width) float32.
    """

    parts: tuple[StoredPart, ...]
    kind: np.dtype[Any]
    stored: int
    first: int = 0
    places: np.ndarray | None = None
    change: Callable[[np.ndarray], np.ndarray] | None = None

    ndim = 2
    dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return sum(part.rows for part in self.parts) if self.places is None else len(self.places)

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([part.rows for part in self.parts])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and numbers of each."""
        return len(self), self.stored - self.first

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in its file."""
        return self.stored * self.kind.itemsize

    @property
    def piece(self) -> int:
        """Rows that are read at once."""
        return max(1, PIECE_BYTES // self.row_bytes)

    def __getitem__(self, rows: Any) -> "StoredRows":
        """Some rows, by slice, mask or place; they are not read yet."""
        if isinstance(rows, slice) and rows == slice(None):
            return self
        whole = np.arange(len(self), dtype=np.int64) if self.places is None else self.places
        return replace(self, places=whole[rows])

    def last_columns(self, count: int) -> "StoredRows":
        """The last numbers of each row."""
        return replace(self, first=self.stored - count)

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> "StoredRows":
        """The same rows, `change`d whenever they are read."""
        assert self.change is None, "rows are changed once"
        return replace(self, change=change)

    def plain(self) -> "StoredRows":
        """The same rows as they are in the files."""
        return replace(self, change=None)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """All rows, read."""
        del copy
        whole = np.empty(self.shape, np.float32)
        start = 0
        for piece in self.pieces():
            whole[start : start + len(piece)] = piece
            start += len(piece)
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def pieces(self) -> Iterator[np.ndarray]:
        """(n, width) float32: all rows in order, some at a time."""
        for start in range(0, len(self), self.piece):
            yield self.finish(self.raw(np.arange(start, min(start + self.piece, len(self)))))

    def finish(self, raw: np.ndarray) -> np.ndarray:
        """What `raw` gave as float32, and changed."""
        found = raw.astype(np.float32, copy=False)
        return found if self.change is None else self.change(found)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """(n, width) of the kind of the files: chosen rows in any order; rows that lie together are read together.

        Raises:
            UserError: A file is gone, or shorter than it was.
        """
        wanted = rows if self.places is None else self.places[rows]
        found = np.empty((len(wanted), self.shape[1]), self.kind)
        if not len(wanted):
            return found
        steps = np.diff(wanted)
        order = None if (steps >= 0).all() else np.argsort(wanted, kind="stable")
        if order is not None:
            wanted = wanted[order]
            steps = np.diff(wanted)
        whole = order is None and self.shape[1] == self.stored
        start = 0
        while start < len(wanted):
            stop = _stretch(wanted, steps, start, longest=self.piece, gap=GAP_BYTES // self.row_bytes + 1)
            first, last = int(wanted[start]), int(wanted[stop - 1]) + 1
            if whole and last - first == stop - start:
                self._read(first, found[start:stop])
            else:
                span = np.empty((last - first, self.stored), self.kind)
                self._read(first, span)
                to = slice(start, stop) if order is None else order[start:stop]
                found[to] = span[wanted[start:stop] - first, self.first :]
            start = stop
        return found

    def _read(self, first: int, into: np.ndarray) -> None:
        """Consecutive rows of the files, from `first` on, into (n, stored), contiguous."""
        number, done = int(np.searchsorted(self._ends, first, side="right")), 0
        while done < len(into):
            part, end = self.parts[number], int(self._ends[number])
            at = first + done - (end - part.rows)
            count = min(len(into) - done, part.rows - at)
            if count:  # a file may hold no row at all
                _read_file(part.path, part.offset + at * self.row_bytes, into[done : done + count])
            number, done = number + 1, done + count


def _stretch(wanted: np.ndarray, steps: np.ndarray, start: int, *, longest: int, gap: int) -> int:
    """Where a stretch of rising rows that is read at once ends: before a gap, or when it is long enough.

    >>> rows = np.array([0, 1, 2, 9, 10])
    >>> _stretch(rows, np.diff(rows), 0, longest=100, gap=3), _stretch(rows, np.diff(rows), 3, longest=100, gap=3)
    (3, 5)
    """
    stop = int(np.searchsorted(wanted, wanted[start] + longest))
    gaps = np.flatnonzero(steps[start : stop - 1] > gap)
    return start + int(gaps[0]) + 1 if len(gaps) else max(stop, start + 1)


def _read_file(path: Path, offset: int, into: np.ndarray) -> None:
    view = into.view(np.uint8).data.cast("B")
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            while view:
                count = file.readinto(view)
                if not count:
                    raise UserError(
                        f"features stay as they are while they are read. Found {str(path)!r} shorter than its head "
                        "says. Fix: write it again"
                    )
                view = view[count:]
    except OSError as error:
        raise UserError(f"{str(path)!r} cannot be read: {error}. Fix: put it back") from error


def npy_part(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], bool, int]:
    """Shape, kind, whether columns come first, and where the numbers of an `.npy` file begin.

    Raises:
        ValueError: No such file of numpy.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = read(file)
        return tuple(shape), kind, by_columns, file.tell()


def safetensors_part(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, kind and place of the one tensor of a safetensors file.

    Raises:
        ValueError: Not one tensor, or of numbers that numpy does not have.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("its head is longer than the file")
        head = json.loads(file.read(length))
    tensors = {name: about for name, about in head.items() if name != "__metadata__"}
    if len(tensors) != 1:
        raise ValueError(f"it holds one tensor. Found {sorted(tensors)}")
    about = next(iter(tensors.values()))
    if about["dtype"] not in _KINDS:
        raise ValueError(f"its numbers are one of {', '.join(_KINDS)}. Found {about['dtype']}")
    shape, kind = tuple(about["shape"]), np.dtype(_KINDS[about["dtype"]])
    first, last = about["data_offsets"]
    if last - first != math.prod(shape) * kind.itemsize:
        raise ValueError("its head does not fit its tensor")
    return shape, kind, 8 + length + first
