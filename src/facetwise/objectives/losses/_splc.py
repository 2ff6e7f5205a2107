"""Self-paced correction: a class that the model is sure of and the table does not list is taken as a missing label."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facetwise.objectives._options import check_options
from facetwise.objectives._start import START_RULE, is_start, reached
from facetwise.objectives.losses._focusing import focusing
from facetwise.objectives.losses._sigmoid_loss import SigmoidLoss
from facetwise.schema import Kind, Schema

__all__ = ["Splc"]


class Splc(SigmoidLoss):
    r"""ℓ_k = -(1 - p_t)^γ log p_t, p_t the probability of what is taken as true.

    p_t = σ(z_k - m) where class k is listed; σ(z_k) where it is not listed but σ(z_k) > τ, from `start` on; else
    1 - σ(z_k).

    The loss of a cell is the mean of ℓ_k over the attribute's classes, times class weights (of the table's sign, not
    of the corrected one). Nothing is written into the labels: the correction lives in the loss, of training batches.
    For multilabel attributes only, with few classes per item: the no of a binary attribute is a label, and where
    classes are common the margin lifts every probability above τ and all become true.

    Source: Zhang et al. (2021), eq. 10 and 11, with the focal margin loss and the defaults of their code, which
    corrects from the second epoch on.

    Args:
        schema, places: The vocabulary, and the attributes to score.
        tau: τ in (0, 1): how sure is sure.
        start: Epoch (a whole number) or share of the training (with a point) from which labels are corrected.
        margin: m, of the logit of a class that is there.
        gamma: γ, at least 0.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.MULTILABEL})

    def __init__(
        self,
        *,
        schema: Schema,
        places: Sequence[int],
        tau: float = 0.6,
        start: float = 1,
        margin: float = 1.0,
        gamma: float = 2.0,
    ) -> None:
        check_options(
            Splc,
            tau=(tau, 0 < tau < 1, "is above 0 and below 1"),
            start=(start, is_start(start), START_RULE),
            gamma=(gamma, gamma >= 0, "is at least 0"),
        )
        super().__init__(schema=schema, places=places)
        self.tau, self.start, self.margin, self.gamma = tau, start, margin, gamma
        self.begin_epoch(progress=0.0, epoch=0)

    def begin_epoch(self, *, progress: float, epoch: int) -> None:
        """Switch at the start."""
        self.active = reached(self.start, progress=progress, epoch=epoch)

    def each(
        self, logits: Float[Tensor, "batch column"], sign: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch column"]:
        """Focal margin loss per class, towards the corrected sign."""
        there = sign > 0.5
        moved = torch.where(there, logits - self.margin, logits)
        if self.active:
            there = there | (torch.sigmoid(moved.detach()) > self.tau)
        towards = torch.where(there, moved, -moved)
        return -focusing(torch.sigmoid(-towards), self.gamma) * functional.logsigmoid(towards)
