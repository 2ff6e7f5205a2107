"""Codes, countries, dates, other people's numbers, yes and no in every spelling."""

import numpy as np
import pytest

from facetwise.data import Inference, Role, Table, complete_schema, encode, infer
from facetwise.schema import Attribute, Kind, Schema

ROWS = 120


def read(values: list[str]) -> Inference:
    cells = [values[row % len(values)] for row in range(ROWS)]
    return infer(Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "x": cells}))


@pytest.mark.parametrize(
    "values",
    [
        ["1.299,50", "2.100,00", "99,95"],
        ["1,299.50", "2,100.00", "99.95"],
        ["0,5", "1,5", "2,5"],
        ["1 299,50", "2 100,00"],
        ["1'299.50", "2'100.00"],
        [f"\u20ac {n}.50" for n in range(40)],
        [f"{n} %" for n in range(40)],
    ],
)
def test_numbers_in_another_notation_are_named_and_never_guessed(values: list[str]) -> None:
    found = read(values)
    assert found.reading("x").role is Role.LEFT_OUT
    [notice] = [notice for notice in found.notices if notice.code == "number-notation"]
    assert "write 1299.5" in notice.message
    assert values[0] in notice.message or len(values) > 3


@pytest.mark.parametrize(
    "values",
    [
        ["2026-03-01", "2026-03-02"],
        ["1.3.2026", "12.3.2026"],
        ["3/1/26", "12/31/26"],
        ["2026:03:01 10:15:59", "2026:03:01 10:16:00"],
        ["2026-03-01T10:15:59.25+01:00", "2026-03-01T10:15:59Z"],
        ["1 March 2026", "Mar 2, 2026", "03-Apr-26"],
        ["10:15", "23:59:59"],
        [f"202603{day}" for day in range(10, 29)],
    ],
)
def test_dates_are_left_out(values: list[str]) -> None:
    reading = read(values).reading("x")
    assert reading.role is Role.LEFT_OUT
    assert "dates or times" in reading.reason


@pytest.mark.parametrize(
    "values",
    [["2019", "2020", "2021"], ["1.5", "2.5", "3.5"], ["size 10-12", "size 14"], ["a:b", "c:d"], ["50 %", "20 %"]],
)
def test_what_only_looks_like_a_date_is_none(values: list[str]) -> None:
    assert read(values).reading("x").role is Role.ATTRIBUTE


def test_leading_zeros_make_codes() -> None:
    found = read(["007", "7", "012"])
    assert found.reading("x").kind is Kind.CATEGORICAL
    assert "leading zero" in found.reading("x").reason
    table = Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "x": ["007", "7", "012"] * (ROWS // 3)})
    schema, _ = complete_schema(infer(table), table, np.arange(ROWS))
    assert set(schema.attribute("x").classes) == {"007", "7", "012"}


def test_na_the_country_is_a_class_and_said() -> None:
    found = read(["NA", "DE", "FR"])
    assert "NA" not in found.unknown
    assert [notice.code for notice in found.notices] == ["perhaps-unknown-text"]


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["yes", "No", "TRUE", "false", "0", "1", "yes", "No"], ("No", "yes")),
        (["Y", "n"], ("n", "Y")),
        (["True", "False", ""], ("False", "True")),
        (["t", "f", "t", "T"], ("f", "t")),
        (["on", "OFF"], ("OFF", "on")),
    ],
)
def test_booleans_in_every_spelling(values: list[str], classes: tuple[str, str]) -> None:
    reading = read(values).reading("x")
    assert (reading.kind, reading.classes) == (Kind.BINARY, classes)


def test_mixed_booleans_are_coded_by_what_they_mean() -> None:
    cells = ["yes", "No", "TRUE", "false", "0", "1"] * 20
    table = Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "x": cells})
    schema, notices = complete_schema(infer(table), table, np.arange(ROWS))
    assert notices == []
    labels, odd = encode(schema, table)
    assert odd == []
    assert labels.index[:6, 0].tolist() == [1, 0, 1, 0, 0, 1]


def test_two_classes_that_are_no_yes_and_no_stay_apart() -> None:
    """f and m are women and men, and "no" is neither."""
    sex = Attribute(column="sex", id="a00", kind=Kind.BINARY, classes=("f", "m"))
    labels, notices = encode(Schema(images=("image",), attributes=(sex,)), Table.of({"sex": ["F", "m", "no", "0"]}))
    assert labels.index[:, 0].tolist() == [0, 1, -1, -1]
    assert [notice.code for notice in notices] == ["unknown-class"]


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([f"{n}.0 cm" for n in range(40)], "cm"),
        ([f"{n}.00 INR" if n % 5 else f"Rs. {n}" for n in range(40)], "INR"),
        ([f"Rs. {n},500.00" for n in range(1, 40)], "Rs."),
        ([f"{n}kg" for n in range(40)], "kg"),
        ([f"{n},5 Zoll" for n in range(40)], "Zoll"),
        ([f'{n}"' for n in range(40)], '"'),
        ([f"US$ {n}.99" for n in range(40)], "US$"),
        ([*(f"{n} cm" for n in range(60)), "61 cn"], "cm"),
    ],
)
def test_numbers_with_their_unit_are_named_and_keep_nothing_together(values: list[str], unit: str) -> None:
    found = read(values)
    reading = found.reading("x")
    assert reading.role is Role.LEFT_OUT
    assert not reading.keeps_together
    assert found.group is None
    [notice] = [notice for notice in found.notices if notice.code == "number-notation"]
    assert f"({unit!r}" in notice.message
    assert "write 1299.5 alone" in notice.message
    assert f"x ({unit})" in notice.message


def test_a_unit_that_the_name_has_is_not_asked_for() -> None:
    cells = [f"{row % 40} kg" for row in range(ROWS)]
    found = infer(Table.of({"image": [f"{row}.jpg" for row in range(ROWS)], "weight (kg)": cells}))
    [notice] = [notice for notice in found.notices if notice.code == "number-notation"]
    assert "(kg) (kg)" not in notice.message


@pytest.mark.parametrize(
    "values",
    [
        [f"size {n}" for n in range(1, 21)],
        [f"{n} {'buttons' if n % 2 else 'pockets'}" for n in range(20)],
        [f"{n} {'buttons' if n % 2 else 'pockets'}" if n else "€ 5" for n in range(20)],
        [f"{n}XL" for n in range(2, 22)],
        ["1 inch", "2 inches", "3 inches"],
        ["26 cm", "27 cm", "28 cm"],
    ],
)
def test_words_beside_numbers_are_classes_all_the_same(values: list[str]) -> None:
    assert read(values).reading("x").kind is Kind.CATEGORICAL


def test_one_unit_among_plain_numbers_is_a_slip() -> None:
    found = read([*(f"{n}.5" for n in range(39)), "40 cm"])
    assert found.reading("x").kind is Kind.NUMERIC
    assert "'40 cm'" in found.reading("x").reason
