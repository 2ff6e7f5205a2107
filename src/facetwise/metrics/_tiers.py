"""Applicability in three tiers, and whole items by how many of their attributes are labelled."""

import numpy as np

from facetwise.decisions import ABSTAINED, Decisions
from facetwise.metrics._cells import Cells
from facetwise.metrics._evaluation import Figure
from facetwise.metrics._known import divide, plain
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Labels, Schema

__all__ = ["by_labelled", "measure_tiers"]


def measure_tiers(schema: Schema, truth: Labels, decisions: Decisions, cells: Cells) -> dict[str, dict[str, Figure]]:
    """All cells of attributes with classes, pooled, in three readings.

    * `all_cells`: cells that are a value or not applicable in the truth; right is the right value, or 'not applicable'
      where that is true. What a user sees.
    * `applicable`: the same cells; right is 'applies' or 'does not', whatever the value. An abstention is neither.
    * `value_given_applicable`: cells with a value in the truth; right is the value that would be given.

    Each has `cells`, `accuracy` and, but for the last, `abstained`: the share left open, which counts as wrong.
    """
    some = np.ones(len(schema.attributes), dtype=bool)
    some[list(schema.of_kind(Kind.NUMERIC))] = False
    absent = (truth.state == NOT_APPLICABLE)[:, some]
    labelled, right = cells.labelled[:, some], cells.right[:, some]
    state = decisions.state[:, some]
    known = int(labelled.sum()) + int(absent.sum())
    hits = int((labelled & right & (state == VALUE)).sum())
    absent_hits = int((absent & (state == NOT_APPLICABLE)).sum())
    open_share = plain(divide(int((state == ABSTAINED)[labelled | absent].sum()), known))
    applies_hits = int((labelled & (state == VALUE)).sum()) + absent_hits
    values = int(labelled.sum())
    return {
        "all_cells": {
            "cells": known, "accuracy": plain(divide(hits + absent_hits, known)), "abstained": open_share,
        },
        "applicable": {"cells": known, "accuracy": plain(divide(applies_hits, known)), "abstained": open_share},
        "value_given_applicable": {
            "cells": values, "accuracy": plain(divide(int((labelled & right).sum()), values)),
        },
    }  # fmt: skip


def by_labelled(cells: Cells) -> dict[str, dict[str, Figure]]:
    """By the number of attributes with a labelled class: `items`, `cells`, `accuracy` of cells, `exact_match` of items.

    The more attributes an item has, the rarer it is right in all: one figure over all items says mostly how many
    labels they have.
    """
    number = cells.classes.sum(axis=1)
    right = (cells.classes & cells.right).sum(axis=1)
    most = int(number.max(initial=0)) + 1
    items = np.bincount(number, minlength=most)
    hits = np.bincount(number, weights=right, minlength=most)
    whole = np.bincount(number, weights=right == number, minlength=most)
    return {
        str(count): {
            "items": int(items[count]),
            "cells": int(items[count]) * count,
            "accuracy": float(hits[count] / (items[count] * count)),
            "exact_match": float(whole[count] / items[count]),
        }
        for count in range(1, most)
        if items[count]
    }
