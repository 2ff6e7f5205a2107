"""A slip in one row gives a whole category an attribute: the rule stays, the slip is named."""

import numpy as np
import pytest

from facetwise.data import Notice, Table, complete_schema, infer
from facetwise.schema import Schema

ROWS = 180  # 60 of each kind: row 0 a shirt, row 1 a bag, row 2 jeans, and so on


def wardrobe(slips: int) -> Table:
    """Shirts have a sleeve; of the bags the first `slips` seem to, of the jeans none."""
    kinds = [("shirt", "bag", "jeans")[row % 3] for row in range(ROWS)]
    sleeves = [("long", "short")[row % 2] if kind == "shirt" else "" for row, kind in enumerate(kinds)]
    for slip in range(slips):
        sleeves[3 * slip + 1] = "long"
    return Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "kind": kinds, "sleeve": sleeves})


def said(table: Table, schema: Schema | None = None, rows: np.ndarray | None = None) -> tuple[Schema, list[Notice]]:
    rows = np.arange(len(table)) if rows is None else rows
    found, notices = complete_schema(schema or infer(table), table, rows)
    return found, [notice for notice in notices if notice.code == "hardly-applies"]


@pytest.mark.parametrize("slips", [1, 2])
def test_hardly_any_value_in_a_category_is_named(slips: int) -> None:
    schema, notices = said(wardrobe(slips))
    assert schema.attribute("sleeve").applies_to == ("bag", "shirt")
    [notice] = notices
    assert notice.column == "sleeve"
    assert notice.rows == (2, 5)[:slips]
    assert f"in {slips} of 60 'bag'" in notice.message
    assert "in 100 % of 'shirt'" in notice.message
    assert "leave 'bag' out of applies_to" in notice.message
    assert "jeans" not in notice.message


def test_three_values_or_none_are_no_slip() -> None:
    for slips in (0, 3):
        assert said(wardrobe(slips))[1] == []


def test_a_category_of_few_rows_proves_nothing() -> None:
    table = wardrobe(1)
    bags = np.flatnonzero(table.column("kind") == "bag")
    few = np.setdiff1d(np.arange(ROWS), bags[19:])
    assert said(table, rows=few)[1] == []
    assert len(said(table, rows=np.setdiff1d(np.arange(ROWS), bags[21:]))[1]) == 1, "1 of 21 is under 5 %"


def test_a_sparse_attribute_is_no_slip() -> None:
    table = wardrobe(1)
    sleeves = list(table.column("sleeve"))
    for row in range(0, ROWS, 3):
        sleeves[row] = sleeves[row] if row % 9 == 0 else ""  # a third of the shirts
    schema, notices = said(Table.of({**table.cells, "sleeve": sleeves}))
    assert schema.attribute("sleeve").applies_to == ("bag", "shirt")
    assert notices == []


def test_a_schema_that_still_names_the_category_is_named() -> None:
    schema, _ = said(wardrobe(1))
    _, notices = said(wardrobe(0), schema)
    [notice] = notices
    assert "in none of 60 'bag'" in notice.message
    assert "leave 'bag' out of applies_to" in notice.message
    assert notice.rows == ()
    _, notices = said(wardrobe(1), schema)
    assert [notice.rows for notice in notices] == [(2,)]
