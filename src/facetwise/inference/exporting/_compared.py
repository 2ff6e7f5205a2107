"""Two sets of decisions about the same items: where they differ, how nearly, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.decisions import Decisions, NumberScale
from facetwise.runtime import Facts
from facetwise.schema import VALUE, Attribute, Block, Coding, Kind, Labels, Schema, Transform

__all__ = ["Change", "Difference", "changes_of", "differences_of", "largest_by_attribute", "number_unit"]

EVEN = 0.5
# Of how numbers scatter: differences below are of no use to anybody.
SHARPEST = 0.01
# One-sided 95 % of a normal distribution.
QUANTILE = 1.6449
_STATES = {0: "abstained", 1: "value", 2: "not applicable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One cell that is decided differently.

    Args:
        image: The picture.
        column: The attribute.
        batch: Size of the batch.
        expected: What the run decides.
        found: What the file decides.
        margin: |p - threshold| of the run's own answer: how nearly it would have decided likewise. Of cells that are
            decided together with others (rules, hierarchies) the largest difference of a probability of the item, which
            bounds it; NaN of a number, which has no threshold.
    """

    image: str
    column: str
    batch: int
    expected: str
    found: str
    margin: float

    @property
    def distance(self) -> str:
        """The margin in words."""
        return "a number, which has no threshold" if np.isnan(self.margin) else f"|p - threshold| = {self.margin:.2g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a file costs an attribute, in points (hundredths).

    Args:
        column: The attribute; None for the attributes with too few rows, together.
        rows: Labelled validation cells.
        before: Share of right answers of the run (labels: mean F1 of a picture; numbers: 1 - |error| / spread).
        after: Of the file.
        drop: before - after.
        bound: Upper end of its one-sided 95 % interval, from the paired differences by picture.
    """

    column: str | None
    rows: int
    before: float
    after: float
    drop: float
    bound: float


def number_unit(scale: NumberScale, scores: np.ndarray) -> np.ndarray:
    """(item,) what differences of a number are measured in: its predicted deviation.

    At least a hundredth of how numbers scatter: a model may claim to know a number to a thousandth of that, which is
    where float32 ends.

    Args:
        scale: How it was standardised.
        scores: (item, 2) mean and deviation.
    """
    spread = scale.deviation * (np.abs(scores[:, 0]) if scale.transform is Transform.LOG else 1.0)
    return np.maximum(np.maximum(np.abs(scores[:, 1]), SHARPEST * spread), 1e-12)


def largest_by_attribute(
    schema: Schema, scales: Mapping[str, NumberScale], expected: Decisions, found: Decisions
) -> np.ndarray:
    """(attribute,) the largest difference of a probability, calibrated or not, or of a number in its deviations."""
    unit = np.ones(expected.scores.shape)
    for attribute, block in zip(schema.attributes, schema.layout().blocks, strict=True):
        if block.coding is Coding.GAUSS:
            unit[:, block.scores] = number_unit(scales[attribute.id], expected.scores[:, block.scores])[:, None]
    apart = np.maximum(
        np.abs(expected.scores.astype(np.float64) - found.scores), np.abs(expected.chances - found.chances)
    )
    apart = (apart / unit).max(axis=0, initial=0.0)
    by_attribute = np.array([apart[block.scores].max() for block in schema.layout().blocks])
    applies = np.abs(expected.applies.astype(np.float64) - found.applies).max(axis=0, initial=0.0)
    return np.maximum(by_attribute, applies)


def _unequal(
    attribute: Attribute,
    block: Block,
    place: int,
    one: Decisions,
    two: Decisions,
    *,
    limit: float,
    scale: NumberScale | None,
) -> np.ndarray:
    """(item,) whether the decisions differ; numbers where they are more than `limit` deviations apart."""
    differs = one.state[:, place] != two.state[:, place]
    valued = (one.state[:, place] == VALUE) & ~differs
    if attribute.kind is Kind.MULTILABEL:
        other = (one.members[:, block.scores] != two.members[:, block.scores]).any(axis=1)
    elif attribute.kind is Kind.NUMERIC:
        assert scale is not None, "every number has a scale"
        unit = number_unit(scale, one.scores[:, block.scores])
        other = np.abs(one.number[:, place] - two.number[:, place]) > limit * unit
    else:
        other = one.index[:, place] != two.index[:, place]
    return differs | (valued & other)


def _margin(
    attribute: Attribute, block: Block, place: int, one: Decisions, two: Decisions, row: int, facts: Facts
) -> float:  # fmt: skip
    """How far the first answer is from the other side of the line that it crossed."""
    if one.state[row, place] != two.state[row, place]:
        if VALUE in (one.state[row, place], two.state[row, place]) and 2 not in (
            one.state[row, place], two.state[row, place],
        ):  # fmt: skip
            return abs(float(one.confidence[row, place]) - facts.policy.least[attribute.id])
        return abs(float(one.applies[row, place]) - EVEN)
    own = one.scores[row, block.scores].astype(np.float64)
    cuts = np.asarray(facts.thresholds.get(attribute.id, (EVEN,)))
    if attribute.kind is Kind.NUMERIC:
        return float("nan")
    if attribute.kind is Kind.BINARY:
        return abs(float(own[1] - cuts[0]))
    if attribute.kind is Kind.MULTILABEL:
        other = one.members[row, block.scores] != two.members[row, block.scores]
        return float(np.abs(own - cuts)[other].max())
    if attribute.kind is Kind.ORDINAL:
        return float(np.abs(np.cumsum(own) - EVEN).min())
    # Halfway between the two probabilities lies the line between the two classes.
    return float(own[one.index[row, place]] - own[two.index[row, place]]) / 2


def _joint(facts: Facts) -> set[int]:
    """Attributes that are not decided by themselves: one that crosses its threshold may take others with it."""
    schema = facts.schema
    columns = {name for rule in (*schema.rules, *facts.policy.rules) for name in rule.columns}
    if facts.policy.hierarchy != "off" or columns:
        for attribute in schema.attributes:
            if attribute.parent is not None:
                columns |= {attribute.column, attribute.parent.column}
    return {schema.index[name] for name in columns}


def _apart(schema: Schema, one: Decisions, two: Decisions) -> np.ndarray:
    """(item,) the largest difference of a probability of the item.

    Decisions are one function of the scores; where they differ, a threshold lies between the two, so no farther away.
    """
    chances = [c for block in schema.layout().blocks if block.coding is not Coding.GAUSS
               for c in range(block.score_start, block.score_stop)]  # fmt: skip
    pairs = (
        (one.scores[:, chances].astype(np.float64), two.scores[:, chances]),
        (one.chances[:, chances], two.chances[:, chances]),
        (one.applies.astype(np.float64), two.applies),
    )
    return np.max([np.abs(a - b).max(axis=1, initial=0.0) for a, b in pairs], axis=0)


def _words(attribute: Attribute, block: Block, place: int, decisions: Decisions, row: int) -> str:
    state = int(decisions.state[row, place])
    if state != VALUE:
        return _STATES[state]
    if attribute.kind is Kind.NUMERIC:
        return f"{decisions.number[row, place]:.6g}"
    if attribute.kind is Kind.MULTILABEL:
        return "|".join(attribute.classes[c] for c in np.flatnonzero(decisions.members[row, block.scores]))
    return attribute.classes[decisions.index[row, place]]


def differences_of(
    facts: Facts,
    images: Sequence[str],
    expected: Decisions,
    found: Decisions,
    *,
    batch: int,
    limit: float,
    scored: bool = True,
) -> list[Difference]:
    """Every cell that is decided differently; numbers where they are more than `limit` deviations apart.

    Args:
        facts: What the file says about itself.
        images: Names of the pictures.
        expected, found: The two.
        batch: Size of the batch.
        limit: In deviations.
        scored: Whether the scores of `found` are those that it was decided by.
    """
    schema, scales, told = facts.schema, facts.scales, list[Difference]()
    joint, apart = _joint(facts) if scored else set[int](), _apart(schema, expected, found)
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        rows = np.flatnonzero(
            _unequal(attribute, block, place, expected, found, limit=limit, scale=scales.get(attribute.id))
        )
        told += [
            Difference(
                image=images[row],
                column=attribute.column,
                batch=batch,
                expected=_words(attribute, block, place, expected, row),
                found=_words(attribute, block, place, found, row),
                margin=float(apart[row])
                if place in joint
                else _margin(attribute, block, place, expected, found, row, facts),
            )
            for row in rows.tolist()
        ]
    return told


def _right(
    attribute: Attribute, block: Block, place: int, truth: Labels, told: Decisions, rows: np.ndarray
) -> np.ndarray:
    """(row,) between 0 and 1 how right the answers are, 0 where none is given."""
    given = told.state[rows, place] == VALUE
    if attribute.kind is Kind.NUMERIC:
        number = truth.number[rows, place]
        low, high = np.quantile(number, [0.05, 0.95])
        right = 1.0 - np.minimum(1.0, np.abs(told.number[rows, place] - number) / max(high - low, 1e-12))
    elif attribute.kind is Kind.MULTILABEL:
        yes, said = truth.members[rows, block.scores] > 0, told.members[rows, block.scores] > 0
        both, either = (yes & said).sum(axis=1), yes.sum(axis=1) + said.sum(axis=1)
        right = np.where(either > 0, 2.0 * both / np.maximum(either, 1), 1.0)
    else:
        right = (truth.index[rows, place] == told.index[rows, place]).astype(np.float64)
    return np.where(given, right, 0.0)


def _paired(before: np.ndarray, after: np.ndarray, cells: np.ndarray, column: str | None) -> Change:
    """Sums by picture: their ratio, and its bound from the paired differences (linearised ratio estimator)."""
    total = max(1.0, float(cells.sum()))
    drop = before - after
    mean = float(drop.sum()) / total
    count = max(2, int((cells > 0).sum()))
    spread = float(np.sqrt(((drop - mean * cells) ** 2).sum() * count / (count - 1))) / total
    return Change(
        column=column, rows=int(cells.sum()), before=100 * float(before.sum()) / total,
        after=100 * float(after.sum()) / total, drop=100 * mean, bound=100 * (mean + QUANTILE * spread),
    )  # fmt: skip


def changes_of(schema: Schema, truth: Labels, expected: Decisions, found: Decisions, *, fewest: int) -> list[Change]:
    """Per attribute with at least `fewest` labelled cells what the file costs it; of all others together.

    Each cell is right or wrong before and after; by picture the differences are paired, which is why a drop of half a
    point can be seen at all.
    """
    items = len(expected)
    pooled = np.zeros((3, items))
    told: list[Change] = []
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        rows = np.flatnonzero(truth.state[:, place] == VALUE)
        if not len(rows):
            continue
        parts = np.zeros((3, items))
        for line, decisions in zip(parts, (expected, found), strict=False):
            line[rows] = _right(attribute, block, place, truth, decisions, rows)
        parts[2, rows] = 1.0
        if len(rows) >= fewest:
            told.append(_paired(*parts, attribute.column))
        else:
            pooled += parts
    if pooled[2].any():
        told.append(_paired(*pooled, None))
    return told
