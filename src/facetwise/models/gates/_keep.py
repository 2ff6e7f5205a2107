"""Softmax over the largest few."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["keep_largest"]


def keep_largest(
    logits: Float[Tensor, "batch attribute expert"], k: int, *, renormalise: bool
) -> Float[Tensor, "batch attribute expert"]:
    """Softmax over the k largest logits, exactly 0 for the others.

    >>> keep_largest(torch.tensor([[[0.0, 5.0, 5.0, -1.0]]]), 2, renormalise=True)
    tensor([[[0.0000, 0.5000, 0.5000, 0.0000]]])
    """
    if k >= logits.shape[2]:
        return logits.softmax(dim=2)
    kept = torch.zeros_like(logits, dtype=torch.bool).scatter(2, logits.topk(k, dim=2).indices, True)
    if renormalise:
        return logits.masked_fill(~kept, float("-inf")).softmax(dim=2)
    return logits.softmax(dim=2) * kept
