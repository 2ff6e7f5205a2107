"""From named columns to a table: the rules that hold for every format, everything wrong at once."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from facetwise.data._coded import Coded, unwritable
from facetwise.data._notices import Notice
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError

__all__ = ["COMPLAINTS_KEPT", "about_header", "build", "capped"]

# As many as a person will ever mend by hand; a table of a million ragged lines must not become a million objects.
COMPLAINTS_KEPT = 1_000
# More than this are counted as well, because a terminal does not show them all.
_FEW = 40
# What a spreadsheet can hold; a file with more in its first line is no table, or lies on its side.
_MOST_COLUMNS = 16_384


def capped(complaints: Sequence[Complaint], total: int, name: str) -> list[Complaint]:
    """The first complaints, and before them one that counts all where there are more than a terminal shows."""
    kept = list(complaints[:COMPLAINTS_KEPT])
    if total <= _FEW:
        return kept
    found = f"{total:,} complaints, of which the first {len(kept):,} follow"
    fix = "look for one cause: so many slips seldom have many"
    return [Complaint(place=name, rule="rows keep the rules of a table", found=found, fix=fix), *kept]


def about_header(header: Sequence[str], name: str) -> list[Complaint]:
    """What is wrong with the column names."""
    if len(header) > _MOST_COLUMNS:
        fix = "write one row per item, and check the separator"
        rule = f"a table has at most {_MOST_COLUMNS:,} columns"
        return [Complaint(place=name, rule=rule, found=f"{len(header):,}", fix=fix)]
    found = []
    for column, count in Counter(header).items():
        shown = column if len(column) <= 80 else f"{column[:80]}..."
        if count > 1:
            fix = "rename all but one of them" if column else "give each a name, or remove them"
            rule, what = "every column has a name of its own", f"{shown!r} {count} times"
            found.append(Complaint(place=name, rule=rule, found=what, fix=fix))
        if unwritable(column):
            rule = "a name is text that can be written"
            found.append(Complaint(place=name, rule=rule, found=repr(shown), fix="type the name again"))
    return found


def _about_cells(name: str, columns: dict[str, Coded]) -> list[Complaint]:
    """Cells that hold a NUL or half a surrogate pair, by row."""
    found: list[Complaint] = []
    total = 0
    for column, coded in columns.items():
        if not unwritable("".join(coded.values)):  # all at once, in a tenth of the time
            continue
        bad = np.array([unwritable(value) for value in coded.values], dtype=bool)
        rows = np.flatnonzero(bad[coded.codes])
        total += len(rows)
        for row in rows[: COMPLAINTS_KEPT - len(found)].tolist():
            text = coded.values[coded.codes[row]]
            fix = "type the cell again; if every cell is so, the file is no text: save it as CSV in UTF-8"
            rule = "a cell is text without NUL bytes and half characters"
            shown = repr(text[:40])
            found.append(Complaint(place=name, row=row + 1, column=column, rule=rule, found=shown, fix=fix))
    return capped(found, total, name)


def _without_nameless(header: list[str], columns: list[Coded]) -> tuple[list[str], list[Coded], list[Notice]]:
    """Drop columns that have neither a name nor a cell: what a separator at the end of every line leaves behind."""
    keep = [bool(text) or coded.values != ("",) for text, coded in zip(header, columns, strict=True)]
    if all(keep):
        return header, columns, []
    gone = [str(place + 1) for place, kept in enumerate(keep) if not kept]
    some = f"Column {gone[0]} has" if len(gone) == 1 else f"{len(gone)} columns ({', '.join(gone[:5])}, ...) have"
    notice = Notice(code="empty-column", message=f"{some} neither a name nor any cell, and is not read.")
    return (
        [text for text, kept in zip(header, keep, strict=True) if kept],
        [coded for coded, kept in zip(columns, keep, strict=True) if kept],
        [notice],
    )


def _alike(header: Sequence[str]) -> list[Notice]:
    """Names that differ in capitals alone: two columns all the same, but easily mistaken."""
    same: dict[str, list[str]] = {}
    for column in header:
        same.setdefault(column.casefold(), []).append(column)
    pairs = [", ".join(map(repr, names)) for names in same.values() if len(names) > 1]
    if not pairs:
        return []
    shown = "; ".join(pairs[:3])
    message = f"Names that differ in capitals alone are different columns: {shown}."
    return [Notice(code="names-alike", message=message)]


def build(
    name: str,
    header: Sequence[str],
    columns: Sequence[Coded],
    complaints: Sequence[Complaint] = (),
    *,
    notices: Sequence[Notice] = (),
) -> Table:
    """The table, if nothing is wrong.

    Args:
        name: Where it came from.
        header: Column names, without blanks around them.
        columns: As many columns; none where the cells could not be read.
        complaints: What was wrong so far.
        notices: What was noticed so far.

    Raises:
        TableError: Everything that is wrong, at once.
    """
    found, said = list(complaints), list(notices)
    header, columns = list(header), list(columns)
    if columns:
        header, columns, dropped = _without_nameless(header, columns)
        said += dropped
    found = about_header(header, name) + found
    if not any(len(coded.codes) for coded in columns) and not complaints:
        rule, fix = "a table has at least one row of data", "add rows under the header"
        found.append(Complaint(place=name, rule=rule, found="none", fix=fix))
    if not found:
        found = _about_cells(name, dict(zip(header, columns, strict=True)))
    if found:
        raise TableError(found)
    return Table.of_coded(dict(zip(header, columns, strict=True)), name=name, notices=[*said, *_alike(header)])
