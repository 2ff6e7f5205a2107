"""Two items on top of each other."""

import numpy as np
import torch
from torch import Tensor

from facetwise.objectives import Targets
from facetwise.training.mixing._mixing import Mixing, check_mixing, paired

__all__ = ["MixUp"]


class MixUp(Mixing):
    """x ← λ x + (1 - λ) x', λ ~ Beta(α, α) per item, x' another item of the batch; pixels, or features.

    Of several pictures per item, a picture that the other item does not have stays as it is.

    Source: Zhang et al. (2018, section 2), with one λ per item as in Wightman et al. (2021). Labels as in `paired`.

    Args:
        alpha: α.
        probability: That a batch is mixed.
    """

    def __init__(self, *, alpha: float = 0.2, probability: float = 1.0) -> None:
        check_mixing(alpha=alpha, probability=probability)
        self.alpha, self.probability = alpha, probability

    def mix(self, inputs: Tensor, targets: Targets, draw: np.random.Generator) -> tuple[Tensor, Targets]:
        if draw.random() >= self.probability:
            return inputs, targets
        partner = torch.from_numpy(draw.permutation(len(inputs))).to(inputs.device)
        share = torch.from_numpy(draw.beta(self.alpha, self.alpha, len(inputs)).astype(np.float32)).to(inputs.device)
        factor = share.reshape(-1, *[1] * (inputs.ndim - 1))
        other = inputs[partner].float()
        mixed = factor * inputs.float() + (1.0 - factor) * other
        mixed = torch.where(other.isnan(), inputs.float(), mixed)
        if not inputs.is_floating_point():
            mixed = mixed.round()
        return mixed.to(inputs.dtype), paired(targets, partner, share)
