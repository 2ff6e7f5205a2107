"""Items as they are."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from facetwise.objectives import Targets
from facetwise.training.mixing._mixing import Mixing

__all__ = ["NoMixing"]


class NoMixing(Mixing):
    """No change. Source: none needed."""

    item_by_item: ClassVar[bool] = True

    def mix(self, inputs: Tensor, targets: Targets, draw: np.random.Generator) -> tuple[Tensor, Targets]:
        del draw
        return inputs, targets
