"""What a finished model makes of an item, as one more level for a model that joins it later."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Beside"]

# As far as any standardised feature goes, and what a deviation is at least.
FARTHEST, SMALLEST = 10.0, 1e-3


class Beside(nn.Module):
    r"""b = clip((r - mean) / deviation, ±10), r the representation of the model that was there before.

    That model is finished: no gradient reaches it, and what it says stays what it was. Of a representation per
    attribute, (batch, attribute, width), the mean over the attributes is read, as neighbours are looked up by it.

    Args:
        width: Of the representation.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    @classmethod
    def fit(cls, representation: Float[Tensor, "item *attribute width"]) -> "Beside":
        """Mean and deviation over the training items."""
        own = _flat(representation)
        made = cls(width=own.shape[1]).to(own.device)
        made.mean.copy_(own.mean(dim=0))
        made.deviation.copy_(own.std(dim=0, correction=0).clamp_min(SMALLEST))
        return made

    def forward(self, representation: Float[Tensor, "batch *attribute width"]) -> Float[Tensor, "batch width"]:
        """The representation as a level."""
        return ((_flat(representation) - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)


def _flat(representation: Tensor) -> Tensor:
    return representation if representation.ndim == 2 else representation.mean(dim=1)
