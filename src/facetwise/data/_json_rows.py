"""JSON lines, and JSON files that are a list of objects: one object per row, numbers as they are spelled."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from facetwise.data._build import COMPLAINTS_KEPT, build, capped
from facetwise.data._coded import Numbering
from facetwise.data._entries import about_entry, oddity, spelled
from facetwise.data._table import Table
from facetwise.errors import Complaint, TableError

__all__ = ["read_json", "read_json_lines"]


class _DoubledError(ValueError):
    """An object names one key twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key.strip() in found:
            raise _DoubledError(f"the key {key.strip()!r} twice")
        found[key.strip()] = value
    return found


def _parse(text: str) -> Any:
    # Numbers stay as they are spelled: 1.0 is not 1 and 007 never was a number.
    return json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_pairs)


def _parsed(lines: Iterable[str]) -> Iterator[Any]:
    for line in lines:
        try:
            yield _parse(line)
        except (json.JSONDecodeError, _DoubledError, RecursionError) as error:
            yield error


def _from_records(records: Iterable[Any], name: str) -> Table:
    """Rows that are objects; a key that a row lacks is an empty cell."""
    numberings: dict[str, Numbering] = {}
    codes: dict[str, list[int]] = {}
    complaints: list[Complaint] = []
    total = rows = 0
    for row, record in enumerate(records, start=1):
        rows = row
        found: list[Complaint] = []
        if not isinstance(record, dict):
            what = str(record) if isinstance(record, Exception) else repr(record)[:80]
            rule = "a row is one JSON object"
            found.append(Complaint(place=name, row=row, rule=rule, found=what, fix='write {"image": "a.jpg", ...}'))
        for key, value in record.items() if isinstance(record, dict) else ():
            odd = None if isinstance(value, str) else oddity(value)
            if odd is not None:
                found.append(about_entry(name, key, odd, row=row))
                continue
            if key not in numberings:
                # The rows above had no such key: their cells are empty, and "" is number 0 of every column.
                numberings[key], codes[key] = Numbering({"": 0}), []
            own = codes[key]
            own.extend([0] * (row - 1 - len(own)))
            own.append(numberings[key][spelled(value)])
        total += len(found)
        complaints += found[: max(0, COMPLAINTS_KEPT - len(complaints))]
    columns = []
    for key, numbering in numberings.items():
        own = np.array(codes[key] + [0] * (rows - len(codes[key])), dtype=np.int32)
        columns.append(numbering.coded(own).take(np.arange(rows)))
    return build(name, list(numberings), columns, capped(complaints, total, name))


def read_json_lines(text: str, name: str) -> Table:
    """A table from JSON lines; blank lines are no rows.

    Raises:
        TableError: Lines that are no objects, objects in objects, keys that come twice: all at once.
    """
    # Not splitlines: a line separator of Unicode may stand inside a JSON text.
    return _from_records(_parsed(line for line in text.split("\n") if line.strip()), name)


def read_json(text: str, name: str) -> Table:
    """A table from a JSON file: a list of objects, or one object of columns.

    Raises:
        TableError: It is something else, or breaks a rule of JSON lines.
    """
    if "\n" in text.strip() and text.lstrip().startswith("{"):
        first = next(_parsed(line for line in text.split("\n") if line.strip()), None)
        if isinstance(first, dict):
            return read_json_lines(text, name)
    data = next(_parsed([text]))
    if isinstance(data, list):
        return _from_records(data, name)
    if isinstance(data, dict) and data and all(isinstance(cells, list) for cells in data.values()):
        lengths = {len(cells) for cells in data.values()}
        if len(lengths) == 1:
            return _from_records((dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)), name)
    found = str(data) if isinstance(data, Exception) else f"{type(data).__name__} {repr(data)[:60]}"
    rule, fix = "a JSON table is a list of objects, one per row", 'write [{"image": "a.jpg", "colour": "red"}, ...]'
    raise TableError([Complaint(place=name, rule=rule, found=found, fix=fix)])
