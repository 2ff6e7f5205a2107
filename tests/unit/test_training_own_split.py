"""A table's own split: honoured by training and by inspection alike, left alone where it is excluded, never guessed."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.config import load_config
from facetwise.data import Split, complete_schema, encode, split_rows
from facetwise.errors import ConfigError, TableError
from facetwise.events import silent
from facetwise.schema import Attribute, Kind, Schema
from facetwise.studies import _audit
from facetwise.training import prepare, read_structure
from pictures import photographs
from tiny_backbone import stand_in

ROWS = 60
SIDES = ["train", "train", "train", "val", "test"] * (ROWS // 5)
COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("blue", "red"))
DECLARED = Schema(images=("image",), attributes=(COLOUR,))


def write(folder: Path, name: str = "table.csv", rows: int = ROWS, **columns: list[str]) -> Path:
    cells = {
        "image": [f"{Path(name).stem}{n}.png" for n in range(rows)],
        "colour": [("red", "blue", "blue")[n % 3] for n in range(rows)],
        **columns,
    }
    pl.DataFrame(cells).write_csv(folder / name)
    return folder / name


def made(table: Path, schema: Schema | None = None, test: Path | None = None, **options: list[str]) -> Split:
    """The split that a training makes."""
    config = load_config(None, (), **options)
    read = read_structure(table, images=None, schema=schema, config=config, test=test)
    split = split_rows(read.table, read.structure, split_column=read.split_column)
    complete_schema(read.structure, read.table, split.rows("train"), exclude=config.exclude)
    return split


@pytest.mark.parametrize("schema", [None, DECLARED])
def test_an_excluded_split_decides_nothing(tmp_path: Path, schema: Schema | None) -> None:
    table = write(tmp_path, split=SIDES)
    assert made(table, schema).side.tolist() == SIDES
    split = made(table, schema, exclude=["split"])
    assert split.side.tolist() != SIDES
    assert "own split" not in split.how
    assert "own split" not in fw.inspect(table, schema=schema, exclude=["split"]).split
    with pytest.raises(ConfigError, match="'splat'"):
        made(table, schema, exclude=["splat"])


@pytest.mark.parametrize("schema", [None, DECLARED])
def test_inspect_shows_the_split_that_a_training_makes(tmp_path: Path, schema: Schema | None) -> None:
    found = fw.inspect(write(tmp_path, split=SIDES), schema=schema)
    assert found.split.startswith(
        f"{ROWS} groups of {ROWS} rows (by identical pictures); the table's own split 'split'"
    )
    assert found.split.endswith("36 train, 12 val, 12 test.")


def test_inspect_says_that_an_excluded_split_is_not_honoured(tmp_path: Path) -> None:
    [reading] = [
        one for one in fw.inspect(write(tmp_path, split=SIDES), exclude=["split"]).readings if one.column == "split"
    ]
    assert reading.role == "left_out"
    assert "honoured" not in reading.reason


@pytest.mark.parametrize("schema", [None, DECLARED])
@pytest.mark.parametrize("cell", ["", "N/A", "tset"])
def test_a_cell_without_a_side_is_refused_before_anything_long_begins(
    tmp_path: Path, cell: str, schema: Schema | None
) -> None:
    """One empty cell, and the test rows of the table were trained on."""
    table, config = write(tmp_path, split=[*SIDES[:7], cell, *SIDES[8:]]), load_config(None, ())
    read = read_structure(table, images=None, schema=schema, config=config)
    with pytest.raises(TableError, match=r"row 8, column 'split'.* train, val or test .*--exclude split") as caught:
        prepare(read, config, features=tmp_path / "no-such-file.npy", split_from=None, report=silent)
    assert f"Found {cell!r}" in str(caught.value)
    assert len(caught.value.complaints) == 1
    with pytest.raises(TableError, match="row 8, column 'split'"):
        fw.inspect(table, schema=schema)
    assert "own split" not in fw.inspect(table, schema=schema, exclude=["split"]).split


def test_an_audit_does_without_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path / "cache", _audit)
    names = [path.name for path in photographs(tmp_path, ROWS, width=24, height=24)]
    table = write(tmp_path, image=names, split=["", *SIDES[1:]])
    assert [one.column for one in _audit.audit(table, pictures=False).schema.attributes] == ["colour"]


@pytest.mark.parametrize("schema", [None, DECLARED])
def test_a_test_table_goes_with_a_split_without_test_rows(tmp_path: Path, schema: Schema | None) -> None:
    own = ["Training", "training", "Validation"] * (ROWS // 3)
    test = write(tmp_path, "later.csv", rows=6, split=["train"] * 6)  # what it says itself has no say
    split = made(write(tmp_path, split=own), schema, test)
    assert split.side.tolist() == [*["train", "train", "val"] * (ROWS // 3), *["test"] * 6]
    assert "own split 'split'" in split.how


@pytest.mark.parametrize("schema", [None, DECLARED])
def test_test_rows_beside_a_test_table_are_refused_and_never_trained_on(tmp_path: Path, schema: Schema | None) -> None:
    table = write(tmp_path, split=["testing" if side == "test" else side for side in SIDES])
    test = write(tmp_path, "later.csv", rows=6)
    with pytest.raises(TableError) as caught:
        made(table, schema, test)
    said = str(caught.value)
    assert said.startswith(f"{table}, column 'split': with the test table {test} no row")
    assert "12 rows that are, the first in row 5." in said
    assert "--exclude split" in said
    split = made(table, schema, test, exclude=["split"])
    assert (split.side == "test").tolist() == [False] * ROWS + [True] * 6


def test_a_gap_beside_a_test_table_is_named_as_the_table_has_it(tmp_path: Path) -> None:
    table = write(tmp_path, split=["train", "val", "", *["train"] * (ROWS - 3)])
    with pytest.raises(TableError, match=r"table\.csv, row 3, column 'split':"):
        made(table, test=write(tmp_path, "later.csv", rows=6))


def test_a_row_of_the_test_table_is_named_as_such(tmp_path: Path) -> None:
    table = write(tmp_path, price=[f"{n}.5" for n in range(ROWS)])
    later = {"colour": ["red", "mauve", "blue"], "price": ["1.5", "2.5", "abc"]}
    test = write(tmp_path, "later.csv", rows=3, **later)
    read = read_structure(table, images=None, schema=None, config=load_config(None, ()), test=test)
    assert read.table.row_numbers(np.array([0, ROWS + 1])) == (1, f"2 of {test}")
    assert read.table.take(np.array([1, ROWS + 2])).origin(1) == (str(test), 3)
    schema, _ = complete_schema(read.structure, read.table, np.arange(ROWS))
    with pytest.raises(TableError) as caught:
        encode(schema, read.table)
    assert str(caught.value).startswith(f"{test}, row 3, column 'price':")
    [notice] = [one for one in encode(schema, read.table, forgiving=True)[1] if one.code == "unknown-class"]
    assert str(notice).endswith(f"Row 2 of {test}.")
