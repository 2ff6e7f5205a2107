"""What a table's structure says: one small column per rule."""

from pathlib import Path

import numpy as np
import pytest

from facetwise.data import Inference, Role, Table, infer
from facetwise.schema import Kind, Transform

ROWS = 120


def table(**columns: list[str]) -> Table:
    rows = len(next(iter(columns.values())))
    return Table.of({"image": [f"{n}.jpg" for n in range(rows)], **columns})


def cycle(*values: str, rows: int = ROWS) -> list[str]:
    return [values[n % len(values)] for n in range(rows)]


def read(values: list[str], name: str = "x") -> Inference:
    return infer(table(**{name: values}))


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("0", "1"),
        ("-1", "1"),
        ("1", "2"),
        ("no", "yes"),
        ("False", "True"),
        ("N", "Y"),
        ("f", "t"),
        ("0.0", "1.0"),
        ("absent", "present"),
    ],
)
def test_binary_pairs(negative: str, positive: str) -> None:
    reading = read(cycle(positive, negative, positive)).reading("x")
    assert (reading.kind, reading.classes) == (Kind.BINARY, (negative, positive))
    assert repr(positive) in reading.reason


def test_binary_spellings_of_one_meaning() -> None:
    assert read(cycle("Yes", "yes", "Yes", "no")).reading("x").classes == ("no", "Yes")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (cycle("0", "1", "2", "3", "4"), Kind.ORDINAL),
        (cycle("1.0", "2.0", "3.0"), Kind.ORDINAL),
        (cycle("10", "20", "50"), Kind.ORDINAL),
        (cycle("5", "10", "15", "20", "25", "40", "120"), Kind.NUMERIC),
        ([str(n % 40) for n in range(ROWS)], Kind.NUMERIC),
        ([f"{n / 7:.4f}" for n in range(ROWS)], Kind.NUMERIC),
        (cycle("low", "High", "medium"), Kind.ORDINAL),
        (cycle("XS", "S", "M", "L", "XL"), Kind.ORDINAL),
        (cycle("red", "green", "blue"), Kind.CATEGORICAL),
        (cycle("low", "high", "blue"), Kind.CATEGORICAL),
        (cycle("2019", "2020", "2021"), Kind.ORDINAL),
        ([str(1980 + n % 30) for n in range(ROWS)], Kind.NUMERIC),
    ],
)
def test_kinds(values: list[str], kind: Kind) -> None:
    assert read(values).reading("x").kind is kind


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (("Boys", "Girls", "Men", "unknown", "Women"), 'exclude: ["x"]'),
        (
            ("3 inches", "1 inch", "10 inches"),
            '- {column: "x", kind: ordinal, classes: ["1 inch", "3 inches", "10 inches"]}',
        ),
    ],
)
def test_an_order_is_proposed_where_the_texts_have_one(values: tuple[str, ...], line: str) -> None:
    reading = read(cycle(*values)).reading("x")
    assert (reading.kind, reading.overrule) == (Kind.CATEGORICAL, line)


def test_ordered_words_are_put_in_order() -> None:
    assert read(cycle("L", "S", "XL", "M")).reading("x").classes == ("S", "M", "L", "XL")


def test_codes_are_no_steps() -> None:
    assert read(cycle("1", "2", "3", "4"), "brand_id").reading("brand_id").kind is Kind.CATEGORICAL


def test_skewed_numbers_get_a_logarithm_and_names_a_unit() -> None:
    numbers = np.exp(np.random.default_rng(0).normal(size=ROWS))
    reading = read([f"{number:.5f}" for number in numbers], "weight (kg)").reading("weight (kg)")
    assert (reading.transform, reading.unit) == (Transform.LOG, "kg")
    assert "transform: none" in reading.overrule
    assert read([f"{number - 5:.5f}" for number in numbers]).reading("x").transform is Transform.NONE


@pytest.mark.parametrize("separator", ["|", ";", ",", ", "])
def test_multilabel_separators(separator: str) -> None:
    pairs = [separator.join(pair) for pair in (("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("d", "b"), ("d", "c"))]
    reading = read(cycle(*pairs, "a", "c")).reading("x")
    assert (reading.kind, reading.separator) == (Kind.MULTILABEL, separator.strip())


def test_commas_in_names_do_not_separate() -> None:
    assert read(cycle("Paris, France", "Rome, Italy", "Berlin, Germany")).reading("x").kind is Kind.CATEGORICAL
    assert "notation" in read([f"{n % 9},5" for n in range(ROWS)]).reading("x").reason


@pytest.mark.parametrize(
    ("values", "name", "word"),
    [
        (["same"] * ROWS, "x", "constant"),
        ([""] * ROWS, "x", "empty"),
        ([f"u{n}" for n in range(ROWS)], "x", "one value per row"),
        ([str(n + 1000) for n in range(ROWS)], "x", "one value per row"),
        ([f"k{n // 2}" for n in range(ROWS)], "sku", "identifier"),
        ([f"a fine shirt number {n // 1.5:.0f} for summer" for n in range(ROWS)], "x", "free text"),
        ([f"file{n // 1.5:.0f}.txt" for n in range(ROWS)], "x", "file names"),
        ([f"https://example.org/{n % 5}" for n in range(ROWS)], "x", "web addresses"),
        ([f"name{n // 3}" for n in range(ROWS)], "x", "cover only"),
        (cycle("['a', 'b']", "['c']"), "x", "brackets"),
    ],
)
def test_left_out_columns_say_why(values: list[str], name: str, word: str) -> None:
    inference = read(values, name)
    reading = inference.reading(name)
    assert reading.role in (Role.LEFT_OUT, Role.GROUP)
    assert word in reading.reason or reading.role is Role.GROUP


def test_measured_whole_numbers_are_no_identifiers() -> None:
    numbers = np.random.default_rng(0).permutation(100_000)[:ROWS]
    assert read([str(number) for number in numbers], "area").reading("area").kind is Kind.NUMERIC


def test_the_coarsest_column_that_names_things_is_the_group() -> None:
    inference = infer(
        table(
            sku=[f"s{n // 2}" for n in range(ROWS)],
            chain_id=[f"c{n // 4}" for n in range(ROWS)],
            brand_id=cycle("1", "2", "3"),
        )
    )
    assert inference.group == "chain_id"
    assert "4.00" in inference.group_reason
    assert inference.reading("chain_id").role is Role.GROUP
    assert inference.reading("brand_id").role is Role.ATTRIBUTE


def test_a_patient_with_many_pictures_is_a_group() -> None:
    assert infer(table(patient_id=[f"p{n // 15}" for n in range(ROWS)])).group == "patient_id"


@pytest.mark.parametrize("name", ["split", "fold", "official_set"])
def test_a_split_of_the_tables_own(name: str) -> None:
    inference = infer(table(**{name: cycle("Train", "train", "dev", "test"), "c": cycle("a", "b")}))
    assert inference.split == name
    assert "60 train, 30 val, 30 test" in inference.reading(name).reason


def test_a_split_with_gaps_or_slips_is_still_one() -> None:
    """Whoever splits refuses it with its rows; taken for anything else, its test rows would be trained on."""
    slips = ["tset", *cycle("train", "test")[1:]]
    for cells, wrong in (
        (cycle("train", "test", ""), ROWS // 3),
        (slips, 1),
        (cycle("train", "test", "NaN"), ROWS // 3),
    ):
        inference = infer(table(split=cells, c=cycle("a", "b")))
        assert inference.split == "split"
        assert f"{wrong:,} cells name no side" in inference.reading("split").reason
    assert infer(table(split=cycle("train", "test", "unused"), c=cycle("a", "b"))).split is None
    assert infer(table(mood=slips, c=cycle("a", "b"))).split is None
    both = infer(table(phase=cycle("train", "test", ""), split=cycle("train", "val"), c=cycle("a", "b")))
    assert both.split == "split"
    assert both.reading("phase").role is Role.LEFT_OUT


def test_several_pictures_and_copies_of_one(tmp_path: Path) -> None:
    columns = {
        "front": [f"f/{n}.jpg" for n in range(ROWS)],
        "back": [f"b/{n + 1000}.png" for n in range(ROWS)],
        "filename": [f"{n}.jpg" for n in range(ROWS)],
        "url": [f"https://example.org/{n}.jpg" for n in range(ROWS)],
        "c": cycle("a", "b"),
    }
    inference = infer(Table.of(columns))
    assert inference.images == ("front", "back")
    assert inference.reading("filename").role is Role.LEFT_OUT
    assert inference.reading("url").role is Role.LEFT_OUT


def test_files_on_disk_decide_between_columns(tmp_path: Path) -> None:
    for n in range(8):
        (tmp_path / f"{n}.png").write_bytes(b"")
    columns = {"old": [f"/scans/{n + 7}.tif" for n in range(8)], "new": [f"{n}.png" for n in range(8)]}
    assert infer(Table.of(columns), images_root=tmp_path).images == ("new",)
    bare = infer(Table.of({"id": [str(n) for n in range(8)], "c": cycle("a", "b", rows=8)}), images_root=tmp_path)
    assert bare.images == ("id",)


def test_a_category_explains_what_is_empty() -> None:
    kinds = cycle("shoe", "shirt", "bag")
    generator = np.random.default_rng(0)
    columns = {
        "kind": kinds,
        "heel": [generator.choice(["flat", "high", ""]) if kind == "shoe" else "" for kind in kinds],
        "sleeve": [generator.choice(["short", "long"]) if kind == "shirt" else "" for kind in kinds],
        "fine": [f"{kind}{generator.integers(3)}" for kind in kinds],
    }
    inference = infer(table(**columns))
    assert inference.category == "kind"
    assert "2 of 2" in inference.category_reason


def test_a_category_may_have_gaps() -> None:
    kinds = cycle("shoe", "shirt", "bag")
    columns = {
        "kind": kinds,
        "heel": [["flat", "high"][n % 2] if kind == "shoe" else "" for n, kind in enumerate(kinds)],
    }
    columns["kind"] = ["" if n % 11 == 0 else kind for n, kind in enumerate(kinds)]
    assert infer(table(**columns)).category == "kind"


def test_cells_missing_at_random_have_no_category() -> None:
    generator = np.random.default_rng(1)
    columns = {f"a{n}": [generator.choice(["x", "y", "", "", "", ""]) for _ in range(ROWS * 4)] for n in range(6)}
    columns["kind"] = [f"k{n}" for n in generator.integers(12, size=ROWS * 4)]
    assert infer(table(**columns)).category is None


def test_what_programs_write_for_nothing_is_unknown_and_said_so() -> None:
    inference = infer(table(n=[f"{n / 3:.2f}" if n % 5 else "nan" for n in range(ROWS)], c=cycle("NA", "FR", "DE")))
    assert inference.unknown == ("", "nan")
    assert inference.reading("n").kind is Kind.NUMERIC
    assert [notice.code for notice in inference.notices] == ["perhaps-unknown-text", "unknown-text"]
    numbers = infer(table(n=[f"{n / 3:.2f}" if n % 5 else "NA" for n in range(ROWS)]))
    assert "NA" in numbers.unknown


def test_odd_column_names_are_only_data() -> None:
    names = ["type", "a.b", "<script>", "../x", "\N{GRINNING FACE}", "y" * 300]
    inference = infer(table(**dict.fromkeys(names, cycle("a", "b"))))
    assert [reading.column for reading in inference.attributes] == names


def test_the_order_of_rows_changes_no_reading() -> None:
    base = table(c=cycle("a", "b", "c"), n=[f"{n / 7:.3f}" for n in range(ROWS)], s=cycle("1", "2", "3"))
    shuffled = base.take(np.random.default_rng(0).permutation(ROWS))
    assert infer(base).readings == infer(shuffled).readings
