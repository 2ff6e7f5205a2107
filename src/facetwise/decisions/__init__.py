"""Scores to decisions, in numpy: the same code for training, predict, the exported file and the server."""

from facetwise.decisions._blend import blend
from facetwise.decisions._calibration import Calibration, calibrate, fit_calibration
from facetwise.decisions._conformal import (
    SET_SCORES,
    Conformal,
    conformal_quantile,
    fit_conformal,
    intervals,
    prediction_sets,
)
from facetwise.decisions._decide import decide
from facetwise.decisions._decisions import ABSTAINED, Decisions
from facetwise.decisions._fit_policy import fit_policy
from facetwise.decisions._fit_shares import fit_shares
from facetwise.decisions._given import contradictions, hold_applicability, hold_values
from facetwise.decisions._goals import NEVER, Cut, Goal, check_goals, goal_of, least_confidence, least_score
from facetwise.decisions._grown import answers_digest, grow_labels, grow_neighbours, grow_policy, labels_of
from facetwise.decisions._isotonic import apply_isotonic, fit_isotonic
from facetwise.decisions._learnt import add_class, add_neighbours, before_learning, with_learnt
from facetwise.decisions._mine_rules import Mined, mine_rules
from facetwise.decisions._neighbours import FADING, LEAST_SAY, MARGIN, VOTERS, Nearest, Neighbours, gather
from facetwise.decisions._numbers import NumberScale
from facetwise.decisions._occlusion import (
    CELLS,
    FAINT,
    Explained,
    Region,
    hidden,
    passes_for,
    regions_from,
    windows,
)
from facetwise.decisions._policy import Policy
from facetwise.decisions._rows import STATE_NAMES, Cell, Rows, rows_from
from facetwise.decisions._rule_counts import RuleCount, count_rules
from facetwise.decisions._rules import Repaired, broken, repair
from facetwise.decisions._scores import scores_from_logits
from facetwise.decisions._sigmoid import apply_sigmoid, fit_sigmoid, log_odds
from facetwise.decisions._stored import (
    check_thresholds,
    policy_from_dict,
    policy_to_dict,
    scales_from_dict,
    scales_to_dict,
)
from facetwise.decisions._temperature import fit_temperature, temper
from facetwise.decisions._thresholds import best_threshold, rate_threshold, tune_thresholds
from facetwise.decisions._top_class import AHEAD, straighten

__all__ = [
    "ABSTAINED",
    "AHEAD",
    "CELLS",
    "FADING",
    "FAINT",
    "LEAST_SAY",
    "MARGIN",
    "NEVER",
    "SET_SCORES",
    "STATE_NAMES",
    "VOTERS",
    "Calibration",
    "Cell",
    "Conformal",
    "Cut",
    "Decisions",
    "Explained",
    "Goal",
    "Mined",
    "Nearest",
    "Neighbours",
    "NumberScale",
    "Policy",
    "Region",
    "Repaired",
    "Rows",
    "RuleCount",
    "add_class",
    "add_neighbours",
    "answers_digest",
    "apply_isotonic",
    "apply_sigmoid",
    "before_learning",
    "best_threshold",
    "blend",
    "broken",
    "calibrate",
    "check_goals",
    "check_thresholds",
    "conformal_quantile",
    "contradictions",
    "count_rules",
    "decide",
    "fit_calibration",
    "fit_conformal",
    "fit_isotonic",
    "fit_policy",
    "fit_shares",
    "fit_sigmoid",
    "fit_temperature",
    "gather",
    "goal_of",
    "grow_labels",
    "grow_neighbours",
    "grow_policy",
    "hidden",
    "hold_applicability",
    "hold_values",
    "intervals",
    "labels_of",
    "least_confidence",
    "least_score",
    "log_odds",
    "mine_rules",
    "passes_for",
    "policy_from_dict",
    "policy_to_dict",
    "prediction_sets",
    "rate_threshold",
    "regions_from",
    "repair",
    "rows_from",
    "scales_from_dict",
    "scales_to_dict",
    "scores_from_logits",
    "straighten",
    "temper",
    "tune_thresholds",
    "windows",
    "with_learnt",
]
