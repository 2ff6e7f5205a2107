"""Rows that stay on disk read like an array, from one file or from shards."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from facetwise.errors import UserError
from facetwise.features import FeatureStore, Standardizer, StoredRows, choose_levels, features_from_file, fits_memory
from facetwise.features import _stored as module
from facetwise.features._budget import Machine
from facetwise.features._stored import StoredPart
from facetwise.models.backbones import Level


def _made(rows: int, width: int, kind: str = "<f4") -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, width)).astype(kind)


def _in_files(folder: Path, whole: np.ndarray, cuts: list[int]) -> StoredRows:
    parts = []
    for number, piece in enumerate(np.split(whole, cuts)):
        path = folder / f"{number}.bin"
        path.write_bytes(b"head" + piece.tobytes())
        parts.append(StoredPart(path, 4, len(piece)))
    return StoredRows(parts=tuple(parts), kind=whole.dtype, stored=whole.shape[1])


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f8", "|u1"])
def test_an_npy_file_reads_like_the_array_it_holds(tmp_path: Path, kind: str) -> None:
    whole = np.abs(_made(50, 6) * 9).astype(kind)
    np.save(tmp_path / "x.npy", whole)
    rows = features_from_file(tmp_path / "x.npy", rows=50, where="disk")
    assert isinstance(rows, StoredRows)
    assert rows.shape == (50, 6)
    wanted = whole.astype(np.float32)
    assert np.array_equal(np.asarray(rows), wanted)
    assert np.array_equal(np.asarray(rows[10:20][[3, 1, 1]]), wanted[10:20][[3, 1, 1]])
    assert np.array_equal(np.asarray(features_from_file(tmp_path / "x.npy", rows=50)), wanted)


def test_a_safetensors_file_too(tmp_path: Path) -> None:
    whole = _made(30, 4)
    save_file({"features": whole}, tmp_path / "x.safetensors")
    rows = features_from_file(tmp_path / "x.safetensors", rows=30, where="disk")
    assert np.array_equal(np.asarray(rows[::-1]), whole[::-1])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted),
    asked=st.lists(st.integers(0, 39), max_size=60),
    piece=st.integers(1, 400),
    gap=st.integers(0, 100),
    last=st.booleans(),
)
def test_any_rows_in_any_order_from_any_files(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], asked: list[int], piece: int, gap: int, last: bool
) -> None:
    whole = _made(40, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE_BYTES", piece)
        patch.setattr(module, "GAP_BYTES", gap)
        rows = _in_files(tmp_path_factory.mktemp("rows"), whole, cuts)
        rows, expected = (rows.last_columns(2), whole[:, 1:]) if last else (rows, whole)
        places = np.array(asked, dtype=np.int64)
        assert np.array_equal(rows.raw(places), expected[places])
        assert np.array_equal(np.asarray(rows[places]), expected[places])
        assert np.array_equal(np.concatenate(list(rows.pieces())), expected)


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", _made(20, 3))
    rows = features_from_file(tmp_path / "x.npy", rows=20, where="disk")
    assert isinstance(rows, StoredRows)
    (tmp_path / "x.npy").unlink()
    chosen = rows[5:9].changed(lambda found: found + 1)
    assert chosen.shape == (4, 3)
    with pytest.raises(UserError, match="cannot be read"):
        np.asarray(chosen)


def test_a_file_that_is_shorter_than_its_head_says_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", _made(20, 3))
    data = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(data[:-4])
    with pytest.raises(UserError, match="shorter than its head"):
        features_from_file(tmp_path / "x.npy", rows=20, where="disk")
    rows = StoredRows(parts=(StoredPart(tmp_path / "x.npy", 128, 20),), kind=np.dtype("<f4"), stored=3)
    with pytest.raises(UserError, match="stay as they are"):
        np.asarray(rows)


def test_columns_first_and_other_shapes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(_made(20, 3)))
    with pytest.raises(UserError, match="row by row"):
        features_from_file(tmp_path / "x.npy", rows=20, where="disk")
    with pytest.raises(UserError, match=r"one row of features per row of the table \(21\)"):
        features_from_file(tmp_path / "x.npy", rows=21, where="disk")
    np.save(tmp_path / "words.npy", np.array([["a"], ["b"]]))
    with pytest.raises(UserError, match="real numbers"):
        features_from_file(tmp_path / "words.npy", rows=2, where="disk")


def test_the_size_decides_and_not_what_is_free_now() -> None:
    machine = Machine(memory=4 * 10**9, available=1, disk=None)
    assert fits_memory(195_000, 1280, machine=machine)
    assert not fits_memory(196_000, 1280, machine=machine)


def test_the_cache_gives_its_rows_without_reading_them(tmp_path: Path) -> None:
    store, whole = FeatureStore(tmp_path, key={"made": 1}, width=5), _made(9, 5)
    names = [f"{number:064x}" for number in range(9)]
    store.write(names[:4], whole[:4])
    store.write(names[4:], whole[4:])
    asked = [names[7], names[0], names[8], names[3], names[0]]
    rows = store.stored(asked)
    assert isinstance(rows, StoredRows)
    assert np.array_equal(np.asarray(rows), store.read(asked))
    chosen, kept = choose_levels(rows, [Level("early", 3), Level("late", 2)], "last")
    assert [level.name for level in kept] == ["late"]
    assert np.array_equal(np.asarray(chosen), store.read(asked)[:, 3:])


def test_one_pass_finds_the_moments_that_all_rows_at_once_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (_made(700, 5) * 3 + np.arange(5) * 1000).astype(np.float32)
    rows = _in_files(tmp_path, whole, [300])
    together = Standardizer.fit(whole, [5])
    once = Standardizer.fit(rows, [5])
    assert np.array_equal(once.mean, together.mean)
    assert np.array_equal(once.deviation, together.deviation)
    monkeypatch.setattr(module, "PIECE_BYTES", 5 * 4 * 64)
    assert rows.piece == 64
    streamed = Standardizer.fit(rows, [5])
    np.testing.assert_allclose(streamed.mean, together.mean, rtol=1e-6)
    np.testing.assert_allclose(streamed.deviation, together.deviation, rtol=1e-6)
    assert np.array_equal(np.asarray(together(rows)), together(whole))
