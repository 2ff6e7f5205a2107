"""Parts of pictures, and what pictures look like: rows and looks of their own in the same cache."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from facetwise.errors import CacheError, UserError
from facetwise.features import Extraction, FeatureStore, Looks, extract, feature_key, plan_engine
from facetwise.features import _plan as plan_module
from facetwise.images import digest, look, part_digest
from pictures import encode, photograph, photographs
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs

WHOLE = (-1, -1, -1, -1)


@pytest.fixture(scope="module")
def graphs() -> Path:
    """A cache that holds the graph of the tiny backbone, and nothing else."""
    return tiny_graphs()


@pytest.fixture
def cache(graphs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graphs, tmp_path / "cache"))


def run(paths: list[Path], cache: Path, boxes: list[tuple[int, ...]] | None = None, **options: object) -> Extraction:
    given = None if boxes is None else np.array(boxes, dtype=np.int64).reshape(-1, 4)
    return extract(paths, backbone=TinyBackbone(), cache=cache, device="cpu", boxes=given, **options)  # ty: ignore[invalid-argument-type]


def lossless(folder: Path, seed: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{seed}.png"
    path.write_bytes(encode(photograph(seed), "PNG"))
    return path


def test_a_part_has_the_features_of_a_picture_of_that_part(tmp_path: Path, cache: Path) -> None:
    whole = lossless(tmp_path / "photos", 1)
    part = tmp_path / "part.png"
    part.write_bytes(encode(photograph(1).crop((5, 3, 40, 20)), "PNG"))
    found = run([whole, whole, part], cache, [(5, 3, 40, 20), WHOLE, WHOLE])
    assert found.computed == 3
    rows = found.array()
    np.testing.assert_array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])
    # Both belong to one photo, and have rows of their own.
    content = digest(whole.read_bytes())
    assert found.digests[:2] == [content, content]
    assert found.keys[:2] == [part_digest(content, (5, 3, 40, 20)), content]


def test_rows_without_a_box_are_found_with_and_without_boxes(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 4)
    plain = run(paths, cache)
    again = run(paths, cache, [WHOLE] * 4)
    assert again.computed == 0
    assert again.store.folder == plain.store.folder
    assert run(paths, cache, [(0, 0, 9, 9)] * 4).computed == 4
    assert run(paths, cache, [(0, 0, 9, 9)] * 3 + [(0, 0, 9, 8)]).computed == 1
    assert run(paths, cache).array().tobytes() == plain.array().tobytes()


def test_a_box_outside_its_picture_is_an_issue_of_that_row_only(tmp_path: Path, cache: Path) -> None:
    path = lossless(tmp_path / "photos", 2)
    found = run([path, path, path], cache, [(90, 90, 99, 99), WHOLE, (9, 9, 9, 9)])
    assert {at: problem.reason for at, problem in found.problems.items()} == {0: "bad_box", 2: "bad_box"}
    assert found.positions() == [1]
    assert found.digests[0] is None


def test_boxes_go_with_the_pictures(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(UserError, match=r"one row of 4 numbers per picture \(2\)"):
        run([tmp_path, tmp_path], cache, [WHOLE])


def test_looks_come_with_the_rows_from_a_fresh_and_from_a_filled_cache(tmp_path: Path, cache: Path) -> None:
    paths = [lossless(tmp_path / "photos", seed) for seed in range(5)]
    expected = [look(photograph(seed)) for seed in range(5)]
    for _ in range(2):
        looks = run(paths, cache).looks()
        assert looks.hashes.tolist() == [one.hash for one in expected]
        assert looks.hashes.dtype == np.uint64
        np.testing.assert_array_equal(looks.thumbnails, np.stack([one.thumbnail for one in expected]))
    np.testing.assert_array_equal(run(paths, cache).looks([3, 1]).hashes, looks.hashes[[3, 1]])


def test_a_copy_saved_again_is_found(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 6, width=160, height=120)
    again = tmp_path / "again.webp"
    again.write_bytes(encode(photograph(2, width=160, height=120), "WEBP", quality=70))
    found = run([*paths, again], cache)
    assert [group.tolist() for group in found.looks().near_duplicates()] == [[2, 6]]


def test_an_index_from_before_looks_is_still_read(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 3)
    rows = run(paths, cache).array()
    store = run(paths, cache).store
    for part in (store.folder / "index").iterdir():
        pl.read_parquet(part).select("digest", "shard", "row").write_parquet(part)
    old = run(paths, cache)
    assert old.computed == 0
    assert old.array().tobytes() == rows.tobytes()
    assert old.looks().hashes.tolist() == [0, 0, 0]
    assert not old.looks().known.any()
    assert old.looks().near_duplicates() == []
    # New rows beside the old ones have looks.
    more = run([*paths, *photographs(tmp_path / "more", 1, first_seed=50)], cache)
    assert [hash_ != 0 for hash_ in more.looks().hashes.tolist()] == [False, False, False, True]
    assert more.looks().known.tolist() == [False, False, False, True]


def test_a_damaged_index_is_told_so(tmp_path: Path, cache: Path) -> None:
    found = run(photographs(tmp_path / "photos", 2), cache)
    next((found.store.folder / "index").iterdir()).write_bytes(b"not a table")
    with pytest.raises(CacheError, match="remove this file"):
        found.looks()


def test_of_no_pictures_there_are_no_looks(tmp_path: Path, cache: Path) -> None:
    assert run([], cache).looks().near_duplicates() == []
    assert Looks.absent(2).thumbnails.shape == (2, 8, 8, 3)


def test_a_row_of_another_policy_backbone_or_option_is_never_used(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that may change a number is in the key: change it, and nothing in the cache counts."""
    paths = photographs(tmp_path / "photos", 2)
    backbone = TinyBackbone()
    plan = plan_engine(backbone, cache=cache, device="cpu")
    key = feature_key(backbone, plan, draft=False)
    assert key["images"] == "1"
    run(paths, cache)
    others = {
        "policy": {**key, "images": "2"},
        "draft": feature_key(backbone, plan, draft=True),
        "fit": feature_key(TinyBackbone(fit="pad"), plan, draft=False),
        "weights": feature_key(TinyBackbone(weights="b" * 64), plan, draft=False),
        "engine": feature_key(backbone, plan_engine(backbone, cache=cache, device="torch:cpu"), draft=False),
    }
    for name, other in others.items():
        assert len(FeatureStore(cache, key=other, width=36)) == 0, name
    assert len(FeatureStore(cache, key=key, width=36)) == 2
    monkeypatch.setattr(plan_module, "policy_version", lambda **options: f"2 {options}")
    assert run(paths, cache).computed == 2
