"""One side of the split, as the model reads it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.objectives import Targets
from facetwise.schema import Labels

__all__ = ["Part"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One side of the split, ready for the model: features standardised, labels coded twice.

    Args:
        features: Of the items.
        targets: Their labels as tensors.
        labels: Their labels as arrays.
        rows: Their 0-based rows in the table, so that a message can name them; counted through where not given.
    """

    features: Float[Tensor, "item *view features"]
    targets: Targets
    labels: Labels
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> "Part":
        """The same rows on another device."""
        return Part(
            features=self.features.to(device), targets=self.targets.to(device), labels=self.labels, rows=self.rows
        )

    def table_rows(self, places: Tensor) -> np.ndarray:
        """Rows of the table of some items."""
        chosen = places.cpu().numpy()
        return chosen if self.rows is None else self.rows[chosen]
