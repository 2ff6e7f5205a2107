"""One picture in several rows: copies of a row, and rows that contradict each other; said, never averaged."""

from collections.abc import Sequence

import numpy as np

from facetwise.data._coded import Coded
from facetwise.data._notices import ROWS_SHOWN, Notice
from facetwise.data._readings import Inference
from facetwise.data._spelling import meaning, parse_number, pieces
from facetwise.data._table import Table
from facetwise.schema import Kind, Schema

__all__ = ["about_doubles"]

_LONGEST_SHOWN = 60


def _places(keys: Sequence[str]) -> np.ndarray:
    """(row,) number of each row's key, -1 for keys that occur once or are empty."""
    first: dict[str, int] = {}
    numbers = np.fromiter((first.setdefault(key, len(first)) for key in keys), dtype=np.int64, count=len(keys))
    often = np.bincount(numbers, minlength=len(first)) > 1
    if "" in first:
        often[first[""]] = False
    return np.where(often[numbers], numbers, -1)


def _meanings(coded: Coded, kind: Kind | None, separator: str, silent: set[str]) -> np.ndarray:
    """(value,) number of what each text means, -1 where it says nothing."""

    def key(text: str) -> object:
        if kind is Kind.NUMERIC:
            number = parse_number(text)
            return text if number is None else number
        if kind is Kind.MULTILABEL:
            return tuple(sorted(pieces(text, separator)))
        return meaning(text, binary=kind is Kind.BINARY)

    first: dict[object, int] = {}
    return np.array(
        [-1 if text in silent else first.setdefault(key(text), len(first)) for text in coded.values], dtype=np.int64
    )


def _conflict(table: Table, column: str, rows: np.ndarray, keys: np.ndarray, said: np.ndarray) -> Notice | None:
    """A notice where rows of one key say different things.

    Args:
        table: The table.
        column: The attribute's column.
        rows: Places of rows whose picture comes back.
        keys: (row of `rows`,) number of the picture.
        said: (row of `rows`,) number of what the cell says, -1 for nothing.
    """
    filled = np.flatnonzero(said >= 0)
    order = filled[np.lexsort((rows[filled], keys[filled]))]
    if len(order) < 2:
        return None
    starts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0]))
    different = np.maximum.reduceat(said[order], starts) != np.minimum.reduceat(said[order], starts)
    if not different.any():
        return None
    sizes = np.diff(np.append(starts, len(order)))
    against = order[np.repeat(different, sizes)]
    start = starts[different.argmax()]
    same = order[start : start + sizes[different.argmax()]]
    one = same[0]
    other = same[(said[same] != said[one]).argmax()]
    texts = table.column(column)
    shown = " and ".join(
        f"{texts[rows[place]][:_LONGEST_SHOWN]!r} (row {table.row_numbers(rows[[place]])[0]})" for place in (one, other)
    )
    message = (
        f"{int(different.sum()):,} pictures occur in several rows with different values, such as {shown}; all are kept "
        "as they are, and no model can learn both."
    )
    numbers = table.row_numbers(np.sort(rows[against]), count=ROWS_SHOWN)
    return Notice(code="conflicting-labels", message=message, column=column, rows=numbers)


def _copies(table: Table, rows: np.ndarray) -> list[Notice]:
    """Rows whose every cell is that of an earlier row."""
    codes = np.stack([table.coded(column).codes[rows] for column in table.columns], axis=1)
    whole = np.ascontiguousarray(codes).view(np.dtype((np.void, codes.dtype.itemsize * codes.shape[1]))).ravel()
    _, first, number = np.unique(whole, return_index=True, return_inverse=True)
    copies = np.flatnonzero(first[number] != np.arange(len(rows)))
    if not len(copies):
        return []
    one, other = table.row_numbers(rows[[copies[0], first[number[copies[0]]]]])
    message = f"{len(copies):,} rows are copies of another row, such as row {one} of row {other}; each counts."
    numbers = table.row_numbers(rows[copies], count=ROWS_SHOWN)
    return [Notice(code="double-rows", message=message, rows=numbers)]


def about_doubles(
    table: Table, structure: Inference | Schema, images: Sequence[str], digests: Sequence[str]
) -> list[Notice]:
    """What is to be said about pictures that occur in several rows.

    Rows show one picture where its content, or where that is not known its path, is the same, and so is the box, if
    the structure has one.

    Args:
        table: The table.
        structure: Its attributes, and the texts that are no values.
        images, digests: Per row the picture's path and content ("" where not known).
    """
    keys = [digest or image for image, digest in zip(images, digests, strict=True)]
    if structure.box is not None and structure.box in table.cells:
        keys = [f"{key}\0{box}" if key else "" for key, box in zip(keys, table.column(structure.box), strict=True)]
    number = _places(keys)
    rows = np.flatnonzero(number >= 0)
    if not len(rows):
        return []
    silent = set(structure.unknown) | set(structure.not_applicable)
    notices = _copies(table, rows)
    for attribute in structure.attributes:
        if attribute.column not in table.cells:
            continue
        coded = table.coded(attribute.column)
        said = _meanings(coded, attribute.kind, attribute.separator, silent)[coded.codes[rows]]
        found = _conflict(table, attribute.column, rows, number[rows], said)
        if found is not None:
            notices.append(found)
    return notices
