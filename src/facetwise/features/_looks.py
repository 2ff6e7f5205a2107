"""What the pictures of cached rows look like: kept in the index beside the row, read only when somebody asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facetwise.errors import CacheError
from facetwise.images import NO_HASH, THUMBNAIL_SIDE, Look, near_duplicates

if TYPE_CHECKING:
    import polars

__all__ = ["Looks", "look_columns", "read_looks"]

_HASH, _THUMBNAIL = "look_hash", "look_thumbnail"
_SHAPE = (THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3)


@dataclass(frozen=True, slots=True)
class Looks:
    """What some pictures look like.

    Attributes:
        hashes: (picture,) uint64, see `facetwise.images.look`; 0 for a flat picture, and for one whose row was written
            before looks were kept.
        thumbnails: (picture, 8, 8, 3) uint8.
        known: (picture,) bool: False for a row that was written before looks were kept.
    """

    hashes: np.ndarray
    thumbnails: np.ndarray
    known: np.ndarray

    @classmethod
    def absent(cls, count: int) -> "Looks":
        """Of pictures of which nothing is known."""
        hashes, thumbnails = np.full(count, NO_HASH, dtype=np.uint64), np.zeros((count, *_SHAPE), dtype=np.uint8)
        return cls(hashes, thumbnails, np.zeros(count, dtype=bool))

    def near_duplicates(self) -> list[np.ndarray]:
        """Groups of positions that look the same, see `facetwise.images.near_duplicates`."""
        return near_duplicates(self.hashes, thumbnails=self.thumbnails)


def look_columns(looks: Sequence[Look]) -> "dict[str, polars.Series]":
    """The columns of an index part."""
    import polars

    return {
        _HASH: polars.Series([look.hash for look in looks], dtype=polars.UInt64),
        _THUMBNAIL: polars.Series([look.thumbnail.tobytes() for look in looks], dtype=polars.Binary),
    }


def read_looks(part: Path, rows: np.ndarray) -> Looks | None:
    """The looks of rows of one index part; None if it holds none.

    Raises:
        CacheError: the part is damaged.
    """
    import polars

    try:
        if _HASH not in polars.read_parquet_schema(part):
            return None
        table = polars.read_parquet(part, columns=["row", _HASH, _THUMBNAIL]).sort("row")[rows]
        thumbnails = np.frombuffer(b"".join(table[_THUMBNAIL]), dtype=np.uint8).reshape(len(rows), *_SHAPE)
    except (OSError, ValueError, TypeError, polars.exceptions.PolarsError) as error:
        raise CacheError(
            f"an index of the feature cache is damaged: {str(part)!r}: {error}. Fix: remove this file and run again"
        ) from error
    return Looks(table[_HASH].to_numpy(), thumbnails, np.ones(len(rows), dtype=bool))
