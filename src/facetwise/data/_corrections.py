"""Corrected cells of a table, as a person gives them back after an audit: checked, counted, never silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.data._coded import code_texts
from facetwise.data._notices import ROWS_SHOWN, Notice, counted
from facetwise.data._spelling import yes_or_no
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError, nearest

__all__ = ["correct"]

# One of `row` and `image` says which rows; `accept`, if there, which lines count.
_NEEDED, _ROW, _IMAGE, _ACCEPT = ("attribute", "old", "new"), "row", "image", "accept"
# Put in front of text that a spreadsheet would run, by `facetwise audit` and other careful programs.
_QUOTE = "'"


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: Mapping[str, str]


def _bare(text: str) -> str:
    """A text without the quote that keeps a spreadsheet from running it.

    >>> _bare("'=1+1"), _bare("'tis")
    ('=1+1', "'tis")
    """
    return text[1:] if len(text) > 1 and text[0] == _QUOTE and text[1] in "=+-@＝＋－＠" else text


def correct(
    table: Table,
    corrections: Table,
    *,
    images: str | None,
    vocabulary: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Table, list[Notice]]:
    """The table with its corrected cells, and how many there are.

    Args:
        table: The table.
        corrections: One line per cell: `row` (as a person counts, 1 is the first) or `image`, or both; `attribute`;
            `old`, what the cell says now; `new`, "" for unknown. With a column `accept`, only lines that say yes there
            count. Other columns are not read.
        images: The table's column of pictures; None where it has none.
        vocabulary: Column → its classes, where they are declared; other new values of these are refused.

    Raises:
        TableError: Every line that names no row, no column, another old value than the table has, or a value that is
            no class; two lines that want different things of one cell. All at once, and nothing is changed.

    >>> table = Table.of({"image": ["a.png"], "colour": ["red"]})
    >>> wish = Table.of({"image": ["a.png"], "attribute": ["colour"], "old": ["red"], "new": ["blue"]})
    >>> list(correct(table, wish, images="image")[0].column("colour"))
    ['blue']
    """
    _check_columns(corrections, images)
    kept = [
        _Line(number, {name: str(corrections.column(name)[number]) for name in corrections.columns})
        for number in range(len(corrections))
    ]
    if _ACCEPT in corrections.cells:
        kept = [line for line in kept if yes_or_no(line.cells[_ACCEPT]) == "yes" or line.cells[_ACCEPT] in ("x", "X")]
    known = {} if images is None else _places(table.column(images))
    by_number = {int(place) + 1: row for row, place in enumerate(table.places)}
    complaints: list[Complaint] = []
    wanted: dict[tuple[str, int], tuple[str, int]] = {}
    for line in kept:

        def complain(rule: str, found: str, fix: str, *, line: _Line = line) -> None:
            complaints.append(Complaint(place=corrections.name, row=line.number + 1, rule=rule, found=found, fix=fix))

        rows = _rows(line, table, images, known, by_number, complain)
        column = line.cells["attribute"] if line.cells["attribute"] in table.cells else _bare(line.cells["attribute"])
        if column not in table.cells:
            complain("an attribute is a column of the table", repr(column), nearest(column, table.columns))
            continue
        new = _bare(line.cells["new"])
        classes = (vocabulary or {}).get(column)
        if classes is not None and new and new not in classes:
            complain(f"a new value is a class of {column!r}", repr(new), nearest(new, classes))
        for row in rows:
            now = str(table.column(column)[row])
            if now not in (line.cells["old"], _bare(line.cells["old"])):
                complain(
                    f"the cell still says what the correction calls old, {line.cells['old']!r}", repr(now),
                    "audit the table again, or leave the line out",
                )  # fmt: skip
            before = wanted.setdefault((column, row), (new, line.number))
            if before[0] != new:
                complain(
                    "a cell is corrected to one value", f"{new!r}, and {before[0]!r} in row {before[1] + 1}",
                    "leave one of the two lines out",
                )  # fmt: skip
    if complaints:
        raise TableError(complaints)
    return _applied(table, wanted), _said(table, corrections, wanted, left_out=len(corrections) - len(kept))


def _check_columns(corrections: Table, images: str | None) -> None:
    complaints = [
        Complaint(place=corrections.name, rule=f"corrections have a column {name!r}", found="none",
                  fix=nearest(name, corrections.columns))
        for name in _NEEDED
        if name not in corrections.cells
    ]  # fmt: skip
    if _ROW not in corrections.cells and (_IMAGE not in corrections.cells or images is None):
        rule, fix = "a column 'row' or 'image' says which rows are meant", "add one of them"
        complaints.append(Complaint(place=corrections.name, rule=rule, found="neither", fix=fix))
    if complaints:
        raise TableError(complaints)


def _places(texts: np.ndarray) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for row, text in enumerate(texts.tolist()):
        places.setdefault(text, []).append(row)
    return places


def _rows(line: _Line, table: Table, images: str | None, known: dict, by_number: dict[int, int], complain) -> list[int]:
    """The rows that a line means: by its number, checked against its picture; else every row of the picture."""
    image, number = line.cells.get(_IMAGE, ""), line.cells.get(_ROW, "")
    if number:
        row = by_number.get(int(number)) if number.isdecimal() else None
        if row is None:
            complain("a row is one of the table's, the first is 1", repr(number), f"write 1 to {len(table)}")
            return []
        if image and images is not None and str(table.column(images)[row]) not in (image, _bare(image)):
            found = f"{str(table.column(images)[row])!r} in row {number}"
            complain(f"the row shows the picture {image!r}", found, "leave the row out to correct by picture")
            return []
        return [row]
    rows = known.get(image) or known.get(_bare(image))
    if not rows:
        complain("a picture is one of the table's", repr(image), nearest(image, known))
        return []
    return rows


def _applied(table: Table, wanted: Mapping[tuple[str, int], tuple[str, int]]) -> Table:
    columns = {name: table.coded(name) for name in table.columns}
    for column in {column for column, _ in wanted}:
        texts = table.column(column).copy()
        for (name, row), (new, _) in wanted.items():
            if name == column:
                texts[row] = new
        columns[column] = code_texts(texts.tolist())
    return Table(name=table.name, places=table.places, _coded=columns, notices=table.notices)


def _said(
    table: Table, corrections: Table, wanted: Mapping[tuple[str, int], tuple[str, int]], *, left_out: int
) -> list[Notice]:
    notices = []
    for column in sorted({column for column, _ in wanted}):
        rows = np.array(sorted(row for name, row in wanted if name == column))
        message = f"{counted(len(rows), 'cell is', 'cells are')} corrected by {corrections.name}."
        numbers = table.row_numbers(rows, count=ROWS_SHOWN)
        notices.append(Notice(code="corrected", message=message, column=column, rows=numbers))
    if left_out or not wanted:
        message = f"{corrections.name}: {left_out:,} of {len(corrections):,} lines are not accepted and change nothing."
        notices.append(Notice(code="not-accepted", message=message))
    return notices
