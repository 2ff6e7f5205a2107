"""A category that the user names is one of the table's categorical attributes, or the reason why not is told."""

from pathlib import Path

import polars as pl
import pytest

import facetwise as fw
from facetwise.config import load_config
from facetwise.errors import ConfigError
from facetwise.schema import Attribute, Kind, Schema
from facetwise.training import read_structure

ROWS = 120


@pytest.fixture
def table(tmp_path: Path) -> Path:
    cells = {
        "image": [f"{n}.png" for n in range(ROWS)],
        "store": [f"store number {n // 2} of the city" for n in range(ROWS)],
        "used": [("no", "yes")[n % 2] for n in range(ROWS)],
        "colour": [("red", "blue", "green")[n % 3] for n in range(ROWS)],
        "shape": [("round", "square", "flat")[n // 2 % 3] for n in range(ROWS)],
    }
    pl.DataFrame(cells).write_csv(tmp_path / "table.csv")
    return tmp_path / "table.csv"


@pytest.mark.parametrize(("column", "reads"), [("store", "group: its values name"), ("used", "binary: ")])
def test_what_cannot_be_a_category_is_refused_with_its_reading(table: Path, column: str, reads: str) -> None:
    with pytest.raises(ConfigError, match=f"Found '{column}', which reads as {reads}") as caught:
        fw.inspect(table, category=column)
    said = str(caught.value)
    assert f"did you mean {column}" not in said
    assert "known: colour, shape" in said
    with pytest.raises(ConfigError, match=f"Found '{column}', "):
        read_structure(table, images=None, schema=None, config=load_config(None, (), category=column))


def test_what_can_be_one_is_taken(table: Path) -> None:
    found = fw.inspect(table, category="shape")
    assert (found.schema.category, found.inference.category_reason) == ("shape", "named by the user")
    with pytest.raises(ConfigError, match="did you mean shape"):
        fw.inspect(table, category="shap")


def test_a_schema_of_the_users_own_has_its_own_category(table: Path) -> None:
    used = Attribute(column="used", id="a00", kind=Kind.CATEGORICAL, classes=("no", "yes"))
    schema = Schema(images=("image",), attributes=(used,), category="used")
    assert fw.inspect(table, category="used", schema=schema).schema == schema
    config = load_config(None, (), category="used")
    assert read_structure(table, images=None, schema=schema, config=config).structure == schema
