"""How much of each attribute's answer is the neighbours' vote, by validation."""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions._blend import blend
from facetwise.decisions._numbers import NumberScale
from facetwise.schema import VALUE, Coding, Kind, Labels, Schema

__all__ = ["fit_shares"]

# Shares of the vote that validation chooses from.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
# An attribute with this many validation cells decides half by itself and half with all others.
SHRINKAGE = 100
# Probabilities are held above this in the validation loss: a neighbourhood without a class gives it none.
LEAST = 1e-6


def _losses(attribute: Kind, truth: np.ndarray, chance: np.ndarray) -> float:
    """Sum of the log losses of cells; of classes the rarer ones weigh more, n_c^-½, with mean 1 over the cells."""
    if attribute is Kind.MULTILABEL:
        right = np.where(truth == 1, chance, 1.0 - chance)
        return float(-np.log(np.clip(right, LEAST, None)).sum() / max(1, right.shape[1]))
    right, weight = np.take_along_axis(chance, truth[:, None], axis=1)[:, 0], np.bincount(truth)[truth] ** -0.5
    return float(-(np.log(np.clip(right, LEAST, None)) * weight).sum() / weight.mean())


def fit_shares(
    schema: Schema,
    scales: Mapping[str, NumberScale],
    scores: np.ndarray,
    votes: np.ndarray,
    labels: Labels,
) -> dict[str, float]:
    """By id the share of each attribute's vote that makes the validation loss least, absent where none lowers it.

    The log loss of the cells, where a class with n_c of them weighs n_c^-½ per cell, as the network has been taught to
    heed rare classes; of numbers their absolute error where they are standardised. An attribute with n cells
    decides by its own losses and, with the weight of 100 cells, by the mean over all attributes with classes: few cells
    alone would choose by chance.

    Args:
        schema, scales: As for `blend`.
        scores: (item, class) of the network on validation rows.
        votes: (item, class) of the neighbours on these rows.
        labels: Of these rows.
    """
    cells = np.zeros(len(schema.attributes), dtype=int)
    losses = np.zeros((len(schema.attributes), len(SHARES)))
    for at, share in enumerate(SHARES):
        tried = blend(schema, scores, votes, {a.id: share for a in schema.attributes}, scales)
        for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
            rows = labels.state[:, place] == VALUE
            cells[place] = rows.sum()
            if not cells[place]:
                continue
            if block.coding is Coding.GAUSS:
                scale, column = scales[attribute.id], block.score_start
                off = scale.standardise(tried[rows, column]) - scale.standardise(labels.number[rows, place])
                losses[place, at] = np.abs(off).sum()
            else:
                several = attribute.kind is Kind.MULTILABEL
                truth = labels.members[rows][:, block.scores] if several else labels.index[rows, place]
                losses[place, at] = _losses(attribute.kind, truth, tried[rows][:, block.scores])
    classed = [place for place, a in enumerate(schema.attributes) if a.kind is not Kind.NUMERIC and cells[place]]
    each = losses[classed] / cells[classed, None]
    common = (each - each[:, :1]).mean(axis=0) if classed else np.zeros(len(SHARES))
    shares = {}
    for place, attribute in enumerate(schema.attributes):
        prior = 0.0 if attribute.kind is Kind.NUMERIC else SHRINKAGE * common
        best = SHARES[int(np.argmin(losses[place] + prior))] if cells[place] else 0.0
        if best:
            shares[attribute.id] = best
    return shares
