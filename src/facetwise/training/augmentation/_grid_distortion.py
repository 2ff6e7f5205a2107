"""The picture, its rows and columns stretched and squeezed."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from facetwise.training.augmentation._augmentation import GREY, Augmentation, check_share

__all__ = ["GridDistortion"]


class GridDistortion(Augmentation):
    """The picture is cut into cells; columns of cells become wider or narrower, rows higher or lower, at random.

    In Albumentations: `GridDistortion` (`num_steps`, `distort_limit`).

    Source: `GridDistortion` of Albumentations, Buslaev et al. (2020).

    Args:
        cells: Per side.
        stretch: How much wider or narrower a cell becomes, as a share.
        probability: Of a change.
    """

    def __init__(self, *, cells: int = 5, stretch: float = 0.3, probability: float = 0.3) -> None:
        check_share(stretch=stretch, probability=probability)
        self.cells, self.stretch, self.probability = max(2, cells), stretch, probability

    def __call__(
        self, picture: UInt8[Tensor, "3 rows columns"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 newrows newcolumns"]:
        from torchvision.transforms.v2 import functional

        if draw.random() >= self.probability:
            return picture
        moves = []
        for side in picture.shape[1:]:
            widths = draw.uniform(1 - self.stretch, 1 + self.stretch, self.cells)
            edges = np.concatenate([[0.0], np.cumsum(widths) / widths.sum()])
            even = np.linspace(0.0, 1.0, self.cells + 1)
            places = np.linspace(0.0, 1.0, side)
            moves.append(2 * (np.interp(places, even, edges) - places))  # in halves of the side, as torchvision counts
        down, right = (torch.from_numpy(move.astype(np.float32)) for move in moves)
        displacement = torch.stack(torch.broadcast_tensors(right[None, :], down[:, None]), dim=-1)[None]
        return functional.elastic(picture, displacement, fill=[GREY] * 3)
