"""The sides of a split, and the words that name them."""

import numpy as np

from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError

__all__ = ["SIDES", "declared_sides", "side_of"]

SIDES = ("train", "val", "test")
_SIDE_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def side_of(text: str) -> str | None:
    """The side that a cell names.

    >>> side_of("Training"), side_of("dev"), side_of("Casual")
    ('train', 'val', None)
    """
    return _SIDE_WORDS.get(text.casefold())


def declared_sides(table: Table, column: str) -> np.ndarray:
    """(row,) place among `SIDES` of the side that each row's cell names.

    Raises:
        TableError: Cells that name none, all at once: what such a row is for is not guessed.

    >>> declared_sides(Table.of({"split": ["train", "Testing", "dev"]}), "split").tolist()
    [0, 2, 1]
    """
    coded = table.coded(column)
    sides = [side_of(text) for text in coded.values]
    wrong = np.flatnonzero(np.array([side is None for side in sides], dtype=bool)[coded.codes])
    if len(wrong):
        raise TableError(
            [
                Complaint(
                    place=table.origin(row)[0],
                    row=table.origin(row)[1],
                    column=column,
                    rule="a split names train, val or test in every row",
                    found=repr(coded.values[coded.codes[row]]),
                    fix=f"name a side, or exclude the column (--exclude {column})",
                )
                for row in wrong.tolist()
            ]
        )
    return np.array([SIDES.index(side) if side else -1 for side in sides], dtype=np.int64)[coded.codes]
