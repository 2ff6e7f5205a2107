"""Decisions as a part of the graph: `facetwise.decisions.decide` in ONNX, with outputs named by attribute."""

from collections.abc import Mapping

import numpy as np

from facetwise.decisions import Policy
from facetwise.inference.exporting._chances import weave_chances, weave_sure
from facetwise.inference.exporting._places import ONE, Places
from facetwise.inference.exporting._weave import Weave
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind

__all__ = ["weave_decisions"]

HALF, EVEN = np.array(0.5, np.float32), 0.5
PARTS = ("scores", "chances", "applies", "state", "decision", "confidence")


def weave_decisions(
    weave: Weave,
    places: Places,
    thresholds: Mapping[str, tuple[float, ...]],
    policy: Policy,
    scores: str,
    applies: str,
) -> dict[str, list[str]]:
    """Outputs of every attribute, by its id: scores, chances, applies, state, decision, confidence.

    scores (batch, class) float32, what thresholds are about; chances, the same calibrated; applies (batch) float32;
    state (batch) int8: 0 abstained, 1 value, 2 not applicable; decision: int64 number of the class (batch), uint8 per
    class (batch, class) where there may be several, float32 (batch) for a number, whatever `state` says; confidence
    (batch) float32, NaN for numbers.
    """
    attributes = places.schema.attributes
    ids = [attribute.id for attribute in attributes]
    chances = weave_chances(weave, places, policy.calibration, scores)
    sure = weave_sure(weave, places, policy.calibration, applies)
    yes = weave("GreaterOrEqual", applies, HALF)
    for packed, part in ((scores, "scores"), (chances, "chances")):
        weave.split(packed, places.widths, [f"{key}.{part}" for key in ids])
    found = [_decided(weave, attribute, thresholds) for attribute in attributes]
    confidence = weave("Concat", *(each for _, each in found), axis=1)
    confidence = weave("Where", yes, weave("Mul", sure, confidence), weave("Sub", ONE, sure))
    least = np.array([[policy.least.get(key, -np.inf) for key in ids]], np.float32)
    low = weave("And", yes, weave("Less", confidence, least))
    state = weave("Where", yes, np.array(VALUE, np.int8), np.array(NOT_APPLICABLE, np.int8))
    state = weave("Where", low, np.array(0, np.int8), state)
    single = np.ones(len(ids), np.int64)
    for packed, part in ((applies, "applies"), (state, "state"), (confidence, "confidence")):
        weave.split(packed, single, [f"t.{key}.{part}" for key in ids])
    for attribute, width, (decision, _) in zip(attributes, places.widths.tolist(), found, strict=True):
        key = attribute.id
        for part in ("applies", "state", "confidence"):
            weave("Squeeze", f"t.{key}.{part}", np.array([1]), name=f"{key}.{part}")
        several, number = attribute.kind is Kind.MULTILABEL, attribute.kind is Kind.NUMERIC
        if several:
            weave("Identity", weave.cast(decision, np.uint8), name=f"{key}.decision")
        else:
            weave("Squeeze", decision, np.array([1]), name=f"{key}.decision")
        kind = np.uint8 if several else np.float32 if number else np.int64
        weave.output(f"{key}.scores", np.float32, width)
        weave.output(f"{key}.chances", np.float32, width)
        weave.output(f"{key}.applies", np.float32)
        weave.output(f"{key}.state", np.int8)
        weave.output(f"{key}.decision", kind, *([width] if several else []))
        weave.output(f"{key}.confidence", np.float32)
    return {key: [f"{key}.{part}" for part in PARTS] for key in ids}


def at_least(threshold: float) -> np.ndarray:
    """The smallest float32 that is not below a threshold, so that the same float32 scores reach it.

    >>> float(at_least(0.1)) >= 0.1, float(at_least(0.5))
    (True, 0.5)
    """
    near = np.float32(threshold)
    return np.array(near if float(near) >= threshold else np.nextafter(near, np.float32(np.inf)), np.float32)


def _decided(weave: Weave, attribute: Attribute, thresholds: Mapping[str, tuple[float, ...]]) -> tuple[str, str]:
    """The decision, and how sure it is if the attribute applies: (item, 1), or (item, class) where several may be."""
    own, chance = f"{attribute.id}.scores", f"{attribute.id}.chances"
    if attribute.kind is Kind.NUMERIC:
        number = weave.columns(own, 0, 1)
        nothing = weave("Mul", weave("Clip", number, np.float32(-1), ONE), np.float32(0.0))
        return number, weave("Add", nothing, np.float32(np.nan))
    given = thresholds.get(attribute.id, (EVEN,))
    if attribute.kind is Kind.MULTILABEL:
        chosen = weave("GreaterOrEqual", own, np.stack([at_least(each) for each in given])[None])
        sure = weave("Where", chosen, chance, weave("Sub", ONE, chance))
        return chosen, weave("ReduceProd", sure, np.array([1]), keepdims=1)
    if attribute.kind is Kind.BINARY:
        index = weave.cast(weave("GreaterOrEqual", weave.columns(own, 1, 2), at_least(given[0])), np.int64)
    elif attribute.kind is Kind.ORDINAL:
        # Sums of float32 probabilities may end a hair below 1/2, as in the numpy code.
        reached = weave("GreaterOrEqual", weave("CumSum", own, np.array(1)), np.float32(EVEN - 1e-6))
        index = weave("ArgMax", weave.cast(reached, np.float32), axis=1, keepdims=1)
    else:
        index = weave("ArgMax", own, axis=1, keepdims=1)
    return index, weave("GatherElements", chance, index, axis=1)
