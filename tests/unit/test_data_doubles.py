"""One picture, two truths: named with rows and values, kept as the table has them."""

import numpy as np

from facetwise.data import Table, infer, split_rows
from facetwise.data._doubles import about_doubles
from facetwise.schema import Attribute, Kind, Schema

COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("b", "g", "r"))
TAGS = Attribute(column="tags", id="a01", kind=Kind.MULTILABEL, classes=("x", "y"))
SIZE = Attribute(column="size", id="a02", kind=Kind.NUMERIC)
SCHEMA = Schema(images=("image",), attributes=(COLOUR, TAGS, SIZE))


def said(schema: Schema = SCHEMA, digests: list[str] | None = None, **columns: list[str]):
    table = Table.of(columns)
    return about_doubles(table, schema, list(table.column("image")), digests or [""] * len(table))


def test_conflicts_name_rows_and_values() -> None:
    [notice] = said(image=["a", "b", "a", "b", "c"], colour=["r", "g", "b", "", "r"], size=["1", "2", "1.0", "2", "9"])
    assert (notice.code, notice.column, notice.rows) == ("conflicting-labels", "colour", (1, 3))
    assert "'r' (row 1) and 'b' (row 3)" in notice.message


def test_content_counts_before_the_name() -> None:
    columns = {"image": ["a", "b", "a"], "colour": ["r", "g", "r"]}
    assert said(digests=["1", "2", "3"], **columns) == []
    [notice] = said(digests=["1", "1", "3"], **columns)
    assert notice.rows == (1, 2)


def test_sets_and_numbers_are_compared_by_meaning() -> None:
    columns = {"image": ["a", "a"], "tags": ["x|y", "y| x"], "size": ["2.50", "2.5"]}
    assert said(**columns) == []
    assert [n.column for n in said(image=["a", "a"], tags=["x|y", "x"], size=["2.50", "2.6"])] == ["tags", "size"]


def test_boxes_make_two_things_of_one_picture() -> None:
    boxed = Schema(images=("image",), attributes=(COLOUR,), box="box")
    columns = {"image": ["a", "a", "a"], "colour": ["r", "g", "b"], "box": ["0 0 1 1", "0 0 2 2", "0 0 1 1"]}
    [notice] = said(boxed, **columns)
    assert notice.rows == (1, 3)


def test_copies_of_a_row() -> None:
    [notice] = said(image=["a", "a", "b", "", ""], colour=["r", "r", "g", "g", "g"])
    assert (notice.code, notice.rows) == ("double-rows", (2,))


def test_they_are_heard_with_the_split_and_nothing_is_averaged() -> None:
    table = Table.of({"image": [f"{row // 2}.jpg" for row in range(60)], "colour": ["r", "g", "b"] * 20})
    split = split_rows(table, infer(table))
    assert "conflicting-labels" in [notice.code for notice in split.notices]
    assert (split.side[::2] == split.side[1::2]).all()
    assert len(np.unique(table.column("colour"))) == 3
