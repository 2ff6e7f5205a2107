"""Truth beside decisions: which cells count, and which are right."""

from dataclasses import dataclass

import numpy as np

from facetwise.decisions import Decisions
from facetwise.schema import VALUE, Kind, Labels, Schema

__all__ = ["ONE_CLASS", "WITH_CLASSES", "Cells", "compare"]

ONE_CLASS = (Kind.CATEGORICAL, Kind.BINARY, Kind.ORDINAL)
WITH_CLASSES = (*ONE_CLASS, Kind.MULTILABEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """All (item, attribute) bool.

    Args:
        labelled: The truth has a value; only these count.
        right: The value given is the truth; False for numbers.
        decided: The decision is a value.
        classes: `labelled`, False for numbers: what an exact match is about.
    """

    labelled: np.ndarray
    right: np.ndarray
    decided: np.ndarray
    classes: np.ndarray


def compare(schema: Schema, truth: Labels, decisions: Decisions) -> Cells:
    """Lay the decisions over the truth of the same items."""
    shape = (len(truth), len(schema.attributes))
    assert truth.state.shape == decisions.state.shape == shape, (
        f"truth and decisions are (item, attribute) of the same schema; "
        f"found {truth.state.shape} and {decisions.state.shape}, not {shape}"
    )
    labelled = truth.state == VALUE
    right = (truth.index == decisions.index) & (truth.index >= 0)
    for place in schema.of_kind(Kind.MULTILABEL):
        own = schema.layout().blocks[place].scores
        right[:, place] = ((truth.members[:, own] != 0) == (decisions.members[:, own] != 0)).all(axis=1)
    right[:, list(schema.of_kind(Kind.NUMERIC))] = False
    classes = labelled.copy()
    classes[:, list(schema.of_kind(Kind.NUMERIC))] = False
    return Cells(labelled=labelled, right=right, decided=decisions.state == VALUE, classes=classes)
