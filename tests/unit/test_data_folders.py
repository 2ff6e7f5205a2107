"""Folders as tables: metadata beside the pictures, or a folder for each class."""

from pathlib import Path

import polars as pl
import pytest

from facetwise.data import infer, read_table, resolve_images
from facetwise.errors import TableError, UserError


def pictures(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def rows(table) -> list[tuple[str, ...]]:
    return sorted(zip(*(table.column(column).tolist() for column in table.columns), strict=True))


def test_one_folder_per_class(tmp_path: Path) -> None:
    pictures(tmp_path, "apple/1.jpg", "apple/deep/2.PNG", "pear/1.jpg", "loose.jpg", "pear/notes.txt")
    table = read_table(tmp_path)
    assert table.columns == ("image", "label")
    assert rows(table) == [("apple/1.jpg", "apple"), ("apple/deep/2.PNG", "apple"), ("pear/1.jpg", "pear")]
    codes = {notice.code: notice.message for notice in table.notices}
    assert set(codes) == {"folder-per-class", "picture-without-class"}
    assert "loose.jpg" in codes["picture-without-class"]
    paths, notices, _ = resolve_images(table, "image", tmp_path)
    assert None not in paths
    assert notices == []


def test_sides_above_classes(tmp_path: Path) -> None:
    pictures(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "Validation/a/3.jpg", "eval/b/4.jpg", "other/a/5.jpg")
    table = read_table(tmp_path)
    assert rows(table) == [
        ("Validation/a/3.jpg", "a", "val"),
        ("eval/b/4.jpg", "b", "test"),
        ("train/a/1.jpg", "a", "train"),
        ("train/b/2.jpg", "b", "train"),
    ]
    assert infer(table).split == "split"
    assert "other/a/5.jpg" in str([str(notice) for notice in table.notices])


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    pictures(tmp_path, "test/1.jpg", "apple/1.jpg")
    assert rows(read_table(tmp_path)) == [("apple/1.jpg", "apple"), ("test/1.jpg", "test")]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_metadata_beside_pictures(tmp_path: Path, suffix: str) -> None:
    pictures(tmp_path, "1.jpg", "sub/2.jpg", "3.jpg")
    frame = pl.DataFrame({"file_name": ["1.jpg", "sub/2.jpg"], "colour": ["red", "blue"]})
    path = tmp_path / f"metadata.{suffix}"
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[suffix](path)
    table = read_table(tmp_path)
    assert rows(table) == [("1.jpg", "red"), ("sub/2.jpg", "blue")]
    assert [notice.code for notice in table.notices] == ["picture-without-row"]
    assert infer(table, images_root=tmp_path).images == ("file_name",)


def test_metadata_per_side_with_two_views(tmp_path: Path) -> None:
    for side in ("train", "test"):
        pictures(tmp_path, *(f"{side}/{view}{n}.jpg" for view in "fb" for n in range(30)))
        lines = [
            f'{{"front_file_name": "f{n}.jpg", "back_file_name": "b{n}.jpg", "{side}": "{n % 2}"}}' for n in range(30)
        ]
        (tmp_path / side / "metadata.jsonl").write_text("\n".join(lines))
    table = read_table(tmp_path)
    assert len(table) == 60
    assert table.column("front_file_name")[0] == "test/f0.jpg"
    assert set(table.column("split")) == {"train", "test"}
    assert [notice.code for notice in table.notices] == ["column-in-some"]
    structure = infer(table, images_root=tmp_path)
    assert structure.images == ("front_file_name", "back_file_name")
    assert structure.split == "split"


def test_a_path_in_metadata_still_may_not_leave(tmp_path: Path) -> None:
    pictures(tmp_path, "all/train/1.jpg", "all/test/1.jpg", "secret.jpg")
    for side in ("train", "test"):
        (tmp_path / "all" / side / "metadata.csv").write_text("file_name,c\n../../secret.jpg,x\n/etc/passwd,y\n")
    paths, notices, _ = resolve_images(read_table(tmp_path / "all"), "file_name", tmp_path / "all")
    assert paths == [None] * 4
    assert [notice.code for notice in notices] == ["image-refused"]


def test_folders_that_are_no_table_say_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no picture and no table"):
        read_table(tmp_path)
    pictures(tmp_path, "1.jpg")
    with pytest.raises(UserError, match="every class has a folder of its own"):
        read_table(tmp_path)
    (tmp_path / "labels.csv").write_text("image\n1.jpg\n")
    with pytest.raises(UserError, match=r"name the table: labels\.csv"):
        read_table(tmp_path)
    (tmp_path / "metadata.csv").write_text("filename,c\n1.jpg,x\n")
    with pytest.raises(TableError, match="did you mean filename"):
        read_table(tmp_path)
    (tmp_path / "metadata.jsonl").write_text("{}")
    with pytest.raises(TableError, match="one metadata file"):
        read_table(tmp_path)


def test_two_broken_metadata_files_complain_together(tmp_path: Path) -> None:
    for side in ("train", "test"):
        pictures(tmp_path, f"{side}/1.jpg")
        (tmp_path / side / "metadata.csv").write_text("file_name,c\n1.jpg\n")
    with pytest.raises(TableError) as caught:
        read_table(tmp_path)
    assert len(caught.value.complaints) == 2
