"""Choosing depths from a row of features: all of them, or the last layer only."""

from collections.abc import Sequence
from typing import overload

import numpy as np

from facetwise.features._stored import StoredRows
from facetwise.models.backbones import Level

__all__ = ["choose_levels"]


@overload
def choose_levels(
    features: np.ndarray, levels: Sequence[Level], which: str
) -> tuple[np.ndarray, tuple[Level, ...]]: ...


@overload
def choose_levels(
    features: np.ndarray | StoredRows, levels: Sequence[Level], which: str
) -> tuple[np.ndarray | StoredRows, tuple[Level, ...]]: ...


def choose_levels(
    features: np.ndarray | StoredRows, levels: Sequence[Level], which: str
) -> tuple[np.ndarray | StoredRows, tuple[Level, ...]]:
    """The columns of the chosen levels ("all" or "last"), and what they are.

    >>> rows, kept = choose_levels(np.arange(6.0).reshape(1, 6), [Level("stem", 4), Level("last", 2)], "last")
    >>> rows, kept[0].name
    (array([[4., 5.]]), 'last')
    """
    if which == "all":
        return features, tuple(levels)
    last = levels[-1]
    if isinstance(features, StoredRows):
        return features.last_columns(last.width), (last,)
    return features[..., sum(level.width for level in levels) - last.width :], (last,)
