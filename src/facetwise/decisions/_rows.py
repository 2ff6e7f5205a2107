"""Decisions as a person reads them: one row per image, one cell per attribute."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np

from facetwise.decisions._conformal import intervals, prediction_sets
from facetwise.decisions._decisions import ABSTAINED, Decisions
from facetwise.decisions._policy import Policy
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Schema

__all__ = ["STATE_NAMES", "Cell", "Rows", "rows_from"]

State = Literal["value", "abstained", "not_applicable"]
Given = Literal["known", "contradicted"]
STATE_NAMES: dict[int, State] = {VALUE: "value", ABSTAINED: "abstained", NOT_APPLICABLE: "not_applicable"}


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows(Sequence[dict[str, Any]]):
    """One row per image; its dictionary is made when it is asked for, since a million of them would be gigabytes.

    Args:
        schema: The vocabulary.
        images: Every image asked for.
        issues: Per image None, or the reason why it could not be read.
        items: (image,) item of the decisions; -1 where the picture could not be read.
        decisions: Decisions about the readable ones.
        sets: Place of an attribute to (item, class) bool: its sets.
        ranges: Place of an attribute to (item, 2): its intervals.
        given, contradicted: (item, attribute) bool, or None where nothing was given.
    """

    schema: Schema
    images: Sequence[str]
    issues: Sequence[str | None]
    items: np.ndarray
    decisions: Decisions
    sets: Mapping[int, np.ndarray]
    ranges: Mapping[int, np.ndarray]
    given: np.ndarray | None = None
    contradicted: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, row: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, row: slice) -> "Rows": ...

    def __getitem__(self, row: int | slice) -> "dict[str, Any] | Rows":
        if isinstance(row, slice):
            return replace(self, images=self.images[row], issues=self.issues[row], items=self.items[row])
        found: dict[str, Any] = {"image": self.images[row], "issue": self.issues[row]}
        item = int(self.items[row])
        if item >= 0:
            found |= {a.column: self._cell(item, place) for place, a in enumerate(self.schema.attributes)}
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == own for one, own in zip(other, self, strict=True))

    __hash__ = None  # rows are equal by what they say, which is too much to be a key

    def counts(self) -> Counter[str]:
        """Cells by state, and `unreadable` pictures."""
        states = self.decisions.state[self.items[self.items >= 0]]
        counts: dict[str, int] = {name: int((states == state).sum()) for state, name in STATE_NAMES.items()}
        return Counter({**counts, "unreadable": int((self.items < 0).sum())})

    def _cell(self, item: int, place: int) -> Cell:
        state, sure = int(self.decisions.state[item, place]), float(self.decisions.confidence[item, place])
        classes = self.schema.attributes[place].classes
        among = within = told = None
        if place in self.sets and state != NOT_APPLICABLE:
            among = tuple(classes[c] for c in np.flatnonzero(self.sets[place][item]))
        if place in self.ranges and state != NOT_APPLICABLE and np.isfinite(self.ranges[place][item]).all():
            within = (float(self.ranges[place][item, 0]), float(self.ranges[place][item, 1]))
        if self.given is not None and self.given[item, place]:
            against = self.contradicted is not None and self.contradicted[item, place]
            told = "contradicted" if against else "known"
        return Cell(
            self._value(item, place) if state == VALUE else None, STATE_NAMES[state],
            None if np.isnan(sure) else sure, among, within, told,
        )  # fmt: skip

    def _value(self, item: int, place: int) -> str | list[str] | float:
        attribute = self.schema.attributes[place]
        if attribute.kind is Kind.NUMERIC:
            return float(self.decisions.number[item, place])
        if attribute.kind is Kind.MULTILABEL:
            own = self.decisions.members[item, self.schema.layout().blocks[place].scores]
            return [attribute.classes[c] for c in np.flatnonzero(own)]
        return attribute.classes[self.decisions.index[item, place]]


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
            # The value that is given belongs to it, whether scores of rare classes, a rule or a parent made it the one.
            sets[place][np.arange(len(decisions)), np.maximum(decisions.index[:, place], 0)] |= (
                decisions.index[:, place] >= 0
            )
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
) -> tuple[Rows, dict[str, tuple[str, ...]]]:
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
    readable = np.array([issue is None for issue in issues], dtype=bool)
    rows = Rows(
        schema=schema, images=images, issues=issues, items=np.where(readable, np.cumsum(readable) - 1, -1),
        decisions=decisions, sets=sets, ranges=ranges, given=given, contradicted=contradicted,
    )  # fmt: skip
    return rows, extras
