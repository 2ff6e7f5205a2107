"""Scores to decisions, in numpy: the same code for training, predict, the exported file and the server."""

from facetwise.decisions._decide import decide
from facetwise.decisions._decisions import ABSTAINED, Decisions
from facetwise.decisions._given import contradictions
from facetwise.decisions._scores import NumberScale, applicability_table, scores_from_logits
from facetwise.decisions._thresholds import best_threshold, rate_threshold, tune_thresholds

__all__ = [
    "ABSTAINED",
    "Decisions",
    "NumberScale",
    "applicability_table",
    "best_threshold",
    "contradictions",
    "decide",
    "rate_threshold",
    "scores_from_logits",
    "tune_thresholds",
]
