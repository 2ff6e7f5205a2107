"""A file of separated values to the letter: its cells with their blanks, and how to write such a file again."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facetwise.data._decode import MARK, codec_of, decode, read_bytes
from facetwise.data._read import read_table
from facetwise.data._separated import read_separated, separated_as_spelled
from facetwise.data._table import Table

__all__ = ["Spelling", "read_spelled"]


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How a file spells its table; by default as facetwise writes one.

    Args:
        separator: What stands between the cells of a `.csv`: that of the file, or a comma where the file's name says
            that its own is a tab.
        line_end: What the first line ends with.
        says: The line that names the separator for a spreadsheet, such as `sep=;`, with its end; "" where none does.
        codec: How the text becomes bytes, the order of the bytes included.
        marked: Whether a byte order mark comes first.
        names: Column → its name with the blanks around it.
        cells: Column → one text per row with the blanks around it; None where only the table itself has them.
    """

    separator: str = ","
    line_end: str = "\n"
    says: str = ""
    codec: str = "utf-8"
    marked: bool = False
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    cells: Mapping[str, list[str]] | None = field(default=None, repr=False)

    def encode(self, rows: Iterable[Sequence[str]], *, separator: str | None = None) -> bytes:
        r"""Rows as a file that is spelled so; `separator` where another one is wanted.

        A cell is put between quotes where it has to be: no cell changes by being written and read.

        >>> Spelling(separator=";", line_end="\r\n").encode([["a", "b;c"], [' "x" ', ""]])
        b'a;"b;c"\r\n" ""x"" ";\r\n'
        """
        chosen = separator or self.separator
        text = io.StringIO(newline="")
        text.write(MARK * self.marked + self.says * (chosen == self.separator))
        # The csv module of Python 3.11 leaves a lone carriage return without quotes, and then reads a line end there.
        to_quote = re.compile(f'["\r\n{re.escape(chosen)}]')
        for row in rows:
            cells = ['"' + cell.replace('"', '""') + '"' if to_quote.search(cell) else cell for cell in row]
            # A line with nothing at all on it would be no row.
            text.write((chosen.join(cells) or '""') + self.line_end)
        return text.getvalue().encode(self.codec)


def read_spelled(source: Any) -> tuple[Table, Spelling]:
    """A table as `read_table` has it, and to the letter; of anything but separated values its texts are all there is.

    Args:
        source: See `read_table`.

    Raises:
        UserError, TableError: As `read_table`.
    """
    name = str(source).lower().removesuffix(".gz") if isinstance(source, str | Path) else ""
    try:
        separated = name.endswith((".csv", ".tsv", ".tab", ".txt")) and Path(source).is_file()
        data = read_bytes(Path(source), str(source)) if separated else None
    except OSError:
        data = None
    if data is None:
        return read_table(source), Spelling()  # where a file cannot be read, it says why
    _, text = decode(data, str(source))
    tab = "\t" if name.endswith((".tsv", ".tab")) else None
    table = read_separated(text, str(source), tab)
    separator, says, line_end, rows = separated_as_spelled(text, tab)
    header = next(rows)
    known: dict[str, str] = {}  # a text that comes back is kept once
    columns: list[list[str]] = [[] for _ in header]
    for row in rows:
        for texts, cell in zip(columns, row, strict=True):
            texts.append(known.setdefault(cell, cell))
    # Of columns without a name the table has the one that holds something.
    own = {
        name.strip(): place for place, name in enumerate(header) if name.strip() or any(map(str.strip, columns[place]))
    }
    codec, marked = codec_of(data)
    return table, Spelling(
        separator="," if tab else separator, line_end=line_end, says="" if tab else says, codec=codec, marked=marked,
        names={column: header[own[column]] for column in table.columns},
        cells={column: columns[own[column]] for column in table.columns},
    )  # fmt: skip
