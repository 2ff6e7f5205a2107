"""The structure of a table: what every column is for, of what kind, and why."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from facetwise.data._boxes import box_reading
from facetwise.data._category import find_category
from facetwise.data._columns import NUMBER_NOTATIONS, ColumnFacts, read_column
from facetwise.data._ids_twice import about_ids_twice
from facetwise.data._notices import Notice
from facetwise.data._readings import ColumnReading, Inference, Role, quoted
from facetwise.data._remote import RemoteFolder
from facetwise.data._roles import choose_group, image_readings, split_reading
from facetwise.data._spelling import name_tokens, parse_number
from facetwise.data._table import Table
from facetwise.data._weights import weight_reading
from facetwise.schema import DEFAULT_NOT_APPLICABLE, DEFAULT_UNKNOWN, Kind

__all__ = ["find_images", "infer"]

# Written by programs where there is nothing; no person names a class so.
_NOTHING = ("nan", "NaN", "NAN", "null", "NULL", "Null", "<NA>", "NaT", "#N/A", "?")
# Also a country, a size, a brand: nothing only where it stands among numbers, or in several columns.
_PERHAPS_NOTHING = ("NA", "None", "none", "-", "--")
_SEVERAL_COLUMNS = 3


def _texts_for_nothing(table: Table) -> tuple[tuple[str, ...], list[Notice]]:
    """Texts that mean "nobody knows" in this table, beside the empty cell."""
    where: dict[str, list[str]] = {}
    among_numbers: dict[str, bool] = {}
    for column in table.columns:
        values = set(table.coded(column).values)
        for text in values.intersection(_NOTHING + _PERHAPS_NOTHING):
            rest = values - set(_NOTHING + _PERHAPS_NOTHING) - {""}
            numbers = len(rest) > 2 and all(parse_number(value) is not None for value in rest)
            where.setdefault(text, []).append(column)
            among_numbers[text] = among_numbers.get(text, True) and numbers
    found, notices = [], []
    for text, columns in sorted(where.items()):
        # "none" is a class of its own in most tables (no defect, no collar), so it must stand among numbers.
        several = len(columns) >= _SEVERAL_COLUMNS and text == "NA"
        sure = text in _NOTHING or among_numbers[text] or several
        if sure:
            found.append(text)
        shown = ", ".join(repr(column) for column in columns[:3]) + (", ..." if len(columns) > 3 else "")
        if sure:
            message = f"{text!r} is read as unknown (in {shown}). If it means 'not applicable', move it there."
            notices.append(Notice(code="unknown-text", message=message))
        elif text == "NA":
            message = f'\'NA\' is read as a class (in {shown}). If it means unknown, write unknown: ["", "NA"].'
            notices.append(Notice(code="perhaps-unknown-text", message=message))
    return tuple(found), notices


def _in_order(texts: Iterable[str]) -> bool:
    """Whether all texts are numbers that rise; most columns are found out at their first cell."""
    before = -math.inf
    for text in texts:
        number = parse_number(text)
        if number is None or number <= before:
            return False
        before = number
    return True


def _facts(table: Table, column: str, silent: frozenset[str]) -> ColumnFacts:
    coded = table.coded(column)
    keep = np.array([value not in silent for value in coded.values], dtype=bool)
    values = tuple(value for value, kept in zip(coded.values, keep, strict=True) if kept)
    in_order = False
    if len(values) == len(table) > 1:
        in_order = _in_order(table.column(column))
    return ColumnFacts(column=column, values=values, counts=coded.counts[keep], in_order=in_order, total=len(table))


# The roles that a column may have by what it holds and by its name, asked in this order before anything else; a table
# has one column of each of these roles.
_ROLE_RULES = (split_reading, weight_reading, box_reading)
_ONLY_ONE = (Role.SPLIT, Role.WEIGHT, Role.BOX)


def _with_hint(reading: ColumnReading) -> ColumnReading:
    """A column "weight" of numbers is an attribute, the weight of a fish; it may have been meant for the rows."""
    if reading.role is not Role.ATTRIBUTE or reading.kind is not Kind.NUMERIC:
        return reading
    if name_tokens(reading.column) not in (("weight",), ("weights",)):
        return reading
    hint = f"if it says how much a row counts, write weight: {quoted(reading.column)} instead"
    return replace(reading, reason=f"{reading.reason}; {hint}")


def _about_notation(reading: ColumnReading) -> Notice:
    return Notice(code="number-notation", message=f"It is left out: {reading.reason}.", column=reading.column)


def find_images(table: Table, folder: Path | RemoteFolder | None = None) -> tuple[str, ...]:
    """The columns that name pictures, the first naming the item, as `infer` finds them, and nothing else of a table.

    Args:
        table: The table.
        folder: Of images, here or as an address lists it, to tell picture names from other names.

    >>> find_images(Table.of({"colour": ["red", "blue"], "photo": ["1.jpg", "2.jpg"]}))
    ('photo',)
    """
    nothing, _ = _texts_for_nothing(table)
    silent = frozenset(nothing) | frozenset(DEFAULT_UNKNOWN) | frozenset(DEFAULT_NOT_APPLICABLE)
    facts = [_facts(table, column, silent) for column in table.columns]
    return _primary_first(image_readings(facts, folder))


def _primary_first(readings: Iterable[ColumnReading]) -> tuple[str, ...]:
    """Columns of pictures, the one that names the item before the others whatever the table's order."""
    images = [reading for reading in readings if reading.role is Role.IMAGE]
    return tuple(one.column for one in sorted(images, key=lambda one: "another picture" in one.reason))


def infer(
    table: Table,
    *,
    images_root: Path | None = None,
    unknown: tuple[str, ...] = DEFAULT_UNKNOWN,
    not_applicable: tuple[str, ...] = DEFAULT_NOT_APPLICABLE,
) -> Inference:
    """Read the structure of a table: roles, kinds, group, split and category, each with its reason.

    Only structure is taken from the whole table; classes, applicability and parents come from the training rows, in
    `complete_schema`.

    Args:
        table: The table.
        images_root: Folder of images, to tell picture names from other names.
        unknown: Cell texts that mean "nobody knows"; what programs write for nothing ("nan", "null") is added.
        not_applicable: Cell texts that mean "this item has no such thing".

    >>> table = Table.of({"image": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"], "rust": ["0", "1", "0", "0"]})
    >>> [(reading.column, reading.role.value) for reading in infer(table).readings]
    [('image', 'image'), ('rust', 'attribute')]
    """
    nothing, notices = _texts_for_nothing(table)
    unknown = tuple(dict.fromkeys([*unknown, *(text for text in nothing if text not in not_applicable)]))
    silent = frozenset(unknown) | frozenset(not_applicable)
    facts = {column: _facts(table, column, silent) for column in table.columns}
    readings = {reading.column: reading for reading in image_readings(list(facts.values()), images_root)}
    only: dict[Role, str] = {}
    # One without gaps first: of two splits it is the one that can be honoured.
    for column in sorted(table.columns, key=lambda name: facts[name].filled < len(table)):
        if column in readings:
            continue
        reading = next((found for rule in _ROLE_RULES if (found := rule(facts[column])) is not None), None)
        if reading is not None and reading.role in _ONLY_ONE:
            if reading.role in only:
                reason = f"a second {reading.role}; {only[reading.role]!r} is honoured"
                reading = replace(reading, role=Role.LEFT_OUT, reason=reason)
            else:
                only[reading.role] = column
        readings[column] = reading if reading is not None else _with_hint(read_column(facts[column]))
    split = only.get(Role.SPLIT)
    ordered = [readings[column] for column in table.columns]
    notices += [_about_notation(reading) for reading in ordered if reading.reason.startswith(NUMBER_NOTATIONS)]
    twice = (about_ids_twice(table, readings[column], facts[column]) for column in table.columns)
    notices += [notice for notice in twice if notice is not None]
    largest = {column: int(facts[column].counts.max(initial=0)) for column in table.columns}
    group, group_reason = choose_group(ordered, largest, len(table))
    ordered = [_as_group(reading, group_reason) if reading.column == group else reading for reading in ordered]
    attributes = [reading for reading in ordered if reading.role is Role.ATTRIBUTE]
    present = np.empty((len(table), len(attributes)), dtype=bool)
    for place, reading in enumerate(attributes):
        present[:, place] = ~table.coded(reading.column).among(silent)
    category, category_reason = find_category(table, attributes, present)
    return Inference(
        readings=tuple(ordered),
        images=_primary_first(ordered),
        group=group,
        split=split,
        category=category,
        category_reason=category_reason,
        group_reason=group_reason,
        unknown=unknown,
        not_applicable=not_applicable,
        notices=(*table.notices, *notices),
        weight=only.get(Role.WEIGHT),
        box=only.get(Role.BOX),
    )


def _as_group(reading: ColumnReading, reason: str) -> ColumnReading:
    return replace(reading, role=Role.GROUP, reason=reason, overrule="group: null")
