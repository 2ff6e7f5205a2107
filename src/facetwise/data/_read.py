"""Files and data frames to a table of text; nothing is typed here, everything wrong is said at once."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError, UserError, nearest

__all__ = ["read_table"]

_TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
_FRAME_SUFFIXES = (".parquet", ".pq")
_LINES_SUFFIXES = (".jsonl", ".ndjson")
# The default of Python's csv module, 128 KiB, refuses honest descriptions; beyond 16 MiB a quote was left open.
_LONGEST_CELL = 1 << 24
# Lines that the separator is judged by: a header and enough rows to see whether they agree.
_LINES_SNIFFED = 50
# What joins the entries of a list cell: the schema's own separator.
_LIST_SEPARATOR = "|"


def _decode(data: bytes, name: str) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        complaint = Complaint(
            place=f"{name}, line {line}",
            rule="a table is text in UTF-8",
            found=f"the byte 0x{data[error.start]:02x}",
            fix="save it again as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
        )
        raise TableError([complaint]) from error


def _sniff(text: str, suffix: str) -> str:
    """The separator: of , ; tab | the one whose rows have as many cells as the header, and the most of them."""
    if suffix in (".tsv", ".tab"):
        return "\t"
    lines = "\n".join(text.splitlines()[:_LINES_SNIFFED])
    best, best_score = ",", (0.0, 0)
    for separator in (",", ";", "\t", "|"):
        counts = [len(row) for row in csv.reader(io.StringIO(lines), delimiter=separator) if row]
        if counts and counts[0] > 1:
            # A header that splits is strong evidence; a few ragged rows must not outweigh it.
            score = (round(sum(count == counts[0] for count in counts) / len(counts), 1), counts[0])
            if score > best_score:
                best, best_score = separator, score
    return best


def _complaints_about_header(header: list[str], name: str) -> list[Complaint]:
    return [
        Complaint(
            place=name,
            rule="every column has a name of its own",
            found=f"{column!r} {count} times",
            fix="rename all but one of them",
        )
        for column, count in Counter(header).items()
        if count > 1
    ]


def _from_text(text: str, name: str, suffix: str) -> Table:
    csv.field_size_limit(_LONGEST_CELL)
    separator = _sniff(text, suffix)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in reader if row)
    except csv.Error as error:
        complaint = Complaint(
            place=f"{name}, line {reader.line_num}",
            rule="lines can be split into cells",
            found=str(error),
            fix="look for a quote that is opened and not closed",
        )
        raise TableError([complaint]) from error
    if not rows:
        complaint = Complaint(place=name, rule="a table has a header", found="an empty file", fix="write column names")
        raise TableError([complaint])
    header, body = [column.strip() for column in rows[0]], rows[1:]
    complaints = _complaints_about_header(header, name)
    complaints += [
        Complaint(
            place=name,
            row=number,
            rule=f"a line has as many cells as the header, {len(header)}",
            found=f"{len(row)} cells",
            fix=f"add or remove a cell, or put double quotes around text that holds {separator!r}",
        )
        for number, row in enumerate(body, start=1)
        if len(row) != len(header)
    ]
    return _build(name, header, zip(*body, strict=False) if not complaints else (), complaints, len(body))


def _from_lines(text: str, name: str) -> Table:
    complaints: list[Complaint] = []
    records: list[dict[str, str]] = []
    header: dict[str, None] = {}
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            # Numbers stay as they are spelled: 1.0 is not 1 and 007 never was a number.
            record = json.loads(line, parse_int=str, parse_float=str)
        except (json.JSONDecodeError, RecursionError) as error:
            record = str(error)
        if not isinstance(record, dict):
            complaints.append(
                Complaint(
                    place=name, row=number, rule="a line is one JSON object", found=repr(record)[:80], fix="correct it"
                )
            )
            continue
        nested = [key for key, value in record.items() if not _is_plain(value)]
        complaints += [_not_plain(name, key, "an object in JSON", row=number) for key in nested]
        records.append({key.strip(): "" if key in nested else _text(value) for key, value in record.items()})
        header |= dict.fromkeys(records[-1])
    columns = ([record.get(column, "") for record in records] for column in header)
    return _build(name, list(header), columns, complaints, len(lines))


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict | bytes):
        return False
    return all(_is_plain(entry) and not isinstance(entry, list) for entry in value) if isinstance(value, list) else True


def _not_plain(name: str, column: str, found: str, *, row: int | None = None) -> Complaint:
    return Complaint(
        place=name,
        row=row,
        column=column,
        rule="a cell is text, a number, true or false, or a list of these",
        found=found,
        fix="write one column per entry, or leave the column out of the table",
    )


def _text(value: Any) -> str:
    """A cell of a frame as text: 1 -> "1", 1.0 -> "1.0", True -> "true", nothing -> "", a list -> "a|b"."""
    if isinstance(value, str):
        return value
    if value is None or str(value) in ("nan", "NaT", "<NA>"):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        entries = sorted(map(_text, value)) if isinstance(value, set | frozenset) else map(_text, value)
        return _LIST_SEPARATOR.join(entries)
    return str(value)


def _from_frame(frame: Any, name: str) -> Table:
    import narwhals as nw
    import numpy as np

    try:
        wrapped = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise UserError(
            f"A table is a path to a file, or a pandas or polars frame. Found {type(frame).__name__}. "
            "Fix: pass the path as text."
        ) from error
    header = [str(column).strip() for column in wrapped.columns]
    complaints = _complaints_about_header(header, name)
    columns: list[list[str]] = []
    for column, series in zip(header, wrapped.iter_columns(), strict=True):
        values: Iterable[Any] = series.to_list()
        if series.dtype == nw.Float32:
            values = [None if value is None else np.float32(value) for value in values]
        cells = [value.tolist() if isinstance(value, np.ndarray | np.bool_) else value for value in values]
        odd = next((value for value in cells if not _is_plain(value)), None)
        if odd is not None:
            complaints.append(_not_plain(name, column, f"a {type(odd).__name__}"))
            continue
        columns.append([_text(value) for value in cells])
    return _build(name, header, columns, complaints, len(wrapped))


def _build(
    name: str, header: list[str], columns: Iterable[Iterable[str]], complaints: list[Complaint], length: int
) -> Table:
    if not length:
        complaints.append(
            Complaint(
                place=name, rule="a table has at least one row of data", found="none", fix="add rows under the header"
            )
        )
    if complaints:
        raise TableError(complaints)
    return Table.of(dict(zip(header, columns, strict=True)), name=name)


def _missing(path: Path) -> UserError:
    folder = path.parent
    if not folder.is_dir():
        return UserError(f"There is no table {str(path)!r}: the folder {str(folder)!r} does not exist. Fix: check it.")
    names = [item.name for item in folder.iterdir() if item.is_file() and item.suffix.lower() in _ALL_SUFFIXES]
    hint = nearest(path.name, names) if names else "the folder has no table"
    return UserError(f"There is no table {str(path)!r}. Fix: {hint}")


_ALL_SUFFIXES = _TEXT_SUFFIXES + _FRAME_SUFFIXES + _LINES_SUFFIXES


def read_table(source: Any, *, name: str | None = None) -> Table:
    """Read a table as text: CSV, TSV, Parquet, JSON lines, or a pandas or polars frame.

    Blanks around cells and column names are removed. Commas, semicolons, tabs and bars are told apart by the header;
    a byte order mark is no part of the first name; UTF-16 with such a mark is read too. Of frames and Parquet files
    1.0 stays "1.0", 1 stays "1", true is "true", nothing is "", and a list is joined with "|".

    Args:
        source: Path of a file, or a frame.
        name: What messages call it; the path, or "table", where absent.

    Raises:
        UserError: No such file, or no such format.
        TableError: Duplicate names, ragged lines, cells that are no text, all at once.

    >>> import polars
    >>> read_table(polars.DataFrame({"n": [1.0, None], "tags": [["a", "b"], []]})).column("tags").tolist()
    ['a|b', '']
    """
    if not isinstance(source, str | Path):
        return _from_frame(source, name or "table")
    path = Path(source)
    if path.is_dir():
        raise UserError(f"A table is a file. Found the folder {str(path)!r}. Fix: name the file in it.")
    if not path.is_file():
        raise _missing(path)
    suffix, name = path.suffix.lower(), name or str(path)
    if suffix not in _ALL_SUFFIXES:
        raise UserError(
            f"{str(path)!r}: a table ends in {', '.join(_ALL_SUFFIXES)}. Found {suffix!r}. "
            "Fix: save it as one of these."
        )
    try:
        if suffix in _FRAME_SUFFIXES:
            return _read_parquet(path, name)
        text = _decode(path.read_bytes(), name)
    except OSError as error:
        raise UserError(
            f"The table {str(path)!r} cannot be read: {error.strerror}. Fix: check its permissions."
        ) from error
    return _from_lines(text, name) if suffix in _LINES_SUFFIXES else _from_text(text, name, suffix)


def _read_parquet(path: Path, name: str) -> Table:
    import polars

    try:
        frame = polars.read_parquet(path)
    except polars.exceptions.PolarsError as error:
        complaint = Complaint(place=name, rule="the file is Parquet", found=str(error)[:200], fix="write it again")
        raise TableError([complaint]) from error
    return _from_frame(frame, name)
