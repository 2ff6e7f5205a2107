"""Identifiers that stand in several rows where nearly all others stand in one: a slip, or two rows of one thing."""

import numpy as np

from facetwise.data._columns import BY_NAME, ColumnFacts
from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.data._readings import ColumnReading
from facetwise.data._table import Table

__all__ = ["about_ids_twice"]

# Rows per value up to which the column names rows; with more it names things of which there are several rows each.
_MOST_ROWS_PER_ID = 1.05


def about_ids_twice(table: Table, reading: ColumnReading, facts: ColumnFacts) -> Notice | None:
    """What is to be said about a column of identifiers, or None.

    Args:
        table: The table.
        reading: How the column is read.
        facts: Its values.
    """
    again = facts.counts > 1
    if not reading.reason.startswith(BY_NAME) or not again.any():
        return None
    if facts.filled > _MOST_ROWS_PER_ID * len(facts.values):
        return None
    several = [value for value, comes_back in zip(facts.values, again, strict=True) if comes_back]
    rows = table.row_numbers(np.flatnonzero(table.coded(reading.column).among(several)), count=ROWS_SHOWN)
    stand, such = ("stands", "") if len(several) == 1 else ("stand", "such as ")
    message = (
        f"{len(several):,} of {len(facts.values):,} values {stand} in several rows, {such}{several[0][:80]!r}. If "
        f"every row is a thing of its own, correct them; if not, --group {reading.column!r} keeps these rows together."
    )
    return Notice(code="identifier-twice", message=message, column=reading.column, rows=rows)
