"""Predictions and labels to numbers: metrics per attribute, category and overall, floors, scores to select by."""

from facetwise.metrics._average_precision import average_precision
from facetwise.metrics._bootstrap import RESAMPLES, Interval
from facetwise.metrics._calibration_error import (
    calibration_error,
    error_of_the_calibrated,
    measure_calibration,
)
from facetwise.metrics._confidences import confidences
from facetwise.metrics._confusions import confusion, confusion_matrix
from facetwise.metrics._curves import PRECISIONS, reliability_curve, risk_coverage_curve
from facetwise.metrics._evaluate import evaluate
from facetwise.metrics._evaluation import AttributeMetrics, Evaluation, Figure
from facetwise.metrics._floors import RANDOM_DRAWS
from facetwise.metrics._frequency import COMMON, RARE, training_counts
from facetwise.metrics._has_labels import has_labels
from facetwise.metrics._score import SCORE_PRESETS, check_score, score
from facetwise.metrics._vocabulary import ATTRIBUTE_METRICS, CATEGORY_METRICS, ERRORS, GROUP_METRICS, OVERALL_METRICS

__all__ = [
    "ATTRIBUTE_METRICS",
    "CATEGORY_METRICS",
    "COMMON",
    "ERRORS",
    "GROUP_METRICS",
    "OVERALL_METRICS",
    "PRECISIONS",
    "RANDOM_DRAWS",
    "RARE",
    "RESAMPLES",
    "SCORE_PRESETS",
    "AttributeMetrics",
    "Evaluation",
    "Figure",
    "Interval",
    "average_precision",
    "calibration_error",
    "check_score",
    "confidences",
    "confusion",
    "confusion_matrix",
    "error_of_the_calibrated",
    "evaluate",
    "has_labels",
    "measure_calibration",
    "reliability_curve",
    "risk_coverage_curve",
    "score",
    "training_counts",
]
