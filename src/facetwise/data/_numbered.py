"""Names of rows that have none: their numbers, spelled out when somebody asks."""

from collections.abc import Sequence
from typing import overload

import numpy as np

__all__ = ["Numbered"]


class Numbered(Sequence[str]):
    """The numbers of rows as texts: ten million of them would be a gigabyte.

    Args:
        rows: (row,) integers.

    >>> names = Numbered(np.array([3, 1, 4]))
    >>> names[0], names[1:], list(names), names == ("3", "1", "4")
    ('3', ('1', '4'), ['3', '1', '4'], True)
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...

    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        if isinstance(place, slice):
            return tuple(str(row) for row in self.rows[place])
        return str(self.rows[place])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Numbered):
            return np.array_equal(self.rows, other.rows)
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and all(one == own for one, own in zip(other, self, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.rows.tobytes())
