"""What is fitted for the decisions on validation rows, and told in a few lines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from facetwise.config import Config
from facetwise.decisions import NEVER, Policy, fit_policy, mine_rules
from facetwise.events import Event, Report
from facetwise.features import StoredRows
from facetwise.inference import Bundle, Predictor
from facetwise.schema import Kind, Schema
from facetwise.training._neighbourhood import with_neighbours
from facetwise.training._prepare import Prepared

__all__ = ["fit_decisions", "policy_lines"]

# Names beyond these are counted; the bundle has all of them with their reasons.
SHOWN = 4


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _labels_not_shown(
    schema: Schema, thresholds: Mapping[str, tuple[float, ...]], policy: Policy
) -> tuple[list[str], list[str]]:
    """Labels whose own goal was not shown, beside others of the attribute's: never given, and given to every item."""
    never: list[str] = []
    always: list[str] = []
    for place in schema.of_kind(Kind.MULTILABEL):
        attribute = schema.attributes[place]
        if attribute.id not in policy.goals or attribute.id in policy.least:
            continue
        for name, cut in zip(attribute.classes, thresholds[attribute.id], strict=True):
            if cut >= NEVER:
                never.append(f"{attribute.column} {name!r}")
            elif cut <= 0.0:
                always.append(f"{attribute.column} {name!r}")
    return never, always


def policy_lines(schema: Schema, thresholds: Mapping[str, tuple[float, ...]], policy: Policy) -> list[str]:
    """What was asked for and reached, and what is not to be trusted; nothing where there is nothing to say."""
    lines: list[str] = []
    columns = {attribute.id: attribute.column for attribute in schema.attributes}
    given = [(columns[key], policy.goals[key], policy.shares[key]) for key, cut in policy.least.items() if cut < NEVER]
    if given:
        told = [f"{column} {goal} gives {share:.0%} of the values" for column, goal, share in given[:SHOWN]]
        more = f"; {len(given) - SHOWN} more attributes" if len(given) > SHOWN else ""
        lines.append(f"goals on validation: {', '.join(told)}{more}")
    closed = [column for key, column in columns.items() if policy.least.get(key, 0.0) >= NEVER]
    if closed:
        lines.append(f"goals not shown on validation, every value is left open: {_named(closed)}")
    never, always = _labels_not_shown(schema, thresholds, policy)
    if never:
        lines.append(f"goals not shown on validation, labels that are never given: {_named(never)}")
    if always:
        lines.append(f"goals not shown on validation, labels that are given to every item: {_named(always)}")
    if rest := [columns[key] for key in policy.flags if columns[key] not in closed]:
        lines.append(f"thresholds, confidences or sets that rest on too few validation rows: {_named(rest)}")
    return lines


def fit_decisions(
    bundle: Bundle, prepared: Prepared, sides: Mapping[str, np.ndarray], config: Config, *, report: Report
) -> tuple[Predictor, tuple[np.ndarray, np.ndarray]]:
    """A predictor of the bundle with neighbours, thresholds and everything else that stands between logits and answers.

    Args:
        bundle: The trained model.
        prepared: The table that it was trained on.
        sides: Side → its places among the kept rows.
        config: What is wanted.
        report: Told about goals, and about what is not to be trusted.

    Returns:
        The predictor, and its scores of the validation rows: nothing that was fitted changes them.
    """
    predictor = Predictor(bundle)
    val = sides["val"]
    if config.neighbours and not isinstance(prepared.features, StoredRows):
        predictor, (scores, applies) = with_neighbours(predictor, prepared, sides, seed=config.seed)
    else:
        scores, applies = predictor.scores(prepared.features[val])
    thresholds, policy = fit_policy(
        bundle.schema, scores, applies, prepared.labels.take(val), prepared.labels.take(sides["train"]),
        goal=config.goal, goals=config.goals, risk=config.goal_risk, tune=config.tune_thresholds,
        calibration=config.calibration, sets=config.sets, coverage=config.coverage, hierarchy=config.hierarchy,
    )  # fmt: skip
    if config.rules == "mined":
        mined = mine_rules(bundle.schema, prepared.labels.take(sides["train"]))
        policy = replace(policy, rules=tuple(one.rule for one in mined))
        line = f"{len(mined):,} rules between attributes, which every training row keeps, hold for the answers too"
        report(Event("notice", line, data={"code": "rules"}))
    for line in policy_lines(bundle.schema, thresholds, policy):
        report(Event("notice", line, data={"code": "decisions"}))
    decided = replace(predictor.bundle, thresholds=thresholds, policy=policy)
    return Predictor(decided, model=predictor.model), (scores, applies)
