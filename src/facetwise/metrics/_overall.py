"""Numbers of several attributes together: means over attributes, and whole items."""

from collections.abc import Iterable

import numpy as np

from facetwise.metrics._cells import Cells
from facetwise.metrics._evaluation import AttributeMetrics, Figure
from facetwise.metrics._known import divide, plain

__all__ = ["exact_match", "mean_of", "summarise"]

# Name of a mean over attributes -> the metric of an attribute.
_MEANS = {
    "mean_macro_f1": "macro_f1",
    "mean_macro_f1_all": "macro_f1_all",
    "mean_accuracy": "accuracy",
    "mean_weighted_f1": "weighted_f1",
    "mean_harmonic_mean": "harmonic_mean",
    "mean_mae_over_floor": "mae_over_floor",
}


def mean_of(attributes: Iterable[AttributeMetrics], metric: str) -> float | None:
    """Mean over the attributes that have the metric; None where none has.

    Attributes of kind numeric have no F1, multilabel ones no accuracy (theirs is `exact_match`), and attributes
    without labels have neither, so each mean is over those that it can be said of.
    """
    values = [value for each in attributes if (value := getattr(each, metric)) is not None]
    return sum(values) / len(values) if values else None


def exact_match(cells: Cells, places: np.ndarray, *, decided: bool = False) -> float | None:
    """Share of the items with a labelled cell (numbers apart) that have all of those right.

    Args:
        cells: Truth beside decisions.
        places: Places of the attributes to look at.
        decided: Whether a decision other than a value is an error.
    """
    counted = cells.classes[:, places]
    right = cells.right[:, places] & cells.decided[:, places] if decided else cells.right[:, places]
    some = counted.any(axis=1)
    return plain(divide((some & ~(counted & ~right).any(axis=1)).sum(), some.sum()))


def summarise(cells: Cells, attributes: dict[str, AttributeMetrics], columns: Iterable[str]) -> dict[str, Figure]:
    """`GROUP_METRICS` of some columns; every attribute counts alike."""
    wanted = set(columns)
    chosen = [metrics for column, metrics in attributes.items() if column in wanted]
    places = np.flatnonzero([column in wanted for column in attributes])
    figures: dict[str, Figure] = {"labelled": sum(metrics.labelled for metrics in chosen)}
    figures |= {name: mean_of(chosen, metric) for name, metric in _MEANS.items()}
    figures["exact_match"] = exact_match(cells, places)
    return figures
