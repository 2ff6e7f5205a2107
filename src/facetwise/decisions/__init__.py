"""Scores to decisions, in numpy: the same code for training, predict, the exported file and the server."""

from facetwise.decisions._decide import decide
from facetwise.decisions._decisions import ABSTAINED, Decisions
from facetwise.decisions._scores import NumberScale, applicability_table, scores_from_logits

__all__ = ["ABSTAINED", "Decisions", "NumberScale", "applicability_table", "decide", "scores_from_logits"]
