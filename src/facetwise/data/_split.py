"""Rows to sides: train, val and test, so that nothing seen in training is asked for in a test."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.data._doubles import about_doubles
from facetwise.data._follow import PreviousSplit, follow
from facetwise.data._groups import columns_of, connected, group_cells
from facetwise.data._notices import ROWS_SHOWN, Notice, counted
from facetwise.data._numbered import Numbered
from facetwise.data._readings import Inference
from facetwise.data._sides import SIDES, declared_sides
from facetwise.data._strata import strata
from facetwise.data._stratify import stratify
from facetwise.data._table import Table
from facetwise.errors import Complaint, ConfigError, TableError
from facetwise.schema import Schema

__all__ = ["Split", "split_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A side for every row of a table.

    Args:
        side: (row,) array of "train", "val", "test".
        images: (row,) text of the primary image column.
        groups: (row,) key of the set of rows that stays together.
        digests: (row,) SHA-256 of the image's bytes, or "".
        keys: (row,) cell of the group column; "" where there is none, or it says nothing.
        items: (row,) 0-based row of the table as it was read.
        how: How it came about, in a sentence or two.
        notices: What the user should know.
    """

    side: np.ndarray
    images: Sequence[str]
    groups: Sequence[str]
    digests: tuple[str, ...]
    how: str
    notices: tuple[Notice, ...] = ()
    keys: tuple[str, ...] = ()
    items: Sequence[int] = ()

    def rows(self, side: str) -> np.ndarray:
        """Places of the rows of one side, ascending."""
        return np.flatnonzero(self.side == side)


def _hash(seed: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8], "big")


def _check_ratios(val_ratio: float, test_ratio: float) -> None:
    complaints = [
        Complaint(place=name, rule="a ratio is at least 0 and below 1", found=repr(ratio), fix="write 0.15")
        for name, ratio in (("val_ratio", val_ratio), ("test_ratio", test_ratio))
        if not 0 <= ratio < 1
    ]
    if not complaints and val_ratio + test_ratio >= 1:
        rule, found = "val_ratio and test_ratio leave rows for training", f"{val_ratio} + {test_ratio}"
        complaints = [Complaint(place="val_ratio", rule=rule, found=found, fix="write smaller ratios")]
    if complaints:
        raise ConfigError(complaints)


def _crossing(table: Table, column: str, member: np.ndarray, side: np.ndarray) -> list[Notice]:
    """Sets of rows that the table itself puts on several sides."""
    test = np.zeros(member.max(initial=-1) + 1, dtype=bool)
    other = test.copy()
    test[member[side == SIDES.index("test")]] = True
    other[member[side != SIDES.index("test")]] = True
    rows = np.flatnonzero((test & other)[member] & (side != SIDES.index("test")))
    if not len(rows):
        return []
    crossing = counted(int((test & other).sum()), "group or identical picture is", "groups or identical pictures are")
    message = (
        f"{crossing} on the test side and on another one as well ({counted(len(rows), 'row')} outside the test side); "
        "kept as declared, so scores on test are too good for these."
    )
    numbers = table.row_numbers(rows, count=ROWS_SHOWN)
    return [Notice(code="split-crossing", message=message, column=column, rows=numbers)]


def split_rows(
    table: Table,
    structure: Inference | Schema,
    *,
    digests: Sequence[str | None] | None = None,
    seed: int = 0,
    val_ratio: float = 0.15,
    test_ratio: float = 0.15,
    split_column: str | None = None,
    previous: PreviousSplit | None = None,
    together: Sequence[np.ndarray] = (),
) -> Split:
    """Share the rows out: grouped, stratified over all attributes, the same for any order of rows.

    Rows with one value of the group column, one image path or one image content stay together. A side depends on
    hash(seed, group), on the table's content and on nothing else. A split of the table's own is honoured: a side that
    it lacks is cut from its training rows (`val_ratio` and `test_ratio` are then shares of these), and its test side
    is never touched. With `previous`, rows of the earlier run keep their sides, new rows follow their group, and only
    the rest is shared out, so that the whole table comes as near to the ratios as it can.

    Args:
        table: The table.
        structure: Its inference, or a schema.
        digests: SHA-256 of each row's image, None where it cannot be read.
        seed: Another seed, another split.
        val_ratio, test_ratio: Shares of the rows; 0 for none (with a separate test table `test_ratio=0`).
        split_column: The table's own split; of an inference by default the one that was found.
        previous: Sides of an earlier run.
        together: Sets of rows that stay on one side for another reason.

    Raises:
        ConfigError: Ratios that leave nothing for training.
        TableError: A cell of the split column that names no side, or no training row.
    """
    _check_ratios(val_ratio, test_ratio)
    if split_column is None and isinstance(structure, Inference):
        split_column = structure.split
    image_column = structure.images[0] if structure.images and structure.images[0] in table.cells else None
    images = tuple(table.column(image_column)) if image_column else Numbered(table.places)
    known_digests = tuple(digest or "" for digest in digests) if digests is not None else ("",) * len(table)
    named = group_cells(table, structure)
    cells = ("",) * len(table) if named is None else tuple(named)
    # Without pictures, groups and sets every row is one of its own, and ten million rows need no ten million texts.
    alone = image_column is None and digests is None and named is None and not len(together)
    keys = [] if alone else [_links(keys) for keys in (cells, images, known_digests)]
    member = connected(len(table), [*keys, *columns_of(together, len(table))]) if keys else np.arange(len(table))
    names = images if alone else _names(member, cells, images)
    fixed_rows = np.full(len(table), -1, dtype=np.int64)
    fixed_groups = np.full(len(names), -1, dtype=np.int64)
    notices = [] if alone else about_doubles(table, structure, images, known_digests)
    how = [f"{counted(len(names), 'group')} of {counted(len(table), 'row')}"]
    how[0] += f" (by {structure.group!r} and identical pictures)" if structure.group else " (by identical pictures)"
    ratios = np.array([1 - val_ratio - test_ratio, val_ratio, test_ratio])
    if split_column is not None:
        fixed_rows, ratios, said = _own_split(table, split_column, val_ratio, test_ratio)
        notices += _crossing(table, split_column, member, declared_sides(table, split_column))
        how.append(said)
    if previous is not None:
        followed = follow(
            table, previous, images=images, digests=known_digests, cells=cells, member=member, names=names,
            by_number=image_column is None,
        )  # fmt: skip
        old = followed.rows
        notices += [*followed.notices, *_against(table, split_column, old, fixed_rows)]
        fixed_rows, fixed_groups = np.where(old >= 0, old, fixed_rows), followed.groups
        how.append(f"{int((old >= 0).sum()):,} rows keep the side of the earlier run")
    side = _share_out(
        table, structure, member, names, fixed_rows, fixed_groups, ratios, seed, follows=previous is not None
    )
    if not (side == 0).any():
        rule = "the split leaves rows for training"
        complaint = Complaint(place=table.name, rule=rule, found=f"{len(table)} rows", fix="add rows")
        raise TableError([complaint])
    if (fixed_rows < 0).any():
        how.append(f"{int((fixed_rows < 0).sum()):,} rows shared out over all attributes at once, seed {seed}")
    counts = ", ".join(f"{int((side == place).sum()):,} {name}" for place, name in enumerate(SIDES))
    return Split(
        side=np.array(SIDES, dtype=object)[side],
        images=images,
        groups=names if alone else tuple(names[one] for one in member),
        digests=known_digests,
        how=f"{'; '.join(how)}: {counts}.",
        notices=tuple(notices),
        keys=cells,
        items=array("q", table.places.astype(np.int64).tobytes()),
    )


def _links(keys: Sequence[str]) -> list[str | None]:
    """Keys that come back; one that stands alone links nothing, and is not looked at."""
    seen = Counter(keys)
    return [key if key and seen[key] > 1 else None for key in keys]


def _names(member: np.ndarray, cells: Sequence[str], images: Sequence[str]) -> list[str]:
    """A key per group: of several the first in the alphabet, which depends on its rows, not on their order."""
    names = [""] * (int(member.max(initial=-1)) + 1)
    for one, cell, image in zip(member.tolist(), cells, images, strict=True):
        name = cell or image
        names[one] = min(names[one], name) if names[one] else name
    return names


def _against(table: Table, column: str | None, old: np.ndarray, declared: np.ndarray) -> list[Notice]:
    """Old rows whose side the table's own split now says otherwise."""
    rows = np.flatnonzero((old >= 0) & (declared >= 0) & (old != declared))
    if not len(rows):
        return []
    message = f"{len(rows):,} rows keep the side of the earlier run although the table's own split names another."
    numbers = table.row_numbers(rows, count=ROWS_SHOWN)
    return [Notice(code="split-against-table", message=message, column=column, rows=numbers)]


def _own_split(table: Table, column: str, val_ratio: float, test_ratio: float) -> tuple[np.ndarray, np.ndarray, str]:
    """(row,) fixed sides, the ratios for the rest, and what was done: sides that are missing are cut from train."""
    declared = declared_sides(table, column)
    cut = [name for name in ("val", "test") if not (declared == SIDES.index(name)).any()]
    wanted = {"val": val_ratio, "test": test_ratio}
    cut = [name for name in cut if wanted[name] > 0]
    if not cut:
        return declared, np.array([1.0, 0.0, 0.0]), f"the table's own split {column!r}"
    ratios = np.array([1.0 - sum(wanted[name] for name in cut), *(wanted[n] * (n in cut) for n in ("val", "test"))])
    fixed = np.where(declared == SIDES.index("train"), -1, declared)
    return fixed, ratios, f"the table's own split {column!r}, with {' and '.join(cut)} cut from its training rows"


def _share_out(
    table: Table,
    structure: Inference | Schema,
    member: np.ndarray,
    names: Sequence[str],
    fixed_rows: np.ndarray,
    fixed_groups: np.ndarray,
    ratios: np.ndarray,
    seed: int,
    *,
    follows: bool,
) -> np.ndarray:
    """(row,) place of the side: fixed rows as they are, the others by group."""
    # New rows of a known group follow it, also to a side that gets nothing else.
    side = np.where(fixed_rows < 0, fixed_groups[member], fixed_rows)
    if not (side < 0).any():
        return side
    # After an earlier run what is there already counts, so that the whole table has the wanted shares. A split that
    # the table declares is another matter: its test rows say nothing about how to divide its training rows.
    counts = (ratios[side] > 0) & (side >= 0) & follows
    kept = np.flatnonzero((side < 0) | counts)
    ones, local = np.unique(member[kept], return_inverse=True)
    fixed = np.full(len(ones), -1, dtype=np.int64)
    fixed[local[side[kept] >= 0]] = side[kept][side[kept] >= 0]
    hashes = np.fromiter((_hash(seed, names[one]) for one in ones), dtype=np.uint64, count=len(ones))
    order = np.argsort(np.argsort(hashes, kind="stable"))
    pairs, num_values = strata(table.take(kept), structure, local)
    found = stratify(np.bincount(local), order, ratios, fixed, pairs, num_values)
    side[kept] = np.where(side[kept] >= 0, side[kept], found[local])
    return side
