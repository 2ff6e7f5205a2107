"""Thresholds of binary and multilabel classes, from validation rows."""

import numpy as np

from facetwise.schema import VALUE, Kind, Labels, Schema

__all__ = ["best_threshold", "tune_thresholds"]

# Fewer validation rows of either side than this say nothing about a threshold: it stays at one half.
FEWEST = 10
# Cuts within this distance of the best figure count as equally good: about what one row more or less does to the F1 of
# a class with a hundred rows.
CLOSE = 0.005
EVEN = 0.5


def best_threshold(chance: np.ndarray, truth: np.ndarray, *, both_sides: bool) -> float:
    """The cut with the best F1; of nearly equal ones the one nearest to 1/2.

    F1 = 2 TP / (2 TP + FP + FN) of the positives, or its mean with that of the negatives where `both_sides` is set (a
    binary attribute is judged by both of its classes).

    Args:
        chance: (row,) P(positive).
        truth: (row,) bool.
        both_sides: Whether the negatives count too.

    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.4]).repeat(10), np.array([0, 0, 1, 1]).repeat(10), both_sides=False)
    0.25
    """
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if min(positives, negatives) < FEWEST:
        return EVEN
    order = np.argsort(-chance, kind="stable")
    ranked = chance[order]
    hits = np.cumsum(truth[order])  # true positives when the first k + 1 are called positive
    called = np.arange(1, len(truth) + 1)
    figure = 2 * hits / (called + positives)
    if both_sides:
        rejected = negatives - (called - hits)
        figure = (figure + 2 * rejected / (len(truth) - called + negatives)) / 2
    # A cut lies between two different chances; after the last row there is nothing to reject.
    after = np.append(ranked[1:], 0.0)
    possible = ranked > after
    cuts, figure = ((ranked + after) / 2)[possible], figure[possible]
    good = cuts[figure >= figure.max() - CLOSE]
    return float(good[np.abs(good - EVEN).argmin()])


def tune_thresholds(schema: Schema, scores: np.ndarray, labels: Labels) -> dict[str, tuple[float, ...]]:
    """Per binary attribute one threshold, per multilabel attribute one per class.

    Args:
        schema: The vocabulary.
        scores: (item, class) P(class | applies) of validation rows.
        labels: Their labels; unknown cells do not count.
    """
    thresholds: dict[str, tuple[float, ...]] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        rows = labels.state[:, place] == VALUE
        if attribute.kind is Kind.BINARY:
            truth = labels.index[rows, place] == 1
            thresholds[attribute.id] = (best_threshold(scores[rows, block.score_start + 1], truth, both_sides=True),)
        elif attribute.kind is Kind.MULTILABEL:
            thresholds[attribute.id] = tuple(
                best_threshold(scores[rows, column], labels.members[rows, column] > 0, both_sides=False)
                for column in range(block.score_start, block.score_stop)
            )
    return thresholds
