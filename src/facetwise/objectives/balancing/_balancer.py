"""What every balancer promises."""

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Balancer"]


class Balancer(ABC):
    """Losses of the attributes to one backward pass."""

    @abstractmethod
    def combine(self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"]) -> Float[Tensor, ""]:
        """One number to go backward from; an attribute that is not active is no task of this step."""
