"""A part of one picture in the place of the same part of another."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from facetwise.objectives import Targets
from facetwise.training.mixing._mixing import Mixing, check_mixing, paired

__all__ = ["CutMix"]


class CutMix(Mixing):
    """A rectangle with the share 1 - λ of the area comes from another picture of the batch, λ ~ Beta(α, α) per item.

    λ is then the share that is really left, as rectangles end at the edge. Source: Yun et al. (2019, algorithm A1),
    with one rectangle per item. Labels as in `paired`.

    Args:
        alpha: α.
        probability: That a batch is mixed.
    """

    pixels_only: ClassVar[bool] = True

    def __init__(self, *, alpha: float = 1.0, probability: float = 1.0) -> None:
        check_mixing(alpha=alpha, probability=probability)
        self.alpha, self.probability = alpha, probability

    def mix(self, inputs: Tensor, targets: Targets, draw: np.random.Generator) -> tuple[Tensor, Targets]:
        if draw.random() >= self.probability:
            return inputs, targets
        count, rows, columns = inputs.shape[:3]
        partner = draw.permutation(count)
        mixed, shares = inputs.clone(), np.ones(count, dtype=np.float32)
        for item in range(count):
            side = math.sqrt(1.0 - draw.beta(self.alpha, self.alpha))
            middle, height, width = draw.random(2) * (rows, columns), rows * side, columns * side
            top, bottom = (int(np.clip(middle[0] + way * height / 2, 0, rows)) for way in (-1, 1))
            left, right = (int(np.clip(middle[1] + way * width / 2, 0, columns)) for way in (-1, 1))
            mixed[item, top:bottom, left:right] = inputs[int(partner[item]), top:bottom, left:right]
            shares[item] = 1.0 - (bottom - top) * (right - left) / (rows * columns)
        device = inputs.device
        return mixed, paired(targets, torch.from_numpy(partner).to(device), torch.from_numpy(shares).to(device))
