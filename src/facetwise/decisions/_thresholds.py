"""Thresholds of binary and multilabel classes, from validation rows."""

import numpy as np

from facetwise.schema import VALUE, Kind, Labels, Schema

__all__ = ["best_threshold", "rate_threshold", "tune_thresholds"]

# Fewer validation rows of either side than this say nothing about a best threshold: there the rate is matched.
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


def rate_threshold(chance: np.ndarray, rate: float) -> float:
    """The cut above which as large a share of rows lies as was positive among the training rows.

    It needs no positive validation row, and calls about as many rows positive as there are, which is where precision
    and recall are about equal. It only ever helps the rarer side: a cut that would call fewer rows of it than one half
    does is not taken. One half where there is nothing to go by.

    >>> rate_threshold(np.array([0.1, 0.2, 0.3, 0.4]), 0.25)
    0.35
    """
    if not len(chance) or not 0.0 < rate < 1.0:
        return EVEN
    ranked = np.sort(chance)[::-1]
    called = min(len(ranked) - 1, max(1, round(rate * len(ranked))))
    if len(ranked) < 2:
        return EVEN
    cut = float((ranked[called - 1] + ranked[called]) / 2)
    return min(cut, EVEN) if rate <= EVEN else max(cut, EVEN)


def _threshold(chance: np.ndarray, truth: np.ndarray, train: np.ndarray, *, both_sides: bool) -> float:
    if min(int(truth.sum()), int((~truth).sum())) >= FEWEST:
        return best_threshold(chance, truth, both_sides=both_sides)
    return rate_threshold(chance, float(train.mean()) if len(train) else 0.0)


def tune_thresholds(schema: Schema, scores: np.ndarray, labels: Labels, train: Labels) -> dict[str, tuple[float, ...]]:
    """Per binary attribute one threshold, per multilabel attribute one per class.

    Args:
        schema: The vocabulary.
        scores: (item, class) P(class | applies) of validation rows.
        labels: Their labels; unknown cells do not count.
        train: Training labels: where validation has too few positives, the training rate is matched.
    """
    thresholds: dict[str, tuple[float, ...]] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        rows, known = labels.state[:, place] == VALUE, train.state[:, place] == VALUE
        if attribute.kind is Kind.BINARY:
            truth = labels.index[rows, place] == 1
            chance, seen = scores[rows, block.score_start + 1], train.index[known, place] == 1
            thresholds[attribute.id] = (_threshold(chance, truth, seen, both_sides=True),)
        elif attribute.kind is Kind.MULTILABEL:
            thresholds[attribute.id] = tuple(
                _threshold(
                    scores[rows, column],
                    labels.members[rows, column] > 0,
                    train.members[known, column] > 0,
                    both_sides=False,
                )
                for column in range(block.score_start, block.score_stop)
            )
    return thresholds
