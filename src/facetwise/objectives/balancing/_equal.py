"""Equal weighting: the baseline that any other balancer has to beat."""

from jaxtyping import Bool, Float
from torch import Tensor

from facetwise.objectives.balancing._balancer import Balancer

__all__ = ["Equal"]


class Equal(Balancer):
    """L = Σ_a L_a over the attributes that have a labelled cell in the batch.

    Source: Kurin et al. (2022) and Xin et al. (2022) find that, well regularised, it is as good as special
    optimisers.

    >>> import torch
    >>> Equal().combine(torch.tensor([1.0, 2.0, 0.0]), torch.tensor([True, True, False]))
    tensor(3.)
    """

    def combine(self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"]) -> Float[Tensor, ""]:
        """The sum over the active attributes."""
        return (losses * active).sum()
