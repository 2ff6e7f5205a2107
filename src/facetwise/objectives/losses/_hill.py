"""Hill loss: multilabel learning where labels that should be there are missing."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._options import check_options
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._sigmoid_loss import SigmoidLoss
from facetwise.schema import Kind, Schema

__all__ = ["Hill"]


class Hill(SigmoidLoss):
    r"""ℓ_k = -(1 - p_m)^γ log p_m where class k is there, else (λ - p) p², p = σ(z_k), p_m = σ(z_k - m).

    The loss of a cell is the mean of ℓ_k over the attribute's classes, times class weights. The slope of the negative
    part in z is p² (1 - p) (2 λ - 3 p): with λ = 1.5 it is steepest at p = 1/2 and gone at p = 1, where that of binary
    cross-entropy is steepest. A class that the image clearly shows and the table does not list is probably a forgotten
    label, and pulls little. For multilabel attributes only: the no of a binary one is a label, not a gap.

    Source: Zhang et al. (2021), "Simple and robust loss design for multi-label learning with missing labels",
    eq. 6 to 9, with the defaults of their code.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        lamb: λ, at least 1, so that the negative part stays at least 0.
        margin: m, of the logit of a class that is there.
        gamma: γ, at least 0.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.MULTILABEL})

    def __init__(
        self,
        *,
        schema: Schema,
        places: Sequence[int],
        lamb: float = 1.5,
        margin: float = 1.0,
        gamma: float = 2.0,
    ) -> None:
        check_options(
            Hill,
            lamb=(lamb, lamb >= 1, "is at least 1"),
            gamma=(gamma, gamma >= 0, "is at least 0"),
        )
        super().__init__(schema=schema, places=places)
        self.lamb, self.margin, self.gamma = lamb, margin, gamma

    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Hill loss per class."""
        above = logits - self.margin
        positive = -focusing(torch.sigmoid(-above), self.gamma) * functional.logsigmoid(above)
        chance = torch.sigmoid(logits)
        return torch.where(sign > 0.5, positive, (self.lamb - chance) * chance.square())
