"""Pictures as they are."""

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import Augmentation

__all__ = ["NoAugmentation"]


class NoAugmentation(Augmentation):
    """No change. Source: none needed."""

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        del draw
        return picture
