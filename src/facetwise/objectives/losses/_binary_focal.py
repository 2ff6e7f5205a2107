"""Focal loss of all binary and multilabel attributes at once."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._options import check_options
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._sigmoid_loss import SigmoidLoss
from facetwise.schema import Schema

__all__ = ["BinaryFocal"]


class BinaryFocal(SigmoidLoss):
    r"""ℓ = (1/K) Σ_k -w_k α_t (1 - p_t)^γ log p_t, p_t = σ(z_k) where the class is there, else 1 - σ(z_k).

    K is the number of the attribute's classes, w the class weights, γ the focusing; α_t is α where the class is there
    and 1 - α where it is not, or 1 with `alpha=None`.

    Source: Lin et al. (2017, eq. 5, with their defaults γ = 2, α = 0.25). Per class and per cell: focusing the mean
    of a batch, as some public code does, is another loss.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        gamma: γ, at least 0.
        alpha: α in (0, 1), or None.
    """

    def __init__(
        self, *, schema: Schema, places: Sequence[int], gamma: float = 2.0, alpha: float | None = 0.25
    ) -> None:
        check_options(
            BinaryFocal,
            gamma=(gamma, gamma >= 0, "is at least 0"),
            alpha=(alpha, alpha is None or 0 < alpha < 1, "is above 0 and below 1, or null"),
        )
        super().__init__(schema=schema, places=places)
        self.gamma, self.alpha = gamma, alpha

    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Focal loss per class."""
        towards = torch.where(sign > 0.5, logits, -logits)  # p_t = σ(towards)
        loss = -focusing(torch.sigmoid(-towards), self.gamma) * functional.logsigmoid(towards)
        return loss if self.alpha is None else torch.where(sign > 0.5, self.alpha, 1.0 - self.alpha) * loss
