"""Frames in memory, Parquet files and plain dictionaries of columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.data._arrow_columns import code_array
from facetwise.data._build import build
from facetwise.data._coded import Coded, code_texts
from facetwise.data._entries import about_entry, oddity, spelled
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError, UserError

__all__ = ["read_frame", "read_parquet"]

_CELLS_AT_ONCE = 1 << 16
# Rows from which on Arrow codes columns of plain values; below it that takes less time than its import.
LEAST_ROWS = 1 << 15


def _column(values: Iterable[Any], count: int, name: str, column: str) -> tuple[Coded, list[Complaint]]:
    complaints: list[Complaint] = []

    def texts() -> Iterator[str]:
        for row, value in enumerate(values, start=1):
            cell = _item(value)
            if type(cell) is not str and (odd := oddity(cell)) is not None:
                # A frame's column has one type: the first cell stands for all.
                complaints.append(about_entry(name, column, odd, row=row))
                return
            yield spelled(cell)

    coded = code_texts(texts())
    return (code_texts([""] * count), complaints) if complaints else (coded, [])


def _cells(series: Any, *, single: bool) -> Iterator[Any]:
    """The cells of a column, some at a time: as objects, ten million of them are a gigabyte."""
    for start in range(0, len(series), _CELLS_AT_ONCE):
        for value in series[start : start + _CELLS_AT_ONCE].to_list():
            yield np.float32(value) if single and value is not None else value


def _plain_column(series: Any, *, single: bool) -> Coded | None:
    """A column of text, numbers, or true and false; None of anything else."""
    import narwhals as nw
    import pyarrow as pa

    kind = series.dtype
    if kind not in (nw.String, nw.Boolean) and not kind.is_integer() and not kind.is_float():
        return None

    def spell(value: Any) -> str:
        return spelled(_item(np.float32(value)) if single and value is not None else value)

    try:
        return code_array(series.to_arrow(), spell)
    except (pa.ArrowException, UnicodeEncodeError):  # objects of which only some are text, half a character
        return None


def _from_mapping(columns: Mapping[Any, Any], name: str) -> Table:
    header, coded, complaints = [str(column).strip() for column in columns], [], []
    for column, values in zip(header, columns.values(), strict=True):
        if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray):
            rule, found = "a column is a list of cells", f"a {type(values).__name__}"
            complaints.append(Complaint(place=name, column=column, rule=rule, found=found, fix="write a list"))
            continue
        own, said = _column(values, len(values), name, column)
        coded.append(own)
        complaints += said
    if not complaints and len({len(own.codes) for own in coded}) > 1:
        return Table.of_coded(dict(zip(header, coded, strict=True)), name=name)  # says which differ
    return build(name, header, coded if len(coded) == len(header) else (), complaints)


def read_frame(frame: Any, name: str) -> Table:
    """A table from a pandas or polars frame, or from a dictionary of lists.

    Raises:
        UserError: Something else.
        TableError: Double names, cells that are no text: all at once.
    """
    if isinstance(frame, Mapping):
        return _from_mapping(frame, name)
    import narwhals as nw
    from narwhals.exceptions import NarwhalsError

    try:
        wrapped = nw.from_native(frame, eager_only=True, allow_series=False)
        names = list(wrapped.columns)
        series = list(wrapped.iter_columns())
    except NarwhalsError as error:
        rule, found = "every column has a name of its own", str(error).split("\n")[0][:120]
        raise TableError([Complaint(place=name, rule=rule, found=found, fix="rename columns")]) from error
    except TypeError as error:
        raise UserError(
            f"A table is a path to a file or folder, a pandas or polars frame, or a dictionary of lists. Found "
            f"{type(frame).__name__}. Fix: pass the path as text."
        ) from error
    header, columns, complaints = [str(column).strip() for column in names], [], []
    for column, own in zip(header, series, strict=True):
        single = own.dtype == nw.Float32
        said: list[Complaint] = []
        coded = _plain_column(own, single=single) if len(own) >= LEAST_ROWS else None
        if coded is None:
            coded, said = _column(_cells(own, single=single), len(own), name, column)
        columns.append(coded)
        complaints += said
    return build(name, header, columns, complaints)


def _item(value: Any) -> Any:
    """numpy's numbers as Python's, but float32 as it is spelled in 32 bits: 0.1 and not 0.10000000149011612."""
    if isinstance(value, np.floating):
        return None if np.isnan(value) else str(value)
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value


def read_parquet(path: Path, name: str) -> Table:
    """A table from a Parquet file.

    Raises:
        TableError: It is no Parquet, or breaks a rule of frames.
        OSError: It cannot be read.
    """
    import polars

    try:
        frame = polars.read_parquet(path.read_bytes())
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        found = str(error).split("\n")[0][:200]
        complaint = Complaint(place=name, rule="the file is Parquet", found=found, fix="write it again")
        raise TableError([complaint]) from error
    return read_frame(frame, name)
