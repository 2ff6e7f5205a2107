"""Which classes are taken for which: pairs that occur, never a square of all classes."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from facetwise.decisions import Decisions
from facetwise.errors import UserError
from facetwise.metrics._cells import ONE_CLASS
from facetwise.schema import VALUE, Labels, Schema

__all__ = ["MOST_PAIRS", "confused_pairs", "confusion", "confusion_matrix", "confusions"]

# Wrong pairs that a reader is shown of an attribute; `confusion` has all of them.
MOST_PAIRS = 30
# A square of more classes is refused: eight hundred megabytes, nearly all of it zeros.
MOST_SQUARE = 10_000


def confusion(truth: np.ndarray, given: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The confusion matrix as the cells that are not 0: true class, given class, count; the most frequent first.

    A hundred thousand classes would else be a square of eighty gigabytes, nearly all of it zeros.

    Args:
        truth: (cell,) true classes, each at least 0.
        given: (cell,) given classes; -1 is none.
        num_classes: How many there are.

    >>> [each.tolist() for each in confusion(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 1]), 2)]
    [[0, 0, 1], [1, 0, 1], [2, 1, 1]]
    """
    flat = truth.astype(np.int64) * (num_classes + 1) + given.astype(np.int64) + 1
    if num_classes * (num_classes + 1) <= 4 * len(flat):  # counting is quicker than sorting, and no larger than it
        square = np.bincount(flat)
        pairs = np.flatnonzero(square)
        counts = square[pairs]
    else:
        pairs, counts = np.unique(flat, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    pairs, counts = pairs[order], counts[order]
    return pairs // (num_classes + 1), pairs % (num_classes + 1) - 1, counts


def confusions(schema: Schema, truth: Labels, decisions: Decisions) -> dict[str, dict[str, list[int]]]:
    """By column with one class per cell all of `confusion` over its labelled cells, right ones too.

    Lists of equal length: `truth` and `given` are places among the classes, `given` -1 where there is no class; `cells`
    is how many. The most frequent pair comes first.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
    """
    found: dict[str, dict[str, list[int]]] = {}
    for place in schema.of_kind(*ONE_CLASS):
        attribute, labelled = schema.attributes[place], truth.state[:, place] == VALUE
        if labelled.any():
            told = confusion(truth.index[labelled, place], decisions.index[labelled, place], len(attribute.classes))
            found[attribute.column] = dict(
                zip(("truth", "given", "cells"), (each.tolist() for each in told), strict=True)
            )
    return found


def confused_pairs(whole: Mapping[str, Sequence[int]], classes: Sequence[str]) -> list[dict[str, Any]] | None:
    """The most frequent wrong pairs by name: `truth`, `given` (None: no class), `cells`; None where all is right.

    Args:
        whole: Of one column; see `confusions`.
        classes: Their names.
    """
    pairs = zip(whole["truth"], whole["given"], whole["cells"], strict=True)
    wrong = islice(((left, right, count) for left, right, count in pairs if left != right), MOST_PAIRS)
    return [
        {"truth": classes[left], "given": None if right < 0 else classes[right], "cells": count}
        for left, right, count in wrong
    ] or None


def confusion_matrix(whole: Mapping[str, Sequence[int]], num_classes: int) -> np.ndarray:
    """(true class, given class) int64 counts; one column more, the last, for cells to which no class was given.

    Args:
        whole: Of one column; see `confusions`.
        num_classes: How many there are.

    Raises:
        UserError: More than `MOST_SQUARE`.

    >>> confusion_matrix({"truth": [0, 1], "given": [1, -1], "cells": [5, 2]}, 2).tolist()
    [[0, 5, 0], [0, 0, 2]]
    """
    if num_classes > MOST_SQUARE:
        raise UserError(
            f"a square of counts has at most {MOST_SQUARE:,} classes. Found {num_classes:,}. "
            "Fix: take `confusion`, which has the cells that are not 0"
        )
    square = np.zeros((num_classes, num_classes + 1), dtype=np.int64)
    square[np.array(whole["truth"], dtype=np.intp), np.array(whole["given"], dtype=np.intp)] = whole["cells"]
    return square
