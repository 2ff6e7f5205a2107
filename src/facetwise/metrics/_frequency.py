"""Common, medium and rare classes apart: what a mean over all of them hides."""

import numpy as np

from facetwise.metrics._evaluation import Figure
from facetwise.metrics._known import mean_known, plain
from facetwise.metrics._rates import Rates
from facetwise.schema import VALUE, Kind, Labels, Schema

__all__ = ["COMMON", "RARE", "by_frequency", "training_counts"]

# Training cells from which a class is common, and below which it is rare (Liu et al. 2019, "Large-Scale Long-Tailed
# Recognition in an Open World", section 4: many-shot > 100, few-shot < 20).
COMMON, RARE = 100, 20


def training_counts(schema: Schema, train: Labels) -> np.ndarray:
    """(class,) training cells of every class in the layout's score columns; 0 for numbers."""
    counts = np.zeros(schema.layout().num_scores)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        rows = train.state[:, place] == VALUE
        if attribute.kind is Kind.MULTILABEL:
            counts[block.scores] = (train.members[rows, block.scores] != 0).sum(axis=0)
        elif attribute.kind is not Kind.NUMERIC:
            counts[block.scores] = np.bincount(train.index[rows, place], minlength=len(attribute.classes))
    return counts


def by_frequency(schema: Schema, train: Labels, given: Rates, support: np.ndarray) -> dict[str, dict[str, dict]]:
    """By column and band (common, medium, rare) `classes` in the truth, `cells`, `mean_class_accuracy`, `macro_f1`.

    A class counts by its training cells; only classes that are in the truth have a recall. Both are means over
    classes, as the benchmarks of long tails have it.

    Args:
        schema: The vocabulary.
        train: Training labels.
        given: Rates of the value given applicable.
        support: (class,) cells in the truth.
    """
    counts = training_counts(schema, train)
    told: dict[str, dict[str, dict]] = {}
    for attribute, block in zip(schema.attributes, schema.layout().blocks, strict=True):
        own = block.scores
        if attribute.kind is Kind.NUMERIC or not support[own].any():
            continue
        there = support[own] > 0
        bands = {
            "common": there & (counts[own] >= COMMON),
            "medium": there & (counts[own] >= RARE) & (counts[own] < COMMON),
            "rare": there & (counts[own] < RARE),
        }
        figures: dict[str, dict[str, Figure]] = {}
        for name, chosen in bands.items():
            figures[name] = {
                "classes": int(chosen.sum()),
                "cells": int(support[own][chosen].sum()),
                "mean_class_accuracy": plain(mean_known(given.recall[own][chosen])),
                "macro_f1": plain(mean_known(given.f1[own][chosen])),
            }
        told[attribute.column] = figures
    return told
