"""Scores to calibrated chances: what a confidence of 0.9 means on the rows that nobody trained on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from facetwise.decisions._class_shift import fit_shift, shifted
from facetwise.decisions._isotonic import apply_isotonic, fit_isotonic
from facetwise.decisions._sigmoid import apply_sigmoid, fit_sigmoid, log_odds
from facetwise.decisions._temperature import fit_temperature, temper
from facetwise.decisions._top_class import odds_of, straighten
from facetwise.schema import UNKNOWN, VALUE, Attribute, Kind, Labels, Schema

__all__ = ["CURVES", "Calibration", "calibrate", "fit_calibration"]

# Below this a temperature is mostly chance: of a calibrated model that is right three times in four (ten classes,
# normal logits), the fitted log T scatters by 0.45 with 10 labels, 0.34 with 20, 0.18 with 50 and 0.08 with 200 (1,000
# drawn samples each).
FEWEST_LABELS = 20
# A sigmoid has two parameters, and the rarer side says where it lies: the same count as for a threshold.
FEWEST_OF_EACH = 10
# From about a thousand rows on a curve beats a sigmoid (Niculescu-Mizil, Caruana 2005, "Predicting good probabilities
# with supervised learning", figure 7).
ENOUGH_FOR_A_CURVE = 1000
FOLDS = 5
# A probability of 0 for what is true counts as this one: the least step of float32 below 1.
LEAST_CHANCE = 2.0**-24

# How labels are calibrated: by a line, by a curve where there are enough rows, or not at all.
CURVES: dict[str, bool | None] = {"scaling": False, "isotonic": True, "none": None}

Line = tuple[float, float]
Curve = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was fitted on validation rows; an attribute that is not named keeps its scores.

    Args:
        temperatures: Per id of a categorical or ordinal attribute its temperature; of one with a parent it is that of
            P(class | class of the parent).
        labels: Per id of a binary (one) or multilabel attribute (one per class) the slope and offset of the log-odds,
            or the corners of a rising curve, or None: keep the scores.
        applies: Per id the slope and offset of the log-odds that the attribute applies.
        shifts: Per id of a categorical attribute with neither parent nor child what each class's log-chance is shifted
            by before the temperature: networks that were taught to favour rare classes say them too often.
        tops: Per id of such an attribute the slope and offset of the log-odds of the class that is given, the one with
            the best score, after that.
    """

    temperatures: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, tuple[Line | Curve | None, ...]] = field(default_factory=dict)
    applies: Mapping[str, Line] = field(default_factory=dict)
    tops: Mapping[str, Line] = field(default_factory=dict)
    shifts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def _chains(schema: Schema) -> Iterator[list[int]]:
    """Categorical and ordinal attributes, each parent with its descendants from the top down."""
    child_of = {a.parent.column: place for place, a in enumerate(schema.attributes) if a.parent is not None}
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL) and attribute.parent is None:
            chain = [place]
            while (child := child_of.get(schema.attributes[chain[-1]].column)) is not None:
                chain.append(child)
            yield chain


def _parents(schema: Schema, attribute: Attribute) -> np.ndarray | None:
    """(class,) the parent's class of each class."""
    if attribute.parent is None:
        return None
    classes = {name: place for place, name in enumerate(schema.attribute(attribute.parent.column).classes)}
    return np.array([classes[attribute.parent.of[name]] for name in attribute.classes])


def _temper_chain(
    schema: Schema, chain: list[int], temperatures: Mapping[str, float], scores: np.ndarray, chances: np.ndarray
) -> None:
    """Temper a chain from the top down: p'(c) ∝ p'(k) r_k P(c | k)^(1/T) / Z_k, k the parent's class of c.

    r_k = sum_c p(c) / p(k) is 1 where every row of class k has a child, so that the children still add up to it. A row
    in which the most probable class of a level would be another one keeps its scores.
    """
    if not any(schema.attributes[place].id in temperatures for place in chain):
        return
    blocks, whole = schema.layout().blocks, np.ones(len(scores), dtype=bool)
    tempered: list[np.ndarray] = []
    for place in chain:
        attribute, own = schema.attributes[place], scores[:, blocks[place].scores].astype(np.float64)
        temperature, parents = temperatures.get(attribute.id, 1.0), _parents(schema, attribute)
        if parents is None:
            tempered.append(temper(own, temperature))
        else:
            above = scores[:, blocks[schema.index[schema.attributes[place].parent.column]].scores]  # ty: ignore
            level, upper = np.zeros_like(own), tempered[-1]
            for number in range(upper.shape[1]):
                members = np.flatnonzero(parents == number)
                mass = own[:, members].sum(axis=1)
                share = np.divide(mass, above[:, number], out=np.zeros(len(own)), where=above[:, number] > 0)
                level[:, members] = temper(own[:, members], temperature) * (upper[:, number] * share)[:, None]
            total = level.sum(axis=1, keepdims=True)
            whole &= total[:, 0] > 0  # cells that contradict their parent's
            tempered.append(level / np.maximum(total, 1e-300))
        whole &= tempered[-1].argmax(axis=1) == own.argmax(axis=1)
    for place, level in zip(chain, tempered, strict=True):
        chances[whole, blocks[place].scores] = level[whole]


def _straighten(odds: np.ndarray, fitted: Line | Curve) -> np.ndarray:
    if isinstance(fitted[0], tuple):
        return apply_isotonic(odds, *fitted)
    return apply_sigmoid(odds, *fitted)


def calibrate(
    schema: Schema, calibration: Calibration, scores: np.ndarray, applies: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated P(class | applies) and P(applies); cells that are certain (0 or 1) stay certain.

    Args:
        schema: The vocabulary.
        calibration: What was fitted.
        scores: (item, class) P(class | applies).
        applies: (item, attribute) P(applies).

    Returns:
        Two float32 arrays of the same shapes, those given where nothing was fitted. The most probable class of a
        categorical attribute is the same where no shifts were fitted, and the classes of a child still add up to those
        of its parent.
    """
    if calibration == Calibration():
        return scores, applies
    chances, sure = scores.astype(np.float32), applies.astype(np.float32)
    blocks = schema.layout().blocks
    for chain in _chains(schema):
        first, own = schema.attributes[chain[0]].id, blocks[chain[0]].scores
        if (shifts := calibration.shifts.get(first)) is not None:
            chances[:, own] = temper(shifted(scores[:, own], np.array(shifts)), calibration.temperatures[first])
        else:
            _temper_chain(schema, chain, calibration.temperatures, scores, chances)
        if (line := calibration.tops.get(first)) is not None:
            chances[:, own] = straighten(chances[:, own], scores[:, own].argmax(axis=1), *line)
    for place, attribute in enumerate(schema.attributes):
        for number, fitted in enumerate(calibration.labels.get(attribute.id, ())):
            if fitted is None:
                continue
            column = blocks[place].score_start + number
            if attribute.kind is Kind.BINARY:
                positive = _straighten(log_odds(scores[:, column], scores[:, column + 1]), fitted)
                chances[:, column], chances[:, column + 1] = 1.0 - positive, positive
            else:
                chances[:, column] = _straighten(log_odds(1.0 - scores[:, column], scores[:, column]), fitted)
        if (line := calibration.applies.get(attribute.id)) is not None:
            sure[:, place] = apply_sigmoid(log_odds(1.0 - applies[:, place], applies[:, place]), *line)
    return chances, sure


def _fit_classes(
    scores: np.ndarray, truth: np.ndarray, counts: np.ndarray | None, parents: np.ndarray | None
) -> tuple[float, tuple[float, ...] | None, Line | None]:
    """The temperature; and, given the training rows of each class, shifts, and a line for the class that is given."""
    temperature, shift = fit_temperature(scores, truth, groups=parents), None
    if counts is None:
        return temperature, None, None
    moved, given = scores.astype(np.float64), scores.argmax(axis=1)
    if (found := fit_shift(scores, truth, counts, temperature)) is not None:
        temperature, shift = found[1], tuple(found[0].tolist())
        moved = shifted(moved, found[0])
    chance, odds = odds_of(temper(moved, temperature), given)
    return temperature, shift, _line_that_helps(odds, chance, given == truth)


def _fit_label(odds: np.ndarray, truth: np.ndarray, *, curve: bool) -> tuple[Line | Curve | None, str | None]:
    """What fits one label, and why nothing does."""
    rarer = min(int(truth.sum()), int((~truth).sum()))
    if rarer < FEWEST_OF_EACH:
        return None, f"not calibrated: {rarer} validation rows of the rarer side, {FEWEST_OF_EACH} needed"
    if curve and len(truth) >= ENOUGH_FOR_A_CURVE:
        xs, ys = fit_isotonic(np.clip(odds, -88, 88), truth)
        # A curve that ends in 0 or 1 would call its ends certain; no sample of n rows says more than 1 / (n + 2).
        least = 1.0 / (len(truth) + 2)
        return (xs, tuple(min(max(y, least), 1.0 - least) for y in ys)), None
    line = fit_sigmoid(odds, truth)
    if line[0] <= 0:
        return None, "not calibrated: on validation higher scores are right less often"
    return line, None


def _line_that_helps(odds: np.ndarray, chance: np.ndarray, truth: np.ndarray) -> Line | None:
    """A line where it lowers the cross-entropy of rows that it was not fitted on (each fifth row in turn).

    What applies follows from the category, whose own probability may be calibrated well enough; and a temperature may
    be all that an attribute needs.
    """
    if min(int(truth.sum()), int((~truth).sum())) < FEWEST_OF_EACH:
        return None
    fold = np.arange(len(truth)) % FOLDS
    before = after = 0.0
    for part in range(FOLDS):
        here = fold == part
        line = fit_sigmoid(odds[~here], truth[~here])
        before += _cross_entropy(chance[here], truth[here])
        after += _cross_entropy(apply_sigmoid(odds[here], *line), truth[here])
    line = fit_sigmoid(odds, truth)
    return line if line[0] > 0 and after < before else None


def _cross_entropy(chance: np.ndarray, truth: np.ndarray) -> float:
    right = np.where(truth, chance, 1.0 - chance).astype(np.float64)
    return float(-np.log(np.maximum(right, LEAST_CHANCE)).sum())


def fit_calibration(
    schema: Schema, scores: np.ndarray, applies: np.ndarray, labels: Labels, train: Labels, *, curve: bool = False
) -> tuple[Calibration, dict[str, list[str]]]:
    """Fit on validation rows: a temperature per categorical and ordinal attribute, a sigmoid per label.

    The classes of a categorical attribute are shifted by their frequency beside, where that brings more than chance
    would. Where it helps on validation rows in turn, the class that is given and what applies get a sigmoid too.

    Args:
        schema: The vocabulary.
        scores: (item, class) P(class | applies) of validation rows.
        applies: (item, attribute) P(applies).
        labels: Their labels; unknown cells do not count.
        train: Training labels, whose classes are counted.
        curve: Isotonic curves for labels with at least 1,000 rows.

    Returns:
        The calibration, and per attribute id what was not fitted and why.
    """
    temperatures: dict[str, float] = {}
    fitted: dict[str, tuple[Line | Curve | None, ...]] = {}
    applying: dict[str, Line] = {}
    tops: dict[str, Line] = {}
    shifts: dict[str, tuple[float, ...]] = {}
    chained = {column for a in schema.attributes if a.parent is not None for column in (a.column, a.parent.column)}
    flags: dict[str, list[str]] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        rows = labels.state[:, place] == VALUE
        own, told = scores[rows, block.scores], flags.setdefault(attribute.id, [])
        if attribute.kind in (Kind.CATEGORICAL, Kind.ORDINAL):
            truth = labels.index[rows, place]
            if len(truth) < FEWEST_LABELS:
                told.append(f"not calibrated: {len(truth)} validation labels, {FEWEST_LABELS} needed")
            elif (own.argmax(axis=1) == truth).all():
                told.append(f"not calibrated: no mistake among {len(truth)} validation labels")
            else:
                counts = None  # levels of a hierarchy have to add up, ordered classes are decided by their sums
                if attribute.kind is Kind.CATEGORICAL and attribute.column not in chained:
                    known = train.index[train.state[:, place] == VALUE, place]
                    counts = np.bincount(known, minlength=len(attribute.classes))
                temperature, shift, line = _fit_classes(own, truth, counts, _parents(schema, attribute))
                temperatures[attribute.id] = temperature
                shifts |= {} if shift is None else {attribute.id: shift}
                tops |= {} if line is None else {attribute.id: line}
        elif attribute.kind in (Kind.BINARY, Kind.MULTILABEL):
            truths = labels.members[rows, block.scores] > 0
            odds = log_odds(1.0 - own, own)
            if attribute.kind is Kind.BINARY:
                truths, odds = labels.index[rows, place, None] == 1, log_odds(own[:, :1], own[:, 1:])
            found = [_fit_label(odds[:, n], truths[:, n], curve=curve) for n in range(truths.shape[1])]
            fitted[attribute.id] = tuple(line for line, _ in found)
            names = attribute.classes if attribute.kind is Kind.MULTILABEL else attribute.classes[1:]
            told += [f"{name!r} {why}" for name, (_, why) in zip(names, found, strict=True) if why is not None]
        said = labels.state[:, place] != UNKNOWN
        sure = applies[said, place]
        line = _line_that_helps(log_odds(1.0 - sure, sure), sure, labels.state[said, place] == VALUE)
        if line is not None:
            applying[attribute.id] = line
    flags = {key: told for key, told in flags.items() if told}
    return Calibration(temperatures=temperatures, labels=fitted, applies=applying, tops=tops, shifts=shifts), flags
