"""The focusing factor of focal losses."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["focusing"]


def focusing(miss: Float[Tensor, "..."], gamma: float) -> Float[Tensor, "..."]:
    """miss^γ, where `miss` = 1 - p of what is true; its gradient is finite at 0, too (γ < 1 has none there).

    >>> focusing(torch.tensor([0.0, 0.5, 1.0]), 2.0)
    tensor([0.0000, 0.2500, 1.0000])
    """
    return miss.clamp_min(torch.finfo(miss.dtype).tiny) ** gamma
