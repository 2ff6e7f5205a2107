"""Weights, boxes and several pictures: columns that say something about the row, not about the thing."""

import numpy as np
import pytest
import yaml

from facetwise.data import (
    Role,
    Table,
    boxes,
    complete_schema,
    image_paths,
    infer,
    resolve_images,
    resolve_pictures,
    row_weights,
)
from facetwise.errors import SchemaError, TableError
from facetwise.schema import Attribute, Kind, Schema, schema_digest, schema_from_dict, schema_to_yaml

RUST = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
ROWS = 60


def schema(**roles: object) -> Schema:
    return Schema(**{"images": ("image",), "attributes": (RUST,), **roles})  # ty: ignore[invalid-argument-type]


def table(**columns: list[str]) -> Table:
    return Table.of({"image": [f"{row}.jpg" for row in range(len(next(iter(columns.values()))))], **columns})


def read(**columns: list[str]):
    return infer(table(rust=["0", "1"] * (ROWS // 2), **columns))


def test_roles_survive_yaml_and_change_the_digest() -> None:
    plain, both = schema(), schema(weight="NO", box="2010")
    assert schema_from_dict(yaml.safe_load(schema_to_yaml(both))) == both
    assert "weight" not in schema_to_yaml(plain)
    assert schema_digest(plain) != schema_digest(both)


def test_a_role_is_played_alone() -> None:
    with pytest.raises(SchemaError) as caught:
        schema(weight="rust", box="image")
    assert len(caught.value.complaints) == 2
    with pytest.raises(SchemaError, match="two columns"):
        schema(weight="w", box="w")
    with pytest.raises(SchemaError, match="named once"):
        schema(images=("image", "image"))


def test_weights() -> None:
    data = table(w=["2.5", "", "0"])
    assert row_weights(data, schema(weight="w")).tolist() == [2.5, 1.0, 0.0]
    assert row_weights(data, schema()).tolist() == [1.0] * 3
    with pytest.raises(TableError) as caught:
        row_weights(table(w=["1", "-1", "many", "nan", "inf"]), schema(weight="w"))
    assert [complaint.row for complaint in caught.value.complaints] == [2, 3, 4, 5]
    with pytest.raises(TableError, match="at least one row has a weight above 0"):
        row_weights(table(w=["0", "0"]), schema(weight="w"))
    with pytest.raises(TableError, match="did you mean"):
        row_weights(data, schema(weight="ww"))
    taken = table(w=["1", "x", "-2"]).take(np.array([2]))
    with pytest.raises(TableError, match=r"row 3, column 'w'"):
        row_weights(taken, schema(weight="w"))


@pytest.mark.parametrize(
    "cell", ["1 2 30 40", "1,2,30,40", "1; 2; 30; 40", "[1, 2, 30, 40]", "(1.0 2.9 29.1 39.5)", "1|2|30|40"]
)
def test_boxes_are_read_however_they_are_written(cell: str) -> None:
    assert boxes(table(b=[cell, ""]), schema(box="b")).tolist() == [[1, 2, 30, 40], [-1] * 4]


def test_boxes_complain_by_row() -> None:
    wrong = ["1 2 3", "5 5 5 9", "9 9 1 1", "-1 0 5 5", "a b c d", "1e300 1 1e301 5", "0 0 20000000 4"]
    with pytest.raises(TableError) as caught:
        boxes(table(b=["0 0 1 1", *wrong]), schema(box="b"))
    assert [complaint.row for complaint in caught.value.complaints] == list(range(2, 9))
    assert boxes(table(b=["x"]), schema()).tolist() == [[-1] * 4]


def test_only_names_that_can_mean_nothing_else_become_roles() -> None:
    numbers = [f"{row * 1.7 + 1:.1f}" for row in range(ROWS)]
    found = read(sample_weight=numbers, weight=numbers)
    assert (found.weight, found.reading("sample_weight").role) == ("sample_weight", Role.WEIGHT)
    weight = found.reading("weight")
    assert weight.role is Role.ATTRIBUTE
    assert 'write weight: "weight"' in weight.reason
    assert read(sample_weight=["heavy", "light"] * (ROWS // 2)).weight is None
    assert read(row_weight=numbers, sample_weight=numbers).reading("sample_weight").role is Role.LEFT_OUT


def test_boxes_by_name_and_by_what_they_hold() -> None:
    good = [f"0 0 {row + 1} 9" for row in range(ROWS)]
    assert read(bbox=good).box == "bbox"
    assert read(bbox=[*good[:-2], "x", "y"]).box == "bbox"
    assert read(bbox=[*good[: ROWS // 2], *["red", "blue"] * (ROWS // 4)]).box is None
    assert read(gift_box=good).box is None


def test_roles_reach_the_schema_and_must_be_in_the_table() -> None:
    data = table(rust=["0", "1"] * 30, sample_weight=["1", "2"] * 30, bbox=[f"0 0 {n + 1} 4" for n in range(60)])
    found, _ = complete_schema(infer(data), data, np.arange(60))
    assert (found.weight, found.box) == ("sample_weight", "bbox")
    with pytest.raises(TableError) as caught:
        complete_schema(found, table(rust=["0", "1"] * 30), np.arange(60))
    assert len(caught.value.complaints) == 2


def test_several_pictures_of_one_item() -> None:
    data = Table.of(
        {
            "image_front": [f"front/{row}.jpg" for row in range(ROWS)],
            "image_back": [f"back/{row}.jpg" if row % 2 else "" for row in range(ROWS)],
            "image_2": [f'["a{row}.jpg", "b{row}.png"]' for row in range(ROWS)],
            "rust": ["0", "1"] * (ROWS // 2),
        }
    )
    found = infer(data)
    assert found.images == ("image_front", "image_back", "image_2")
    complete, _ = complete_schema(found, data, np.arange(ROWS))
    assert image_paths(data, complete)[:2] == [
        ["front/0.jpg", "a0.jpg", "b0.png"],
        ["front/1.jpg", "back/1.jpg", "a1.jpg", "b1.png"],
    ]
    assert image_paths(Table.of({"rust": ["0"]}), complete) == [[]]


def test_the_same_picture_under_another_folder_is_no_second_view() -> None:
    data = Table.of(
        {
            "file": [f"{row}.jpg" for row in range(ROWS)],
            "path": [f"photos/{row}.jpg" for row in range(ROWS)],
            "rust": ["0", "1"] * (ROWS // 2),
        }
    )
    assert infer(data).images == ("file",)


def test_pictures_are_resolved_all_or_some(tmp_path) -> None:
    for name in ("a.jpg", "b.jpg", "odd;name.jpg"):
        (tmp_path / name).write_bytes(b"x")
    data = Table.of(
        {
            "one": ["a.jpg|b.jpg", "a.jpg", "odd;name.jpg", "", "../x.jpg", "c.jpg", "A.JPG"],
            "two": ["", "c.jpg", "", "", "", "", ""],
        }
    )
    found, notices, lost = resolve_pictures(data, ("one", "two", "three"), tmp_path)
    assert lost == {4: ("refused", "../x.jpg"), 5: ("missing", "c.jpg")}, "of the first column, the first of each cell"
    names = [" ".join(path.name for path in own) for own in found]
    assert names == ["a.jpg b.jpg", "a.jpg", "odd;name.jpg", "", "", "", "a.jpg"]
    assert {notice.code: notice.rows for notice in notices} == {
        "image-by-spelling": (7,),
        "image-empty": (4,),
        "image-refused": (5,),
        "image-missing": (6,),
        "image-some-missing": (2,),
    }
    first, said, gone = resolve_images(data, "one", tmp_path)
    assert gone == lost
    assert first[0] == tmp_path / "a.jpg"
    assert "image-several" in [notice.code for notice in said]
