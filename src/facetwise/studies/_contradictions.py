"""Rows that show one picture and say different things; and doubles that say the same."""

from collections.abc import Sequence

import numpy as np

from facetwise.data import Table
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Kind, Labels, Schema
from facetwise.studies._findings import Finding

__all__ = ["contradiction_findings", "groups_of_keys", "said_by"]

SHOWN = 3
# Above every class and every row: numbers of texts that are no class.
_STRANGE = 1 << 40


def groups_of_keys(keys: Sequence[str | None]) -> list[np.ndarray]:
    """Places of equal keys, two or more each.

    >>> [group.tolist() for group in groups_of_keys(["a", "b", "a", None, None])]
    [[0, 2]]
    """
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        if key:
            places.setdefault(key, []).append(place)
    return [np.array(group) for group in places.values() if len(group) > 1]


def said_by(schema: Schema, table: Table, labels: Labels) -> np.ndarray:
    """(row, attribute) int64: equal numbers say the same, -1 says nothing, -2 not applicable.

    A text that is no class says something too.
    """
    said = np.full(labels.state.shape, -1, dtype=np.int64)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        valued = labels.state[:, place] == VALUE
        if attribute.kind is Kind.MULTILABEL:
            own = np.unique(labels.members[:, block.scores], axis=0, return_inverse=True)[1].ravel()
        elif attribute.kind is Kind.NUMERIC:
            own = np.unique(labels.number[:, place], return_inverse=True)[1].ravel()
        else:
            own = labels.index[:, place]
        said[:, place] = np.where(valued, own, -1)
        if attribute.column in table.cells:
            coded = table.coded(attribute.column)
            strange = (labels.state[:, place] == UNKNOWN) & ~coded.among((*schema.unknown, *schema.not_applicable))
            said[strange, place] = _STRANGE + coded.codes[strange].astype(np.int64)
    said[labels.state == NOT_APPLICABLE] = -2
    return said


def contradiction_findings(
    schema: Schema,
    table: Table,
    images: Sequence[str],
    labels: Labels,
    groups: Sequence[np.ndarray],
    *,
    kind: str,
    double: str,
) -> list[Finding]:
    """One finding per cell that has less than all votes of its group, one per group without any.

    Of a group in which a share v of the rows that say something agrees with a cell, the cell is wrong with the chance
    1 - v: two rows that differ are each wrong with one half.

    Args:
        schema: The vocabulary.
        table: The rows.
        images: Their pictures.
        labels: Their labels.
        groups: Places of rows that show one picture.
        kind: What a contradiction is called.
        double: What a group without contradictions is called.
    """
    said, found = said_by(schema, table, labels), []
    for group in groups:
        own = said[group]
        # "Not applicable" is mostly concluded from the category, so that only values contradict each other.
        known = np.where(own >= 0, own, -1)
        highest = known.max(axis=0)
        lowest = np.where(known >= 0, known, np.iinfo(np.int64).max).min(axis=0)
        against = np.flatnonzero((highest >= 0) & (lowest != highest))
        rows = ", ".join(str(number) for number in table.row_numbers(group, count=SHOWN))
        more = f" and {len(group) - SHOWN} more" if len(group) > SHOWN else ""
        for place in against:
            column = schema.attributes[place].column
            texts, valued = table.column(column), group[known[:, place] >= 0]
            values, counts = np.unique(said[valued, place], return_counts=True)
            most = values[counts.argmax()]
            likely = str(texts[valued[said[valued, place] == most][0]])
            for row in valued:
                votes = counts[values == said[row, place]][0] / len(valued)
                new = "" if said[row, place] == most or (counts == counts.max()).sum() > 1 else likely
                found.append(
                    Finding(
                        kind=kind, row=int(table.places[row]), image=images[row], attribute=column,
                        old=str(texts[row]), new=new, chance=float(1.0 - votes), why=f"rows {rows}{more}",
                    )
                )  # fmt: skip
        if not len(against):
            first = int(group[0])
            found.append(
                Finding(kind=double, row=int(table.places[first]), image=images[first], why=f"rows {rows}{more}")
            )
    return found
