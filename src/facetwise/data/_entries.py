"""Values of frames and of JSON as texts: 1.0 stays "1.0", true is "true", nothing is "", a list is joined with "|"."""

import datetime
import decimal
import os
from collections.abc import Iterable
from typing import Any

from facetwise.errors import Complaint

__all__ = ["LIST_SEPARATOR", "about_entry", "oddity", "spelled"]

# What joins the entries of a list cell: the schema's own separator.
LIST_SEPARATOR = "|"
_NOTHING = frozenset(("nan", "NaN", "NaT", "<NA>"))
_LISTS = (list, tuple, set, frozenset)
# What has one spelling that a person would recognise; anything else would become "<object at 0x7f...>".
_PLAIN = (
    str,
    bool,
    int,
    float,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    os.PathLike,
)


def oddity(value: Any) -> str | None:
    """What keeps a value from being a cell, or None.

    >>> oddity(["a", 1]), oddity({"a": 1}), oddity(["a|b"])
    (None, 'an object with keys', "a list whose entry holds '|': 'a|b'")
    """
    if isinstance(value, _LISTS):
        for entry in value:
            if isinstance(entry, _LISTS):
                return "a list in a list"
            if (odd := oddity(entry)) is not None:
                return f"a list with {odd}"
            if isinstance(entry, str) and LIST_SEPARATOR in entry:
                return f"a list whose entry holds {LIST_SEPARATOR!r}: {entry[:40]!r}"
        return None
    if isinstance(value, dict):
        return "an object with keys"
    if value is None or isinstance(value, _PLAIN) or str(value) in _NOTHING:
        return None
    return f"a {type(value).__name__}"


def about_entry(name: str, column: str, odd: str, *, row: int | None = None) -> Complaint:
    """The complaint about a value that is no cell."""
    if "entry holds" in odd:
        rule, fix = f"entries of a list have no {LIST_SEPARATOR!r}, which joins them", "write another sign"
    else:
        rule = "a cell is text, a number, true or false, or a list of these"
        fix = "write one column per entry, or leave the column out of the table"
    return Complaint(place=name, row=row, column=column, rule=rule, found=odd, fix=fix)


def spelled(value: Any) -> str:
    """A value as text.

    >>> spelled(1), spelled(1.0), spelled(True), spelled(None), spelled(["a", "b"])
    ('1', '1.0', 'true', '', 'a|b')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _LISTS):
        entries: Iterable[str] = map(spelled, value)
        return LIST_SEPARATOR.join(sorted(entries) if isinstance(value, set | frozenset) else entries)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    text = str(value)
    return "" if text in _NOTHING else text
