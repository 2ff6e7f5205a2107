"""What `complete_schema` has said of a column, nothing says again; numbers and words agree; a slip has its class."""

from pathlib import Path

import numpy as np
import pytest

from facetwise.data import Notice, Split, Table, complete_schema, correct, encode, infer, unsaid
from facetwise.schema import Attribute, Kind, Schema
from facetwise.training import inspect
from facetwise.training._alike import about_alike

ROWS = 120


def shop() -> dict[str, list[str]]:
    kinds = [("Watches", "Shirts")[row % 2] for row in range(ROWS)]
    kinds[4], kinds[6], kinds[8], kinds[110] = "Watchs", "watches", "Quilt", "Teapot"
    gender = [("men", "women")[row % 2] for row in range(ROWS)]
    gender[2] = "n/a"
    return {"image": [f"{row}.jpg" for row in range(ROWS)], "kind": kinds, "gender": gender}


def test_rare_classes_are_said_once_with_all_that_the_table_has() -> None:
    table = Table.of(shop())
    schema, said = complete_schema(infer(table), table, np.arange(100))
    [rare] = [notice for notice in said if notice.code == "rare-classes"]
    assert rare.message.startswith("4 of 6 classes have fewer than 5 training rows and are unknown (4 cells): ")
    assert "'Teapot'" in rare.message, "a class that no training row has is unknown as well"
    assert rare.rows == (5, 7, 9, 111)
    _, odd = encode(schema, table)
    assert {(notice.code, notice.column) for notice in odd} == {
        ("unknown-class", "kind"), ("denied-where-it-applies", "gender")
    }  # fmt: skip
    assert unsaid(odd, said) == []
    assert unsaid(odd, []) == odd, "a schema of the user's own says nothing beforehand"


def test_inspect_says_it_once(tmp_path: Path) -> None:
    table = tmp_path / "shop.csv"
    cells = shop()
    table.write_text("\n".join(",".join(row) for row in [list(cells), *zip(*cells.values(), strict=True)]))
    found = inspect(table)
    codes = [(notice.code, notice.column) for notice in found.notices]
    assert codes.count(("rare-classes", "kind")) == 1
    assert codes.count(("few-not-applicable", "gender")) == 1
    assert not {"unknown-class", "denied-where-it-applies"} & {code for code, _ in codes}


@pytest.mark.parametrize("declared", [False, True])
def test_a_slip_is_named_with_the_class_that_it_means(declared: bool) -> None:
    table = Table.of(shop())
    kind = Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=("Shirts", "Watches"))
    said: list[Notice]
    if declared:
        _, said = encode(Schema(images=("image",), attributes=(kind,)), table)
    else:
        _, said = complete_schema(infer(table), table, np.arange(ROWS))
    [notice] = [notice for notice in said if notice.column == "kind"]
    assert "'Watchs' (did you mean 'Watches'?)" in notice.message
    assert "'watches' (did you mean 'Watches'?)" in notice.message
    assert "'Quilt'" in notice.message
    assert "'Quilt' (" not in notice.message


def test_other_numbers_are_other_classes() -> None:
    cells = [("shelf 10", "shelf 12")[row % 2] for row in range(ROWS)]
    cells[0] = "shelf 11"
    table = Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "shelf": cells})
    _, said = complete_schema(infer(table), table, np.arange(ROWS))
    assert [notice.message for notice in said] == [
        "1 of 3 classes has fewer than 5 training rows and is unknown (1 cell): 'shelf 11'."
    ]


def test_one_is_one() -> None:
    flag = Attribute(column="flag", id="a00", kind=Kind.CATEGORICAL, classes=("a", "b"))
    _, [notice] = encode(Schema(images=("image",), attributes=(flag,)), Table.of({"flag": ["a", "b", "zebra"]}))
    assert notice.message == "1 cell holds 1 class that the schema does not know, so it is unknown: 'zebra'."
    assert str(notice).endswith(" Row 3.")


def test_one_class_of_several_has_too_few() -> None:
    cells = [("a", "b")[row % 2] for row in range(ROWS)]
    heel = ["flat"] * 20 + ["high"] * 2 + [""] * (ROWS - 22)
    table = Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "kind": cells, "heel": heel})
    _, said = complete_schema(infer(table), table, np.arange(ROWS))
    [notice] = [notice for notice in said if notice.code == "left-out"]
    assert "because 1 of its 2 classes has 5 training rows or more, and two are needed" in notice.message


def test_one_correction_and_one_group() -> None:
    table = Table.of({"image": ["a.jpg", "b.jpg"], "flag": ["a", "b"]})
    wish = Table.of({"row": ["1"], "attribute": ["flag"], "old": ["a"], "new": ["b"]}, name="wishes.csv")
    [notice] = correct(table, wish, images="image")[1]
    assert notice.message == "1 cell is corrected by wishes.csv."
    sides = Split(
        side=np.array(["train", "test"]), images=["a.jpg", "b.jpg"], groups=["a.jpg", "b.jpg"], digests=("", ""), how=""
    )
    [notice] = about_alike([np.array([0, 1])], sides, table, together=False)
    assert notice.message.startswith("1 group of pictures that look the same, 2 rows in all. 1 of them lies on several")
