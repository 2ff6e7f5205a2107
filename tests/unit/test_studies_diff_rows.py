"""Diff where a picture stands in several rows (one per box, say): every row is compared with its own."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise import studies
from facetwise.data import read_split
from made_table import ITEMS, TINY, write_table

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, np.ndarray]:
    """A table with two rows per picture, and its features."""
    table, features = write_table(tmp_path_factory.mktemp("boxed"))
    pictures = pl.Series("image", [f"p{row // 2:03d}.png" for row in range(ITEMS)])
    return pl.read_csv(table, infer_schema=False).with_columns(pictures), np.load(features)


def _run(folder: Path, frame: pl.DataFrame, features: np.ndarray, *settings: str, **options: object) -> Path:
    folder.mkdir()
    frame.write_csv(folder / "table.csv")
    np.save(folder / "features.npy", features)
    return fw.train(
        folder / "table.csv", features=folder / "features.npy", out=folder / "run",
        settings=[*TINY, "exclude=[price, tags, heel.height]", *settings], **options,
    ).path  # fmt: skip


def test_every_row_is_compared(boxed: tuple[pl.DataFrame, np.ndarray], tmp_path: Path) -> None:
    first = _run(tmp_path / "a", *boxed)
    second = _run(tmp_path / "b", *boxed, "learning_rate=1e-6", "neighbours=false")
    found = studies.diff(first, second)
    assert found.data == []
    size = next(one for one in found.attributes if one.column == "size")
    assert size.shared == len(read_split(first / "split.csv").rows("test"))
    # Each row of its own run: what changed is what the saved answers say, row by row.
    saved = [pl.read_parquet(run / "predictions" / "test.parquet") for run in (first, second)]
    told = [one.filter(pl.col("attribute") == "size").sort("item")["decision"].to_list() for one in saved]
    assert size.changed == sum(a != b for a, b in zip(*told, strict=True)) > 0


def test_rows_of_a_picture_that_has_more_or_fewer_now_are_named_and_not_compared(
    boxed: tuple[pl.DataFrame, np.ndarray], tmp_path: Path
) -> None:
    frame, features = boxed
    first = _run(tmp_path / "a", frame, features)
    split = read_split(first / "split.csv")
    gone = int(split.rows("test")[0])
    kept = np.arange(ITEMS) != gone
    second = _run(tmp_path / "b", frame.filter(pl.Series(kept)), features[kept], split_from=first)
    found = studies.diff(first, second)
    assert found.data == [
        f"rows: {ITEMS} → {ITEMS - 1}",
        f"pictures in another number of rows, which are not compared: 1: {split.images[gone]!r}",
    ]
    size = next(one for one in found.attributes if one.column == "size")
    pictures = Counter(split.images[row] for row in split.rows("test").tolist())
    assert size.shared == pictures.total() - 2


def test_rows_on_another_side_are_counted_by_picture(boxed: tuple[pl.DataFrame, np.ndarray], tmp_path: Path) -> None:
    frame, features = boxed
    sides = np.array(["train", "val", "test", "train"])[np.arange(ITEMS) // 2 % 4]
    other = sides.copy()
    other[[4, 5]] = "train"
    runs = [
        _run(tmp_path / name, frame.with_columns(pl.Series("split", own)), features)
        for name, own in (("a", sides), ("b", other))
    ]
    assert studies.diff(*runs).data == ["pictures moved from test to train: 1; the other run has trained on them"]
