"""What a client knows about a picture beforehand, coded against the schema."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from facetwise.errors import Complaint, nearest
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Labels, Schema, Transform
from facetwise.serving._refusal import RefusedError

__all__ = ["Known", "check_known", "labels_of"]

Known = Mapping[str, str | float | Sequence[str] | None]


def _unknown(items: int, schema: Schema) -> Labels:
    shape = (items, len(schema.attributes))
    return Labels(
        state=np.zeros(shape, np.int8), index=np.full(shape, -1, np.int32),
        members=np.zeros((items, schema.layout().num_scores), np.uint8), number=np.full(shape, np.nan),
    )  # fmt: skip


def labels_of(schema: Schema, known: Sequence[Known]) -> Labels | None:
    """(item, attribute) labels of cells that were checked; None where nothing is known of any item."""
    if not any(known):
        return None
    labels = _unknown(len(known), schema)
    for item, cells in enumerate(known):
        for column, told in cells.items():
            _write(labels, item, schema, schema.attribute(column), told)
    return labels


def _says_not_applicable(schema: Schema, attribute: Attribute, told: object) -> bool:
    return isinstance(told, str) and told in schema.not_applicable and told not in attribute.classes


def _says_nothing(schema: Schema, attribute: Attribute, told: object) -> bool:
    return told is None or (isinstance(told, str) and told in schema.unknown and told not in attribute.classes)


def _write(labels: Labels, item: int, schema: Schema, attribute: Attribute, told: object) -> None:
    place = schema.index[attribute.column]
    if _says_nothing(schema, attribute, told):
        return
    if _says_not_applicable(schema, attribute, told):
        labels.state[item, place] = NOT_APPLICABLE
        return
    labels.state[item, place] = VALUE
    if attribute.kind is Kind.NUMERIC:
        labels.number[item, place] = told
    elif attribute.kind is Kind.MULTILABEL:
        start = schema.layout().blocks[place].score_start
        for name in _names(told):
            labels.members[item, start + attribute.classes.index(name)] = 1
    else:
        labels.index[item, place] = attribute.classes.index(str(told))


def _names(told: object) -> list[str]:
    return [told] if isinstance(told, str) else [str(name) for name in told]  # ty: ignore[not-iterable]


def check_known(schema: Schema, known: Known, *, place: str) -> Known:
    """The cells of one picture, if they can be.

    Args:
        schema: The vocabulary.
        known: Column → class, list of classes (multilabel) or number; None and the schema's words for unknown say
            nothing, its words for "not applicable" say that.
        place: Where they stand, for messages.

    Raises:
        RefusedError: 422 with everything that is wrong.
    """
    complaints = [
        Complaint(place=place, column=column, rule=rule, found=repr(found)[:200], fix=fix)
        for column, told in known.items()
        for rule, found, fix in _wrong(schema, column, told)
    ]
    if complaints:
        raise RefusedError(422, "known_cells", "what is known does not fit the schema", complaints=complaints)
    return known


def _wrong(schema: Schema, column: str, told: object) -> list[tuple[str, object, str]]:
    """(rule, found, fix) of one cell."""
    if column not in schema.index:
        return [("a known cell is of an attribute", column, nearest(column, schema.index))]
    attribute = schema.attribute(column)
    if _says_nothing(schema, attribute, told) or _says_not_applicable(schema, attribute, told):
        return []
    if attribute.kind is Kind.NUMERIC:
        if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
            return [("it is a number", told, "write it like 1299.5")]
        if attribute.transform is Transform.LOG and told <= 0:
            return [("a number with the transform log is above 0", told, "correct it, or leave it out")]
        return []
    if attribute.kind is Kind.MULTILABEL and isinstance(told, Sequence) and not isinstance(told, str):
        strange = [name for name in told if name not in attribute.classes]
    else:
        strange = [] if isinstance(told, str) and told in attribute.classes else [told]
    return [("it is a class of the attribute", name, nearest(str(name), attribute.classes)) for name in strange]
