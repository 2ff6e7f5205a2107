"""Pictures that look the same without being the same file: they leak from one side of a split to the other."""

from collections.abc import Sequence

import numpy as np

from facetwise.data import ROWS_SHOWN, Notice, Split, Table, counted

__all__ = ["about_alike", "kept_groups"]


def kept_groups(groups: Sequence[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
    """Groups of rows of the table as places among the kept rows, groups of one left out.

    >>> [group.tolist() for group in kept_groups([np.array([1, 4]), np.array([2, 9])], np.array([1, 2, 4]))]
    [[0, 2]]
    """
    place = {int(row): number for number, row in enumerate(rows)}
    kept = (np.array([place[int(row)] for row in group if int(row) in place], dtype=np.int64) for group in groups)
    return [group for group in kept if len(group) > 1]


def about_alike(groups: Sequence[np.ndarray], split: Split, table: Table, *, together: bool) -> list[Notice]:
    """What is to be said about groups of rows whose pictures look the same, and about those that the split tears.

    Args:
        groups: Places of rows of `table`.
        split: Their sides.
        table: The kept rows.
        together: Whether the split was asked to keep them together.
    """
    if not groups:
        return []
    side = np.asarray(split.side)
    torn = [group for group in groups if len(set(side[group])) > 1]
    number = counted(len(groups), "group")
    message = f"{number} of pictures that look the same, {sum(map(len, groups)):,} rows in all."
    if torn:
        fix = "the table's own split, or an earlier run, has put them there" if together else (
            "--set group_near_duplicates=true keeps them together"
        )  # fmt: skip
        lie = "lies" if len(torn) == 1 else "lie"
        message += f" {len(torn):,} of them {lie} on several sides of the split, which flatters the scores: {fix}."
    elif not together:
        message += " None of them lies on several sides of the split."
    shown = (torn or groups)[0]
    return [Notice(code="near-duplicates", message=message, rows=table.row_numbers(shown, count=ROWS_SHOWN))]
