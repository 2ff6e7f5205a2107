"""Whether 'not applicable' is said where it is true."""

from dataclasses import dataclass

import numpy as np

from facetwise.metrics._evaluation import Figure
from facetwise.metrics._known import divide, mean_known, plain
from facetwise.schema import NOT_APPLICABLE, VALUE

__all__ = ["Applicability", "measure_applicability"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicability:
    """Per attribute, and pooled over the attributes that have a cell 'not applicable'.

    Args:
        attributes: (attribute,) `cells`, `accuracy`, `f1_not_applicable`, `f1_applicable`; None without such a cell.
        pooled: `applicability_f1` (mean of the two), `applicability_f1_applicable`,
            `applicability_f1_not_applicable`.
    """

    attributes: list[dict[str, Figure] | None]
    pooled: dict[str, Figure]


def measure_applicability(truth: np.ndarray, decided: np.ndarray) -> Applicability:
    """Compare the states of the truth and of the decisions, both (item, attribute).

    Unknown cells do not count. An abstention says neither 'applicable' nor 'not applicable', so it is an error here.
    """
    known = (truth == VALUE) | (truth == NOT_APPLICABLE)
    used = (truth == NOT_APPLICABLE).any(axis=0)
    cells = known.sum(axis=0)
    right = ((truth == decided) & known).sum(axis=0)
    hits, either = {}, {}
    for state in (VALUE, NOT_APPLICABLE):
        hits[state] = ((truth == state) & (decided == state)).sum(axis=0)
        either[state] = (truth == state).sum(axis=0) + ((decided == state) & known).sum(axis=0)
    accuracy = divide(right, cells)
    f1 = {state: divide(2 * hits[state], either[state]) for state in hits}
    pooled = {state: divide(2 * hits[state][used].sum(), either[state][used].sum()) for state in hits}
    return Applicability(
        attributes=[
            {
                "cells": int(cells[place]),
                "accuracy": plain(accuracy[place]),
                "f1_not_applicable": plain(f1[NOT_APPLICABLE][place]),
                "f1_applicable": plain(f1[VALUE][place]),
            }
            if used[place]
            else None
            for place in range(len(used))
        ],
        pooled={
            "applicability_f1": plain(mean_known(np.array([pooled[VALUE], pooled[NOT_APPLICABLE]]))),
            "applicability_f1_applicable": plain(pooled[VALUE]),
            "applicability_f1_not_applicable": plain(pooled[NOT_APPLICABLE]),
        },
    )
