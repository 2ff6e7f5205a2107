"""An identifier that stands in two rows, where nearly all others stand in one, is named; no more is done about it."""

from facetwise.data import Inference, Notice, Table, infer

ROWS = 120


def shop(ids: list[str]) -> Inference:
    cells = {"image": [f"{row}.jpg" for row in range(len(ids))], "colour": ["red", "blue"] * (len(ids) // 2)}
    return infer(Table.of({**cells, "sku": ids}))


def twice(found: Inference) -> list[Notice]:
    return [notice for notice in found.notices if notice.code == "identifier-twice"]


def test_two_that_stand_twice_are_named_with_their_rows() -> None:
    ids = [f"S{row:04}" for row in range(ROWS)]
    ids[7], ids[50] = ids[6], ids[90]
    found = shop(ids)
    [notice] = twice(found)
    assert (notice.column, notice.rows) == ("sku", (7, 8, 51, 91))
    assert notice.message.startswith("2 of 118 values stand in several rows, such as 'S0006'")
    assert "--group 'sku'" in notice.message
    assert found.group is None


def test_one_that_stands_twice() -> None:
    ids = [f"S{row:04}" for row in range(ROWS)]
    ids[7] = ids[6]
    [notice] = twice(shop(ids))
    assert notice.message.startswith("1 of 119 values stands in several rows, 'S0006'")


def test_ids_that_name_rows_or_products_are_as_they_should_be() -> None:
    assert twice(shop([f"S{row:04}" for row in range(ROWS)])) == []
    products = shop([f"S{row // 3:04}" for row in range(ROWS)])
    assert twice(products) == []
    assert products.group == "sku"
