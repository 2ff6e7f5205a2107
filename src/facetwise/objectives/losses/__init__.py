"""Losses: packed logits and labels to cell losses. One island per file; this table is the only list of them."""

from facetwise.objectives.losses._binary_cross_entropy import BinaryCrossEntropy
from facetwise.objectives.losses._corn import Corn
from facetwise.objectives.losses._cross_entropy import CrossEntropy
from facetwise.objectives.losses._loss import CellLosses, Loss
from facetwise.objectives.losses._robust_gaussian import RobustGaussian

LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "corn": Corn,
    "robust_gaussian": RobustGaussian,
}

__all__ = ["LOSSES", "BinaryCrossEntropy", "CellLosses", "Corn", "CrossEntropy", "Loss", "RobustGaussian"]
