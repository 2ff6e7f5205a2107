"""Which classes are taken for which: pairs that occur, never a square of all classes."""

from typing import Any

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._cells import ONE_CLASS
from facetwise.schema import VALUE, Labels, Schema

__all__ = ["MOST_PAIRS", "confused_pairs", "confusion"]

# Pairs that are told of an attribute; `confusion` has all of them.
MOST_PAIRS = 30


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
    pairs, counts = np.unique(flat, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    pairs, counts = pairs[order], counts[order]
    return pairs // (num_classes + 1), pairs % (num_classes + 1) - 1, counts


def confused_pairs(schema: Schema, truth: Labels, decisions: Decisions) -> dict[str, list[dict[str, Any]]]:
    """By column with one class per cell the wrong pairs: `truth`, `given` (None: no class), `cells`, most first.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for place in schema.of_kind(*ONE_CLASS):
        attribute = schema.attributes[place]
        true, guess = truth.index[:, place], decisions.index[:, place]
        wrong = (truth.state[:, place] == VALUE) & (true != guess)
        if not wrong.any():
            continue
        pairs = confusion(true[wrong], guess[wrong], len(attribute.classes))
        found[attribute.column] = [
            {
                "truth": attribute.classes[left],
                "given": None if right < 0 else attribute.classes[right],
                "cells": count,
            }
            for left, right, count in zip(*(each[:MOST_PAIRS].tolist() for each in pairs), strict=True)
        ]
    return found
