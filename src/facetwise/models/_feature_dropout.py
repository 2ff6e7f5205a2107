"""Dropout of whole features: one mask per batch."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["FeatureDropout"]


class FeatureDropout(nn.Module):
    r"""x_bf → x_bf m_f / (1 - p), m_f ~ Bernoulli(1 - p), the same for every item b of a batch.

    Each batch trains on a random subset of the features, as a tree of a random forest does [Ho 1998]. A mask per item
    [Srivastava et al. 2014] regularises as well and costs as much as the first matrix product: with thousands of
    features, drawing the random numbers is what takes the time.

    Args:
        probability: p, of leaving a feature out.
    """

    def __init__(self, *, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch features"]:
        """Features, some of them zero while training; all of them, unchanged, otherwise."""
        if not self.training or not self.probability:
            return features
        kept = 1.0 - self.probability
        mask = torch.empty(features.shape[1], dtype=features.dtype, device=features.device).bernoulli_(kept)
        return features * mask.div_(kept)
