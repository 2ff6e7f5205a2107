"""Feature rows on disk, known by the content of the picture they describe.

`cache/<key16>/{key.json, index/*.parquet, shards/*.safetensors}`: shards never change, and the index part of a shard
gets its name last, so a reader sees all of a shard or nothing. Any number of processes may write at once: of rows that
several have written, the first by name of index part counts.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from facetwise.errors import CacheError
from facetwise.features._commit import committed, sweep, sweep_unlisted
from facetwise.features._looks import Looks, look_columns, read_looks
from facetwise.features._stored import StoredPart, StoredRows, safetensors_part
from facetwise.images import Look

__all__ = ["FeatureStore", "cache_folder"]

_TENSOR = "features"

# Beyond so many separate runs of rows, reading a shard whole is faster than picking.
_MOST_RUNS = 256

# 16 hexadecimal digits name the folder: with a thousand different keys, two alike have a chance of 3e-14. The whole key
# is compared in any case.
_KEY_DIGITS = 16


def _damaged(path: Path, why: object) -> CacheError:
    return CacheError(
        f"a shard of the feature cache is damaged: {str(path)!r}: {why}. Fix: remove this file and run again"
    )


def _free(folder: Path) -> str:
    """What is left on the disk of a folder, where the system says so."""
    try:
        return f", {shutil.disk_usage(folder).free:,} bytes are free"
    except OSError:
        return ""


def cache_folder(cache: Path, key: Mapping[str, object]) -> Path:
    """The folder of one kind of features."""
    return cache / hashlib.sha256(_canonical(key).encode()).hexdigest()[:_KEY_DIGITS]


class FeatureStore:
    """One kind of features: rows of float32, each under the SHA-256 of its picture's bytes.

    The row of a part of a picture is under `facetwise.images.part_digest`.

    Args:
        cache: the folder of all features.
        key: everything that, if changed, would change a row. Plain JSON.
        width: how many numbers a row has.

    Raises:
        CacheError: the folder cannot be written, or is damaged.
    """

    def __init__(self, cache: Path, *, key: Mapping[str, object], width: int) -> None:
        self.folder = cache_folder(cache, key)
        self.width = width
        self._seen: set[str] = set()
        self._rows: dict[str, tuple[str, int]] = {}
        try:
            (self.folder / "index").mkdir(parents=True, exist_ok=True)
            (self.folder / "shards").mkdir(exist_ok=True)
            self._check_key(_canonical(key))
            sweep(self.folder / "shards")
            sweep(self.folder / "index")
            sweep_unlisted(self.folder / "shards", self.folder / "index")
        except OSError as error:
            raise CacheError(
                f"a feature cache is a folder that can be written. Found {str(self.folder)!r}{_free(cache)}: {error}. "
                "Fix: name another folder, or make room"
            ) from error
        self.refresh()

    def __contains__(self, digest: object) -> bool:
        return digest in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def digests(self) -> list[str]:
        """Of all pictures that have a row, sorted."""
        return sorted(self._rows)

    def refresh(self) -> None:
        """Take in what other processes have written meanwhile."""
        for part in (self.folder / "index").glob("*.parquet"):
            name = part.stem
            if name in self._seen:
                continue
            self._seen.add(name)
            # An index part whose shard was removed counts for nothing: its rows are computed again.
            if self._shard(name).is_file():
                for row, digest in enumerate(_read_index(part)):
                    known = self._rows.get(digest)
                    if known is None or name < known[0]:
                        self._rows[digest] = (name, row)

    def write(self, digests: Sequence[str], rows: np.ndarray, looks: Sequence[Look] = ()) -> None:
        """Add one shard. `rows` is float32 (len(digests), width); of looks, one per row or none at all."""
        import polars
        from safetensors.numpy import save

        if rows.shape != (len(digests), self.width) or rows.dtype != np.float32:
            raise CacheError(
                f"a shard of {len(digests)} pictures is float32 ({len(digests)}, {self.width}). "
                f"Found {rows.dtype} {rows.shape}"
            )
        if not digests:
            return
        content = save({_TENSOR: np.ascontiguousarray(rows)})
        # Named by what it holds: two processes that wrote the same rows wrote the same file.
        name = hashlib.sha256("\n".join(digests).encode() + content).hexdigest()[:32]
        try:
            with committed(self._shard(name)) as part:
                part.write_bytes(content)
            with committed(self.folder / "index" / f"{name}.parquet") as part:
                polars.DataFrame({"digest": list(digests), **(look_columns(looks) if looks else {})}).with_columns(
                    shard=polars.lit(name), row=polars.int_range(polars.len(), dtype=polars.Int64)
                ).write_parquet(part)
        except OSError as error:
            raise CacheError(
                f"features could not be written to {str(self.folder)!r} ({len(content):,} bytes needed"
                f"{_free(self.folder)}): {error}. Fix: make room, then run again"
            ) from error
        self.refresh()

    def read(self, digests: Sequence[str]) -> np.ndarray:
        """Float32 (len(digests), width), in the order asked for.

        Raises:
            CacheError: a picture has no row, or a shard is damaged.
        """
        absent = [digest for digest in digests if digest not in self._rows]
        if absent:
            raise CacheError(
                f"{len(absent)} of {len(digests)} pictures have no features, the first {absent[0]}. Fix: extract them"
            )
        rows = np.empty((len(digests), self.width), dtype=np.float32)
        wanted: dict[str, list[tuple[int, int]]] = {}
        for position, digest in enumerate(digests):
            shard, row = self._rows[digest]
            wanted.setdefault(shard, []).append((row, position))
        for shard, pairs in wanted.items():
            pairs.sort()
            self._read_shard(shard, np.array(pairs, dtype=np.int64), rows)
        return rows

    def stored(self, digests: Sequence[str]) -> StoredRows:
        """The same rows as `read` gives, left in their shards.

        Raises:
            CacheError: a shard is damaged.
        """
        parts, begins, total = [], {}, 0
        for shard in sorted({self._rows[digest][0] for digest in digests}):
            try:
                shape, kind, offset = safetensors_part(self._shard(shard))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise _damaged(self._shard(shard), error) from error
            if kind != np.float32 or len(shape) != 2 or shape[1] != self.width:
                raise _damaged(self._shard(shard), f"it holds {kind} {shape}")
            parts.append(StoredPart(self._shard(shard), offset, shape[0]))
            begins[shard] = total
            total += shape[0]
        located = (self._rows[digest] for digest in digests)
        places = np.fromiter((begins[shard] + row for shard, row in located), np.int64, len(digests))
        return StoredRows(parts=tuple(parts), kind=np.dtype(np.float32), stored=self.width, places=places)

    def looks(self, digests: Sequence[str]) -> Looks:
        """What the pictures of these rows look like, in the order asked for.

        Raises:
            CacheError: an index part is damaged.
        """
        found = Looks.absent(len(digests))
        wanted: dict[str, list[tuple[int, int]]] = {}
        for position, digest in enumerate(digests):
            shard, row = self._rows[digest]
            wanted.setdefault(shard, []).append((row, position))
        for shard, pairs in wanted.items():
            rows, positions = np.array(pairs, dtype=np.int64).T
            kept = read_looks(self.folder / "index" / f"{shard}.parquet", rows)
            if kept is not None:
                found.hashes[positions] = kept.hashes
                found.thumbnails[positions] = kept.thumbnails
                found.known[positions] = kept.known
        return found

    def _read_shard(self, name: str, pairs: np.ndarray, rows: np.ndarray) -> None:
        """Copy rows of one shard: `pairs` holds its rows, rising, and where each one goes."""
        from safetensors import SafetensorError, safe_open

        path = self._shard(name)
        ends = np.flatnonzero(np.diff(pairs[:, 0]) != 1) + 1
        try:
            with safe_open(path, framework="numpy") as file:
                if len(ends) >= _MOST_RUNS:
                    rows[pairs[:, 1]] = file.get_tensor(_TENSOR)[pairs[:, 0]]
                    return
                features = file.get_slice(_TENSOR)
                for run in np.split(pairs, ends):
                    rows[run[:, 1]] = features[int(run[0, 0]) : int(run[-1, 0]) + 1]
        except (OSError, SafetensorError, ValueError, IndexError) as error:
            raise _damaged(path, error) from error

    def _shard(self, name: str) -> Path:
        return self.folder / "shards" / f"{name}.safetensors"

    def _check_key(self, key: str) -> None:
        path = self.folder / "key.json"
        if not path.is_file():
            with committed(path) as part:
                part.write_text(key, encoding="utf-8")
        found = path.read_text(encoding="utf-8")
        if found != key:
            raise CacheError(
                f"a feature cache holds one kind of features, named in key.json. Found another key in {str(path)!r}. "
                f"Fix: remove the folder {str(self.folder)!r}"
            )


def _canonical(key: Mapping[str, object]) -> str:
    return json.dumps(key, sort_keys=True, indent=1, ensure_ascii=False)


def _read_index(part: Path) -> list[str]:
    """The digests of a shard, in the order of its rows."""
    import polars

    try:
        table = polars.read_parquet(part, columns=["digest", "row"])
    except (OSError, polars.exceptions.PolarsError) as error:
        raise CacheError(
            f"an index of the feature cache is damaged: {str(part)!r}: {error}. Fix: remove this file and run again"
        ) from error
    return table.sort("row")["digest"].to_list()
