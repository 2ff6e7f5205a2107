"""What an evaluation says: numbers per attribute, category and group, overall, and floors beside them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facetwise.errors import UserError
from facetwise.metrics._confusions import confusion_matrix
from facetwise.metrics._records import records
from facetwise.metrics._vocabulary import ATTRIBUTE_METRICS
from facetwise.schema import Kind

__all__ = ["AttributeMetrics", "Evaluation", "Figure"]

# None: there was nothing to measure it on (shown as "n/a"); never 0 and never NaN.
Figure = float | int | None


# Fields of an attribute that are written where they were measured.
_DETAILS = ("intervals", "reliability", "risk_coverage", "frequency", "confusions", "confusion")
# The same of a whole evaluation.
_WHOLE = ("intervals", "tiers", "by_labelled", "seen", "unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeMetrics:
    """The numbers of one attribute; those that its kind does not have are None and are not written.

    Metrics about values ("value given applicable") look at the cells that have a value in the truth, and at the value
    that would be given there whatever the decision says about applicability. Those called `decided_...` count every
    decision other than a value on such a cell as an error: a prediction of no class.

    Args:
        kind: The attribute's kind.
        labelled: Cells with a value in the truth.
        coverage: Share of all items for which a value was given.
        applicability: `cells` (value or not applicable in the truth), `accuracy`, `f1_not_applicable`,
            `f1_applicable`; None where no cell is 'not applicable'. An abstention is neither of the two.
        accuracy: Share of labelled cells with the right class.
        macro_f1: Mean of the classes' F1 over the classes seen in truth or prediction (scikit-learn, `labels=None`).
        macro_f1_all: The same over all classes of the schema; one absent from both counts 0.
        micro_f1: 2 hits / (labelled classes + predicted classes).
        weighted_f1: Mean of the classes' F1, weighted by their number in the truth.
        harmonic_mean: 2 micro macro / (micro + macro); 0 when both are 0.
        mean_class_accuracy: Mean recall over the classes in the truth.
        decided_accuracy, decided_macro_f1, decided_exact_match: The decided reading.
        f1, average_precision: Of the positive class of a binary attribute.
        mae: Ordinal: steps; numeric: the user's unit. No class at all is the furthest wrong class.
        quadratic_kappa: Cohen's kappa with squared steps as weights.
        map: Mean average precision over the labels with a positive.
        exact_match: Share of labelled cells whose set of labels is right.
        rmse, r2: In the user's unit; `r2` needs two different numbers in the truth.
        mae_over_floor: `mae` over that of always saying the median of the training numbers; below 1 is better.
        calibration: How far confidence is from being right: `error` (expected calibration error), `error_if_calibrated`
            (the 95 % quantile of a perfectly calibrated model with the same confidences), `confidence` (their mean).
        intervals: By metric the lowest and highest number of its 95 % bootstrap interval over groups: accuracies, F1 in
            its means, `exact_match`, `mae`, `rmse`, `r2`, and `calibration_error`, which is `error` of `calibration`.
        reliability: Points of the reliability curve: `rows`, mean `confidence`, share `right`.
        risk_coverage: `coverage`, `risk` (points of the curve), `area`, `coverage_at` by precision. Of several labels
            per cell the answer is the whole set, right where it is exactly right (`set_confidences`).
        frequency: `common`, `medium`, `rare` classes apart, by their training cells.
        confusions: The most frequent wrong pairs: `truth`, `given`, `cells`.
        confusion: All pairs that occur, right ones too, as three lists: `truth`, `given` (places in `per_class`, -1: no
            class) and `cells`; see `confusion_matrix`. Several labels per cell have none: none is taken for another.
        per_class: Per class `support`, `precision`, `recall`, `f1` (and `average_precision` for multilabel).
    """

    kind: Kind
    labelled: int
    coverage: float | None
    applicability: dict[str, Figure] | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    macro_f1_all: float | None = None
    micro_f1: float | None = None
    weighted_f1: float | None = None
    harmonic_mean: float | None = None
    mean_class_accuracy: float | None = None
    decided_accuracy: float | None = None
    decided_macro_f1: float | None = None
    decided_exact_match: float | None = None
    f1: float | None = None
    average_precision: float | None = None
    mae: float | None = None
    quadratic_kappa: float | None = None
    map: float | None = None
    exact_match: float | None = None
    rmse: float | None = None
    r2: float | None = None
    mae_over_floor: float | None = None
    calibration: dict[str, Figure] | None = None
    intervals: dict[str, list[float]] | None = None
    reliability: list[dict[str, Any]] | None = None
    risk_coverage: dict[str, Any] | None = None
    frequency: dict[str, dict[str, Figure]] | None = None
    confusions: list[dict[str, Any]] | None = None
    confusion: dict[str, list[int]] | None = None
    per_class: dict[str, dict[str, Figure]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: the metrics of the kind, in a fixed order."""
        data: dict[str, Any] = {"kind": str(self.kind)}
        data |= {name: getattr(self, name) for name in ATTRIBUTE_METRICS[self.kind]}
        data["applicability"] = None if self.applicability is None else dict(self.applicability)
        if self.calibration is not None:
            data["calibration"] = dict(self.calibration)
        for name in _DETAILS:
            if (told := getattr(self, name)) is not None:
                data[name] = told
        if self.per_class is not None:
            data["per_class"] = {name: dict(figures) for name, figures in self.per_class.items()}
        return data

    def confusion_matrix(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The classes, and how often each was taken for each: (true class, given class) counts.

        One column more than rows: the last counts the cells to which no class was given.

        Raises:
            UserError: An attribute without one class per cell, without labels, or with more than 10,000 classes.
        """
        if self.confusion is None or self.per_class is None:
            raise UserError(
                f"a confusion matrix is of one class per cell. Found {self.kind!s} with {self.labelled:,} labelled "
                "cells and none stored. Fix: choose another attribute; a run of an older version is trained again"
            )
        return tuple(self.per_class), confusion_matrix(self.confusion, len(self.per_class))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "AttributeMetrics":
        """The inverse of `to_dict`."""
        return cls(kind=Kind(data["kind"]), **{name: value for name, value in data.items() if name != "kind"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that was measured on some items.

    Args:
        items: Number of items.
        overall: `OVERALL_METRICS`: means over the attributes that have labels, and figures over whole items.
        categories: Per class of the category attribute `CATEGORY_METRICS` and `attributes`: {column: harmonic mean}.
        attributes: Per column.
        groups: Per group of the schema `GROUP_METRICS`.
        floors: "majority" and "random", each plain data of the same shape: {"overall", "categories", "attributes",
            "groups"}; empty when floors were not asked for.
        intervals: By overall metric the 95 % bootstrap interval over groups.
        tiers: `all_cells`, `applicable`, `value_given_applicable`: see `facetwise.metrics.measure_tiers`.
        by_labelled: By the number of labelled attributes of an item `items`, `cells`, `accuracy`, `exact_match`.
        seen: Of a table that is not a side of the run's own how many rows show what the run was trained on (`train`) or
            tuned by (`val`), and how many of them are `left_out` of `items`; empty where that is not known.
        unreadable: Of such a table by reason how many rows are not in `items`, having no picture that can be read.
    """

    items: int
    overall: dict[str, Figure]
    categories: dict[str, dict[str, Any]]
    attributes: dict[str, AttributeMetrics]
    groups: dict[str, dict[str, Figure]]
    floors: dict[str, dict[str, Any]] = field(default_factory=dict)
    intervals: dict[str, list[float]] = field(default_factory=dict)
    tiers: dict[str, dict[str, Figure]] = field(default_factory=dict)
    by_labelled: dict[str, dict[str, Figure]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data in a fixed order."""
        whole = {name: told for name in _WHOLE if (told := getattr(self, name))}
        return {
            "items": self.items,
            "overall": self.overall,
            "categories": self.categories,
            "attributes": {column: metrics.to_dict() for column, metrics in self.attributes.items()},
            "groups": self.groups,
            "floors": self.floors,
            **whole,
        }

    def worst_attributes(self, count: int = 5) -> list[tuple[str, float]]:
        """Columns with the lowest macro-F1, the lowest first; numbers and columns without labels are left out."""
        known = [(each.macro_f1, column) for column, each in self.attributes.items() if each.macro_f1 is not None]
        return [(column, value) for value, column in sorted(known)[:count]]

    def worst_classes(self, count: int = 10, *, least: int = 5) -> list[tuple[str, str, float]]:
        """(column, class, F1) with the lowest F1, the lowest first, of equals the most frequent.

        Args:
            count: How many.
            least: Classes with fewer cells in the truth are left out: their F1 is chance.
        """
        known = [
            (figures["f1"] or 0.0, -(figures["support"] or 0), column, name)
            for column, each in self.attributes.items()
            for name, figures in (each.per_class or {}).items()
            if (figures["support"] or 0) >= least
        ]
        return [(column, name, value) for value, _, column, name in sorted(known)[:count]]

    def to_records(self) -> list[dict[str, Any]]:
        """One flat row per number, for a table: scope, name, class, given, metric, value, low, high, majority, random.

        `scope` is overall, attribute, class, confusion, reliability, risk_coverage, coverage_at, category, group,
        frequency, tier, labelled, seen or unreadable; `name` the column, category or group; `class` the class, the band
        of frequency, the precision of `coverage_at`, or the point of a curve, counted from 1. A row of scope confusion
        says how many `cells` of the true `class` were `given` which (none: no class); a pair without a row is nowhere.
        """
        return list(records(self.to_dict()))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Evaluation":
        """The inverse of `to_dict`; keys that belong to the file around it (`split`) are left out."""
        return cls(
            items=data["items"],
            overall=data["overall"],
            categories=data["categories"],
            attributes={column: AttributeMetrics.from_dict(each) for column, each in data["attributes"].items()},
            groups=data["groups"],
            floors=data["floors"],
            **{name: data[name] for name in _WHOLE if name in data},
        )
