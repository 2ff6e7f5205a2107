"""Corrections: checked against the table, counted, never silent."""

import pytest

from facetwise.data import Table, correct
from facetwise.errors import TableError

TABLE = Table.of({"image": ["a.png", "b.png", "b.png"], "colour": ["red", "=2", ""], "size": ["1", "2", "2"]})


def _wish(**columns: list[str]) -> Table:
    return Table.of(columns, name="corrections.csv")


def test_cells_change_and_are_counted() -> None:
    wish = _wish(row=["1", "3"], attribute=["colour", "colour"], old=["red", ""], new=["blue", "green"])
    told, notices = correct(TABLE, wish, images="image")
    assert list(told.column("colour")) == ["blue", "=2", "green"]
    assert list(told.column("size")) == ["1", "2", "2"]
    assert [(n.code, n.column, n.rows) for n in notices] == [("corrected", "colour", (1, 3))]
    assert list(TABLE.column("colour")) == ["red", "=2", ""]


def test_a_picture_means_all_its_rows() -> None:
    told, _ = correct(TABLE, _wish(image=["b.png"], attribute=["size"], old=["2"], new=["9"]), images="image")
    assert list(told.column("size")) == ["1", "9", "9"]


def test_only_accepted_lines_count_and_the_rest_is_said() -> None:
    wish = _wish(
        accept=["yes", "", "no"], row=["1", "2", "3"], attribute=["size"] * 3, old=["1", "2", "2"], new=["7"] * 3
    )
    told, notices = correct(TABLE, wish, images="image")
    assert list(told.column("size")) == ["7", "2", "2"]
    assert any("2 of 3 lines are not accepted" in notice.message for notice in notices)


def test_the_quote_before_a_formula_is_no_part_of_a_cell() -> None:
    wish = _wish(row=["2"], attribute=["colour"], old=["'=2"], new=["'=3"])
    assert list(correct(TABLE, wish, images="image")[0].column("colour")) == ["red", "=3", ""]


def test_everything_wrong_is_said_at_once() -> None:
    wish = _wish(
        row=["1", "9", "1", "1", "1", "2"],
        image=["a.png", "", "b.png", "a.png", "a.png", ""],
        attribute=["color", "size", "size", "size", "size", "colour"],
        old=["red", "1", "1", "5", "1", "=2"],
        new=["blue", "2", "2", "2", "3", "pink"],
    )
    with pytest.raises(TableError) as caught:
        correct(TABLE, wish, images="image", vocabulary={"colour": ("red", "blue")})
    said = str(caught.value)
    for words in (
        "did you mean colour",
        "write 1 to 3",
        "'a.png' in row 1",
        "old, '5'. Found '1'",
        "one value",
        "'pink'",
    ):
        assert words in said, words
    assert len(caught.value.complaints) == 6


def test_columns_that_are_missing() -> None:
    with pytest.raises(TableError, match="a column 'new'"):
        correct(TABLE, _wish(image=["a.png"], attribute=["size"], old=["1"]), images="image")
    with pytest.raises(TableError, match="'row' or 'image'"):
        correct(TABLE, _wish(attribute=["size"], old=["1"], new=["2"]), images="image")
