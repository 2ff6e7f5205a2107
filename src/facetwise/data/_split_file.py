"""split.csv: one line per row of the table, so that the split of a run can be read, repeated and continued."""

import csv
import os
from pathlib import Path

from facetwise.data._follow import PreviousSplit, most_votes
from facetwise.data._read import read_table
from facetwise.data._sides import SIDES
from facetwise.data._split import Split
from facetwise.errors import Complaint, TableError

__all__ = ["read_previous", "read_split", "write_split"]

_COLUMNS = ("item", "image", "side", "group", "digest")
# Written since 0.2; a file without it is read all the same.
_KEY = "key"


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= 15  # more rows than any table has


def write_split(split: Split, path: Path) -> None:
    """Write a split; the file appears whole or not at all.

    Columns: item (0-based row of the table), image, side, group (key of the set of rows that stays together), digest
    (SHA-256 of the image's bytes, so that a later run knows a picture again), key (cell of the group column).
    """
    items, keys = split.items or range(len(split.side)), split.keys or ("",) * len(split.side)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*_COLUMNS, _KEY))
        writer.writerows(zip(items, split.images, split.side, split.groups, split.digests, keys, strict=True))
    os.replace(part, path)  # noqa: PTH105 (atomic on every system, which Path.rename is not)


def read_split(path: Path) -> Split:
    """Read a split back.

    Raises:
        UserError: No such file.
        TableError: A column is missing, or a side is none.
    """
    import numpy as np

    table = read_table(path)
    complaints = [
        Complaint(
            place=str(path),
            rule=f"a split has the columns {', '.join(_COLUMNS)}",
            found=f"no {name!r}",
            fix="take the split.csv of a run",
        )
        for name in _COLUMNS
        if name not in table.cells
    ]
    if not complaints:
        complaints = [
            Complaint(
                place=str(path),
                row=row,
                column="side",
                rule="a side is train, val or test",
                found=repr(side),
                fix="correct the cell",
            )
            for row, side in enumerate(table.column("side"), start=1)
            if side not in SIDES
        ]
    items = [int(text) for text in table.column("item") if _is_number(text)] if not complaints else []
    if not complaints and len(items) != len(table):
        found = next(repr(text) for text in table.column("item") if not _is_number(text))
        rule, fix = "an item is the number of a row", "take the split.csv of a run"
        complaints.append(Complaint(place=str(path), column="item", rule=rule, found=found, fix=fix))
    if complaints:
        raise TableError(complaints)
    return Split(
        side=np.array(table.column("side"), dtype=object),
        images=tuple(table.column("image")),
        groups=tuple(table.column("group")),
        digests=tuple(table.column("digest")),
        how=f"read from {path}",
        keys=tuple(table.column(_KEY)) if _KEY in table.cells else (),
        items=tuple(items),
    )


def read_previous(path: Path) -> PreviousSplit:
    """The sides of an earlier run, from its split.csv, for `split_rows(previous=...)`.

    A group that the earlier run has on several sides (a split of the table's own may) goes where most of it is.

    Raises:
        UserError: No such file.
        TableError: The file is no split.
    """
    split = read_split(path)
    side, pictures = split.side.tolist(), list(zip(split.images, split.digests, strict=True))
    groups, own = (*split.groups, *split.keys), [*side, *(side if split.keys else ())]
    return PreviousSplit(
        by_image=most_votes(pictures, side, nothing=("", "")),
        by_digest=most_votes(split.digests, side, nothing=""),
        by_path=most_votes(split.images, side, nothing=""),
        by_group=most_votes(groups, own, nothing=""),
    )
