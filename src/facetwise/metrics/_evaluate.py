"""Labels and decisions to an evaluation."""

from dataclasses import replace

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._applicability import measure_applicability
from facetwise.metrics._attribute import measure_attributes, measure_sheet, starts_of
from facetwise.metrics._calibration_error import measure_calibration
from facetwise.metrics._categories import by_category
from facetwise.metrics._cells import compare
from facetwise.metrics._confusion import tally
from facetwise.metrics._evaluation import Evaluation, Figure
from facetwise.metrics._floors import RANDOM_DRAWS, average, learnable, majority, medians_of, random_draw
from facetwise.metrics._known import mean_known, plain
from facetwise.metrics._overall import exact_match, mean_of, summarise
from facetwise.metrics._vocabulary import OVERALL_METRICS
from facetwise.schema import Labels, Schema

__all__ = ["evaluate"]


def _measure(
    schema: Schema, truth: Labels, decisions: Decisions, medians: dict[str, float], *, per_class: bool
) -> Evaluation:
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
    figures: dict[str, Figure] = summarise(cells, attributes, attributes)
    figures |= applicability.pooled
    figures |= {
        "nested_harmonic_mean": plain(nested.nested),
        "mean_decided_macro_f1": mean_of(attributes.values(), "decided_macro_f1"),
        "mean_decided_accuracy": mean_of(attributes.values(), "decided_accuracy"),
        "decided_exact_match": exact_match(cells, everything, decided=True),
        "coverage": plain(mean_known(sheet.coverage)),
    }
    return Evaluation(
        items=len(truth),
        overall={name: figures[name] for name in OVERALL_METRICS},
        categories=nested.categories,
        attributes=attributes,
        groups={name: summarise(cells, attributes, columns) for name, columns in schema.groups.items()},
    )


def evaluate(
    schema: Schema,
    truth: Labels,
    decisions: Decisions,
    *,
    train: Labels,
    floors: bool = True,
    per_class: bool = True,
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
        floors: Whether to compute the floors; without them it takes some milliseconds, fit for every epoch.
        per_class: Whether to tell every class of every attribute.
    """
    medians = medians_of(schema, train)
    measured = _measure(schema, truth, decisions, medians, per_class=per_class)
    if not floors:
        return measured

    known = learnable(truth, train)

    def floor(guess: Decisions) -> dict:
        data = _measure(schema, known, guess, medians, per_class=False).to_dict()
        return {name: data[name] for name in ("overall", "categories", "attributes", "groups")}

    draws = [floor(random_draw(schema, train, len(truth), draw)) for draw in range(RANDOM_DRAWS)]
    told = measure_calibration(schema, truth, decisions)
    return Evaluation(
        items=measured.items,
        overall=measured.overall,
        categories=measured.categories,
        attributes={
            column: replace(metrics, calibration=told.get(column)) for column, metrics in measured.attributes.items()
        },
        groups=measured.groups,
        floors={"majority": floor(majority(schema, train, len(truth))), "random": average(draws)},
    )
