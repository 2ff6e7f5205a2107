"""Pictures of tables, folders and lists: one row per picture, whatever holds it, and several pictures of one item."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facetwise.data import Table
from facetwise.events import Event, silent
from facetwise.features import ImageProblem
from facetwise.inference import Described, describe, describe_items, describe_source, describe_table
from facetwise.inference._pictures import MOST_VIEWS
from facetwise.schema import Attribute, Kind, Schema
from pictures import UNDO_TURN, encode, photograph, photographs
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs


@pytest.fixture(scope="module")
def graphs() -> Path:
    """A cache that holds the graph of the tiny backbone, and nothing else."""
    return tiny_graphs()


@pytest.fixture
def options(graphs: Path, tmp_path: Path) -> dict[str, Any]:
    cache = Path(shutil.copytree(graphs, tmp_path / "cache"))
    return {"backbone": TinyBackbone(), "cache": cache, "device": "cpu", "report": silent}


def rows_of(paths: list[Path], options: dict[str, Any]) -> np.ndarray:
    return describe(paths, **options).features


def test_one_picture_per_item_is_one_row_per_item(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = photographs(tmp_path / "photos", 4)
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    found = describe([paths[0], None, paths[1], broken, paths[2], ImageProblem("refused", "outside")], **options)
    assert found.good.tolist() == [0, 2, 4]
    assert found.owner.tolist() == found.good.tolist()
    assert found.view.tolist() == [0, 0, 0]
    assert {at: reason for at, (reason, _) in found.issues.items()} == {1: "missing", 3: "not_an_image", 5: "refused"}
    assert found.view_issues == {(at, 0): issue for at, issue in found.issues.items()}
    assert [digest is None for digest in found.digests] == [False, True, False, True, False, True]
    np.testing.assert_array_equal(found.features, rows_of(paths[:3], options))


def test_what_was_there_is_told(tmp_path: Path, options: dict[str, Any]) -> None:
    told: list[Event] = []
    paths = photographs(tmp_path / "photos", 3)
    shutil.copy(paths[0], tmp_path / "photos" / "again.png")  # the same picture twice is computed once
    for asked in (paths[:2], [*paths, tmp_path / "photos" / "again.png"], paths):
        describe(asked, **{**options, "report": told.append})
    assert [event.message.strip() for event in told if event.kind == "summary"] == [
        "2 of 3 were there", "all were there"
    ]  # fmt: skip


def test_several_pictures_of_an_item_stay_together_and_a_bad_one_is_left_out(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    a, b, c, d = photographs(tmp_path / "photos", 4)
    gone, broken = tmp_path / "gone.jpg", tmp_path / "broken.jpg"
    broken.write_bytes(a.read_bytes()[:-50])
    found = describe_items([[a, b], [gone, c], [broken, gone], [], [None, d], [None, None]], **options)
    assert found.owner.tolist() == [0, 0, 1, 4]
    assert found.view.tolist() == [0, 1, 1, 1]
    assert found.good.tolist() == [0, 1, 4]
    np.testing.assert_array_equal(found.features, rows_of([a, b, c, d], options))
    # An item is unreadable only if nothing of it can be read; its reason is that of its first picture.
    assert {at: reason for at, (reason, _) in found.issues.items()} == {2: "truncated", 3: "missing", 5: "missing"}
    assert {at: reason for at, (reason, _) in found.view_issues.items()} == {
        (1, 0): "missing", (2, 0): "truncated", (2, 1): "missing", (3, 0): "missing", (5, 0): "missing",
    }  # fmt: skip
    assert [digest is None for digest in found.digests] == [False, False, True, True, False, True]
    assert len(found.good) + len(found.issues) == 6


def test_no_items_and_no_readable_items(tmp_path: Path, options: dict[str, Any]) -> None:
    assert describe_items([], **options).features.shape == (0, 36)
    found = describe_items([[tmp_path / "gone.jpg"], []], **options)
    assert found.features.shape == (0, 36)
    assert found.good.tolist() == found.owner.tolist() == []
    assert sorted(found.issues) == [0, 1]
    assert found.near_duplicates() == []


def test_a_box_is_about_the_first_picture_of_its_item(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = []
    for name, picture in (("a", photograph(1)), ("b", photograph(2)), ("part", photograph(1).crop((2, 3, 30, 20)))):
        paths.append(tmp_path / f"{name}.png")
        paths[-1].write_bytes(encode(picture, "PNG"))
    boxes = np.array([[2, 3, 30, 20], [-1, -1, -1, -1], [60, 60, 70, 70]])
    found = describe_items([[paths[0], paths[1]], [paths[0]], [paths[1], paths[0]]], boxes=boxes, **options)
    assert found.owner.tolist() == [0, 0, 1, 2]
    np.testing.assert_array_equal(found.features, rows_of([paths[2], paths[1], paths[0], paths[0]], options))
    assert found.view_issues[2, 0][0] == "bad_box"
    assert found.issues == {}


def test_columns_of_a_table_are_pictures_of_an_item(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = photographs(tmp_path, 3)
    a, b, c = (path.name for path in paths)
    table = Table.of({"front": [a, "", "gone.jpg", ""], "back": [b, c, a, ""]}, name="items")
    told: list[Event] = []
    found = describe_table(table, ["front", "back"], tmp_path, **options | {"report": told.append})
    assert found.owner.tolist() == [0, 0, 1, 2]
    np.testing.assert_array_equal(found.features, rows_of([paths[0], paths[1], paths[2], paths[0]], options))
    assert sorted(found.view_issues) == [(2, 0), (3, 0)]
    assert "gone.jpg" in found.view_issues[2, 0][1]
    assert list(found.issues) == [3]
    assert {"image-some-missing", "image-empty"} <= {event.data["code"] for event in told if event.data}
    single = describe_table(table, "back", tmp_path, **options)
    assert single.good.tolist() == single.owner.tolist() == [0, 1, 2]


def test_a_cell_may_list_several_pictures(tmp_path: Path, options: dict[str, Any]) -> None:
    a, b, c = photographs(tmp_path, 3)
    table = Table.of({"image": [f"{a.name}|{b.name}", c.name, f"gone.jpg|{b.name}"]}, name="items")
    found = describe_table(table, ["image"], tmp_path, **options)
    assert found.owner.tolist() == [0, 0, 1, 2]
    rows = rows_of([a, b, c, b], options)
    np.testing.assert_array_equal(found.features, rows)
    np.testing.assert_allclose(found.pooled(), [(rows[0] + rows[1]) / 2, rows[2], rows[3]], rtol=1e-6)
    assert list(found.view_issues) == [(2, 0)]
    assert found.issues == {}
    # Asked for one column instead of a list of columns, each row has one picture.
    single = describe_table(table, "image", tmp_path, **options)
    assert single.owner.tolist() == single.good.tolist() == [0, 1]
    assert single.pooled() is single.features


def test_the_schema_says_which_columns_hold_pictures_and_boxes(tmp_path: Path, options: dict[str, Any]) -> None:
    for name, picture in (("a", photograph(1)), ("b", photograph(2)), ("part", photograph(1).crop((2, 3, 30, 20)))):
        (tmp_path / f"{name}.png").write_bytes(encode(picture, "PNG"))
    part, a, b = (tmp_path / f"{name}.png" for name in ("part", "a", "b"))
    source = tmp_path / "items.csv"
    source.write_text("front,back,crop\na.png,b.png,2 3 30 20\nb.png,,\ngone.png,a.png,90 90 99 99\n")
    rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    schema = Schema(images=("front", "back"), attributes=(rust,), box="crop")
    names, found = describe_source(source, tmp_path, schema=schema, **options)
    assert names == ["a.png", "b.png", "gone.png"]
    assert found.owner.tolist() == [0, 0, 1, 2]
    # The third row's box is that of a picture that is not there, not of the one beside it.
    np.testing.assert_array_equal(found.features, rows_of([part, b, b, a], options))


def test_the_turned_copies_of_a_picture_have_one_row_in_a_list_a_folder_and_a_table(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Bar: training reads a table, prediction any of the three; none may see another picture."""
    folder, upright = tmp_path / "turned", photograph(7)
    folder.mkdir()
    kinds = {"png": "PNG", "tif": "TIFF", "webp": "WEBP"}
    for suffix, kind in kinds.items():
        for orientation, turn in UNDO_TURN.items():
            exif = Image.Exif()
            exif[0x0112] = orientation
            stored = upright if turn is None else upright.transpose(turn)
            data = encode(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
            (folder / f"{orientation}.{suffix}").write_bytes(data)
    names = sorted(path.name for path in folder.iterdir())
    table = Table.of({"image": names}, name="turned")
    described: list[Described] = [
        describe_source([folder / name for name in names], None, **options)[1],
        describe_source(folder, None, **options)[1],
        describe_table(table, "image", folder, **options),
    ]
    for found in described:
        assert found.features.shape == (24, 36)
        np.testing.assert_array_equal(found.features, np.repeat(described[0].features[:1], 24, axis=0))
    assert [group.tolist() for group in described[0].near_duplicates()] == [list(range(24))]


def test_near_duplicates_are_items_not_pictures(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = photographs(tmp_path / "photos", 3, width=160, height=120)
    again = tmp_path / "again.webp"
    again.write_bytes(encode(photograph(0, width=160, height=120), "WEBP", quality=70))
    # Two pictures of one item that look alike are no finding; of two items they are.
    found = describe_items([[paths[1], again], [paths[2]], [paths[0]], [paths[2], paths[2]]], **options)
    assert [group.tolist() for group in found.near_duplicates()] == [[0, 2], [1, 3]]


def test_pictures_without_a_look_are_counted_aloud(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = photographs(tmp_path / "photos", 3)
    index = describe(paths, **options).extraction.store.folder / "index"
    for part in index.iterdir():
        pl.read_parquet(part).select("digest", "shard", "row").write_parquet(part)
    told: list[Event] = []
    found = describe([*paths, *photographs(tmp_path / "more", 1, first_seed=50)], **options)
    assert found.near_duplicates(told.append) == []
    assert [(event.data or {}).get("code") for event in told] == ["no-look"]
    assert told[0].message.startswith("3 of 4 pictures")
    told.clear()
    describe(photographs(tmp_path / "more", 1, first_seed=50), **options).near_duplicates(told.append)
    assert told == []


def test_a_refused_path_is_told_from_a_missing_one(tmp_path: Path, options: dict[str, Any]) -> None:
    a, b = photographs(tmp_path / "photos", 2)
    table = Table.of({"front": ["../x.jpg", "gone.jpg", f"../x.jpg|{a.name}", a.name], "back": ["", "", "", b.name]})
    for columns in ("front", ["front", "back"]):
        found = describe_table(table, columns, tmp_path / "photos", **options)
        assert {at: issue[0] for at, issue in found.view_issues.items()} == {
            (0, 0): "refused", (1, 0): "missing", (2, 0): "refused",
        }  # fmt: skip
        assert "'../x.jpg', which leaves the folder" in found.view_issues[2, 0][1]
        assert sorted(found.issues) == ([0, 1, 2] if columns == "front" else [0, 1])


def test_a_name_that_is_not_utf8_can_be_written(tmp_path: Path, options: dict[str, Any]) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(encode(photograph(1), "JPEG"))
    except OSError:
        pytest.skip("this file system takes no names but UTF-8")
    (folder / "two\nlines.jpg").write_bytes(encode(photograph(2), "JPEG"))
    names, found = describe_source(folder, None, **options)
    assert names == ["caf\\xe9.jpg", "two\nlines.jpg"]
    assert found.good.tolist() == [0, 1]
    "".join(names).encode()


def test_pictures_of_items_are_stacked_and_none_is_left_out(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = photographs(tmp_path / "photos", 14)
    found = describe_items([paths[:1], paths[1:], paths[:2]], **options)
    stacked, rows = found.stacked(), found.features
    assert stacked.shape == (3, MOST_VIEWS, rows.shape[1])
    np.testing.assert_array_equal(stacked[0, 0], rows[0])
    np.testing.assert_array_equal(stacked[2, :2], rows[14:])
    assert np.isnan(stacked[0, 1:]).all()
    assert np.isnan(stacked[2, 2:]).all()
    parts = np.array_split(rows[1:14], MOST_VIEWS)
    np.testing.assert_allclose(stacked[1], [part.mean(axis=0) for part in parts], rtol=1e-6)
