"""Outputs and labels to one backward pass: losses, reweighting, balancing."""

from facetwise.objectives._class_weights import (
    ClassCounts,
    ClassWeights,
    class_weights,
    count_classes,
    create_reweighting,
)
from facetwise.objectives._objective import LossChoice, Objective, Reduced, about_losses_of, plain_objective
from facetwise.objectives._round_weights import round_weights
from facetwise.objectives._segmented import segment_log_softmax, segment_logsumexp
from facetwise.objectives._targets import Outputs, Targets, make_targets
from facetwise.objectives._teaching import Teaching
from facetwise.objectives.balancing import BALANCER_ALIASES, BALANCERS, Balancer, LooksAgain, PackedHead, Shared
from facetwise.objectives.losses import LOSS_ALIASES, LOSS_ALIASES_BY_KIND, LOSSES, Loss
from facetwise.objectives.reweighting import REWEIGHTING, REWEIGHTING_ALIASES, Reweighting

__all__ = [
    "BALANCERS",
    "BALANCER_ALIASES",
    "LOSSES",
    "LOSS_ALIASES",
    "LOSS_ALIASES_BY_KIND",
    "REWEIGHTING",
    "REWEIGHTING_ALIASES",
    "Balancer",
    "ClassCounts",
    "ClassWeights",
    "LooksAgain",
    "Loss",
    "LossChoice",
    "Objective",
    "Outputs",
    "PackedHead",
    "Reduced",
    "Reweighting",
    "Shared",
    "Targets",
    "Teaching",
    "about_losses_of",
    "class_weights",
    "count_classes",
    "create_reweighting",
    "make_targets",
    "plain_objective",
    "round_weights",
    "segment_log_softmax",
    "segment_logsumexp",
]
