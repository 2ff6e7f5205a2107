"""The last few blocks of the backbone learn."""

from torch import nn

from facetwise.errors import UserError
from facetwise.models import depth_of_parameters
from facetwise.training.finetuning._strategy import Finetuning

__all__ = ["LastUnits"]


class LastUnits(Finetuning):
    """The last k units (blocks of a transformer, residual blocks, stages) and what follows them.

    Source: partial unfreezing as in VT-Solution (`--unlock_block -8`: the last eight blocks of CLIP's tower), where
    the last norm was meant to learn and never did, as `module.requires_grad = True` is no torch call; here it learns.

    Args:
        k: How many units; one level of a network that has fewer is a mistake.
    """

    def __init__(self, *, k: int = 2) -> None:
        self.k = k

    def choose(self, describer: nn.Module) -> list[str]:
        depths, units = depth_of_parameters(describer)
        if not 1 <= self.k <= units:
            raise UserError(f"`k` should be between 1 and {units}, the backbone's units. Found k = {self.k}")
        return [name for name, depth in depths.items() if depth > units - self.k]
