"""The feature store: rows by content, whole shards or none, any number of writers."""

import errno
import json
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.errors import CacheError
from facetwise.features import FeatureStore, cache_folder

KEY = {"backbone": "tiny", "dtype": "float32"}


def names(*numbers: int) -> list[str]:
    return [f"{number:064x}" for number in numbers]


def rows_of(*numbers: int) -> np.ndarray:
    return np.array([[number, number + 0.5, -number] for number in numbers], dtype=np.float32)


def store_in(cache: Path) -> FeatureStore:
    return FeatureStore(cache, key=KEY, width=3)


def test_rows_come_back_in_any_order_and_as_often_as_asked(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(1, 2, 3), rows_of(1, 2, 3))
    store.write(names(4, 5), rows_of(4, 5))
    for reader in (store, store_in(tmp_path)):
        assert len(reader) == 5
        assert reader.digests() == names(1, 2, 3, 4, 5)
        np.testing.assert_array_equal(reader.read(names(5, 1, 3, 1)), rows_of(5, 1, 3, 1))
    assert store.read([]).shape == (0, 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 699), max_size=400))
def test_any_choice_of_rows_is_read_right(tmp_path_factory: pytest.TempPathFactory, wanted: list[int]) -> None:
    cache = tmp_path_factory.getbasetemp() / "chosen"
    store = store_in(cache)
    if not len(store):
        store.write(names(*range(650)), rows_of(*range(650)))
        store.write(names(*range(650, 700)), rows_of(*range(650, 700)))
    expected = rows_of(*wanted) if wanted else np.empty((0, 3), np.float32)
    np.testing.assert_array_equal(store.read(names(*wanted)), expected)


def test_many_single_rows_of_one_shard_are_read_whole(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(*range(1000)), rows_of(*range(1000)))
    np.testing.assert_array_equal(store.read(names(*range(0, 1000, 2))), rows_of(*range(0, 1000, 2)))


def test_the_layout_on_disk_is_the_agreed_one(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(1), rows_of(1))
    assert store.folder == cache_folder(tmp_path, KEY)
    assert len(store.folder.name) == 16
    assert json.loads((store.folder / "key.json").read_text()) == KEY
    (index,), (shard,) = (store.folder / "index").iterdir(), (store.folder / "shards").iterdir()
    assert (index.suffix, shard.suffix) == (".parquet", ".safetensors")


def test_another_key_is_another_folder(tmp_path: Path) -> None:
    store_in(tmp_path).write(names(1), rows_of(1))
    other = FeatureStore(tmp_path, key={**KEY, "dtype": "bfloat16"}, width=3)
    assert len(other) == 0


def test_a_folder_with_a_foreign_key_is_refused(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    (store.folder / "key.json").write_text("{}")
    with pytest.raises(CacheError, match=r"key\.json"):
        store_in(tmp_path)


def test_a_shard_without_index_does_not_count(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(1), rows_of(1))
    store.write(names(2), rows_of(2))
    for part in (store.folder / "index").iterdir():
        if part.stem == store._rows[names(2)[0]][0]:
            part.unlink()
    reader = store_in(tmp_path)
    assert names(1)[0] in reader
    assert names(2)[0] not in reader


def test_an_index_without_shard_does_not_count(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(1), rows_of(1))
    next((store.folder / "shards").iterdir()).unlink()
    assert len(store_in(tmp_path)) == 0


def test_of_duplicates_the_first_by_name_counts_for_every_reader(tmp_path: Path) -> None:
    one, two = store_in(tmp_path), store_in(tmp_path)
    one.write(names(1, 2), rows_of(1, 2))
    two.write(names(2, 3), rows_of(20, 3))
    one.refresh()
    first = min((one.folder / "index").iterdir()).stem
    fresh = store_in(tmp_path)
    for store in (one, two, fresh):
        assert store.digests() == names(1, 2, 3)
        assert store._rows[names(2)[0]][0] == first


def test_two_writers_of_the_same_rows_write_the_same_file(tmp_path: Path) -> None:
    one, two = store_in(tmp_path), store_in(tmp_path)
    one.write(names(1, 2), rows_of(1, 2))
    two.write(names(1, 2), rows_of(1, 2))
    assert len(list((one.folder / "shards").iterdir())) == 1


def test_a_reader_beside_a_writer_sees_whole_shards(tmp_path: Path) -> None:
    writer, reader = store_in(tmp_path), store_in(tmp_path)

    def write() -> None:
        for number in range(20):
            writer.write(names(2 * number, 2 * number + 1), rows_of(2 * number, 2 * number + 1))

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        reader.refresh()
        there = reader.digests()
        assert len(there) % 2 == 0
        np.testing.assert_array_equal(reader.read(there), rows_of(*(int(name, 16) for name in there)).reshape(-1, 3))
    thread.join()


def test_missing_rows_are_an_error_that_counts_them(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(1), rows_of(1))
    with pytest.raises(CacheError, match="2 of 3 pictures"):
        store.read(names(1, 8, 9))


@pytest.mark.parametrize("rows", [rows_of(1), rows_of(1, 2).astype(np.float64), rows_of(1, 2)[:, :2]])
def test_rows_of_another_shape_or_type_are_refused(tmp_path: Path, rows: np.ndarray) -> None:
    with pytest.raises(CacheError, match="float32"):
        store_in(tmp_path).write(names(1, 2), rows)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write(names(1, 2), rows_of(1, 2))
    shard = next((store.folder / "shards").iterdir())
    whole = shard.read_bytes()
    for damaged in (whole[:-4], whole[:20], b"", b"\xff" * 64):
        shard.write_bytes(damaged)
        with pytest.raises(CacheError, match=shard.stem):
            store.read(names(2))
    index = next((store.folder / "index").iterdir())
    index.write_bytes(b"not a table")
    with pytest.raises(CacheError, match=index.stem):
        store_in(tmp_path)


def test_a_place_that_cannot_be_written_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="can be written"):
        store_in(tmp_path / "file")


def test_a_full_disk_is_told_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before stays readable, and nothing half written lies beside it."""
    store = store_in(tmp_path)
    store.write(names(1, 2), rows_of(1, 2))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1234))
        with pytest.raises(CacheError, match=r"\d\d bytes needed, 1,234 bytes are free.*No space left"):
            store.write(names(3), rows_of(3))
        with pytest.raises(CacheError, match=r"1,234 bytes are free.*No space left"):
            store_in(tmp_path / "another")
    assert not list(tmp_path.rglob("*.part"))
    np.testing.assert_array_equal(store_in(tmp_path).read(names(1, 2)), rows_of(1, 2))


def test_what_a_dead_process_left_is_swept_after_a_day(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    old, new = store.folder / "shards" / "a.part", store.folder / "shards" / "b.part"
    old.touch()
    new.touch()
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    assert len(store_in(tmp_path)) == 0
    assert not old.exists()
    assert new.exists()


def test_an_empty_shard_is_not_written(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.write([], np.empty((0, 3), np.float32))
    assert not list((store.folder / "shards").iterdir())
