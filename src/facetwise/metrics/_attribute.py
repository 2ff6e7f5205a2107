"""The metrics of every attribute, one beside the other."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics._average_precision import average_precision
from facetwise.metrics._cells import ONE_CLASS, Cells
from facetwise.metrics._confusion import Counts, Tally
from facetwise.metrics._distance import number_errors, step_errors
from facetwise.metrics._evaluation import AttributeMetrics, Figure
from facetwise.metrics._known import divide, mean_known, plain, plain_list
from facetwise.metrics._rates import Rates, rates
from facetwise.schema import Kind, Labels, Schema

__all__ = ["Sheet", "measure_attributes", "measure_sheet", "starts_of"]

# The fields of `Rates` that are told of an attribute under the same name.
_RATES = ("macro_f1", "macro_f1_all", "micro_f1", "weighted_f1", "harmonic_mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Per attribute a vector of each metric, NaN where it does not exist.

    Args:
        given: Rates of the value given applicable.
        decided: Rates of the decided reading.
        counts: What `given` rests on.
        labelled: (attribute,) labelled cells.
        right, decided_right: (attribute,) share of labelled cells that are right.
        coverage: (attribute,) share of items with a value decided.
        precision: (class,) average precision of multilabel and positive binary classes, NaN elsewhere.
    """

    given: Rates
    decided: Rates
    counts: Counts
    labelled: np.ndarray
    right: np.ndarray
    decided_right: np.ndarray
    coverage: np.ndarray
    precision: np.ndarray


def starts_of(schema: Schema) -> np.ndarray:
    """(attribute,) first score column of each attribute."""
    return np.array([block.score_start for block in schema.layout().blocks], dtype=np.intp)


def _average_precisions(schema: Schema, truth: Labels, decisions: Decisions, cells: Cells) -> np.ndarray:
    """(class,) average precision where classes are decided one by one: positive binary, every multilabel one."""
    precision = np.full(schema.layout().num_scores, np.nan)
    columns: list[int] = []
    owners: list[int] = []
    for place in schema.of_kind(Kind.BINARY, Kind.MULTILABEL):
        block = schema.layout().blocks[place]
        first = block.score_start + (schema.attributes[place].kind is Kind.BINARY)
        columns += range(first, block.score_stop)
        owners += [place] * (block.score_stop - first)
    if not columns or not len(truth):
        return precision
    binary = np.array([schema.attributes[place].kind is Kind.BINARY for place in owners])
    positive = np.where(binary, truth.index[:, owners] == 1, truth.members[:, columns] != 0)
    precision[columns] = average_precision(decisions.scores[:, columns], positive, cells.labelled[:, owners])
    return precision


def measure_sheet(schema: Schema, truth: Labels, decisions: Decisions, cells: Cells, counted: Tally) -> Sheet:
    """Measure everything that is a count, all attributes at once."""
    starts, labelled = starts_of(schema), cells.labelled.sum(axis=0)
    counts = counted.counts()
    right = cells.labelled & cells.right
    return Sheet(
        given=rates(counts, starts),
        decided=rates(counted.decided_counts(), starts),
        counts=counts,
        labelled=labelled,
        right=divide(right.sum(axis=0), labelled),
        decided_right=divide((right & cells.decided).sum(axis=0), labelled),
        coverage=divide(cells.decided.sum(axis=0), len(truth)),
        precision=_average_precisions(schema, truth, decisions, cells),
    )


def _classes(sheet: Sheet, names: tuple[str, ...], own: slice, *, several: bool) -> dict[str, dict[str, Figure]]:
    table = zip(
        names,
        sheet.counts.support[own].astype(int).tolist(),
        plain_list(sheet.given.precision[own]),
        plain_list(sheet.given.recall[own]),
        plain_list(sheet.given.f1[own]),
        plain_list(sheet.precision[own]),
        strict=True,
    )
    told = ("support", "precision", "recall", "f1", "average_precision")[: 5 if several else 4]
    return {name: dict(zip(told, figures, strict=False)) for name, *figures in table}


def measure_attributes(
    schema: Schema,
    truth: Labels,
    decisions: Decisions,
    cells: Cells,
    sheet: Sheet,
    *,
    applicability: list[dict[str, Figure] | None],
    medians: dict[str, float],
    per_class: bool,
) -> dict[str, AttributeMetrics]:
    """Per column the metrics that its kind has.

    Args:
        schema: The vocabulary.
        truth: True labels.
        decisions: Decisions about the same items.
        cells: The one beside the other.
        sheet: What was counted.
        applicability: Per attribute.
        medians: Per column the median of the training numbers; absent without any.
        per_class: Whether to tell every class.
    """
    shared = {name: plain_list(np.where(sheet.labelled > 0, getattr(sheet.given, name), np.nan)) for name in _RATES}
    right, decided_right = plain_list(sheet.right), plain_list(sheet.decided_right)
    decided_macro, class_mean = plain_list(sheet.decided.macro_f1), plain_list(sheet.given.mean_class_accuracy)
    coverage = plain_list(sheet.coverage)
    told: dict[str, AttributeMetrics] = {}
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        figures: dict[str, Any] = {}
        if attribute.kind is Kind.NUMERIC:
            rows = cells.labelled[:, place]
            figures = number_errors(
                truth.number[rows, place], decisions.number[rows, place], medians.get(attribute.column)
            )
        else:
            figures = {name: values[place] for name, values in shared.items()}
            figures["decided_macro_f1"] = decided_macro[place]
        if attribute.kind in ONE_CLASS:
            figures |= {
                "accuracy": right[place],
                "decided_accuracy": decided_right[place],
                "mean_class_accuracy": class_mean[place],
            }
        if attribute.kind is Kind.BINARY:
            figures["f1"] = plain(sheet.given.f1[block.score_start + 1])
            figures["average_precision"] = plain(sheet.precision[block.score_start + 1])
        if attribute.kind is Kind.ORDINAL:
            rows = cells.labelled[:, place]
            figures["mae"], figures["quadratic_kappa"] = step_errors(
                truth.index[rows, place], decisions.index[rows, place], len(attribute.classes)
            )
        if attribute.kind is Kind.MULTILABEL:
            figures["map"] = plain(mean_known(sheet.precision[block.scores]))
            figures["exact_match"], figures["decided_exact_match"] = right[place], decided_right[place]
        told[attribute.column] = AttributeMetrics(
            kind=attribute.kind,
            labelled=int(sheet.labelled[place]),
            coverage=coverage[place],
            applicability=applicability[place],
            calibration=None,
            intervals=None,
            reliability=None,
            risk_coverage=None,
            frequency=None,
            confusions=None,
            per_class=_classes(sheet, attribute.classes, block.scores, several=attribute.kind is Kind.MULTILABEL)
            if per_class and attribute.classes
            else None,
            **cast("dict[str, Any]", figures),
        )
    return told
