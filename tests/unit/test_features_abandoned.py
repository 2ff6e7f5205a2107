"""What extractors leave behind when they are killed, and what two of them do to one another."""

import os
import time
from pathlib import Path

import numpy as np

from facetwise.features import FeatureStore

WIDTH, A_DAY = 4, 24 * 3600


def _store(cache: Path) -> FeatureStore:
    return FeatureStore(cache, key={"kind": "made"}, width=WIDTH)


def _rows(start: int, count: int = 3) -> tuple[list[str], np.ndarray]:
    digests = [f"{number:064x}" for number in range(start, start + count)]
    return digests, np.arange(start, start + count, dtype=np.float32)[:, None].repeat(WIDTH, axis=1)


def _age(path: Path) -> None:
    os.utime(path, (time.time() - 2 * A_DAY,) * 2)


def test_a_shard_without_an_index_is_computed_again_and_removed_when_old(tmp_path: Path) -> None:
    """Killed between the two files: the rows are not there, and a day later neither is the file."""
    digests, rows = _rows(0)
    store = _store(tmp_path)
    store.write(digests, rows)
    store.write(*_rows(10))
    lost, kept = (store.folder / "shards" / f"{store._rows[d][0]}.safetensors" for d in (digests[0], f"{10:064x}"))
    (store.folder / "index" / f"{lost.stem}.parquet").unlink()
    again = _store(tmp_path)
    assert digests[0] not in again
    assert lost.exists()  # another process may be about to list it
    _age(lost)
    _age(kept)
    assert f"{10:064x}" in _store(tmp_path)
    assert not lost.exists()
    assert kept.exists()


def test_two_writers_with_the_same_pictures(tmp_path: Path) -> None:
    """Neither waits for the other; every row is there once, with the bytes that one writer alone would have written."""
    first, second = _store(tmp_path), _store(tmp_path)
    first.write(*_rows(0, 4))
    second.write(*_rows(2, 4))
    second.write(*_rows(0, 4))  # the very same shard
    digests, rows = _rows(0, 6)
    for store in (first, second, _store(tmp_path)):
        store.refresh()
        assert store.digests() == digests
        np.testing.assert_array_equal(store.read(digests), rows)
    assert not list(tmp_path.rglob("*.part"))
