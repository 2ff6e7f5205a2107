"""Packed logits to scores and P(applies) as a part of the graph: `facetwise.decisions.scores_from_logits` in ONNX.

In float32, which every execution provider has; the numpy code computes in float64, and `facetwise verify` measures the
difference.
"""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions import NumberScale
from facetwise.inference.exporting._places import LEAST, ONE, ZERO, Places
from facetwise.inference.exporting._restore import LARGEST, restored
from facetwise.inference.exporting._weave import Weave
from facetwise.schema import Block, Coding, Kind, Transform

__all__ = ["weave_applies", "weave_scores"]


def weave_scores(
    weave: Weave,
    places: Places,
    scales: Mapping[str, NumberScale],
    logits: str,
    votes: str | None,
    numbers: Mapping[int, str],
    shares: Mapping[str, float],
) -> str:
    """Packed (item, class) P(class | applies) with the neighbours' vote in it; numbers as mean and deviation.

    Args:
        weave: The graph.
        places: Where everything is.
        scales: Per numeric attribute id how it was standardised.
        logits: (item, logit).
        votes: (item, class), or None.
        numbers: By place of a number its standardised vote.
        shares: Per attribute id how much of the answer is the vote.
    """
    blocks, parts = places.layout.blocks, []
    leaves = {
        block.start: weave("Softmax", weave.columns(logits, block.start, block.stop), axis=1)
        for block in blocks
        if block.coding is Coding.SOFTMAX
    }
    for place, (attribute, block) in enumerate(zip(places.schema.attributes, blocks, strict=True)):
        if block.coding is Coding.GAUSS:
            share = shares.get(attribute.id, 0.0) if place in numbers else 0.0
            parts.append(_number(weave, scales[attribute.id], logits, block, numbers.get(place), share))
        elif block.coding in (Coding.SOFTMAX, Coding.SUM):
            parts.append(_summed(weave, blocks, leaves, block))
        elif block.coding is Coding.CORN:
            parts.append(_corn(weave, weave.columns(logits, block.start, block.stop)))
        else:
            own = weave.columns(logits, block.start, block.stop)
            parts.append(_sigmoid(weave, own))
            if attribute.kind is Kind.BINARY:
                parts.insert(-1, _sigmoid(weave, weave("Neg", own)))
    packed = weave("Concat", *parts, axis=1)
    return packed if votes is None else _blended(weave, places, packed, votes, shares)


def _sigmoid(weave: Weave, logits: str) -> str:
    """exp(-log(1 + e^-z)): the operator of that name is 0 below -18 or so, where votes and calibration go on from."""
    return weave("Exp", weave("Neg", weave("Softplus", weave("Neg", logits))))


def _summed(weave: Weave, blocks: tuple[Block, ...], leaves: Mapping[int, str], block: Block) -> str:
    """Sums over leaves, shared out among the classes."""
    first = next(column for columns in block.leaves for column in columns)
    bottom = next(each for each in blocks if each.start <= first < each.stop and each.coding is Coding.SOFTMAX)
    members = np.zeros((bottom.stop - bottom.start, len(block.leaves)), np.float32)
    for number, columns in enumerate(block.leaves):
        members[[column - bottom.start for column in columns], number] = 1.0
    own = leaves[bottom.start]
    if np.array_equal(members, np.eye(len(members))):
        return own
    chance = weave("MatMul", own, members)
    return weave("Div", chance, weave("Max", weave.total(chance), LEAST))


def _corn(weave: Weave, logits: str) -> str:
    """P(y > k) = exp(Σ_{j ≤ k} log σ(z_j)), and P(y = k) as differences."""
    logs = weave("Neg", weave("Softplus", weave("Neg", logits)))
    beyond = weave("Exp", weave("CumSum", logs, np.array(1)))
    zeros = weave("Mul", weave.columns(beyond, 0, 1), ZERO)
    ones = weave("Add", zeros, ONE)
    return weave("Sub", weave("Concat", ones, beyond, axis=1), weave("Concat", beyond, zeros, axis=1))


def _number(weave: Weave, scale: NumberScale, logits: str, block: Block, vote: str | None, share: float) -> str:
    own = weave.columns(logits, block.start, block.start + 1)
    spread = weave("Clip", weave.columns(logits, block.start + 1, block.start + 2), np.float32(-7), np.float32(3))
    deviation = weave("Mul", weave("Exp", spread), np.float32(scale.deviation))
    if scale.transform is Transform.LOG:
        deviation = weave("Mul", deviation, restored(weave, scale, own))
    if vote is not None and share:
        own = weave("Add", weave("Mul", own, np.float32(1.0 - share)), weave("Mul", vote, np.float32(share)))
    deviation = weave("Min", deviation, np.float32(LARGEST))
    return weave("Concat", restored(weave, scale, own), deviation, axis=1)


def _blended(weave: Weave, places: Places, own: str, votes: str, shares: Mapping[str, float]) -> str:
    """p ← (1 - λ) p + λ v; see `facetwise.decisions.blend`, of items of which nothing is known."""
    by_attribute = np.array([shares.get(attribute.id, 0.0) for attribute in places.schema.attributes])
    share = by_attribute[places.owner]
    share[places.numbers] = 0.0  # blended where they are standardised
    several = places.of_kind(Kind.MULTILABEL)[None]
    told = weave("Where", (share > 0)[None], votes, ZERO)  # NaN where nobody was asked
    total = places.totals(weave, told)
    vote = weave("Where", several, told, weave("Div", told, weave("Max", total, LEAST)))
    kept = weave("Mul", own, (1.0 - share).astype(np.float32)[None])
    mean = weave("Add", kept, weave("Mul", vote, share.astype(np.float32)[None]))
    counts = weave("And", (share > 0)[None], weave("Or", several, weave("Greater", total, ZERO)))
    return weave("Where", counts, mean, own)


def weave_applies(weave: Weave, places: Places, logits: str, scores: str) -> str:
    """(item, attribute) P(applies): Σ_c p(c) A[c, a], plus where A is not known p(c) times the attribute's sigmoid."""
    schema, layout = places.schema, places.layout
    category, table = schema.category_attribute, schema.explained
    known, unknown = np.zeros(table.shape, np.float32), np.zeros(table.shape, np.float32)
    always = np.zeros((1, len(schema.attributes)), np.float32)
    own = np.zeros((1, len(schema.attributes)), np.float32)
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        if attribute.applies_to is not None:
            known[:, place] = np.nan_to_num(table[:, place])
            if block.applicability is not None:
                unknown[:, place] = np.isnan(table[:, place])
        elif block.applicability is not None:
            own[0, place] = 1.0
        else:
            always[0, place] = 1.0
    if category is not None:
        block = layout.blocks[schema.index[category.column]]
        chance = weave.columns(scores, block.score_start, block.score_stop)
    else:
        chance = weave("Add", weave("Mul", weave.columns(logits, 0, 1), ZERO), ONE)
    applies = weave("Add", weave("MatMul", chance, known), always)
    if unknown.any() or own.any():
        columns = np.array([0 if block.applicability is None else block.applicability for block in layout.blocks])
        gate = _sigmoid(weave, weave("Gather", logits, columns, axis=1))
        applies = weave("Add", applies, weave("Mul", weave("Add", weave("MatMul", chance, unknown), own), gate))
    return weave("Clip", applies, ZERO, ONE)
