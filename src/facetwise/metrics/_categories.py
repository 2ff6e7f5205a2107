"""Metrics by category, and the nested harmonic mean: categories count alike, and in each its attributes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from facetwise.metrics._cells import WITH_CLASSES, Cells
from facetwise.metrics._confusion import Tally
from facetwise.metrics._known import divide, mean_known, plain, plain_list
from facetwise.metrics._rates import rates
from facetwise.schema import Labels, Schema

__all__ = ["ByCategory", "belonging", "by_category"]

# Counts held at once are at most this many (32 MB of float64); more categories are done in turns.
_MOST_COUNTS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCategory:
    """What is known of each category.

    Args:
        categories: Per class of the category attribute its `CATEGORY_METRICS` and harmonic means; empty without one.
        nested: The nested harmonic mean, NaN where nothing is labelled.
    """

    categories: dict[str, dict[str, Any]]
    nested: float


def _decided_by_category(schema: Schema) -> np.ndarray:
    """(attribute,) bool: the category, and the parents above it, which the category decides."""
    decided = np.zeros(len(schema.attributes), dtype=bool)
    attribute = schema.category_attribute
    while attribute is not None:
        decided[schema.index[attribute.column]] = True
        attribute = None if attribute.parent is None else schema.attribute(attribute.parent.column)
    return decided


def belonging(schema: Schema) -> np.ndarray:
    """(category, attribute) bool: attributes with classes that the schema does not rule out in the category."""
    category = schema.category_attribute
    classes = () if category is None else category.classes
    belongs = np.ones((len(classes), len(schema.attributes)), dtype=bool)
    code = {name: place for place, name in enumerate(classes)}
    for place, attribute in enumerate(schema.attributes):
        if attribute.applies_to is not None:
            belongs[:, place] = False
            belongs[[code[name] for name in (*attribute.applies_to, *attribute.undecided)], place] = True
    belongs &= np.isin(np.arange(len(schema.attributes)), schema.of_kind(*WITH_CLASSES))
    return belongs & ~_decided_by_category(schema)


def by_category(
    schema: Schema, truth: Labels, cells: Cells, counted: Tally, starts: np.ndarray, harmonic_mean: np.ndarray
) -> ByCategory:
    """Measure each category on the items whose true category it is.

    For an attribute a of category c, over the labelled cells of c: s = 2 micro macro / (micro + macro) F1, 0 when both
    are 0; S_c = mean of s over the attributes of c with a label; the nested harmonic mean is the mean of S_c over the
    categories that have one. The attributes of c are those with classes that the schema does not rule out there,
    without the category itself and its parents, which are the same for all of c. Without a category, or with no other
    attribute, it is the mean over all attributes. (Metric of the Meesho Visual Taxonomy competition.)

    Args:
        schema: The vocabulary.
        truth: True labels.
        cells: Truth beside decisions.
        counted: Occurrences of the classes.
        starts: (attribute,) first score column.
        harmonic_mean: (attribute,) over all items.
    """
    category = schema.category_attribute
    everywhere = float(mean_known(harmonic_mean))
    if category is None:
        return ByCategory(categories={}, nested=everywhere)
    place, classes = schema.index[category.column], category.classes
    code = np.where(cells.labelled[:, place], truth.index[:, place], -1).astype(np.int64)
    belongs = belonging(schema)
    macro, harmonic = np.full(belongs.shape, np.nan), np.full(belongs.shape, np.nan)
    present = np.unique(code[code >= 0])  # categories without an item stay NaN
    dense = np.full(len(classes) + 1, -1, dtype=np.int64)
    dense[present] = np.arange(len(present))
    step = max(1, _MOST_COUNTS // counted.width)
    for start in range(0, len(present), step):
        stop = min(start + step, len(present))
        measured = rates(counted.counts_by(dense[code], start, stop), starts)
        macro[present[start:stop]] = measured.macro_f1
        harmonic[present[start:stop]] = measured.harmonic_mean
    macro[~belongs], harmonic[~belongs] = np.nan, np.nan
    part = mean_known(harmonic, axis=1)

    known = code >= 0
    items = np.bincount(code[known], minlength=len(classes))
    some = known & cells.classes.any(axis=1)
    right = some & ~(cells.classes & ~cells.right).any(axis=1)
    exact = divide(np.bincount(code[right], minlength=len(classes)), np.bincount(code[some], minlength=len(classes)))
    macro_part = mean_known(macro, axis=1)
    columns = [attribute.column for attribute in schema.attributes]
    categories: dict[str, dict[str, Any]] = {}
    for row, name in enumerate(classes):
        own = np.flatnonzero(belongs[row])
        categories[name] = {
            "items": int(items[row]),
            "mean_macro_f1": plain(macro_part[row]),
            "nested_harmonic_mean": plain(part[row]),
            "exact_match": plain(exact[row]),
            "attributes": dict(zip([columns[p] for p in own], plain_list(harmonic[row, own]), strict=True)),
        }
    return ByCategory(categories=categories, nested=float(mean_known(part)) if belongs.any() else everywhere)
