"""A table of text: every cell as it is spelled, before anything is concluded from it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facetwise.data._coded import Coded, code_texts
from facetwise.data._notices import Notice
from facetwise.errors import Complaint, TableError, nearest

__all__ = ["Table"]

# Cells that are spelled out at once for the digest.
_CELLS_AT_ONCE = 1 << 16


class _Cells(Mapping[str, np.ndarray]):
    """Column name to texts; a column is spelled out when it is first asked for."""

    def __init__(self, coded: Mapping[str, Coded]) -> None:
        self._coded = coded
        self._texts: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._texts:
            self._texts[name] = self._coded[name].texts()
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._coded)

    def __len__(self) -> int:
        return len(self._coded)

    def __contains__(self, name: object) -> bool:
        return name in self._coded


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Named columns of text cells, without blanks around them; an empty cell is "".

    Columns are kept by their different texts (`coded`), so that a million rows of a few classes stay small.

    Args:
        name: Where it came from, for messages.
        places: (row,) 0-based row of each row in the table as it was read; `take` keeps it, so that messages stay true.
        notices: What was noticed while it was read.
        behind: (place of its first row, name) of a table whose rows were put behind the others.
        image: The column that names pictures, where it is known: a few rows of a table may not tell.

    >>> table = Table.of({"image": ["a.png", "b.png"], "colour": ["red", ""]})
    >>> len(table), table.columns, list(table.column("colour"))
    (2, ('image', 'colour'), ['red', ''])
    """

    name: str
    places: np.ndarray
    _coded: Mapping[str, Coded]
    notices: tuple[Notice, ...] = ()
    behind: tuple[int, str] | None = None
    image: str | None = None

    @classmethod
    def of(
        cls, columns: Mapping[str, Iterable[str]], *, name: str = "table", notices: Iterable[Notice] = ()
    ) -> "Table":
        """A table from columns of texts; blanks around cells are removed.

        Raises:
            TableError: Columns of different lengths.
        """
        return cls.of_coded(
            {column: code_texts(texts) for column, texts in columns.items()}, name=name, notices=notices
        )

    @classmethod
    def of_coded(cls, columns: Mapping[str, Coded], *, name: str = "table", notices: Iterable[Notice] = ()) -> "Table":
        """A table from columns that are coded already.

        Raises:
            TableError: Columns of different lengths.
        """
        length = len(next(iter(columns.values())).codes) if columns else 0
        complaints = [
            Complaint(
                place=name,
                column=column,
                rule="columns have the same length",
                found=f"{len(coded.codes)} cells, the first column has {length}",
                fix="give every row a cell, empty if need be",
            )
            for column, coded in columns.items()
            if len(coded.codes) != length
        ]
        if complaints:
            raise TableError(complaints)
        return cls(name=name, places=np.arange(length), _coded=dict(columns), notices=tuple(notices))

    @cached_property
    def cells(self) -> Mapping[str, np.ndarray]:
        """Column name to (row,) object array of str, in the table's order."""
        return _Cells(self._coded)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(self._coded)

    def __len__(self) -> int:
        return len(self.places)

    def column(self, name: str) -> np.ndarray:
        """(row,) object array of str.

        Raises:
            TableError: No such column; the message has the nearest names.
        """
        self._known(name)
        return self.cells[name]

    def coded(self, name: str) -> Coded:
        """The column by its different texts.

        >>> coded = Table.of({"colour": ["red", "", "red"]}).coded("colour")
        >>> coded.values, coded.codes.tolist(), coded.counts.tolist()
        (('', 'red'), [1, 0, 1], [1, 2])

        Raises:
            TableError: No such column; the message has the nearest names.
        """
        self._known(name)
        return self._coded[name]

    def _known(self, name: str) -> None:
        if name not in self._coded:
            complaint = Complaint(
                place=self.name, rule="a named column is in the table", found=repr(name), fix=nearest(name, self._coded)
            )
            raise TableError([complaint])

    def take(self, rows: np.ndarray) -> "Table":
        """The table of some rows, by 0-based place or by mask."""
        return Table(
            name=self.name,
            places=self.places[rows],
            _coded={column: coded.take(rows) for column, coded in self._coded.items()},
            notices=self.notices,
            behind=self.behind,
            image=self.image,
        )

    def origin(self, row: int) -> tuple[str, int]:
        """The name of the table that a row (0-based place) was read from, and its 1-based number there."""
        place = int(self.places[row])
        first, name = self.behind or (place + 1, "")
        return (self.name, place + 1) if place < first else (name, place - first + 1)

    def row_numbers(self, rows: np.ndarray, *, count: int | None = None) -> tuple[int | str, ...]:
        """1-based row numbers of some rows (0-based places), as a person counts them; at most `count`.

        Of a row that was put behind the others it is a text that names its table: "3 of test.csv".
        """
        found = [self.origin(int(row)) for row in rows[:count]]
        return tuple(number if name == self.name else f"{number} of {name}" for name, number in found)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the columns, their order and every cell."""
        digest = hashlib.sha256()
        for column, coded in self._coded.items():
            # The text of json.dumps([column, *cells]), a piece at a time.
            digest.update(f"[{json.dumps(column)}".encode())
            spelled = [f", {json.dumps(value)}" for value in coded.values]
            for start in range(0, len(coded.codes), _CELLS_AT_ONCE):
                codes = coded.codes[start : start + _CELLS_AT_ONCE].tolist()
                digest.update("".join([spelled[code] for code in codes]).encode())
            digest.update(b"]")
        return digest.hexdigest()
