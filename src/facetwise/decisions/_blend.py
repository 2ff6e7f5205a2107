"""The network's answer and the neighbours' vote, together."""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions._numbers import NumberScale
from facetwise.schema import Coding, Kind, Schema

__all__ = ["blend"]


def blend(
    schema: Schema,
    scores: np.ndarray,
    votes: np.ndarray,
    shares: Mapping[str, float],
    scales: Mapping[str, NumberScale],
    *,
    known: bool = False,
) -> np.ndarray:
    """p ← (1 - λ) p + λ v per attribute; numbers where they are standardised.

    Where something is known beforehand, a vote for a class that it rules out, and which has no probability left, does
    not count; where no other vote is left, neither do the neighbours. Where nothing is known a probability of 0 is one
    that was too small to be written, and rules nothing out.

    Args:
        schema: The vocabulary.
        scores: (item, class) of the network.
        votes: (item, class), NaN where nobody votes.
        shares: Per attribute id λ.
        scales: Per numeric attribute id how it was standardised.
        known: Whether something is.
    """
    blended = scores.copy()
    for attribute, block in zip(schema.attributes, schema.layout().blocks, strict=True):
        share = shares.get(attribute.id, 0.0)
        if not share:
            continue
        if block.coding is Coding.GAUSS:
            scale, column = scales[attribute.id], block.score_start
            mean = (1 - share) * scale.standardise(scores[:, column]) + share * scale.standardise(votes[:, column])
            blended[:, column] = np.where(np.isnan(mean), scores[:, column], scale.restore(mean))
            continue
        own, vote = scores[:, block.scores], votes[:, block.scores]
        if attribute.kind is not Kind.MULTILABEL:
            if known:
                vote = np.where(own > 0, vote, 0.0)
            vote = vote / np.maximum(vote.sum(axis=1, keepdims=True), 1e-30)
            counts = (vote > 0).any(axis=1, keepdims=True)
        else:
            counts = ~np.isnan(vote)
        blended[:, block.scores] = np.where(counts, (1 - share) * own + share * vote, own)
    return blended
