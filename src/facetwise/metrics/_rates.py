"""Counts of classes to F1 in all its means, for all attributes at once."""

from dataclasses import dataclass

import numpy as np

from facetwise.metrics._confusion import Counts
from facetwise.metrics._known import divide

__all__ = ["Rates", "harmonic", "rates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What counts say; NaN where there is nothing to say it of.

    Args:
        precision, recall, f1: (..., class).
        macro_f1: (..., attribute): mean F1 over the classes in truth or prediction.
        macro_f1_all: (..., attribute): mean F1 over all classes, 0 for those in neither.
        micro_f1: (..., attribute): 2 sum of hits / (sum of support + sum of predicted).
        weighted_f1: (..., attribute): sum of support times F1 / sum of support.
        mean_class_accuracy: (..., attribute): mean recall over the classes in the truth.
        harmonic_mean: (..., attribute): of micro and macro F1.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    macro_f1: np.ndarray
    macro_f1_all: np.ndarray
    micro_f1: np.ndarray
    weighted_f1: np.ndarray
    mean_class_accuracy: np.ndarray
    harmonic_mean: np.ndarray


def harmonic(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """2ab / (a + b), 0 when both are 0, NaN when one does not exist.

    >>> harmonic(np.array([0.5, 0.0, np.nan]), np.array([1.0, 0.0, 1.0])).round(3).tolist()
    [0.667, 0.0, nan]
    """
    return np.where(first + second == 0, 0.0, divide(2.0 * first * second, first + second))


def rates(counts: Counts, starts: np.ndarray) -> Rates:
    """Every mean of F1.

    Args:
        counts: (..., class), all attributes one after the other.
        starts: (attribute,) first column of each attribute; every attribute has at least one.
    """
    width = counts.support.shape[-1]
    widths = np.diff(np.append(starts, width))

    def per_attribute(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts, axis=-1)

    support, predicted, hits = counts.support, counts.predicted, counts.hits
    either = support + predicted
    f1 = divide(2.0 * hits, either)
    recall = divide(hits, support)
    summed = per_attribute(np.where(either > 0, f1, 0.0))
    seen = per_attribute((either > 0).astype(np.float64))
    all_support = per_attribute(support)
    macro = divide(summed, seen)
    micro = divide(2.0 * per_attribute(hits), per_attribute(either))
    return Rates(
        precision=divide(hits, predicted),
        recall=recall,
        f1=f1,
        macro_f1=macro,
        macro_f1_all=summed / widths,
        micro_f1=micro,
        weighted_f1=divide(per_attribute(np.where(support > 0, support * f1, 0.0)), all_support),
        mean_class_accuracy=divide(
            per_attribute(np.where(support > 0, recall, 0.0)), per_attribute((support > 0).astype(np.float64))
        ),
        harmonic_mean=harmonic(micro, macro),
    )
