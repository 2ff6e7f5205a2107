"""Arrow columns of the memory that is there.

`pyarrow.array` asks pandas first whether a value is one of its own, and imports it for that where it is installed: a
third of a second to three, at every command that writes a table.
"""

from collections.abc import Iterable
from itertools import accumulate

import numpy as np
import pyarrow as pa

__all__ = ["lists_of", "numbers", "texts"]


def numbers(values: np.ndarray, kind: pa.DataType, *, missing: np.ndarray | None = None) -> pa.Array:
    """A column of numbers.

    Args:
        values: (row,) whatever numpy turns into the kind.
        kind: Integers or floats.
        missing: (row,) bool, rows without a value.

    >>> numbers(np.array([1.5, 2.0]), pa.float64(), missing=np.array([False, True])).to_pylist()
    [1.5, None]
    """
    held = np.ascontiguousarray(values, dtype=kind.to_pandas_dtype())
    bits = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(held), [bits, pa.py_buffer(held)])


def texts(values: Iterable[str]) -> pa.StringArray:
    """A column of texts.

    >>> texts(["red", "", "grün"]).to_pylist()
    ['red', '', 'grün']
    """
    coded = [value.encode() for value in values]
    ends = np.array([0, *accumulate(map(len, coded))], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(coded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(coded))])


def lists_of(values: pa.Array, counts: np.ndarray) -> pa.ListArray:
    """A column of lists: so many of the values for each row, one row after the other.

    >>> lists_of(texts(["a", "b", "c"]), np.array([2, 0, 1])).to_pylist()
    [['a', 'b'], [], ['c']]
    """
    ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
    return pa.ListArray.from_arrays(numbers(ends, pa.int32()), values)
