"""Decisions as a person reads them: one row per image, one cell per attribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from facetwise.decisions._conformal import intervals, prediction_sets
from facetwise.decisions._decisions import ABSTAINED, Decisions
from facetwise.decisions._policy import Policy
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Schema

__all__ = ["Cell", "rows_from"]

State = Literal["value", "abstained", "not_applicable"]
Given = Literal["known", "contradicted"]
_STATE: dict[int, State] = {VALUE: "value", ABSTAINED: "abstained", NOT_APPLICABLE: "not_applicable"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One filled cell.

    Args:
        value: A class name, a list of them (multilabel), a number, or None where the state is not `value`.
        state: value, abstained or not_applicable.
        confidence: Calibrated probability of this decision; None for numbers.
        set: Classes among which the true one lies with the coverage of the run, in the schema's order; None where they
            were not asked for, for labels and numbers, and where the attribute does not apply.
        interval: Lowest and highest number, likewise; None too where too few cells were there to tell.
        given: `known` where the user's own cell decided, `contradicted` where the picture speaks against that.
    """

    value: str | list[str] | float | None
    state: State
    confidence: float | None
    set: tuple[str, ...] | None = None
    interval: tuple[float, float] | None = None
    given: Given | None = None

    def told(self, tail: str) -> object:
        """What stands in the column of that tail: set, low, high or given."""
        if tail in ("low", "high"):
            return None if self.interval is None else self.interval[tail == "high"]
        if tail == "given":
            return self.given
        return None if self.set is None else list(self.set)


def _value(attribute: Attribute, decisions: Decisions, row: int, place: int, scores: slice) -> str | list[str] | float:
    if attribute.kind is Kind.NUMERIC:
        return float(decisions.number[row, place])
    if attribute.kind is Kind.MULTILABEL:
        return [attribute.classes[c] for c in np.flatnonzero(decisions.members[row, scores])]
    return attribute.classes[decisions.index[row, place]]


def _sets(schema: Schema, policy: Policy, decisions: Decisions) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """By place of the attribute: (item, class) bool sets, and (item, 2) intervals."""
    top = schema.category_attribute
    category = np.full(len(decisions), -1) if top is None else decisions.index[:, schema.index[top.column]]
    sets: dict[int, np.ndarray] = {}
    ranges: dict[int, np.ndarray] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        conformal, chances = policy.conformal.get(attribute.id), decisions.chances[:, block.scores]
        if conformal is not None and attribute.kind is Kind.NUMERIC:
            ranges[place] = intervals(schema, attribute, conformal, chances, category)
        elif conformal is not None:
            sets[place] = prediction_sets(schema, conformal, chances, category)
    return sets, ranges


def rows_from(
    schema: Schema,
    images: Sequence[str],
    issues: Sequence[str | None],
    decisions: Decisions,
    *,
    sets_of: Policy | None = None,
    given: np.ndarray | None = None,
    contradicted: np.ndarray | None = None,
) -> tuple[list[dict[str, Any]], dict[str, tuple[str, ...]]]:
    """Decisions about the readable images, in order, to one row per image.

    Args:
        schema: The vocabulary.
        images: Every image asked for.
        issues: Per image None, or the reason why it could not be read; `decisions` has a row for every None.
        decisions: Decisions about the readable ones.
        sets_of: Tell the sets and intervals of this policy too.
        given: (readable, attribute) bool: cells that the user knew; told as such.
        contradicted: (readable, attribute) bool: those that the picture speaks against.

    Returns:
        The rows: `image`, `issue` and one `Cell` per attribute by its column, none where the picture could not be read;
        and by column what else is told: set, low, high, given.
    """
    sets, ranges = ({}, {}) if sets_of is None else _sets(schema, sets_of, decisions)
    extras: dict[str, tuple[str, ...]] = {}
    for place, attribute in enumerate(schema.attributes):
        tails = ("set",) * (place in sets) + ("low", "high") * (place in ranges) + ("given",) * (given is not None)
        extras |= {attribute.column: tails} if tails else {}
    rows: list[dict[str, Any]] = []
    readable = 0
    blocks = schema.layout().blocks
    for image, issue in zip(images, issues, strict=True):
        row: dict[str, Any] = {"image": image, "issue": issue}
        if issue is None:
            for place, attribute in enumerate(schema.attributes):
                state = int(decisions.state[readable, place])
                sure = float(decisions.confidence[readable, place])
                value = _value(attribute, decisions, readable, place, blocks[place].scores) if state == VALUE else None
                among = within = told = None
                if place in sets and state != NOT_APPLICABLE:
                    among = tuple(attribute.classes[c] for c in np.flatnonzero(sets[place][readable]))
                if place in ranges and state != NOT_APPLICABLE and np.isfinite(ranges[place][readable]).all():
                    within = (float(ranges[place][readable, 0]), float(ranges[place][readable, 1]))
                if given is not None and given[readable, place]:
                    told = "contradicted" if contradicted is not None and contradicted[readable, place] else "known"
                confidence = None if np.isnan(sure) else sure
                row[attribute.column] = Cell(value, _STATE[state], confidence, among, within, told)
            readable += 1
        rows.append(row)
    return rows, extras
