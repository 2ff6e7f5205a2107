"""Labels and decisions to an evaluation."""

from dataclasses import dataclass, replace

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._applicability import measure_applicability
from facetwise.metrics._attribute import Sheet, measure_attributes, measure_sheet, starts_of
from facetwise.metrics._bootstrap import RESAMPLES, bootstrap_intervals, calibration_interval, draw_resamples
from facetwise.metrics._calibration_error import calibration_of
from facetwise.metrics._categories import by_category
from facetwise.metrics._cells import compare
from facetwise.metrics._confidences import confidences, set_confidences
from facetwise.metrics._confusion import Tally, tally
from facetwise.metrics._confusions import confused_pairs, confusions
from facetwise.metrics._curves import reliability_curve, risk_coverage_curve
from facetwise.metrics._evaluation import Evaluation, Figure
from facetwise.metrics._floors import RANDOM_DRAWS, average, learnable, majority, medians_of, random_draw, some_items
from facetwise.metrics._frequency import by_frequency
from facetwise.metrics._known import mean_known, plain
from facetwise.metrics._overall import exact_match, label_f1, mean_of, summarise
from facetwise.metrics._tiers import by_labelled, measure_tiers
from facetwise.metrics._vocabulary import OVERALL_METRICS
from facetwise.schema import Kind, Labels, Schema

__all__ = ["evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """An evaluation, and what it was counted from."""

    evaluation: Evaluation
    counted: Tally
    sheet: Sheet


def _measure(
    schema: Schema, truth: Labels, decisions: Decisions, medians: dict[str, float], *, per_class: bool
) -> _Measured:
    cells = compare(schema, truth, decisions)
    counted = tally(schema, truth, decisions, cells)
    sheet = measure_sheet(schema, truth, decisions, cells, counted)
    applicability = measure_applicability(truth.state, decisions.state)
    attributes = measure_attributes(
        schema,
        truth,
        decisions,
        cells,
        sheet,
        applicability=applicability.attributes,
        medians=medians,
        per_class=per_class,
    )
    nested = by_category(schema, truth, cells, counted, starts_of(schema), sheet.given.harmonic_mean)
    everything = np.arange(len(schema.attributes))
    labels = label_f1(schema, sheet.given.f1)
    figures: dict[str, Figure] = summarise(cells, attributes, attributes, labels)
    figures |= applicability.pooled
    figures |= {
        "nested_harmonic_mean": plain(nested.nested),
        "mean_decided_macro_f1": mean_of(attributes.values(), "decided_macro_f1"),
        "mean_decided_accuracy": mean_of(attributes.values(), "decided_accuracy"),
        "decided_exact_match": exact_match(cells, everything, decided=True),
        "coverage": plain(mean_known(sheet.coverage)),
    }
    found = Evaluation(
        items=len(truth),
        overall={name: figures[name] for name in OVERALL_METRICS},
        categories=nested.categories,
        attributes=attributes,
        groups={name: summarise(cells, attributes, columns, labels) for name, columns in schema.groups.items()},
    )
    return _Measured(evaluation=found, counted=counted, sheet=sheet)


def _details(
    schema: Schema, truth: Labels, decisions: Decisions, measured: _Measured, train: Labels, groups: np.ndarray,
    resamples: int,
) -> Evaluation:  # fmt: skip
    """The same evaluation with intervals, curves, confusions, calibration and the classes by frequency."""
    counted, found = measured.counted, measured.evaluation
    drawn = draw_resamples(counted.cells, groups, counted.width, resamples) if resamples else None
    within, overall = ({}, {}) if drawn is None else bootstrap_intervals(counted, drawn)
    pairs = confusions(schema, truth, decisions)
    bands = by_frequency(schema, train, measured.sheet.given, measured.sheet.counts.support)
    attributes = {}
    for place, (column, metrics) in enumerate(found.attributes.items()):
        items, confidence, right = confidences(schema, truth, decisions, place)
        order = np.argsort(confidence, kind="stable")  # what is sorted is sorted again in no time
        items, confidence, right = items[order], confidence[order], right[order]
        own = dict(within.get(column, {}))
        if drawn is not None and (error := calibration_interval(drawn, items, confidence, right)) is not None:
            own["calibration_error"] = error
        risks = (confidence, right)
        if metrics.kind is Kind.MULTILABEL:
            risks = set_confidences(schema, truth, decisions, place)
        whole = pairs.get(column)
        attributes[column] = replace(
            metrics,
            calibration=calibration_of(confidence, right) if len(confidence) else None,
            intervals={name: list(each) for name, each in own.items()} or None,
            reliability=reliability_curve(confidence, right),
            risk_coverage=risk_coverage_curve(*risks),
            frequency=bands.get(column),
            confusions=None if whole is None else confused_pairs(whole, schema.attributes[place].classes),
            confusion=whole if metrics.per_class is not None else None,
        )
    return replace(
        found,
        attributes=attributes,
        intervals={name: list(each) for name, each in overall.items()},
        tiers=measure_tiers(schema, truth, decisions, counted.cells),
        by_labelled=by_labelled(counted.cells),
    )


def evaluate(
    schema: Schema,
    truth: Labels,
    decisions: Decisions,
    *,
    train: Labels,
    floors: bool = True,
    per_class: bool = True,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Measure decisions against the truth, and floors beside them.

    A cell counts for the metrics of values when the truth has a value there; unknown cells never count. Everything is
    computed from counts over all items, never as a mean over batches. What has no labels is None.

    Two floors go through the same code: "majority" (the training majority, the median, the more frequent state) and
    "random" (values drawn from the training cells: the mean over `RANDOM_DRAWS` draws with fixed seeds, not the exact
    expectation, which the F1 of rare classes does not have in closed form). An attribute without training values has
    no floor.

    Args:
        schema: The vocabulary.
        truth: True labels of some items.
        decisions: Decisions about the same items in the same order.
        train: Labels of the training items: floors and medians come from them.
        floors: Whether to compute the floors, intervals and curves; without them it takes some milliseconds, fit for
            every epoch.
        per_class: Whether to tell every class of every attribute, and the confusion of each with each.
        groups: (item,) what each item belongs to, a product say; intervals resample these. Each item by itself if not
            given.
        resamples: Of the bootstrap; 0 for no intervals.
    """
    medians = medians_of(schema, train)
    measured = _measure(schema, truth, decisions, medians, per_class=per_class)
    if not floors:
        return measured.evaluation

    known = learnable(truth, train)

    def floor(guess: Decisions, own: Labels) -> dict:
        data = _measure(schema, own, guess, medians, per_class=False).evaluation.to_dict()
        return {name: data[name] for name in ("overall", "categories", "attributes", "groups")}

    chosen = some_items(len(truth))
    some = known if chosen is None else known.take(chosen)
    draws = [floor(random_draw(schema, train, len(some), draw), some) for draw in range(RANDOM_DRAWS)]
    owners = np.arange(len(truth)) if groups is None else groups
    return replace(
        _details(schema, truth, decisions, measured, train, owners, resamples),
        floors={"majority": floor(majority(schema, train, len(truth)), known), "random": average(draws)},
    )
