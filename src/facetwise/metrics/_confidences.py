"""How sure each answer was, beside whether it was right."""

import numpy as np

from facetwise.decisions import Decisions
from facetwise.schema import VALUE, Kind, Labels, Schema

__all__ = ["confidences", "set_confidences"]


def confidences(
    schema: Schema, truth: Labels, decisions: Decisions, place: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row,) items, the calibrated chance of what is given, and whether it is right, over the labelled cells.

    Of an attribute with several labels one row per label: the chance of the label, and whether it is there. Nothing
    for numbers, nor for cells where no class is given.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
        place: Place of the attribute.
    """
    attribute, block = schema.attributes[place], schema.layout().blocks[place]
    rows = np.flatnonzero(truth.state[:, place] == VALUE)
    if attribute.kind is Kind.NUMERIC:
        return rows[:0], np.zeros(0, np.float32), np.zeros(0, bool)
    if attribute.kind is Kind.MULTILABEL:
        chances, members = decisions.chances[rows, block.scores], truth.members[rows, block.scores] != 0
        return np.repeat(rows, members.shape[1]), chances.ravel(), members.ravel()
    given = decisions.index[rows, place]
    rows, given = rows[given >= 0], given[given >= 0]  # where no class was given there is no confidence in one
    return rows, decisions.chances[rows, block.score_start + given], given == truth.index[rows, place]


def set_confidences(schema: Schema, truth: Labels, decisions: Decisions, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Of an attribute with several labels (row,) how sure each whole set is, and whether it is exactly right.

    The answer to a cell is its set, so it is given or withheld as a whole. Its confidence is the product over the
    labels of the chance that the label is decided rightly: c where it is given, 1 - c where it is not. That is the
    chance of the set if labels are independent; a curve uses only its order.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
        place: Place of the attribute.
    """
    block, rows = schema.layout().blocks[place], np.flatnonzero(truth.state[:, place] == VALUE)
    given = decisions.members[rows, block.scores] != 0
    chances = decisions.chances[rows, block.scores].astype(np.float64)
    right = (given == (truth.members[rows, block.scores] != 0)).all(axis=1)
    # Rounded, so that sets are equally sure in whatever order their labels are multiplied.
    return np.where(given, chances, 1.0 - chances).prod(axis=1).round(12), right
