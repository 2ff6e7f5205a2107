"""Numbers of several attributes together: means over attributes, and whole items."""

from collections.abc import Iterable, Mapping

import numpy as np

from facetwise.metrics._cells import Cells
from facetwise.metrics._evaluation import AttributeMetrics, Figure
from facetwise.metrics._known import divide, plain
from facetwise.schema import Kind, Schema

__all__ = ["exact_match", "label_f1", "mean_of", "summarise"]

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
    own: slice | np.ndarray = slice(None) if len(places) == cells.classes.shape[1] else places  # a view, not a copy
    counted = cells.classes[:, own]
    right = cells.right[:, own] & cells.decided[:, own] if decided else cells.right[:, own]
    some = counted.any(axis=1)
    return plain(divide((some & ~(counted & ~right).any(axis=1)).sum(), some.sum()))


def label_f1(schema: Schema, f1: np.ndarray) -> dict[str, list[float]]:
    """By column the F1 of the labels that an item may have beside others: positive binary, every multilabel one.

    Those that are in neither truth nor prediction are left out.
    """
    found: dict[str, list[float]] = {}
    for place in schema.of_kind(Kind.BINARY, Kind.MULTILABEL):
        attribute, block = schema.attributes[place], schema.layout().blocks[place]
        own = f1[block.score_start + (attribute.kind is Kind.BINARY) : block.score_stop]
        found[attribute.column] = own[~np.isnan(own)].tolist()
    return found


def summarise(
    cells: Cells, attributes: dict[str, AttributeMetrics], columns: Iterable[str], labels: Mapping[str, list[float]]
) -> dict[str, Figure]:
    """`GROUP_METRICS` of some columns; every attribute counts alike, and in `label_macro_f1` every label.

    A group of yes-or-no columns with and without one of them (eight habitats, or nine labels with the feeding path)
    is two groups of the schema; their `label_macro_f1` and `exact_match` are the multi-label figures of such sets.
    """
    wanted = set(columns)
    chosen = [metrics for column, metrics in attributes.items() if column in wanted]
    places = np.flatnonzero([column in wanted for column in attributes])
    figures: dict[str, Figure] = {"labelled": sum(metrics.labelled for metrics in chosen)}
    figures |= {name: mean_of(chosen, metric) for name, metric in _MEANS.items()}
    figures["exact_match"] = exact_match(cells, places)
    own = [value for column, values in labels.items() if column in wanted for value in values]
    figures["label_macro_f1"] = sum(own) / len(own) if own else None
    return figures
