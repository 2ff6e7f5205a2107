"""Predictions and labels to numbers: metrics per attribute, category and overall, floors, scores to select by."""

from facetwise.metrics._average_precision import average_precision
from facetwise.metrics._calibration_error import (
    calibration_error,
    error_of_the_calibrated,
    measure_calibration,
)
from facetwise.metrics._evaluate import evaluate
from facetwise.metrics._evaluation import AttributeMetrics, Evaluation, Figure
from facetwise.metrics._floors import RANDOM_DRAWS
from facetwise.metrics._score import SCORE_PRESETS, check_score, score
from facetwise.metrics._vocabulary import ATTRIBUTE_METRICS, CATEGORY_METRICS, ERRORS, GROUP_METRICS, OVERALL_METRICS

__all__ = [
    "ATTRIBUTE_METRICS",
    "CATEGORY_METRICS",
    "ERRORS",
    "GROUP_METRICS",
    "OVERALL_METRICS",
    "RANDOM_DRAWS",
    "SCORE_PRESETS",
    "AttributeMetrics",
    "Evaluation",
    "Figure",
    "average_precision",
    "calibration_error",
    "check_score",
    "error_of_the_calibrated",
    "evaluate",
    "measure_calibration",
    "score",
]
