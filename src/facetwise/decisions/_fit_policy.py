"""Thresholds, calibration, abstention, sets and intervals: everything that is fitted on validation rows, in order."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from facetwise.decisions._calibration import CURVES, fit_calibration
from facetwise.decisions._conformal import fit_conformal
from facetwise.decisions._decide import decide
from facetwise.decisions._goals import NEVER, RISK, Cut, goal_of, least_confidence, least_score
from facetwise.decisions._policy import Policy
from facetwise.decisions._thresholds import FEWEST, tune_thresholds
from facetwise.schema import UNKNOWN, VALUE, Attribute, Block, Kind, Labels, Schema

__all__ = ["fit_policy"]


def _labels_of(attribute: Attribute, block: Block, place: int, scores: np.ndarray, labels: Labels) -> list[tuple]:
    """Per label that has a threshold: its name, the chances of the validation rows, and their truth."""
    rows = labels.state[:, place] == VALUE
    if attribute.kind is Kind.BINARY:
        return [(attribute.classes[1], scores[rows, block.score_start + 1], labels.index[rows, place] == 1)]
    columns = range(block.score_start, block.score_stop)
    return [
        (name, scores[rows, column], labels.members[rows, column] > 0)
        for name, column in zip(attribute.classes, columns, strict=True)
    ]


def fit_policy(
    schema: Schema,
    scores: np.ndarray,
    applies: np.ndarray,
    labels: Labels,
    train: Labels,
    *,
    goal: str = "f1",
    goals: Mapping[str, str] | None = None,
    risk: float = RISK,
    tune: bool = True,
    calibration: str = "scaling",
    sets: str = "lac",
    coverage: float = 0.9,
    hierarchy: str = "off",
) -> tuple[dict[str, tuple[float, ...]], Policy]:
    """Fit what stands between scores and answers.

    Args:
        schema: The vocabulary.
        scores, applies: What the model says about the validation rows.
        labels: Their labels; unknown cells do not count.
        train: Training labels: where validation has too few positives, the training rate is matched.
        goal: What is wanted of every attribute that can have it: `f1`, `precision>=P`, `recall>=P`.
        goals: By column, instead of `goal`.
        risk: How likely the luck of the validation rows may let a goal be missed.
        tune: Whether thresholds are tuned where the goal is F1.
        calibration: `scaling`, `isotonic` (curves for labels with enough rows) or `none`.
        sets: How strange a class is for an item.
        coverage: Share of the cells whose set or interval is to hold the truth.
        hierarchy: How children and parents are decided.

    Returns:
        Thresholds of the scores by attribute id, and the rest.
    """
    goals, flags = goals or {}, {attribute.id: [] for attribute in schema.attributes}
    thresholds = tune_thresholds(schema, scores, labels, train) if tune else {}
    asked: dict[str, str] = {}
    least: dict[str, Cut] = {}
    wanted = {attribute.id: goal_of(attribute, goal, goals) for attribute in schema.attributes}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        if wanted[attribute.id].level is not None:
            asked[attribute.id] = f"{wanted[attribute.id].measure}>={wanted[attribute.id].level:g}"
        if attribute.kind not in (Kind.BINARY, Kind.MULTILABEL):
            continue
        own = _labels_of(attribute, block, place, scores, labels)
        if attribute.id in asked:
            cuts = [least_score(chance, truth, wanted[attribute.id], risk=risk) for _, chance, truth in own]
            why = [cut.why for cut in cuts]
            if all(why):
                # Below a threshold is "no", which nobody has shown either. Thresholds stay those of the best F1: what
                # is left open is still what the answer would have been.
                least[attribute.id] = Cut(NEVER, 0.0)
                flags[attribute.id].append("every answer is left open: no threshold can be shown")
            else:
                thresholds[attribute.id] = tuple(cut.value for cut in cuts)
        else:
            rarer = [min(int(truth.sum()), int((~truth).sum())) for _, _, truth in own] if tune else []
            text = f"validation rows of the rarer side, {FEWEST} needed; the training rate is matched"
            why = [f"{count} {text}" if count < FEWEST else None for count in rarer]
        flags[attribute.id] += [
            f"threshold of {name!r}: {text}" for (name, *_), text in zip(own, why, strict=False) if text is not None
        ]
    policy = Policy()
    if (curve := CURVES[calibration]) is not None:
        fitted, doubtful = fit_calibration(schema, scores, applies, labels, train, curve=curve)
        policy = Policy(calibration=fitted)
        for key, told in doubtful.items():
            flags[key] += told
    # Before anything is left open; what is asked of the confidences is asked of answers that agree.
    together = replace(policy, hierarchy="off" if hierarchy == "off" else "consistent")
    decisions = decide(schema, scores, applies, thresholds=thresholds, policy=together)
    for place, attribute in enumerate(schema.attributes):
        if attribute.id in asked and attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL):
            rows = (decisions.state[:, place] == VALUE) & (labels.state[:, place] != UNKNOWN)
            right = (labels.state[:, place] == VALUE) & (labels.index[:, place] == decisions.index[:, place])
            level = wanted[attribute.id].level or 0.0
            cut = least_confidence(decisions.confidence[rows, place], right[rows], level, risk=risk)
            least[attribute.id] = cut
            flags[attribute.id] += [] if cut.why is None else [f"every answer is left open: {cut.why}"]
    top = schema.category_attribute
    category = np.full(len(scores), -1) if top is None else decisions.index[:, schema.index[top.column]]
    conformal, doubtful = fit_conformal(schema, decisions.chances, labels, category, method=sets, coverage=coverage)
    for key, told in doubtful.items():
        flags[key] += told
    return thresholds, Policy(
        calibration=policy.calibration,
        least={key: cut.value for key, cut in least.items()},
        shares={key: cut.share for key, cut in least.items()},
        goals=asked,
        conformal=conformal,
        flags={key: tuple(told) for key, told in flags.items() if told},
        hierarchy=hierarchy,
    )
