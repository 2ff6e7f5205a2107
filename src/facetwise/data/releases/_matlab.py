"""Numbers from MATLAB files of version 5 to 7: real matrices, and nothing else that such a file can hold."""

import struct
import zlib
from pathlib import Path

import numpy as np

from facetwise.errors import UserError

__all__ = ["read_matrix"]

_HEADER = 128
# Data types of the format: code → numpy type. Source: MathWorks, "MAT-File Format", tables 1-1 and 1-3.
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
# Classes of arrays that hold plain numbers: double, single, and whole numbers of 8 to 64 bits.
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 0x08
# A label file of a data set has kilobytes; what unpacks to more is none.
_MOST_BYTES = 1 << 28


def read_matrix(path: Path) -> np.ndarray:
    """The first real matrix of a file, float64, as MATLAB shows it.

    Compressed and plain elements, both byte orders. Objects, cells, texts and complex numbers are refused, and so is
    version 7.3, which is another format (HDF5).

    Raises:
        UserError: It cannot be read, or is something else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Fix: check the path") from error
    if data.startswith(b"\x89HDF") or b"MATLAB 7.3" in data[:_HEADER]:
        raise UserError(
            f"{path} should be a MATLAB file of version 5 to 7. Found version 7.3. Fix: save(..., '-v7') in MATLAB"
        )
    mark = data[126:_HEADER]
    if len(data) < _HEADER or mark not in (b"IM", b"MI"):
        raise UserError(f"{path} should be a MATLAB file. Found other bytes. Fix: get the file again")
    order = "<" if mark == b"IM" else ">"
    try:
        for element in _elements(data[_HEADER:], order):
            kind, body = _elements(_unpacked(element[1]), order)[0] if element[0] == _COMPRESSED else element
            if kind == _MATRIX and (found := _matrix(body, order)) is not None:
                return found
    except (struct.error, ValueError, KeyError, IndexError, zlib.error) as error:
        raise UserError(f"{path} is damaged: {error}. Fix: get the file again") from error
    raise UserError(f"{path} should hold a matrix of real numbers. Found none. Fix: get the file again")


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, _MOST_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {_MOST_BYTES:,} bytes")
    return found


def _elements(data: bytes, order: str) -> list[tuple[int, bytes]]:
    """(type, bytes) of the elements one after the other; small ones have both in one word."""
    found, place = [], 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if small := kind >> 16:
            if small > 4:
                raise ValueError("an element is longer than its place")
            found.append((kind & 0xFFFF, data[place + 4 : place + 4 + small]))
            place += 8
            continue
        start = place + 8
        if start + size > len(data):
            raise ValueError("an element ends beyond the file")
        found.append((kind, data[start : start + size]))
        place = start + size
        if kind != _COMPRESSED:
            place += -size % 8
    return found


def _matrix(body: bytes, order: str) -> np.ndarray | None:
    """The numbers of a matrix; None where it holds something else."""
    parts = _elements(body, order)
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    if flags & 0xFF not in _NUMERIC_CLASSES or (flags >> 8) & _COMPLEX:
        return None
    shape = np.frombuffer(parts[1][1], f"{order}i4")
    kind, numbers = parts[3]  # 2 is the name
    values = np.frombuffer(numbers, f"{order}{_NUMBERS[kind]}").astype(np.float64)
    return values.reshape(shape.tolist(), order="F")
