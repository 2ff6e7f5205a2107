"""An earlier run's split, continued: old rows keep their side, new rows of a known group follow it."""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.data._sides import SIDES
from facetwise.data._table import Table

__all__ = ["Followed", "PreviousSplit", "follow", "most_votes"]

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousSplit:
    """The sides of an earlier run.

    Args:
        by_image: By path and content.
        by_digest: By content alone, for pictures that were renamed.
        by_path: By path alone, for pictures that were replaced.
        by_group: By the cell of the group column, and by the key of the set of rows that stayed together.
    """

    by_image: Mapping[tuple[str, str], str] = field(default_factory=dict)
    by_digest: Mapping[str, str] = field(default_factory=dict)
    by_group: Mapping[str, str] = field(default_factory=dict)
    by_path: Mapping[str, str] = field(default_factory=dict)

    def side(self, image: str, digest: str | None) -> str | None:
        """The side of an image that the earlier run had, or None: by path and content, by content, by path."""
        found = self.by_image.get((image, digest or ""))
        found = found or (self.by_digest.get(digest) if digest else None)
        return found or (self.by_path.get(image) if image else None)

    def replaced(self, image: str, digest: str | None) -> bool:
        """Whether only the path is known, so that the file now shows another picture."""
        known = (image, digest or "") in self.by_image or digest in self.by_digest
        return bool(digest) and not known and image in self.by_path


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What an earlier run decides.

    Args:
        rows: (row,) place of the side that an old row keeps, -1 for new rows.
        groups: (group,) place of the side that new rows of the group follow, -1 where it has none.
        notices: What the user should know.
    """

    rows: np.ndarray
    groups: np.ndarray
    notices: tuple[Notice, ...]


def most_votes(keys: Collection[_Key], sides: Sequence[str], *, nothing: _Key) -> dict[_Key, str]:
    """The side that most rows of a key have; of equally many the first of train, val, test.

    Args:
        keys, sides: Per row.
        nothing: The key of rows that have none, which say nothing of each other.

    >>> most_votes(["a", "b", "a", "", "a", "b"], ["test", "val", "train", "val", "test", "train"], nothing="")
    {'a': 'test', 'b': 'train'}
    """
    found = dict(zip(keys, sides, strict=True))
    # Of a million keys most have one row, or rows that agree; to count each took two thirds of writing a report.
    votes = {key: Counter[str]() for key, side in zip(keys, sides, strict=True) if found[key] != side}
    if votes:
        for key, side in zip(keys, sides, strict=True):
            if key in votes:
                votes[key][side] += 1
    found |= {key: max(SIDES, key=lambda side: count[side]) for key, count in votes.items()}
    found.pop(nothing, None)
    return found


def follow(
    table: Table,
    previous: PreviousSplit,
    *,
    images: Sequence[str],
    digests: Sequence[str],
    cells: Sequence[str],
    member: np.ndarray,
    names: Sequence[str],
    by_number: bool,
) -> Followed:
    """Hold a table against an earlier split.

    A set of rows goes where most of its old rows are; without old rows, where the earlier run had most rows of its
    group cells or of its key. Rows of one set that the earlier run had on several sides keep them (noticed).

    Args:
        table: The table.
        previous: The earlier split.
        images, digests, cells: Per row the picture's path, its content, the cell of the group column.
        member: (row,) number of the set of rows that stays together.
        names: Key of each set.
        by_number: The table has no pictures, so that rows are known by their number.
    """
    sides = [previous.side(image, digest) for image, digest in zip(images, digests, strict=True)]
    old = np.array([SIDES.index(side) if side else -1 for side in sides], dtype=np.int64)
    votes = np.zeros((len(names), len(SIDES)), dtype=np.int64)
    settled = old >= 0
    np.add.at(votes, (member[settled], old[settled]), 1)
    groups = np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
    by_cell = np.zeros_like(votes)
    for row in np.flatnonzero(groups[member] < 0).tolist():
        side = previous.by_group.get(cells[row]) if cells[row] else None
        side = side or previous.by_group.get(names[member[row]])
        if side is not None:
            by_cell[member[row], SIDES.index(side)] += 1
    groups = np.where((groups < 0) & by_cell.any(axis=1), by_cell.argmax(axis=1), groups)
    notices = []

    def notice(code: str, message: str, rows: np.ndarray) -> None:
        notices.append(Notice(code=code, message=message, rows=table.row_numbers(rows, count=ROWS_SHOWN)))

    torn = (votes > 0).sum(axis=1) > 1
    rows = np.flatnonzero(torn[member])
    if len(rows):
        message = (
            f"{int(torn.sum()):,} groups or identical pictures hold rows that the earlier run had on several sides "
            f"({len(rows):,} rows); old rows stay, new ones follow the larger part, and scores are too good for these."
        )
        notice("split-joins", message, rows)
    rows = np.flatnonzero([previous.replaced(image, digest) for image, digest in zip(images, digests, strict=True)])
    if len(rows):
        message = f"{len(rows):,} files show another picture than in the earlier run; their rows keep their side."
        notice("picture-replaced", message, rows)
    if by_number:
        message = "The table has no column of pictures, so rows of the earlier run are known by their number alone."
        notices.append(Notice(code="split-by-number", message=message))
    return Followed(rows=old, groups=groups, notices=tuple(notices))
