"""Average precision of many labels at once, ties included, without a loop."""

import numpy as np

from facetwise.metrics._known import divide

__all__ = ["average_precision"]

_SIGN = np.uint32(0x80000000)
_LAST = np.uint32(0xFFFFFFFF)  # behind every score: no float32 but one NaN has this key


def _descending(scores: np.ndarray) -> np.ndarray:
    """uint32 keys that ascend as float32 scores descend; equal scores have equal keys."""
    bits = (scores.astype(np.float32) + np.float32(0.0)).view(np.uint32)  # adding 0 makes -0 and 0 one
    ascending = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return ~ascending


def average_precision(scores: np.ndarray, positive: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Sum over thresholds of (recall gained) times precision, as scikit-learn defines it.

    Equivalently the mean, over the positives, of the precision among the items that score at least as high: that
    needs, per positive, two ranks, and ranks come from one sort per label. (A key that starts with the label's number
    makes the sorted labels one long sorted array, in which all ranks are found together.)

    Args:
        scores: (item, label); read as float32.
        positive: (item, label) bool.
        labelled: (item, label) bool; other items do not count.

    Returns:
        (label,) float64, NaN where a label has no positive.

    >>> scores = np.array([[0.9], [0.8], [0.7]])
    >>> positive = np.array([[True], [False], [True]])
    >>> average_precision(scores, positive, np.ones_like(positive)).round(3).tolist()
    [0.833]
    """
    items, labels = scores.shape
    keys = np.where(labelled, _descending(np.ascontiguousarray(scores)), _LAST).T
    number = np.arange(labels, dtype=np.uint64)[:, None] << np.uint64(32)
    label, item = np.nonzero(np.ascontiguousarray((positive & labelled).T))
    own = keys[label, item] | number[label, 0]
    ordered = (np.sort(keys, axis=1) | number).ravel()
    above = np.searchsorted(ordered, own, side="right") - label * items  # items scoring at least as high
    count = np.bincount(label, minlength=labels)
    before = np.cumsum(count) - count
    positives_above = np.searchsorted(np.sort(own), own, side="right") - before[label]
    return divide(np.bincount(label, weights=positives_above / above, minlength=labels), count)
