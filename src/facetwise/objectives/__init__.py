"""Outputs and labels to one backward pass: losses, reweighting, balancing."""

from facetwise.objectives._class_weights import ClassCounts, ClassWeights, class_weights, count_classes
from facetwise.objectives._objective import Objective, Reduced
from facetwise.objectives._segmented import segment_log_softmax, segment_logsumexp
from facetwise.objectives._targets import Outputs, Targets, make_targets
from facetwise.objectives.balancing import BALANCERS, Balancer
from facetwise.objectives.losses import LOSSES, Loss
from facetwise.objectives.reweighting import REWEIGHTING, Reweighting

__all__ = [
    "BALANCERS",
    "LOSSES",
    "REWEIGHTING",
    "Balancer",
    "ClassCounts",
    "ClassWeights",
    "Loss",
    "Objective",
    "Outputs",
    "Reduced",
    "Reweighting",
    "Targets",
    "class_weights",
    "count_classes",
    "make_targets",
    "segment_log_softmax",
    "segment_logsumexp",
]
