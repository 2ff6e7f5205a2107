"""split.csv: one line per row of the table, so that the split of a run can be read, repeated and continued."""

import csv
import io
import os
from collections import Counter
from pathlib import Path

from facetwise.data._read import read_table
from facetwise.data._roles import SIDES
from facetwise.data._split import PreviousSplit, Split
from facetwise.errors import Complaint, TableError

__all__ = ["read_previous", "read_split", "write_split"]

_COLUMNS = ("item", "image", "side", "group", "digest")


def write_split(split: Split, path: Path) -> None:
    """Write a split; the file appears whole or not at all.

    Columns: item (0-based row of the table), image, side, group, digest (SHA-256 of the image's bytes, so that a
    later run knows a picture again).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(zip(range(len(split.side)), split.images, split.side, split.groups, split.digests, strict=True))
    part = path.with_name(path.name + ".part")
    part.write_text(text.getvalue(), encoding="utf-8")
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
    if complaints:
        raise TableError(complaints)
    return Split(
        side=np.array(table.column("side"), dtype=object),
        images=tuple(table.column("image")),
        groups=tuple(table.column("group")),
        digests=tuple(table.column("digest")),
        how=f"read from {path}",
    )


def read_previous(path: Path) -> PreviousSplit:
    """The sides of an earlier run, from its split.csv, for `split_rows(previous=...)`.

    A group that the earlier run has on several sides (a split of the table's own may) goes where most of it is.

    Raises:
        UserError: No such file.
        TableError: The file is no split.
    """
    split = read_split(path)
    votes: dict[str, Counter[str]] = {}
    for group, side in zip(split.groups, split.side, strict=True):
        votes.setdefault(group, Counter())[side] += 1
    return PreviousSplit(
        by_image=dict(zip(zip(split.images, split.digests, strict=True), split.side, strict=True)),
        by_digest={digest: side for digest, side in zip(split.digests, split.side, strict=True) if digest},
        by_group={group: max(SIDES, key=lambda side: count[side]) for group, count in votes.items()},
    )
