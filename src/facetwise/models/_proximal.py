"""Penalties that are not smooth: applied after each step by their proximal map, so that zeros are exact."""

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Proximal", "soft_threshold"]


class Proximal(ABC):
    """A stage with a penalty of its own on its parameters."""

    @abstractmethod
    def regulariser(self) -> Float[Tensor, ""]:
        """The value of the penalty, for the log; it is not part of the loss."""

    @abstractmethod
    def proximal_step(self, rate: float, active: Bool[Tensor, " attribute"]) -> None:
        """argmin_v ‖v - θ‖² / 2η + penalty(v), in place, with η the learning rate of the step that was just made.

        Parameters of attributes that are not active (no label in the batch; by the stage's own numbering) stay as they
        are.
        """


def soft_threshold(given: Float[Tensor, "*shape"], by: float) -> Float[Tensor, "*shape"]:
    """sign(v) max(|v| - by, 0): the proximal map of the l1 norm.

    >>> import torch
    >>> soft_threshold(torch.tensor([-2.0, 0.5, 1.5]), 1.0)
    tensor([-1.0000,  0.0000,  0.5000])
    """
    return given - given.clamp(-by, by)
