"""Separated values: commas, semicolons, tabs or bars; quick where the file is in order, exact where it is not."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np

from facetwise.data._arrow_lines import split_lines
from facetwise.data._build import COMPLAINTS_KEPT, build, capped
from facetwise.data._coded import Coded, Numbering
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError

__all__ = ["read_separated", "separated_as_spelled"]

# The default of Python's csv module, 128 KiB, refuses honest descriptions; beyond 16 MiB a quote was left open.
_LONGEST_CELL = 1 << 24
# What the separator is judged by: a header and enough rows to see whether they agree.
_ROWS_SNIFFED = 50
_TEXT_SNIFFED = 1 << 16
# Rows that are held as lists of texts at a time.
_ROWS_AT_ONCE = 20_000
# Excel's own line that says which separator follows.
_SAYS = re.compile(r'"?sep=([^\r\n"])"?(\r\n|\r|\n|$)', re.IGNORECASE)

_OneRow = tuple[int, list[str] | None, str]


def _sniff(text: str) -> str:
    """The separator: of , ; tab | the one whose rows have as many cells as the header, and the most of them."""
    best, best_score = ",", (0.0, 0)
    head = text[:_TEXT_SNIFFED]
    for separator in (",", ";", "\t", "|"):
        rows = islice(csv.reader(io.StringIO(head, newline=""), delimiter=separator), _ROWS_SNIFFED)
        counts = [len(row) for row in rows if row]
        if len(head) < len(text) and len(counts) > 2:
            counts.pop()  # cut in the middle
        if counts and counts[0] > 1:
            # A header that splits is strong evidence; a few ragged rows must not outweigh it.
            score = (round(sum(count == counts[0] for count in counts) / len(counts), 1), counts[0])
            if score > best_score:
                best, best_score = separator, score
    return best


class _Lines:
    """The lines of a text with their ends, as the csv module wants them, without a second copy of the text."""

    END = re.compile(r"\r\n|\r|\n")

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start = text, start
        self.at = start  # after the last line that was given out

    def __iter__(self) -> Iterator[str]:
        self.at = self.start
        for end in self.END.finditer(self.text, self.at):
            begins, self.at = self.at, end.end()
            yield self.text[begins : self.at]
        if self.at < len(self.text):
            begins, self.at = self.at, len(self.text)
            yield self.text[begins:]


def _quickly(lines: _Lines, separator: str) -> tuple[list[str], list[Coded]] | None:
    """Header and columns of a file whose every row has as many cells as the header; None where one has not."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        header = next((row for row in reader if row), None)
        if header is None:
            return None
        # The reader has taken the lines of the header and no more.
        rest = split_lines(lines.text, lines.at, len(header), separator)
        if rest is not None:
            return [text.strip() for text in header], rest
        numberings = [Numbering() for _ in header]
        parts: list[list[np.ndarray]] = [[] for _ in header]
        while chunk := list(islice(reader, _ROWS_AT_ONCE)):
            rows = [row for row in chunk if row]
            if any(len(row) != len(header) for row in rows):
                return None
            for numbering, part, column in zip(numberings, parts, zip(*rows, strict=True), strict=False):
                part.append(np.fromiter(map(numbering.__getitem__, column), dtype=np.int32, count=len(rows)))
    except csv.Error:
        return None
    empty = np.empty(0, dtype=np.int32)
    columns = [
        numbering.coded(np.concatenate([empty, *part])) for numbering, part in zip(numberings, parts, strict=True)
    ]
    return [text.strip() for text in header], columns


def _one_by_one(lines: _Lines, separator: str) -> Iterator[_OneRow]:
    """Line on which each row begins, its cells or None, and what was wrong with its quotes."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins, None, str(error)
            continue
        if row:
            yield begins, row, ""


def _about_quotes(name: str, row: int | None, begins: int, said: str, separator: str) -> Complaint:
    place = f"{name}, line {begins}"
    if "expected after" in said:
        fix = f"""write "" for a quote inside quotes, and close the quotes right before {separator!r}"""
        return Complaint(place=place, row=row, rule="after a closing quote the cell ends", found="more text", fix=fix)
    if "unexpected end" in said:
        fix = "close it, or remove it; every line below was read as part of this cell"
        found = "a quote that is opened and not closed until the end of the file"
        return Complaint(place=place, row=row, rule="a quoted cell is closed", found=found, fix=fix)
    fix = "look for a quote that is opened and not closed"
    return Complaint(place=place, row=row, rule="lines can be split into cells", found=said, fix=fix)


def _complaints(lines: _Lines, separator: str, name: str) -> tuple[list[str], list[Complaint]]:
    """Header, and what is wrong, row by row."""
    rows = _one_by_one(lines, separator)
    first = next(rows, None)
    if first is None:
        return [], [Complaint(place=name, rule="a table has a header", found="an empty file", fix="write column names")]
    begins, header, said = first
    if header is None:
        return [], [_about_quotes(name, None, begins, said, separator)]
    found: list[Complaint] = []
    total = 0
    for number, (begins, row, said) in enumerate(rows, start=1):
        if row is not None and len(row) == len(header):
            continue
        total += 1
        if len(found) >= COMPLAINTS_KEPT:
            continue
        if row is None:
            found.append(_about_quotes(name, number, begins, said, separator))
            continue
        rule = f"a line has as many cells as the header, {len(header)}"
        fix = f"add or remove a cell, or put double quotes around text that holds {separator!r}"
        place = name if begins == number + 1 else f"{name}, line {begins}"
        what = f"{len(row)} cell{'s' * (len(row) != 1)}"
        found.append(Complaint(place=place, row=number, rule=rule, found=what, fix=fix))
    return [text.strip() for text in header], capped(found, total, name)


def _opened(text: str, separator: str | None) -> tuple[str, _Lines]:
    """What stands between cells, and the lines after Excel's own."""
    if csv.field_size_limit() != _LONGEST_CELL:
        csv.field_size_limit(_LONGEST_CELL)
    start = 0
    if says := _SAYS.match(text):
        separator, start = says.group(1), says.end()
    return separator or _sniff(text), _Lines(text, start)


def separated_as_spelled(text: str, separator: str | None = None) -> tuple[str, str, str, Iterator[list[str]]]:
    """A text that `read_separated` has read, to the letter.

    Args:
        text: The whole file.
        separator: As for `read_separated`.

    Returns:
        What stands between cells; Excel's own line about it, with its end, or ""; what the first line ends with; and
        the rows, the header first, with every blank.
    """
    separator, lines = _opened(text, separator)
    end = _Lines.END.search(text)
    rows = (row for row in csv.reader(lines, delimiter=separator, strict=True) if row)
    return separator, text[: lines.start], end.group() if end else "\n", rows


def read_separated(text: str, name: str, separator: str | None = None) -> Table:
    """A table from separated values.

    Args:
        text: The whole file.
        name: What messages call it.
        separator: What stands between cells; found out where None.

    Raises:
        TableError: Ragged lines, open quotes, double names: all at once.
    """
    separator, lines = _opened(text, separator)
    quick = _quickly(lines, separator)
    if quick is not None:
        return build(name, *quick)
    header, complaints = _complaints(lines, separator, name)
    if not complaints:  # pragma: no cover - the two ways to read agree
        raise TableError([Complaint(place=name, rule="lines can be split into cells", found="none", fix="check it")])
    return build(name, header, (), complaints)
