"""The part of a picture that a row describes: four numbers, in pixels from the upper left corner."""

import math
import re

import numpy as np

from facetwise.data._build import capped
from facetwise.data._columns import ColumnFacts
from facetwise.data._readings import ColumnReading, Inference, Role
from facetwise.data._spelling import name_tokens, parse_number
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError
from facetwise.schema import Schema

__all__ = ["box_reading", "boxes", "parse_box"]

_NAMES = frozenset((("box",), ("bbox",), ("bounding", "box"), ("crop", "box"), ("bndbox",)))
# A few slips do not make it another column; `boxes` names their rows.
_PARSE_SHARE = 0.95
_BETWEEN = re.compile(r"\s*[,;|]\s*|\s+")
# No picture has more pixels on one side.
_LARGEST = 1 << 24


def parse_box(text: str) -> tuple[int, int, int, int] | None:
    """(left, upper, right, lower) in whole pixels, fractions rounded outwards; None where the text is no box.

    The numbers are two corners, x0 y0 x1 y1, with x1 > x0 and y1 > y0, between blanks, commas, semicolons or bars,
    with or without brackets; the right and lower ones are the first pixels outside, as Pillow has it.

    >>> parse_box("0 0 10 20"), parse_box("[1.5, 2, 10.2, 20]"), parse_box("10;10;5;5")
    ((0, 0, 10, 20), (1, 2, 11, 20), None)
    """
    text = text.strip()
    if text[:1] + text[-1:] in ("[]", "()"):
        text = text[1:-1].strip()
    numbers = [parse_number(part) for part in _BETWEEN.split(text)] if len(text) <= 200 else []
    x0, y0, x1, y1 = numbers if len(numbers) == 4 else (None, None, None, None)
    if x0 is None or y0 is None or x1 is None or y1 is None:
        return None
    if not (0 <= x0 < x1 <= _LARGEST and 0 <= y0 < y1 <= _LARGEST):
        return None
    return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)


def box_reading(facts: ColumnFacts) -> ColumnReading | None:
    """The column of boxes: named `box` or `bbox`, and nearly all of its cells are boxes."""
    if name_tokens(facts.column) not in _NAMES or not facts.filled:
        return None
    share = facts.share([parse_box(value) is not None for value in facts.values])
    if share < _PARSE_SHARE:
        return None
    reason = f"by its name, the part of the picture that the row describes; {100 * share:.0f} % are x0 y0 x1 y1"
    return facts.reading(Role.BOX, reason, "box: null")


def boxes(table: Table, schema: Schema | Inference) -> np.ndarray:
    """The box of each row.

    Args:
        table: The table.
        schema: Its `box` names the column.

    Returns:
        (row, 4) int64: left, upper, right, lower in pixels; a row of -1 for the whole picture (an empty cell, or no
        box column). Whether a box lies inside its picture can only be said when the picture is read.

    Raises:
        TableError: Cells that are no boxes, all at once; no such column.

    >>> from facetwise.schema import Attribute, Kind
    >>> rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    >>> schema = Schema(images=("image",), attributes=(rust,), box="crop")
    >>> boxes(Table.of({"image": ["a.png", "b.png"], "crop": ["0 0 8 8", ""]}), schema).tolist()
    [[0, 0, 8, 8], [-1, -1, -1, -1]]
    """
    if schema.box is None:
        return np.full((len(table), 4), -1, dtype=np.int64)
    coded = table.coded(schema.box)
    silent = set(schema.unknown) | {""}
    parsed = [(-1, -1, -1, -1) if text in silent else parse_box(text) for text in coded.values]
    wrong = np.flatnonzero(np.array([box is None for box in parsed], dtype=bool)[coded.codes])
    complaints = [
        Complaint(
            place=table.origin(row)[0],
            row=table.origin(row)[1],
            column=schema.box,
            rule="a box is two corners in pixels, x0 y0 x1 y1, with 0 <= x0 < x1 and 0 <= y0 < y1",
            found=repr(coded.values[coded.codes[row]][:60]),
            fix="correct the cell, or leave it empty for the whole picture; instead of a width write x0 + width",
        )
        for row in wrong[:1000].tolist()
    ]
    if complaints:
        raise TableError(capped(complaints, len(wrong), table.name))
    whole = np.array([box or (-1, -1, -1, -1) for box in parsed], dtype=np.int64).reshape(-1, 4)
    return whole[coded.codes]
