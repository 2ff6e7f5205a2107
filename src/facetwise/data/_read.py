"""Files, folders and frames to a table of text; nothing is typed here, everything wrong is said at once."""

from pathlib import Path, PurePath
from typing import Any

from facetwise.data._decode import decode, read_bytes
from facetwise.data._folders import read_folder
from facetwise.data._frames import read_frame, read_parquet
from facetwise.data._json_rows import read_json, read_json_lines
from facetwise.data._remote import refuse_address
from facetwise.data._separated import read_separated
from facetwise.data._table import Table
from facetwise.errors import UserError, nearest

__all__ = ["read_table"]

_TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
_FRAME_SUFFIXES = (".parquet", ".pq")
_LINES_SUFFIXES = (".jsonl", ".ndjson")
_JSON_SUFFIXES = (".json",)
_ALL_SUFFIXES = _TEXT_SUFFIXES + _FRAME_SUFFIXES + _LINES_SUFFIXES + _JSON_SUFFIXES
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")


def _suffix(path: PurePath) -> str:
    """The suffix that says the format: that before .gz where there is one."""
    return PurePath(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _missing(path: Path) -> UserError:
    folder = path.parent
    if not folder.is_dir():
        return UserError(f"There is no table {str(path)!r}: the folder {str(folder)!r} does not exist. Fix: check it.")
    try:
        names = [item.name for item in folder.iterdir() if item.is_file() and _suffix(item) in _ALL_SUFFIXES]
    except OSError:
        names = []
    hint = nearest(path.name, names) if names else "the folder has no table"
    return UserError(f"There is no table {str(path)!r}. Fix: {hint}")


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"The table {str(path)!r} cannot be read: {error.strerror}. Fix: check its permissions.")


def _wrong_suffix(path: Path, suffix: str) -> UserError:
    if suffix in _WORKBOOKS:
        return UserError(
            f"{str(path)!r} is a workbook ({suffix}), which may hold several sheets, formulas and dates in disguise. "
            "Fix: open it and save the sheet as 'CSV UTF-8', or in Python: "
            f"pandas.read_excel({path.name!r}, dtype=str).to_csv({path.stem + '.csv'!r}, index=False)"
        )
    return UserError(
        f"{str(path)!r}: a table ends in {', '.join(_ALL_SUFFIXES)}, or in one of these and .gz. Found {suffix!r}. "
        "Fix: save it as one of these."
    )


def read_table(source: Any, *, name: str | None = None) -> Table:
    """Read a table as text: CSV, TSV, Parquet, JSON, JSON lines, a folder of pictures, a frame, a dictionary of lists.

    Blanks around cells and column names are removed. Commas, semicolons, tabs and bars are told apart by the header;
    a byte order mark is no part of the first name; UTF-16 is read too, and any of the text formats packed as `.gz`. Of
    frames and Parquet files 1.0 stays "1.0", 1 stays "1", true is "true", nothing is "", and a list is joined with
    "|". A folder is a table where it has a `metadata.csv` (`.jsonl`, `.parquet`) with a column `file_name`, or one
    folder per class; see `_folders.py`.

    Args:
        source: Path of a file or folder, a pandas or polars frame, or a dictionary of lists.
        name: What messages call it; the path, or "table", where absent.

    Raises:
        UserError: No such file, or no such format; an address, which has to be fetched first.
        TableError: Duplicate names, ragged lines, cells that are no text, all at once.

    >>> import polars
    >>> read_table(polars.DataFrame({"n": [1.0, None], "tags": [["a", "b"], []]})).column("tags").tolist()
    ['a|b', '']
    """
    if isinstance(source, Table):
        return source
    if not isinstance(source, str | Path):
        return read_frame(source, name or "table")
    refuse_address(source)
    path = Path(source)
    try:
        if "\0" not in str(path) and path.is_dir():
            return read_folder(path, read_table, _ALL_SUFFIXES)
        if "\0" in str(path) or not path.is_file():
            raise _missing(Path(str(path).replace("\0", "?")))
    except OSError as error:  # a name that is too long, say
        raise _unreadable(path, error) from error
    suffix, name = _suffix(path), name or str(path)
    if suffix not in _ALL_SUFFIXES:
        raise _wrong_suffix(path, suffix)
    try:
        if suffix in _FRAME_SUFFIXES:
            return read_parquet(path, name)
        data = read_bytes(path, name)
    except OSError as error:
        raise _unreadable(path, error) from error
    _, text = decode(data, name)
    del data
    if suffix in _LINES_SUFFIXES:
        return read_json_lines(text, name)
    if suffix in _JSON_SUFFIXES:
        return read_json(text, name)
    return read_separated(text, name, "\t" if suffix in (".tsv", ".tab") else None)
