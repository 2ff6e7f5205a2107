"""Large separated files in good order, split by Arrow in place of Python's csv module."""

import re

from facetwise.data._arrow_columns import code_array
from facetwise.data._coded import Coded

__all__ = ["split_lines"]

# Characters; below it both take less time than the import.
LEAST_TEXT = 1 << 22
# Bytes that Arrow splits at once. It reads no line that is longer than two of them: that a cell is longer than 16 MB is
# for the csv module to say.
_BLOCK = 1 << 22
# A byte order mark.
_MARK = "\ufeff"


def _is_tidy(text: str, start: int, separator: str) -> bool:
    """Whether every cell that begins with a quote ends with one: Arrow reads on where the csv module finds fault.

    A quote that stands neither at the beginning of a cell nor in a quoted one is a sign like others, for both.

    >>> [_is_tidy(text, 0, ",") for text in ('a,"b,""c"\\n', 'a,"b"c\\n', 'a,"b\\n', '5" pipe,a\\n')]
    [True, False, False, True]
    """
    if text.find('"', start) < 0:
        return True
    ends = rf"{re.escape(separator)}\r\n"
    quoted = rf'(?<![^{ends}])"(?:[^"]++|"")*+"(?![^{ends}])'
    return re.compile(rf'(?:[^"]++|{quoted}|(?<=[^{ends}])")*+').fullmatch(text, start) is not None


def split_lines(text: str, start: int, columns: int, separator: str) -> list[Coded] | None:
    """The columns of rows that all have as many cells; None where one has not, or where Python has to look closer.

    Args:
        text: The whole file.
        start: Where its first row begins, after the header.
        columns: Cells of a row.
        separator: What stands between them.
    """
    if len(text) - start < LEAST_TEXT or not separator.isascii() or not _is_tidy(text, start, separator):
        return None
    if text.startswith(_MARK, start):  # Arrow would take it for the beginning of the file and leave it out
        return None
    import pyarrow as pa
    from pyarrow import csv

    names = [str(number) for number in range(columns)]
    try:
        table = csv.read_csv(
            pa.py_buffer(text[start:].encode()),
            read_options=csv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=text.find('"', start) >= 0),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string())), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeEncodeError):  # ragged lines, none at all, an endless line, half a character
        return None
    return [code_array(column, str) for column in table.itercolumns()]
