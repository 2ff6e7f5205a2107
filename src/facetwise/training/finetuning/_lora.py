"""Low-rank changes of the backbone's matrices learn, the matrices do not."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from facetwise.errors import UserError
from facetwise.training.finetuning._strategy import Finetuning

__all__ = ["LowRank", "LowRankFinetuning"]


class LowRank(nn.Module):
    r"""W → W + (α / r) B A, with A (r, in) drawn and B (out, r) zero; W with more dimensions is read as (out, rest)."""

    def __init__(self, weight: Float[Tensor, "out ..."], *, rank: int, alpha: float, seed: int) -> None:
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        generator = torch.Generator().manual_seed(seed)
        # Kaiming's bound with a = √5, as in the paper's code: uniform within ±1/√in.
        start = (torch.rand(rank, columns, generator=generator) * 2 - 1) / math.sqrt(columns)
        self.down = nn.Parameter(start.to(weight))
        self.up = nn.Parameter(weight.new_zeros(rows, rank))
        self.scale = alpha / rank

    def forward(self, weight: Float[Tensor, "out ..."]) -> Float[Tensor, "out ..."]:
        """The changed matrix."""
        return weight + self.scale * (self.up @ self.down).view_as(weight)


class LowRankFinetuning(Finetuning):
    r"""W + (α / r) B A in every linear layer; of a network without any, in every ungrouped convolution.

    The bundle holds the sum, so nothing that reads it knows. Source: Hu et al. (2022, section 4.1), on all linear
    layers (as Dettmers et al. 2023 recommend) and not on queries and values only; convolutions with their kernels
    unrolled. α / r is 2, the most usual ratio.

    Args:
        rank: r.
        alpha: α.
    """

    def __init__(self, *, rank: int = 8, alpha: float = 16.0) -> None:
        if rank < 1:
            raise UserError(f"`rank` should be at least 1. Found rank = {rank}")
        self.rank, self.alpha = rank, alpha

    def choose(self, describer: nn.Module) -> list[str]:
        named = list(describer.named_modules())
        chosen = [(path, one) for path, one in named if isinstance(one, nn.Linear)]
        chosen = chosen or [(path, one) for path, one in named if isinstance(one, nn.Conv2d) and one.groups == 1]
        for place, (_, layer) in enumerate(chosen):
            change = LowRank(layer.weight.detach(), rank=self.rank, alpha=self.alpha, seed=place)
            parametrize.register_parametrization(layer, "weight", change, unsafe=True)
        return [name for name, _ in describer.named_parameters() if name.endswith((".0.down", ".0.up"))]

    def merge(self, describer: nn.Module) -> None:
        for module in list(describer.modules()):
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
