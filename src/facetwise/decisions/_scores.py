"""Packed logits to packed scores: the one place where logits are read, in numpy, for every path that predicts."""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions._blend import blend
from facetwise.decisions._given import hold_applicability, hold_leaves, hold_values
from facetwise.decisions._numbers import NumberScale
from facetwise.schema import Coding, Kind, Labels, Schema

__all__ = ["scores_from_logits"]

# Beyond it float64 has no exponential.
FARTHEST = 700.0
LARGEST = float(np.finfo(np.float32).max)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """As exact for what is nearly impossible as for what is nearly certain: votes and lines are added to either."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -FARTHEST, FARTHEST)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _corn(logits: np.ndarray) -> np.ndarray:
    """P(y = k) from P(y > k | y >= k): the chain rule of CORN (Shi, Cao, Raschka 2021, eq. 5)."""
    beyond = np.cumprod(_sigmoid(logits), axis=1)  # P(y > k)
    ones, zeros = np.ones((len(logits), 1)), np.zeros((len(logits), 1))
    return np.concatenate([ones, beyond], axis=1) - np.concatenate([beyond, zeros], axis=1)


def _applies(schema: Schema, logits: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """P(applies) = sum over categories of p(category) A[category, attribute]; the sigmoid where A is not known.

    An attribute that no category explains (`own_applicability`) has its sigmoid alone.
    """
    layout, category = schema.layout(), schema.category_attribute
    applies = np.ones((len(logits), len(schema.attributes)))
    table = schema.explained
    chance = np.ones((len(logits), 1))
    if category is not None:
        chance = scores[:, layout.blocks[schema.index[category.column]].scores]
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        own = None if block.applicability is None else _sigmoid(logits[:, block.applicability])
        if attribute.applies_to is not None:
            column = table[:, place]
            known = ~np.isnan(column)
            applies[:, place] = chance[:, known] @ column[known]
            if own is not None:
                applies[:, place] += chance[:, ~known].sum(axis=1) * own
        elif own is not None:
            applies[:, place] = own
    return np.clip(applies, 0.0, 1.0)


def scores_from_logits(
    schema: Schema,
    scales: Mapping[str, NumberScale],
    logits: np.ndarray,
    *,
    given: Labels | None = None,
    votes: np.ndarray | None = None,
    shares: Mapping[str, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Read packed logits.

    Args:
        schema: The vocabulary.
        scales: Per numeric attribute id how it was standardised.
        logits: (item, logit).
        given: Cells that are known beforehand: a known category decides what applies, a known parent its children.
        votes: (item, class) what training rows that look alike say.
        shares: Per attribute id how much of the answer is their vote.

    Returns:
        scores (item, class): P(class | applies), numbers as mean and deviation in the user's unit;
        applies (item, attribute): P(applies).
    """
    logits = np.asarray(logits, dtype=np.float64)
    layout = schema.layout()
    scores = np.zeros((len(logits), layout.num_scores))
    softmaxed = np.zeros_like(logits)  # leaf probabilities, read again by the sums
    for block in layout.blocks:
        if block.coding is Coding.SOFTMAX:
            softmaxed[:, block.logits] = _softmax(logits[:, block.logits])
    if given is not None:
        softmaxed = hold_leaves(schema, softmaxed, given)
    for attribute, block in zip(schema.attributes, layout.blocks, strict=True):
        own = logits[:, block.logits]
        if block.coding in (Coding.SOFTMAX, Coding.SUM):
            if block.one_each:
                chance = softmaxed[:, block.start : block.start + len(block.leaves)]
            else:
                chance = np.stack([softmaxed[:, list(leaves)].sum(axis=1) for leaves in block.leaves], axis=1)
            # Mass of lone ancestors belongs to none of these classes: what is left is shared out among them.
            scores[:, block.scores] = chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-30)
        elif attribute.kind is Kind.BINARY:
            scores[:, block.scores] = np.concatenate([_sigmoid(-own), _sigmoid(own)], axis=1)
        elif block.coding is Coding.SIGMOID:
            scores[:, block.scores] = _sigmoid(own)
        elif block.coding is Coding.CORN:
            scores[:, block.scores] = _corn(own)
        else:
            scale = scales[attribute.id]
            scores[:, block.score_start] = scale.restore(own[:, 0])
            # The log deviation is held within e^-7 ... e^3 standard deviations, as the loss holds it.
            scores[:, block.score_start + 1] = scale.restore_deviation(own[:, 0], np.exp(np.clip(own[:, 1], -7.0, 3.0)))
    if votes is not None and shares:
        scores = blend(schema, scores, votes, shares, scales, known=given is not None)
    # A number far beyond float32 is wrong in any case; infinite, it could not be written down.
    scores = np.clip(scores, -LARGEST, LARGEST)
    applies = _applies(schema, logits, scores)
    if given is not None:
        scores, applies = hold_values(schema, scores, given), hold_applicability(applies, given)
    return scores.astype(np.float32), applies.astype(np.float32)
