"""Squared hinge of all binary and multilabel attributes at once."""

from jaxtyping import Float
from torch import Tensor

from facetwise.objectives.losses._sigmoid_loss import SigmoidLoss

__all__ = ["SquaredHinge"]


class SquaredHinge(SigmoidLoss):
    r"""ℓ_k = ½ max(0, 1 - y f)², y = 1 where class k is there, else -1; f the logit.

    The loss of a cell is the mean of ℓ_k over the attribute's classes, times class weights. Its slope in f is
    -y max(0, 1 - y f), whose slope is at most 1, so that proximal gradient methods apply. f = 0 is the border, as it is
    of a sigmoid, but the sigmoid of f is no probability: calibrate before reading one.

    Source: Abdulnabi et al. (2015, eq. 1), the loss of CNN-MTL.

    Args:
        schema, places: The vocabulary, and the attributes to score.
    """

    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Squared hinge per class."""
        return 0.5 * (1.0 - (2.0 * sign - 1.0) * logits).clamp_min(0.0).square()
