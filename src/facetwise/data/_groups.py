"""Rows that must stay together: those of one group, and those that show the same picture."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from facetwise.data._readings import Inference
from facetwise.data._table import Table
from facetwise.schema import Schema

__all__ = ["columns_of", "connected", "group_cells"]


def group_cells(table: Table, structure: Inference | Schema) -> np.ndarray | None:
    """(row,) text of what every row belongs to by the group column; None where the table has none.

    It is "" where the cell says nothing, however that is written: rows of "NaN" have nothing in common.

    >>> table = Table.of({"image": ["a.png", "b.png"], "product": ["p1", "N/A"]})
    >>> from facetwise.schema import Attribute, Kind
    >>> rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    >>> group_cells(table, Schema(images=("image",), attributes=(rust,), group="product")).tolist()
    ['p1', '']
    """
    if structure.group is None or structure.group not in table.cells:
        return None
    coded, silent = table.coded(structure.group), {*structure.unknown, *structure.not_applicable}
    return np.array(["" if text in silent else text for text in coded.values], dtype=object)[coded.codes]


def connected(num_rows: int, keys: Iterable[Sequence[Hashable | None]]) -> np.ndarray:
    """Number the sets of rows that are linked by equal keys, directly or through others.

    Args:
        num_rows: How many rows.
        keys: For each kind of link one key per row; None links to nothing.

    Returns:
        (row,) int64: number of the row's set, in the order of its first row.

    >>> connected(4, [["a", "a", None, None], ["x", "y", "y", None]]).tolist()
    [0, 0, 0, 1]
    """
    above = list(range(num_rows))

    def root(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    for column in keys:
        first: dict[Hashable, int] = {}
        for row, key in enumerate(column):
            if key is None:
                continue
            other = first.setdefault(key, row)
            if other != row:
                one, two = root(row), root(other)
                above[max(one, two)] = min(one, two)
    roots = np.array([root(row) for row in range(num_rows)], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1]


def columns_of(groups: Sequence[np.ndarray], num_rows: int) -> list[list[int | None]]:
    """Sets of rows as keys for `connected`: one column where no row is in two sets, more where some are.

    >>> columns_of([np.array([0, 1]), np.array([1, 2])], 3)
    [[0, 0, None], [None, 1, 1]]
    """
    columns: list[list[int | None]] = []
    for number, group in enumerate(groups):
        rows = group.tolist()
        free = next((column for column in columns if all(column[row] is None for row in rows)), None)
        if free is None:
            free = [None] * num_rows
            columns.append(free)
        for row in rows:
            free[row] = number
    return columns
