"""Few cells that say "not applicable" are a slip or a question, not an attribute that only some items have."""

import numpy as np
import pytest

from facetwise.data import Notice, Table, complete_schema, encode, infer
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Labels, Schema

ROWS = 200


def shop(denials: int) -> Table:
    gender = [("men", "women")[row % 2] for row in range(ROWS)]
    gender[3 : 3 + denials] = ["n/a"] * denials
    colour = [("red", "red", "blue")[row % 3] for row in range(ROWS)]
    return Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "gender": gender, "colour": colour})


def read(table: Table) -> tuple[Schema, list[Notice], Labels, list[Notice]]:
    schema, said = complete_schema(infer(table), table, np.arange(ROWS))
    return schema, said, *encode(schema, table)


@pytest.mark.parametrize("denials", [1, 4])
def test_few_cells_that_deny_are_unknown_and_named(denials: int) -> None:
    schema, said, labels, odd = read(shop(denials))
    assert not schema.attribute("gender").own_applicability
    assert schema.layout().blocks[schema.index["gender"]].applicability is None
    state = labels.state[:, schema.index["gender"]]
    assert state[3 : 3 + denials].tolist() == [UNKNOWN] * denials
    assert (np.delete(state, np.arange(3, 3 + denials)) == VALUE).all()
    [notice] = [notice for notice in said if notice.code == "few-not-applicable"]
    assert (notice.column, notice.rows) == ("gender", tuple(range(4, 4 + denials)))
    assert notice.message.startswith("1 cell says" if denials == 1 else "4 cells say")
    assert "'n/a'" in notice.message
    assert "own_applicability: true" in notice.message
    assert [notice.code for notice in odd if notice.column == "gender"] == ["denied-where-it-applies"]


def test_as_many_as_a_class_needs_are_learned() -> None:
    schema, said, labels, odd = read(shop(5))
    assert schema.attribute("gender").own_applicability
    assert labels.state[3:8, schema.index["gender"]].tolist() == [NOT_APPLICABLE] * 5
    assert not [notice for notice in [*said, *odd] if notice.column == "gender"]


def test_only_training_rows_count() -> None:
    table = shop(8)
    schema, said = complete_schema(infer(table), table, np.arange(7, ROWS))
    assert not schema.attribute("gender").own_applicability
    assert [notice.rows for notice in said if notice.code == "few-not-applicable"] == [(4, 5, 6, 7, 8)]
    assert (
        complete_schema(infer(table), table, np.arange(6, ROWS), min_count=5)[0].attribute("gender").own_applicability
    )


def test_a_category_keeps_its_say_and_is_never_denied_itself() -> None:
    kinds = [("shoe", "bag")[row % 2] for row in range(ROWS)]
    heels = [("flat", "high")[row % 4 // 2] if kind == "shoe" else "" for row, kind in enumerate(kinds)]
    kinds[10:18] = ["n/a"] * 8
    heels[1], heels[2] = "n/a", "n/a"
    table = Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "kind": kinds, "heel": heels})
    schema, said, labels, odd = read(table)
    assert schema.attribute("heel").applies_to == ("shoe",)
    assert labels.state[[1, 2, 3], schema.index["heel"]].tolist() == [NOT_APPLICABLE] * 3
    assert not [notice for notice in said if notice.code == "few-not-applicable"]
    assert (labels.state[10:18, schema.index["kind"]] == UNKNOWN).all()
    [notice] = [notice for notice in odd if notice.code == "denied-where-it-applies"]
    assert (notice.column, notice.rows) == ("kind", (11, 12, 13, 14, 15))
