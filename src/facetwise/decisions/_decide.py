"""Scores to decisions: 'not applicable' first, then the value."""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions._decisions import Decisions
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Schema

__all__ = ["decide"]

# Where nothing was tuned: as probable as not.
EVEN = 0.5


def decide(
    schema: Schema,
    scores: np.ndarray,
    applies: np.ndarray,
    *,
    thresholds: Mapping[str, tuple[float, ...]] | None = None,
) -> Decisions:
    """Decide every cell.

    Categorical: the most probable class. Binary and multilabel: every class at or above its threshold. Ordinal: the
    median class, the first k with P(y <= k) >= 1/2, which minimises the expected absolute error. Numeric: the mean.

    Args:
        schema: The vocabulary.
        scores: (item, class) P(class | applies).
        applies: (item, attribute) P(applies).
        thresholds: Per attribute id one threshold (binary) or one per class (multilabel); 0.5 where absent.
    """
    thresholds = thresholds or {}
    items, width = len(scores), len(schema.attributes)
    index = np.full((items, width), -1, dtype=np.int32)
    members = np.zeros(scores.shape, dtype=np.uint8)
    number = np.full((items, width), np.nan)
    confidence = np.full((items, width), np.nan, dtype=np.float32)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        own = scores[:, block.scores]
        threshold = np.asarray(thresholds.get(attribute.id, (EVEN,)))
        if attribute.kind is Kind.NUMERIC:
            number[:, place] = own[:, 0]
            continue
        if attribute.kind is Kind.MULTILABEL:
            chosen = own >= threshold
            members[:, block.scores] = chosen
            confidence[:, place] = np.prod(np.where(chosen, own, 1.0 - own), axis=1)
            continue
        if attribute.kind is Kind.BINARY:
            index[:, place] = own[:, 1] >= threshold[0]
        elif attribute.kind is Kind.ORDINAL:
            # Sums of float32 probabilities may end a hair below 1/2; the tolerance is theirs.
            index[:, place] = (np.cumsum(own, axis=1) >= EVEN - 1e-6).argmax(axis=1)
        else:
            index[:, place] = own.argmax(axis=1)
        confidence[:, place] = np.take_along_axis(own, index[:, place : place + 1], axis=1)[:, 0]
    state = np.where(applies >= EVEN, VALUE, NOT_APPLICABLE).astype(np.int8)
    sure = np.where(state == VALUE, applies * confidence, 1.0 - applies).astype(np.float32)
    return Decisions(
        scores=scores, applies=applies, state=state, index=index, members=members, number=number, confidence=sure
    )
