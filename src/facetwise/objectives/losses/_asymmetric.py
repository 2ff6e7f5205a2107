"""Asymmetric loss: easy negatives of many classes do not drown the positives."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._options import check_options
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._sigmoid_loss import SigmoidLoss
from facetwise.schema import Schema

__all__ = ["Asymmetric"]


class Asymmetric(SigmoidLoss):
    r"""ℓ_k = -(1 - p)^{γ₊} log p where class k is there, else -p_m^{γ₋} log(1 - p_m), p_m = max(p - m, 0), p = σ(z_k).

    The loss of a cell is the mean of ℓ_k over the attribute's classes, times class weights.

    Source: Ridnik et al. (2021, eq. 4 to 7). The authors' code clamps probabilities at 10⁻⁸ and can leave the focusing
    factors out of the gradient; here logarithms come from the logits and the gradient is that of the formula.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        gamma_neg: γ₋, at least 0.
        gamma_pos: γ₊, at least 0.
        clip: m in [0, 1): negatives with a probability below it cost nothing.
    """

    def __init__(
        self,
        *,
        schema: Schema,
        places: Sequence[int],
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
    ) -> None:
        check_options(
            Asymmetric,
            gamma_neg=(gamma_neg, gamma_neg >= 0, "is at least 0"),
            gamma_pos=(gamma_pos, gamma_pos >= 0, "is at least 0"),
            clip=(clip, 0 <= clip < 1, "is at least 0 and below 1"),
        )
        super().__init__(schema=schema, places=places)
        self.gamma_neg, self.gamma_pos, self.clip = gamma_neg, gamma_pos, clip

    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Asymmetric loss per class."""
        positive = focusing(torch.sigmoid(-logits), self.gamma_pos) * functional.logsigmoid(logits)
        if self.clip:
            reach = (torch.sigmoid(logits) - self.clip).clamp_min(0.0)
            log_rest = (torch.sigmoid(-logits) + self.clip).clamp_max(1.0).log()
        else:
            reach, log_rest = torch.sigmoid(logits), functional.logsigmoid(-logits)
        return -torch.where(sign > 0.5, positive, focusing(reach, self.gamma_neg) * log_rest)
