"""What an answer rests on: the training rows that look most alike, and what they are labelled with."""

from dataclasses import dataclass

import numpy as np

from facetwise.decisions import Neighbours
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Schema

__all__ = ["Evidence", "evidence_from"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One training row beside a picture.

    Args:
        image: Name of its picture in the training table.
        cosine: How alike it is, at most 1.
        cells: What it is labelled with, by column: a class, a list of classes, a number, or "not applicable"; columns
            that were empty are left out.
    """

    image: str
    cosine: float
    cells: dict[str, str | list[str] | float]


def evidence_from(
    schema: Schema, neighbours: Neighbours, representation: np.ndarray, count: int
) -> list[list[Evidence]]:
    """Per item its nearest training rows, the nearest first.

    Args:
        schema: The vocabulary.
        neighbours: The training rows.
        representation: (item, width) as the trunk describes the items.
        count: Rows per item.
    """
    found = neighbours.nearest(representation, count)
    return [
        [
            Evidence(neighbours.images[row], float(cosine), _cells(schema, neighbours, int(row)))
            for row, cosine in zip(rows, cosines, strict=True)
        ]
        for rows, cosines in zip(found.rows, found.cosine, strict=True)
    ]


def _cells(schema: Schema, neighbours: Neighbours, row: int) -> dict[str, str | list[str] | float]:
    labels, cells = neighbours.labels, {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        state = labels.state[row, place]
        if state == NOT_APPLICABLE:
            cells[attribute.column] = "not applicable"
        elif state != VALUE:
            continue
        elif attribute.kind is Kind.NUMERIC:
            cells[attribute.column] = float(labels.number[row, place])
        elif attribute.kind is Kind.MULTILABEL:
            members = np.flatnonzero(labels.members[row, block.scores])
            cells[attribute.column] = [attribute.classes[number] for number in members]
        else:
            cells[attribute.column] = attribute.classes[labels.index[row, place]]
    return cells
