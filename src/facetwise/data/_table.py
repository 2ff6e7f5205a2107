"""A table of text: every cell as it is spelled, before anything is concluded from it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from facetwise.errors import Complaint, TableError, nearest

__all__ = ["Coded", "Table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A column by its different texts, so that every rule looks at each text once.

    Args:
        values: The different texts, sorted.
        codes: (row,) int32: place of each row's text in `values`.
        counts: (value,) int64: rows per text.
    """

    values: tuple[str, ...]
    codes: np.ndarray
    counts: np.ndarray

    def among(self, texts: Iterable[str]) -> np.ndarray:
        """(row,) bool: whether the row's text is one of some texts."""
        wanted = set(texts)
        return np.array([value in wanted for value in self.values], dtype=bool)[self.codes]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Named columns of text cells, without blanks around them; an empty cell is "".

    Args:
        name: Where it came from, for messages.
        cells: Column name to (row,) object array of str, in the table's order.
        places: (row,) 0-based row of each row in the table as it was read; `take` keeps it, so that messages stay true.

    >>> table = Table.of({"image": ["a.png", "b.png"], "colour": ["red", ""]})
    >>> len(table), table.columns, list(table.column("colour"))
    (2, ('image', 'colour'), ['red', ''])
    """

    name: str
    cells: Mapping[str, np.ndarray]
    places: np.ndarray
    _coded: dict[str, Coded] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[str]], *, name: str = "table") -> "Table":
        """A table from columns of texts; blanks around cells are removed.

        Raises:
            TableError: Columns of different lengths.
        """
        lists = {column: [text.strip() for text in texts] for column, texts in columns.items()}
        length = len(next(iter(lists.values()), []))
        complaints = [
            Complaint(
                place=name,
                column=column,
                rule="columns have the same length",
                found=f"{len(texts)} cells, the first column has {length}",
                fix="give every row a cell, empty if need be",
            )
            for column, texts in lists.items()
            if len(texts) != length
        ]
        if complaints:
            raise TableError(complaints)
        cells = {}
        for column, texts in lists.items():
            cells[column] = np.empty(length, dtype=object)
            cells[column][:] = texts
        return cls(name=name, cells=cells, places=np.arange(length))

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(self.cells)

    def __len__(self) -> int:
        return len(self.places)

    def column(self, name: str) -> np.ndarray:
        """(row,) object array of str.

        Raises:
            TableError: No such column; the message has the nearest names.
        """
        if name not in self.cells:
            complaint = Complaint(
                place=self.name, rule="a named column is in the table", found=repr(name), fix=nearest(name, self.cells)
            )
            raise TableError([complaint])
        return self.cells[name]

    def coded(self, name: str) -> Coded:
        """The column by its different texts; computed once.

        >>> coded = Table.of({"colour": ["red", "", "red"]}).coded("colour")
        >>> coded.values, coded.codes.tolist(), coded.counts.tolist()
        (('', 'red'), [1, 0, 1], [1, 2])
        """
        if name not in self._coded:
            column = self.column(name)
            values = tuple(sorted(set(column)))
            place = {value: code for code, value in enumerate(values)}
            codes = np.fromiter((place[text] for text in column), dtype=np.int32, count=len(column))
            self._coded[name] = Coded(values=values, codes=codes, counts=np.bincount(codes, minlength=len(values)))
        return self._coded[name]

    def take(self, rows: np.ndarray) -> "Table":
        """The table of some rows, by 0-based place or by mask."""
        return Table(
            name=self.name,
            cells={column: cells[rows] for column, cells in self.cells.items()},
            places=self.places[rows],
        )

    def row_numbers(self, rows: np.ndarray, *, count: int | None = None) -> tuple[int, ...]:
        """1-based row numbers of some rows (0-based places), as a person counts them; at most `count`."""
        return tuple(int(place) + 1 for place in self.places[rows[:count]])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the columns, their order and every cell."""
        digest = hashlib.sha256()
        for column, cells in self.cells.items():
            digest.update(json.dumps([column, *cells], ensure_ascii=True).encode())
        return digest.hexdigest()
