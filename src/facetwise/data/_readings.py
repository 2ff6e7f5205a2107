"""What was concluded from a table's structure, with the reason and the line that overrules it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from facetwise.data._notices import Notice
from facetwise.schema import DEFAULT_NOT_APPLICABLE, DEFAULT_UNKNOWN, Kind, Transform

__all__ = ["ColumnReading", "Inference", "Role", "quoted", "yaml_line"]


class Role(StrEnum):
    """What a column is for."""

    IMAGE = "image"  # paths of pictures
    ATTRIBUTE = "attribute"  # filled in by the model
    GROUP = "group"  # rows with one value stay on one side of the split
    SPLIT = "split"  # train, val, test
    WEIGHT = "weight"  # how much a row counts
    BOX = "box"  # the part of the picture that the row describes
    LEFT_OUT = "left_out"  # nothing that a picture could tell


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReading:
    """How one column is read.

    Args:
        column: Its name.
        role: What it is for.
        kind: Kind of an attribute, else None.
        reason: One sentence with the numbers that led to the reading.
        overrule: The YAML line that changes the reading.
        filled: Rows with a value.
        distinct: Different values.
        classes: Binary: (negative, positive); ordinal: from lowest to highest; as spelled. Else empty: the classes
            come from the training rows.
        separator: What stands between the classes of a multilabel cell.
        transform: Bending of a number.
        unit: Unit of a number, from the column's name.
        keeps_together: Left out, but equal values name one thing, so that the column may serve as the group.
    """

    column: str
    role: Role
    kind: Kind | None = None
    reason: str
    overrule: str
    filled: int
    distinct: int
    classes: tuple[str, ...] = ()
    separator: str = "|"
    transform: Transform = Transform.NONE
    unit: str = ""
    keeps_together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """The structure of a table.

    Args:
        readings: One per column, in the table's order.
        images: Columns of image paths; the first is the primary one.
        group: Column whose equal values stay on one side of a split.
        split: Column with the table's own split.
        category: Column of the attribute that decides which others apply.
        weight: Column of row weights.
        box: Column of boxes.
        category_reason: Why this one, or why none.
        group_reason: Why this one, or why none.
        unknown: Cell texts that mean "nobody knows".
        not_applicable: Cell texts that mean "this item has no such thing".
        notices: What the user should know beside the readings.
    """

    readings: tuple[ColumnReading, ...]
    images: tuple[str, ...]
    group: str | None
    split: str | None
    category: str | None
    category_reason: str
    group_reason: str
    unknown: tuple[str, ...] = DEFAULT_UNKNOWN
    not_applicable: tuple[str, ...] = DEFAULT_NOT_APPLICABLE
    notices: tuple[Notice, ...] = ()
    weight: str | None = None
    box: str | None = None

    @property
    def attributes(self) -> tuple[ColumnReading, ...]:
        """The readings of the attributes, in the table's order."""
        return tuple(reading for reading in self.readings if reading.role is Role.ATTRIBUTE)

    def reading(self, column: str) -> ColumnReading:
        """The reading of a column.

        Raises:
            KeyError: No such column.
        """
        for reading in self.readings:
            if reading.column == column:
                return reading
        raise KeyError(column)


# More classes than this are not written into a line that a person reads; they come from the training rows.
_CLASSES_SHOWN = 12


def yaml_line(column: str, kind: Kind, classes: Sequence[str] = (), **more: str) -> str:
    """An attribute's line in the schema file.

    >>> yaml_line("severity", Kind.CATEGORICAL, ["0", "1"])
    '- {column: "severity", kind: categorical, classes: ["0", "1"]}'
    """
    text = [f"column: {quoted(column)}", f"kind: {kind}"]
    if classes and len(classes) <= _CLASSES_SHOWN:
        text.append(f"classes: [{', '.join(map(quoted, classes))}]")
    text += [f"{key}: {value}" for key, value in more.items()]
    return f"- {{{', '.join(text)}}}"


def quoted(text: str) -> str:
    """A text as a label in YAML."""
    return json.dumps(text, ensure_ascii=False)
