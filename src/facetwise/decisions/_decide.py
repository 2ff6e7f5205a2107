"""Scores to decisions: 'not applicable' first, then the value."""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions._calibration import calibrate
from facetwise.decisions._decisions import ABSTAINED, Decisions
from facetwise.decisions._hierarchy import implied, settle
from facetwise.decisions._policy import Policy
from facetwise.decisions._rules import repair
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Labels, Schema

__all__ = ["decide"]

# Where nothing was tuned: as probable as not.
EVEN = 0.5


def decide(
    schema: Schema,
    scores: np.ndarray,
    applies: np.ndarray,
    *,
    thresholds: Mapping[str, tuple[float, ...]] | None = None,
    policy: Policy | None = None,
    given: Labels | None = None,
) -> Decisions:
    """Decide every cell.

    Categorical: the most probable class. Binary and multilabel: every class at or above its threshold. Ordinal: the
    median class, the first k with P(y <= k) >= 1/2, which minimises the expected absolute error. Numeric: the mean.

    Calibration changes no decision, only its confidence: values and thresholds are about the scores. A value whose
    confidence lies below the least one that the policy asks for is left open. Values that break a rule are replaced by
    the most probable ones that break none. Each attribute of a hierarchy is decided by itself, and a child may then
    contradict its parent, unless the policy's `hierarchy` says otherwise.

    Args:
        schema: The vocabulary.
        scores: (item, class) P(class | applies).
        applies: (item, attribute) P(applies).
        thresholds: Per attribute id one threshold (binary) or one per class (multilabel); 0.5 where absent.
        policy: Calibration and abstention; none if not given.
        given: Cells that are known beforehand: they are not left open, and no threshold takes them back.
    """
    thresholds, policy = thresholds or {}, policy or Policy()
    chances, sure = calibrate(schema, policy.calibration, scores, applies)
    index, members, number, confidence = _one_by_one(schema, scores, chances, thresholds, given)
    state = np.where(applies >= EVEN, VALUE, NOT_APPLICABLE).astype(np.int8)
    valued, opened = state == VALUE, np.zeros(state.shape, dtype=bool)
    if policy.hierarchy != "off":
        index, confidence, opened = settle(
            schema, chances, valued, sure, index, confidence,
            roll_up=policy.hierarchy == "roll_up", least=policy.least, given=given,
        )  # fmt: skip
    if rules := (*schema.rules, *policy.rules):
        index = repair(schema, rules, index, valued & ~opened, chances, given=given).index
        for place, block in enumerate(schema.layout().blocks):
            if (index[:, place] >= 0).any():
                told = np.take_along_axis(chances[:, block.scores], np.maximum(index[:, place : place + 1], 0), axis=1)
                confidence[:, place] = np.where(index[:, place] >= 0, told[:, 0], confidence[:, place])
    confidence = np.where(valued, sure * confidence, 1.0 - sure).astype(np.float32)
    state[opened] = ABSTAINED
    for place, attribute in enumerate(schema.attributes):
        if (least := policy.least.get(attribute.id)) is not None:
            low = (state[:, place] == VALUE) & (confidence[:, place] < least)
            if given is not None:
                low &= given.state[:, place] != VALUE
            state[low, place] = ABSTAINED
    if policy.hierarchy != "off":
        state = implied(schema, state, ABSTAINED)
    return Decisions(
        scores=scores, applies=applies, state=state, index=index, members=members, number=number,
        confidence=confidence, chances=chances,
    )  # fmt: skip


def _one_by_one(
    schema: Schema,
    scores: np.ndarray,
    chances: np.ndarray,
    thresholds: Mapping[str, tuple[float, ...]],
    given: Labels | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """index, members, number and confidence of every attribute by itself, as if it applied."""
    items, width = len(scores), len(schema.attributes)
    index = np.full((items, width), -1, dtype=np.int32)
    members = np.zeros(scores.shape, dtype=np.uint8)
    number = np.full((items, width), np.nan)
    confidence = np.full((items, width), np.nan, dtype=np.float32)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        own, chance = scores[:, block.scores], chances[:, block.scores]
        threshold = np.asarray(thresholds.get(attribute.id, (EVEN,)))
        if attribute.kind is Kind.NUMERIC:
            number[:, place] = own[:, 0]
            continue
        if attribute.kind is Kind.MULTILABEL:
            chosen = own >= threshold
            if given is not None:
                chosen = np.where(given.state[:, [place]] == VALUE, given.members[:, block.scores] != 0, chosen)
            members[:, block.scores] = chosen
            confidence[:, place] = np.prod(np.where(chosen, chance, 1.0 - chance), axis=1)
            continue
        if attribute.kind is Kind.BINARY:
            index[:, place] = own[:, 1] >= threshold[0]
        elif attribute.kind is Kind.ORDINAL:
            # Sums of float32 probabilities may end a hair below 1/2; the tolerance is theirs.
            index[:, place] = (np.cumsum(own, axis=1) >= EVEN - 1e-6).argmax(axis=1)
        else:
            index[:, place] = own.argmax(axis=1)
        if given is not None:
            known = given.state[:, place] == VALUE
            index[known, place] = given.index[known, place]
        confidence[:, place] = np.take_along_axis(chance, index[:, place : place + 1], axis=1)[:, 0]
    return index, members, number, confidence
