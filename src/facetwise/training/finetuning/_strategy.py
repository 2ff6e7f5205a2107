"""What every way of fine-tuning promises: which parameters of the backbone learn."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn

__all__ = ["Finetuning"]


class Finetuning(ABC):
    """Which parameters of a backbone learn, and at which depth each lies."""

    # Whether the backbone learns at all; where not, features come from the cache.
    tunes: ClassVar[bool] = True

    @abstractmethod
    def choose(self, describer: nn.Module) -> list[str]:
        """Names of the parameters that learn; may add parameters to the network first.

        Args:
            describer: The network; every parameter is a candidate.
        """

    def merge(self, describer: nn.Module) -> None:
        """Undo what `choose` has added, keeping what the network computes."""
        del describer
