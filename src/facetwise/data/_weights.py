"""How much each row counts: a column of numbers that are not negative."""

import numpy as np

from facetwise.data._build import capped
from facetwise.data._columns import ColumnFacts
from facetwise.data._readings import ColumnReading, Role
from facetwise.data._spelling import name_tokens, parse_number
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError
from facetwise.schema import Schema

__all__ = ["row_weights", "weight_reading"]

# A column "weight" is not among them: the weight of a fish is an attribute.
_NAMES = (("sample", "weight"), ("row", "weight"), ("sample", "weights"), ("row", "weights"))


def weight_reading(facts: ColumnFacts) -> ColumnReading | None:
    """The column of row weights: named `sample_weight` or `row_weight`, and nothing but numbers of at least 0."""
    if name_tokens(facts.column) not in _NAMES or not facts.filled:
        return None
    numbers = [parse_number(value) for value in facts.values]
    if any(number is None or number < 0 for number in numbers):
        return None
    high = max(number or 0.0 for number in numbers)
    if not high:
        return None
    reason = f"by its name, how much a row counts: {len(numbers):,} different numbers up to {high:g}"
    return facts.reading(Role.WEIGHT, reason, "weight: null")


def row_weights(table: Table, schema: Schema) -> np.ndarray:
    """How much each row counts; 1 where the schema names no weight column, and where a cell is empty.

    Args:
        table: The table.
        schema: Its `weight` names the column.

    Returns:
        (row,) float64, each at least 0 and finite, at least one above 0; in the table's own unit (no mean of 1).

    Raises:
        TableError: Cells that are no numbers or are negative, all at once; no number above 0; no such column.

    >>> from facetwise.schema import Attribute, Kind
    >>> rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    >>> schema = Schema(images=("image",), attributes=(rust,), weight="counts")
    >>> row_weights(Table.of({"image": ["a.png", "b.png"], "counts": ["2.5", ""]}), schema).tolist()
    [2.5, 1.0]
    """
    if schema.weight is None:
        return np.ones(len(table))
    coded = table.coded(schema.weight)
    silent = set(schema.unknown) | {""}
    read = [1.0 if text in silent else parse_number(text) for text in coded.values]
    numbers = np.array([np.nan if number is None else number for number in read])
    wrong = np.flatnonzero((np.isnan(numbers) | (numbers < 0))[coded.codes])
    weights = numbers[coded.codes]
    complaints = [
        Complaint(
            place=table.origin(row)[0],
            row=table.origin(row)[1],
            column=schema.weight,
            rule="the weight of a row is a number of at least 0, such as 0.5",
            found=repr(coded.values[coded.codes[row]]),
            fix="correct the cell, or leave it empty for a weight of 1",
        )
        for row in wrong[:1000].tolist()
    ]
    if complaints:
        raise TableError(capped(complaints, len(wrong), table.name))
    if len(weights) and not weights.max() > 0:
        rule, fix = "at least one row has a weight above 0", "write weights, or remove 'weight' from the schema"
        found = f"{len(weights):,} rows of weight 0"
        raise TableError([Complaint(place=table.name, column=schema.weight, rule=rule, found=found, fix=fix)])
    return weights
